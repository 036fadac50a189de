//! What a service manager hands over, and what it wants to be told: sd_listen_fds(3) and sd_notify(3).

use super::ServeError;
use crate::config::settings::Listen;
use listenfd::ListenFd;
use rustix::net::sockopt::socket_acceptconn;
use rustix::time::{ClockId, clock_gettime};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixDatagram;
use tracing::debug;

/// Listening sockets that the process was started with. Whoever started it keeps them open: while the gateway is
/// restarted, new connections wait in the kernel.
#[derive(Default)]
pub(super) struct Inherited(Vec<(SocketAddr, TcpListener)>);

impl Inherited {
    /// Takes over what the environment tells of, once, and before there are threads: the variables are removed.
    pub(super) fn take() -> Result<Self, ServeError> {
        let mut handed = ListenFd::from_env();
        let sockets = (0..handed.len()).filter_map(|index| handed.take_tcp_listener(index).transpose());
        let sockets = sockets.map(|socket| socket.and_then(listening)).collect::<io::Result<_>>();
        sockets.map(Self).map_err(|cause| {
            ServeError::Inherited(format!("LISTEN_FDS tells of a socket that is no TCP listener ({cause})"))
        })
    }

    /// The socket for a listener of the settings, which is the one on its port. A listener that is to be on one address
    /// does not take a socket on another or on all.
    pub(super) fn on(&mut self, address: SocketAddr) -> Option<TcpListener> {
        let meant = |bound: &SocketAddr| {
            bound.port() == address.port() && (address.ip().is_unspecified() || bound.ip() == address.ip())
        };
        let index = self.0.iter().position(|(bound, _)| meant(bound))?;
        Some(self.0.swap_remove(index).1)
    }

    /// Refuses what no listener has taken: connections to it would wait for ever.
    pub(super) fn none_left(self, listen: &Listen) -> Result<(), ServeError> {
        let Some((bound, _)) = self.0.first() else { return Ok(()) };
        Err(ServeError::Inherited(format!(
            "LISTEN_FDS tells of a socket on {bound}, and no listener of the settings is there (listen.public is {}); \
            write the same port in ListenStream= and in the settings",
            listen.public
        )))
    }
}

fn listening(socket: TcpListener) -> io::Result<(SocketAddr, TcpListener)> {
    if !socket_acceptconn(&socket)? {
        return Err(io::Error::other("it does not listen; Accept= has to be no"));
    }
    socket.set_nonblocking(true)?;
    Ok((socket.local_addr()?, socket))
}

/// The way to tell the service manager how the process is, where there is one that wants to know.
#[derive(Default)]
pub(super) struct Notify(Option<UnixDatagram>);

impl Notify {
    /// Opened at the start: what comes later may take the right to do so away.
    pub(super) fn open() -> Self {
        let Some(name) = std::env::var_os("NOTIFY_SOCKET") else { return Self::default() };
        let name = name.to_string_lossy();
        let opened = UnixDatagram::unbound().and_then(|socket| {
            socket.connect_addr(&address(&name)?)?;
            socket.set_nonblocking(true)?; // a service manager that does not read is not waited for
            Ok(socket)
        });
        Self(opened.inspect_err(|cause| debug!(%cause, "NOTIFY_SOCKET cannot be used")).ok())
    }

    /// The start is over, or a reload is.
    pub(super) fn ready(&self) {
        self.say("READY=1");
    }

    /// A reload that was asked for begins.
    pub(super) fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        self.say(&format!("RELOADING=1\nMONOTONIC_USEC={}", now.tv_sec * 1_000_000 + now.tv_nsec / 1_000));
    }

    /// The end has begun.
    pub(super) fn stopping(&self) {
        self.say("STOPPING=1");
    }

    fn say(&self, state: &str) {
        if let Some(socket) = &self.0
            && let Err(cause) = socket.send(state.as_bytes())
        {
            debug!(%cause, state, "the service manager cannot be told");
        }
    }
}

/// A path, or a name of Linux's own, written with an `@` before it.
fn address(name: &str) -> io::Result<std::os::unix::net::SocketAddr> {
    #[cfg(target_os = "linux")]
    if let Some(name) = name.strip_prefix('@') {
        use std::os::linux::net::SocketAddrExt;
        return std::os::unix::net::SocketAddr::from_abstract_name(name);
    }
    std::os::unix::net::SocketAddr::from_pathname(name)
}
