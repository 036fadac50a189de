//! What starts the gateway, as systemd does it: with listening sockets, and an ear for what it says of itself.

use super::deadline::within;
use rustix::net::sockopt::set_socket_send_buffer_size;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use tempfile::TempDir;
use tokio::net::UnixDatagram;

/// A service manager. The default hands nothing over and wants to hear nothing, as a shell.
#[derive(Default)]
pub(crate) struct ServiceManager {
    socket: Option<TcpListener>,
    ear: Option<(TempDir, UnixDatagram)>,
}

impl ServiceManager {
    /// One that holds a listening socket on a free port of loopback, and listens to its service.
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let ear = UnixDatagram::bind(dir.path().join("notify")).unwrap();
        Self { socket: Some(TcpListener::bind("127.0.0.1:0").unwrap()), ear: Some((dir, ear)) }
    }

    /// The same, but the kernel holds little of what its service writes and nobody has read.
    pub(crate) fn narrow() -> Self {
        let manager = Self::new();
        set_socket_send_buffer_size(manager.socket.as_ref().expect("it has a socket"), 8 * 1024).unwrap();
        manager
    }

    /// Where its socket listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.socket.as_ref().expect("it has a socket").local_addr().unwrap()
    }

    /// The next thing that its service says of itself.
    pub(crate) async fn heard(&self) -> String {
        let (_, ear) = self.ear.as_ref().expect("it listens");
        let mut text = [0; 256];
        let length = within("the service says something", ear.recv(&mut text)).await.unwrap();
        String::from_utf8(text[..length].to_vec()).unwrap()
    }

    /// The command that runs `program`; arguments may be added.
    pub(crate) fn command(&self, program: &str) -> Command {
        let Some(socket) = &self.socket else {
            let mut command = Command::new(program);
            command.env_clear().stdin(Stdio::null());
            return command;
        };
        // only the shell can put the socket where it belongs, and know what number the process will have
        let mut command = Command::new("/bin/sh");
        command.env_clear().stdin(OwnedFd::from(socket.try_clone().unwrap()));
        command.args(["-c", r#"LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" "$@" 3<&0 </dev/null"#, program]);
        if let Some((dir, _)) = &self.ear {
            command.env("NOTIFY_SOCKET", dir.path().join("notify"));
        }
        command
    }
}
