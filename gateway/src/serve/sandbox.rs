//! What the process can no longer do once it serves, whoever may have taken it over.

mod places;

use crate::config::settings::{Settings, Upstream};
use crate::upstream::Address;
pub use places::Places;
use std::fmt;
use std::path::Path;

/// What of the sandbox holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sandbox {
    /// All of it: files, and TCP to the upstream alone.
    Whole,
    /// What this kernel knows of it: files, and a part of the rest.
    Partial,
    /// Nothing, and why.
    None(String),
}

impl fmt::Display for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Sandbox::Whole => f.write_str("whole"),
            Sandbox::Partial => f.write_str("partial: this kernel restricts files, but not TCP"),
            Sandbox::None(why) => write!(f, "none: {why}"),
        }
    }
}

impl Sandbox {
    /// Restricts this thread, and all that it starts from now on, to what `serve` does with these settings, which stand in `file`, once it has
    /// bound its sockets. There is no way back.
    pub fn enter(settings: &Settings, file: &Path) -> Self {
        system::enter(&Places::of(settings, file), &ports(&settings.upstream))
    }

    /// What [`Sandbox::enter`] would come to here. Tried on a thread of its own, which ends with it.
    pub fn rehearse(settings: &Settings, file: &Path) -> Self {
        let (settings, file) = (settings.clone(), file.to_owned());
        let rehearsal = std::thread::spawn(move || Self::enter(&settings, &file));
        rehearsal.join().unwrap_or_else(|_| Sandbox::None("it cannot be tried".to_owned()))
    }
}

/// TCP ports that may be connected to: the upstream's and that of its metrics. A remote upstream has a name, and an answer
/// of DNS may be too long for UDP.
fn ports(upstream: &Upstream) -> Vec<u16> {
    let of = |address: &Address| match address {
        Address::Tcp(address) => vec![address.port()],
        Address::Unix(_) => Vec::new(),
        Address::Remote { port, .. } => vec![*port, 53],
    };
    let metrics = upstream.metrics.iter().flat_map(|metrics| of(&metrics.address));
    of(&upstream.address).into_iter().chain(metrics).collect()
}

/// Whether the process may do what only the system's own programs should.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// What is said of a process that runs as root.
pub const ROOT: &str = "running as root: whoever takes this process over has the whole machine; run it as a user of its own \
    (systemd: DynamicUser=yes; containers: USER), ports below 1024 need no more than CAP_NET_BIND_SERVICE";

/// Keeps what is in memory out of files: no core dump, and nobody but root may look at the process.
pub fn keep_secrets() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    system::keep_secrets();
}

