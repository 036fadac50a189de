//! The gateway as its users run it: the built binary, files in a directory of its own, a certificate, signals.

mod connections;

use super::audit;
use super::certificates::Certificates;
use super::key::Key;
use super::log::Log;
use super::manager::ServiceManager;
use super::secrets;
use super::setup::{Setup, Upstream};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit};
use serde_json::Value;
use std::collections::HashSet;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread::JoinHandle;
use std::time::Duration;
use tempfile::TempDir;

/// A running gateway. When it is dropped, it is killed, and the test fails if it has told a secret (in its log, on standard
/// output, on a page of the admin port or in a file), or has printed a panic or anything that is no line of its log or audit.
pub(crate) struct Gateway {
    pub(crate) public: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) plaintext: Option<SocketAddr>,
    pub(crate) log: Log,
    /// Its standard output.
    pub(crate) audit: Log,
    key: Key,
    pub(crate) manager: ServiceManager,
    dir: TempDir,
    /// Names of the files that are the test's own.
    given: Mutex<HashSet<String>>,
    environment: Vec<(&'static str, String)>,
    arguments: Vec<&'static str>,
    user: Option<u32>,
    running: Option<Running>,
}

struct Running {
    child: Child,
    pid: Pid,
    readers: Vec<JoinHandle<()>>,
}

impl Gateway {
    /// A gateway in front of `upstream`, with settings to be added.
    pub(crate) fn before(upstream: &(impl Upstream + ?Sized)) -> Setup {
        Setup::new(&upstream.url())
    }

    pub(super) async fn start(setup: Setup) -> Self {
        let Setup { settings, keys, key, manager, files, environment, arguments, user } = setup;
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        let certificates = Certificates::get();
        write("gateway.toml", &settings.to_string());
        write("keys.toml", &keys);
        files.iter().for_each(|(name, text)| write(name, text));
        write("server.pem", &certificates.server);
        write("server.key", &certificates.server_key);
        let own = ["gateway.toml", "keys.toml", "server.pem", "server.key"].into_iter();
        let given = own.chain(files.iter().map(|(name, _)| *name)).map(str::to_owned).collect();
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        let (log, audit) = (Log::new(), Log::new());
        let mut gateway = Self {
            public: nowhere,
            admin: nowhere,
            plaintext: None,
            log,
            audit,
            key,
            manager,
            dir,
            given: Mutex::new(given),
            environment,
            arguments,
            user,
            running: None,
        };
        gateway.run().await;
        gateway
    }

    /// Ends the process as a crash would, and starts it again on the same files. Ports change, the log goes on.
    pub(crate) async fn restart(&mut self) {
        self.kill();
        self.run().await;
    }

