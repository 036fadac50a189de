//! A directory with the gateway's files, and the binary run in it.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};

/// An address for a listener to be, of this process alone until it ends: of loopback a part that only it binds, by its id, and
/// a port that is given once. One of 127.0.0.1 that was free a moment ago may be anybody's when it is used.
pub(crate) fn free() -> SocketAddr {
    static GIVEN: AtomicU16 = AtomicU16::new(0);
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    (Ipv4Addr::new(127, 128 | high, middle, low), 21_200 + GIVEN.fetch_add(1, Relaxed)).into()
}

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_gateway");

/// Two clients, `agent` with two keys and `ops` with one; the secrets are `agent-one`, `agent-two` and `ops-one`.
pub(crate) const KEYS: &str = r#"# The keys of this test.

[[client]]
id = "agent"
tools = ["get_alerts"]

# the first
[[client.key]]
id = "agentone"
digest = "sha256:6c5ba8a6ee6ac6ed5ab28a8d8eb1fe5a2a02d7d1b7f4f5e1c9a3e5d1c2b3a495"
expires_at = 2099-01-01T00:00:00Z # far away

[[client.key]]
id = "agenttwo"
digest = "sha256:7c5ba8a6ee6ac6ed5ab28a8d8eb1fe5a2a02d7d1b7f4f5e1c9a3e5d1c2b3a495"

[[client]]
id = "ops"
tools = "all"

[[client.key]]
id = "opsonexx"
digest = "sha256:8c5ba8a6ee6ac6ed5ab28a8d8eb1fe5a2a02d7d1b7f4f5e1c9a3e5d1c2b3a495"
"#;

pub(crate) struct Home {
    dir: tempfile::TempDir,
}

#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    /// Without what is said only because the tests run as root; see `as_root`.
    pub(crate) stderr: String,
    /// Whether it warned of being run as root.
    pub(crate) as_root: bool,
}

impl Home {
    /// Settings that hold only defaults, and no other file.
    pub(crate) fn empty() -> Self {
        let home = Self { dir: tempfile::tempdir().unwrap() };
        home.write("gateway.toml", "");
        home
    }

    /// Settings and the two clients of [`KEYS`].
    pub(crate) fn with_keys() -> Self {
        let home = Self::empty();
        home.write("keys.toml", KEYS);
        home
    }

    /// Settings, clients, and a certificate for localhost: everything that `serve` needs.
    pub(crate) fn complete() -> Self {
        let home = Self::with_keys();
        home.run(&["certs", "new", "--out", "."]).good();
        home
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt;
        std::fs::write(self.file(name), text).unwrap();
        std::fs::set_permissions(self.file(name), std::fs::Permissions::from_mode(0o640)).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.file(name)).unwrap()
    }

    pub(crate) fn exists(&self, name: &str) -> bool {
        self.file(name).exists()
    }

    /// The command, not yet started, with nothing on standard input.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command.args(["--config", "gateway.toml"]).args(arguments).current_dir(self.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        ended(self.command(arguments).spawn().unwrap())
    }

    pub(crate) fn run_with(&self, stdin: &str, arguments: &[&str]) -> Ran {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        // a command that does not read its input may have closed it
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        ended(child)
    }

    /// The settings as the library reads them after an edit: what a running gateway would take up.
    pub(crate) fn access(&self) -> gateway::access::Access {
        let rows = gateway::config::keys_file::read(&self.file("keys.toml")).unwrap();
        gateway::access::Access::build(rows).unwrap()
    }
}

pub(crate) fn ended(child: Child) -> Ran {
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (code, stdout, stderr) = (output.status.code().unwrap(), text(output.stdout), text(output.stderr));
    let of_root = |line: &&str| line.contains(": running as root: ");
    let as_root = stderr.lines().any(|line| of_root(&line));
    let stderr = stderr.split_inclusive('\n').filter(|line| !of_root(line)).collect();
    Ran { code, stdout, stderr, as_root }
}

impl Ran {
    /// Asserts exit 0 and gives back standard output without its last line end.
    #[track_caller]
    pub(crate) fn good(&self) -> &str {
        assert_eq!(self.code, 0, "{self:?}");
        self.stdout.trim_end_matches('\n')
    }

    /// Asserts an exit code, nothing on standard output, and words on standard error.
    #[track_caller]
    pub(crate) fn refused(&self, code: i32, words: &str) {
        assert_eq!(self.code, code, "{self:?}");
        assert_eq!(self.stdout, "", "{self:?}");
        assert!(self.stderr.contains(words), "{words}\n{}", self.stderr);
    }
}
