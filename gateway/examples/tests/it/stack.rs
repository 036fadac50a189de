//! The whole way: the real gateway, over TLS, in front of the real weather backend.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;

use gateway::access::KeyDigest;
use serde_json::Value;

use crate::authority::Ca;
use crate::backend::Backend;
use crate::binary::KEY;

/// The environment variable that names the settings of the gateway that a process is to be.
const SETTINGS: &str = "GATEWAY_OF_A_STACK";

/// A backend and a gateway that knows one client, whose key is [`KEY`].
///
/// The gateway is a process of its own, and chooses its port: nobody can take it in between.
pub(crate) struct Stack {
    pub(crate) ca: Ca,
    backend: Option<Backend>,
    gateway: Gateway,
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
        write("gateway.toml", &settings(backend.address));
        let gateway = Gateway::start(&files.path().join("gateway.toml"));
        Self { ca, backend: Some(backend), gateway, _files: files }
    }

    /// As a user types it.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.gateway.port)
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

fn settings(upstream: SocketAddr) -> String {
    format!(
        r#"
        workers = 1
        [listen]
        public = "127.0.0.1:0"
        admin = "127.0.0.1:0"
        [upstream]
        url = "http://{upstream}"
        [log]
        format = "json"
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

/// Not a test: the process of a [`Stack`]'s gateway, which is this binary once more. Where no settings are named, it is nothing.
#[test]
#[ignore = "the process of a gateway, which other tests start"]
fn the_gateway() {
    if let Some(settings) = env::var_os(SETTINGS) {
        gateway::serve::run(Path::new(&settings), false).unwrap(); // a sandbox would hold for the harness too
    }
}

/// The gateway's process; it is killed when this is dropped.
struct Gateway {
    child: Child,
    port: u16,
}

impl Gateway {
    /// Starts it, and waits until it says where it listens and that it is ready.
    fn start(settings: &Path) -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", "stack::the_gateway", "--ignored", "--nocapture"]).env(SETTINGS, settings);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = child.stderr.take().unwrap();
        let mut gateway = Self { child, port: 0 };
        let (said, log) = mpsc::channel();
        // Whatever it says later has to go somewhere as well.
        thread::spawn(move || {
            BufReader::new(stderr).lines().map_while(Result::ok).for_each(|line| drop(said.send(line)))
        });
        let mut heard = Vec::new();
        while gateway.port == 0 || !heard.last().is_some_and(|line: &String| line.contains("\"message\":\"ready\"")) {
            let Ok(line) = log.recv() else { panic!("the gateway did not serve: {heard:#?}") };
            if let Some(address) = serde_json::from_str::<Value>(&line)
                .ok()
                .and_then(|line| line["public"].as_str()?.parse::<SocketAddr>().ok())
            {
                gateway.port = address.port();
            }
            heard.push(line);
        }
        gateway
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