#[cfg(target_os = "linux")]
mod system {
    use super::{Places, Sandbox};
    use landlock::{
        ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, LandlockStatus, NetPort, PathBeneath, PathFd,
        RestrictionStatus, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus,
    };
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};

    /// What the rules below were written for; of an older kernel they take what it knows.
    const KNOWN: ABI = ABI::V5;

    pub(super) fn enter(places: &Places, ports: &[u16]) -> Sandbox {
        match restrict(places, ports) {
            Ok(status) => match (status.ruleset, status.landlock) {
                (RulesetStatus::FullyEnforced, _) => Sandbox::Whole,
                (RulesetStatus::PartiallyEnforced, _) => Sandbox::Partial,
                (RulesetStatus::NotEnforced, LandlockStatus::NotEnabled) => {
                    Sandbox::None("Landlock is switched off in this kernel".to_owned())
                }
                (RulesetStatus::NotEnforced, _) => Sandbox::None("this kernel has no Landlock".to_owned()),
            },
            Err(error) => Sandbox::None(error.to_string()),
        }
    }

    /// Sets `no_new_privs` as well.
    fn restrict(places: &Places, ports: &[u16]) -> Result<RestrictionStatus, RulesetError> {
        let mut rules = Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(KNOWN))?
            .handle_access(AccessNet::BindTcp | AccessNet::ConnectTcp)?
            .create()?;
        let read = AccessFs::ReadFile | AccessFs::ReadDir;
        let write = read | AccessFs::WriteFile | AccessFs::MakeReg | AccessFs::RemoveFile | AccessFs::Truncate;
        for (directories, access) in [(places.read(), read), (places.write(), write)] {
            // what is not there cannot be read either; it is complained of where it is needed
            for directory in directories.iter().filter_map(|directory| PathFd::new(directory).ok()) {
                rules = rules.add_rule(PathBeneath::new(directory, access))?;
            }
        }
        for port in ports {
            rules = rules.add_rule(NetPort::new(*port, AccessNet::ConnectTcp))?;
        }
        rules.restrict_self()
    }

    pub(super) fn keep_secrets() {
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use super::{Places, Sandbox};

    pub(super) fn enter(_: &Places, _: &[u16]) -> Sandbox {
        Sandbox::None("this system has no Landlock".to_owned())
    }

    pub(super) fn keep_secrets() {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind::PermissionDenied;
    use std::net::{TcpListener, TcpStream};
    use std::{fs, thread};

    fn denied<T>(tried: std::io::Result<T>) -> bool {
        tried.is_err_and(|error| error.kind() == PermissionDenied)
    }

    /// All that the sandbox is for, on a thread of its own.
    #[test]
    fn what_is_not_needed_cannot_be_done() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        for directory in ["config", "linked", "audit", "elsewhere"] {
            fs::create_dir(at(directory)).unwrap();
            fs::write(at(directory).join("file"), "x").unwrap();
        }
        std::os::unix::fs::symlink("../linked/file", at("config/keys.toml")).unwrap();
        let (upstream, other) = (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
        let (upstream, other) = (upstream.local_addr().unwrap(), (upstream, other.local_addr().unwrap(), other));
        let text = format!("[upstream]\nurl = \"http://{upstream}\"\n[audit]\noutput = \"../audit/lines\"");
        let settings = Settings::parse(&text, &at("config/gateway.toml")).unwrap();
        let boxed_in = || {
            let sandbox = Sandbox::enter(&settings, &at("config/gateway.toml"));
            if let Sandbox::None(why) = &sandbox {
                return eprintln!("not tested: {why}");
            }
            assert_eq!(fs::read(at("config/keys.toml")).unwrap(), b"x", "where its link leads");
            assert_eq!(fs::read(at("linked/file")).unwrap(), b"x");
            fs::write(at("audit/lines"), "y").unwrap();
            fs::rename(at("audit/lines"), at("audit/lines.1")).unwrap();
            fs::remove_file(at("audit/lines.1")).unwrap();
            for name in ["config/new", "linked/new", "elsewhere/new", "config/file", "linked/file", "config/keys.toml"]
            {
                assert!(denied(fs::write(at(name), "y")), "{name}");
            }
            assert!(denied(fs::read(at("elsewhere/file"))));
            assert!(denied(fs::read_dir("/")) && denied(fs::read("/etc/passwd")));
            assert!(denied(fs::create_dir(at("audit/directory"))));
            assert!(denied(std::os::unix::fs::symlink("/", at("audit/link"))));
            assert!(denied(std::process::Command::new("/bin/true").status()), "nothing is started");
            let status = fs::read_to_string("/proc/thread-self/status").unwrap();
            assert!(status.contains("NoNewPrivs:\t1"), "{status}");
            if sandbox == Sandbox::Whole {
                assert!(TcpStream::connect(upstream).is_ok());
                assert!(denied(TcpStream::connect(other.1)));
                assert!(denied(TcpListener::bind("127.0.0.1:0")));
            }
        };
        thread::scope(|scope| scope.spawn(boxed_in).join()).unwrap();
    }

    #[test]
    fn only_the_upstream_is_connected_to() {
        let of = |text: &str| {
            let text = format!("[upstream]\nallow_remote = true\n{text}");
            ports(&Settings::parse(&text, Path::new("gateway.toml")).unwrap().upstream)
        };
        assert_eq!(of("url = \"http://127.0.0.1:8081\""), [8081]);
        assert_eq!(of("url = \"https://mcp.example.com\""), [443, 53]);
        assert_eq!(of("url = \"unix:mcp.sock\"\nmetrics = \"http://127.0.0.1:9465/metrics\""), [9465]);
        assert!(of("url = \"unix:mcp.sock\"").is_empty());
    }
}
