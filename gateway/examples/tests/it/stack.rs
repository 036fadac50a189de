//! The whole way: the real gateway, over TLS, in front of the real weather backend.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use gateway::access::KeyDigest;
use gateway::serve::ServeError;
use rustls::{ClientConfig, ClientConnection};

use crate::authority::Ca;
use crate::backend::Backend;
use crate::binary::KEY;

/// Far longer than a gateway takes to start on a busy machine: it is only ever reached by a fault.
const DEADLINE: Duration = Duration::from_secs(30);
/// Between two looks whether the gateway is there.
const PAUSE: Duration = Duration::from_millis(5);
/// Ports to try; each was free a moment before.
const ATTEMPTS: usize = 5;

/// A backend and a gateway that knows one client, whose key is [`KEY`].
///
/// The gateway serves until a signal ends it, so it stays until the test process does; its files go with this.
pub(crate) struct Stack {
    pub(crate) ca: Ca,
    backend: Option<Backend>,
    port: u16,
    _files: tempfile::TempDir,
}

impl Stack {
    /// The client may call every tool.
    pub(crate) fn start() -> Self {
        Self::with("", "tools = \"all\"")
    }

    /// The client has this member, which may name one of these roles, as the keys file has them.
    pub(crate) fn with(roles: &str, member: &str) -> Self {
        let (ca, backend, files) = (Ca::new("ours"), Backend::start(), tempfile::tempdir().unwrap());
        let (certificate, key) = ca.signed(&["localhost", "127.0.0.1", "::1"]);
        let write = |name: &str, text: &str| fs::write(files.path().join(name), text).unwrap();
        write("server.pem", &certificate.pem());
        write("server.key", &key.serialize_pem());
        write("keys.toml", &keys(roles, member));
        let trusted = Arc::new(ca.trusted());
        let port = (0..ATTEMPTS)
            .find_map(|_| {
                let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
                write("gateway.toml", &settings(port, backend.address));
                serves(&files.path().join("gateway.toml"), port, &trusted).then_some(port)
            })
            .expect("a port that nobody takes in between");
        Self { ca, backend: Some(backend), port, _files: files }
    }

    /// As a user types it.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    /// Ends the backend; the gateway stays.
    pub(crate) fn stop_backend(&mut self) {
        drop(self.backend.take());
    }

    /// `command` sent here, trusting this gateway's CA.
    pub(crate) fn reached_by<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command.args(["--url", &self.url("/mcp"), "--ca"]).arg(self.ca.file())
    }
}

fn settings(port: u16, upstream: SocketAddr) -> String {
    format!(
        r#"
        workers = 1
        [listen]
        public = "127.0.0.1:{port}"
        admin = "127.0.0.1:0"
        [upstream]
        url = "http://{upstream}"
        [log]
        level = "error"
        [audit]
        output = "off"
        "#
    )
}

fn keys(roles: &str, member: &str) -> String {
    let digest = KeyDigest::of(KEY.as_bytes());
    format!(
        r#"
        {roles}
        [[client]]
        id = "weather-client"
        {member}
        [[client.key]]
        id = "abcdefgh2345"
        digest = "{digest}"
        "#
    )
}

/// Starts the gateway; it serves when this is true. Somebody else may have taken the port since it was chosen.
fn serves(config: &Path, port: u16, trusted: &Arc<ClientConfig>) -> bool {
    let config = config.to_owned();
    let gateway = thread::spawn(move || gateway::serve::run(&config, false)); // a sandbox would hold for the tests too
    let end = Instant::now() + DEADLINE;
    while !gateway.is_finished() {
        match shakes_hands(port, trusted) {
            Ok(()) => return true,
            Err(error) => assert!(Instant::now() < end, "the gateway does not answer: {error}"),
        }
        thread::sleep(PAUSE);
    }
    match gateway.join().expect("no panic") {
        Err(ServeError::Bind { .. }) => false,
        other => panic!("the gateway did not serve: {other:?}"),
    }
}

/// A handshake that only this gateway can complete: nobody else has a certificate of its CA.
fn shakes_hands(port: u16, trusted: &Arc<ClientConfig>) -> io::Result<()> {
    let mut socket = TcpStream::connect(("127.0.0.1", port))?;
    socket.set_read_timeout(Some(DEADLINE))?;
    let name = "localhost".try_into().expect("a name");
    let mut tls = ClientConnection::new(trusted.clone(), name).map_err(io::Error::other)?;
    while tls.is_handshaking() {
        tls.complete_io(&mut socket)?;
    }
    Ok(())
}
