//! What a service manager hands over, and what it wants to be told: `sd_listen_fds(3)` and `sd_notify(3)`.

use std::{
    io,
    os::unix::net::{SocketAddr, UnixDatagram},
};

use listenfd::ListenFd;
use tracing::debug;
use weather_backend::{Address, Listener};

/// Listening sockets that the process was started with.
pub(crate) struct Inherited(Vec<(Address, Socket)>);

enum Socket {
    Tcp(std::net::TcpListener),
    Unix(std::os::unix::net::UnixListener),
}

impl Inherited {
    /// Takes over what the environment tells of, once, and before there are threads: the variables are removed.
    pub(crate) fn take() -> Result<Self, String> {
        let mut handed = ListenFd::from_env();
        let sockets = (0..handed.len()).map(|index| socket(&mut handed, index)).collect::<io::Result<_>>();
        sockets.map(Self).map_err(|error| format!("LISTEN_FDS tells of what is no listening socket: {error}"))
    }

    /// The socket that listens on `address`, if it was handed over. Nothing but an address that was asked for, and is
    /// therefore one that nobody outside this machine reaches, is ever served.
    pub(crate) fn on(&mut self, address: &Address) -> io::Result<Option<Listener>> {
        let Some(index) = self.0.iter().position(|(bound, _)| bound == address) else { return Ok(None) };
        Ok(Some(match self.0.swap_remove(index).1 {
            Socket::Tcp(socket) => tokio::net::TcpListener::from_std(socket)?.into(),
            Socket::Unix(socket) => tokio::net::UnixListener::from_std(socket)?.into(),
        }))
    }

    /// Refuses what was not asked for: connections to it would wait for ever.
    pub(crate) fn none_left(&self) -> Result<(), String> {
        let Some((bound, _)) = self.0.first() else { return Ok(()) };
        Err(format!(
            "LISTEN_FDS tells of a socket on {bound}, and --listen is another address. Write the same one in \
             ListenStream= and --listen."
        ))
    }
}

fn socket(handed: &mut ListenFd, index: usize) -> io::Result<(Address, Socket)> {
    let gone = || io::Error::from(io::ErrorKind::NotFound);
    if let Ok(Some(socket)) = handed.take_unix_listener(index) {
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        return Ok((Address::Unix(address.as_pathname().ok_or_else(gone)?.into()), Socket::Unix(socket)));
    }
    let socket = handed.take_tcp_listener(index)?.ok_or_else(gone)?;
    socket.set_nonblocking(true)?;
    Ok((Address::Tcp(socket.local_addr()?), Socket::Tcp(socket)))
}

/// Tells the service manager how the process is, where there is one that wants to know.
pub(crate) fn notify(state: &str) {
    let Some(name) = std::env::var_os("NOTIFY_SOCKET") else { return };
    let told = UnixDatagram::unbound().and_then(|socket| {
        socket.set_nonblocking(true)?; // a service manager that does not read is not waited for
        socket.send_to_addr(state.as_bytes(), &address(&name.to_string_lossy())?)
    });
    if let Err(error) = told {
        debug!(%error, state, "the service manager cannot be told");
    }
}

/// A path, or a name of Linux's own, written with an `@` before it.
fn address(name: &str) -> io::Result<SocketAddr> {
    #[cfg(target_os = "linux")]
    if let Some(name) = name.strip_prefix('@') {
        use std::os::linux::net::SocketAddrExt;
        return SocketAddr::from_abstract_name(name);
    }
    SocketAddr::from_pathname(name)
}