    async fn run(&mut self) {
        let from = self.log.len();
        let mut command = self.manager.command(env!("CARGO_BIN_EXE_gateway"));
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.current_dir(self.dir.path()).args(["serve", "--config", "gateway.toml"]).args(&self.arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(user) = self.user {
            let readable = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(self.dir.path(), readable).unwrap();
            command.uid(user).gid(user);
        }
        let mut child = command.spawn().expect("the built binary");
        let readers =
            vec![self.audit.follow(child.stdout.take().unwrap()), self.log.follow(child.stderr.take().unwrap())];
        let pid = Pid::from_child(&child);
        self.running = Some(Running { child, pid, readers });
        let listening = self.log.wait("listening", from, 1, |line| line["message"] == "listening").await;
        self.log.wait("ready", from, 1, |line| line["message"] == "ready").await;
        let address = |name: &str| listening[0][name].as_str().map(|text| text.parse().expect("an address"));
        self.public = address("public").expect("a public address");
        self.admin = address("admin").expect("an admin address");
        self.plaintext = address("plaintext");
    }

    /// Replaces one of its files whole, as careful writers do.
    pub(crate) fn replace(&self, name: &str, text: impl AsRef<[u8]>) {
        self.given.lock().unwrap().insert(name.to_owned());
        let draft = self.dir.path().join(format!("{name}.draft"));
        std::fs::write(&draft, text).unwrap();
        std::fs::rename(draft, self.dir.path().join(name)).unwrap();
    }

    /// What one of its files says.
    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.path().join(name)).unwrap()
    }

    /// Runs a command of the binary on its files, however it ends.
    pub(crate) fn try_command(&self, arguments: &[&str]) -> std::process::Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
        command.env_clear().current_dir(self.dir.path()).args(["--config", "gateway.toml"]).args(arguments);
        command.stdin(Stdio::null()).output().expect("the built binary")
    }

    /// Runs a command of the binary on its files; gives what it prints.
    pub(crate) fn command(&self, arguments: &[&str]) -> String {
        let output = self.try_command(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// Waits until it has said `message` for the first time after line `from` of its log; gives that line.
    pub(crate) async fn said(&self, message: &str, from: usize) -> Value {
        self.log.wait(message, from, 1, |line| line["message"] == message).await.remove(0)
    }

    /// Replaces the keys file and waits until it is in use.
    pub(crate) async fn rekey(&self, text: impl AsRef<[u8]>) {
        let from = self.log.len();
        self.replace("keys.toml", text);
        self.said("reloaded", from).await;
    }

    /// The directory of its files.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The key of the client that may call everything.
    pub(crate) fn key(&self) -> &Key {
        &self.key
    }

    /// Its name and public port, as a client writes them.
    pub(crate) fn authority(&self) -> String {
        format!("localhost:{}", self.public.port())
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.running.as_ref().expect("it runs").pid, signal).expect("it runs");
    }

    /// What the kernel says of it in a file of `/proc`.
    pub(crate) fn proc(&self, file: &str) -> String {
        std::fs::read_to_string(self.proc_path(file)).expect("a file of /proc")
    }

    /// A file of `/proc` that is about it.
    pub(crate) fn proc_path(&self, file: &str) -> PathBuf {
        let pid = self.running.as_ref().expect("it runs").pid;
        Path::new("/proc").join(pid.as_raw_nonzero().to_string()).join(file)
    }

    /// How many files it may have open from now on.
    pub(crate) fn limit_files(&self, most: u64) {
        let limit = Rlimit { current: Some(most), maximum: getrlimit(Resource::Nofile).maximum };
        let pid = self.running.as_ref().expect("it runs").pid;
        prlimit(Some(pid), Resource::Nofile, limit).expect("a limit");
    }

    /// Waits until the process has ended by itself; gives its exit code.
    pub(crate) async fn exited(&mut self) -> i32 {
        self.log.ended("the process ends").await;
        let mut running = self.running.take().expect("it ran");
        let status = running.child.wait().expect("a child");
        running.readers.drain(..).for_each(|reader| reader.join().unwrap());
        status.code().unwrap_or_else(|| panic!("ended by a signal: {status}"))
    }

    /// How often somebody ran into a limit.
    pub(crate) async fn hits(&self, limit: &str) -> f64 {
        self.metric(&format!("gateway_limit_hits_total{{limit=\"{limit}\"}}")).await.expect("a limit")
    }

    /// The value of a metric: a name, with its labels as the text format has them.
    pub(crate) async fn metric(&self, series: &str) -> Option<f64> {
        let text = self.admin("/metrics").await.with(200).text();
        text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
    }

    /// The audit lines of the first `count` requests that are over, as soon as they are there.
    pub(crate) async fn audited(&self, count: usize) -> Vec<Value> {
        let over = |line: &Value| line["event"] == "request" || line["event"] == "stream_end";
        self.audit.wait(&format!("{count} requests"), 0, count, over).await
    }

    pub(crate) fn kill(&mut self) {
        let Some(mut running) = self.running.take() else { return };
        let _ = running.child.kill();
        let _ = running.child.wait();
        running.readers.drain(..).for_each(|reader| drop(reader.join()));
    }
}

/// What the admin port shows.
const PAGES: [&str; 6] = ["/metrics", "/status.json", "/readyz?verbose", "/livez", "/upstream-metrics", "/none"];
/// How long a page may take until it is not looked at: a test may have left the gateway in any state.
const PATIENCE: Duration = Duration::from_secs(2);

impl Gateway {
    /// All pages of the admin port, of a gateway that still runs and answers.
    fn pages(&self) -> Vec<u8> {
        let page = |page: &&str| -> io::Result<Vec<u8>> {
            let mut socket = std::net::TcpStream::connect_timeout(&self.admin, PATIENCE)?;
            socket.set_read_timeout(Some(PATIENCE))?;
            socket.write_all(format!("GET {page} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").as_bytes())?;
            let mut text = Vec::new();
            socket.read_to_end(&mut text)?;
            Ok(text)
        };
        let running = self.running.is_some();
        PAGES.iter().take_while(|_| running).map_while(|name| page(name).ok()).flatten().collect()
    }

    /// What it has written into its directory: all that the test has not put there.
    fn written(&self) -> Vec<(String, Vec<u8>)> {
        let given = self.given.lock().unwrap();
        let files = std::fs::read_dir(self.dir.path()).unwrap().map(|entry| entry.unwrap());
        let files = files.filter(|file| file.file_type().is_ok_and(|kind| kind.is_file()));
        let named = files.map(|file| (file.file_name().to_string_lossy().into_owned(), file.path()));
        let own = named.filter(|(name, _)| !given.contains(name));
        own.map(|(name, path)| (name, std::fs::read(path).unwrap_or_default())).collect()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let pages = if std::thread::panicking() { Vec::new() } else { self.pages() };
        self.kill();
        let (log, audit) = (self.log.text(), self.audit.text());
        if std::thread::panicking() {
            return eprintln!("the gateway's log ends with:\n{}", self.log.excerpt());
        }
        secrets::untold("the log", log.as_bytes());
        secrets::untold("standard output", audit.as_bytes());
        secrets::untold("the pages of the admin port", &pages);
        self.written().iter().for_each(|(name, text)| secrets::untold(name, text));
        for line in log.lines() {
            serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("no line of the log: {line}"));
        }
        for line in audit.lines() {
            audit::line(line);
        }
    }
}
