//! The sockets that connections come in by. All are bound before anything is served.

use super::ServeError;
use super::systemd::Inherited;
use crate::config::settings::Listen;
use std::io;
use std::net::SocketAddr;
use tokio::net::TcpSocket;

/// Connections that the kernel holds for us before it refuses.
const BACKLOG: u32 = 4096;

/// What was bound, with the ports that the kernel chose where 0 was asked for.
pub(super) struct Addresses {
    pub(super) public: SocketAddr,
    pub(super) admin: SocketAddr,
    pub(super) plaintext: Option<SocketAddr>,
}

/// The sockets of one worker.
pub(super) struct Sockets {
    pub(super) public: std::net::TcpListener,
    pub(super) plaintext: Option<std::net::TcpListener>,
}

/// All sockets of the process.
pub(super) struct Listeners {
    pub(super) workers: Vec<Sockets>,
    pub(super) admin: std::net::TcpListener,
    pub(super) addresses: Addresses,
}

impl Listeners {
    /// Binds everything: each worker gets sockets of its own, among which the kernel spreads new connections. What was
    /// inherited is not bound again: of one socket, all workers take connections.
    pub(super) fn open(listen: &Listen, workers: usize, mut inherited: Inherited) -> Result<Self, ServeError> {
        // registering a socket needs a reactor, even if another one will serve it
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let _entered = runtime.enter();
        let mut open = |address, what, count| match inherited.on(address) {
            Some(socket) => Ok((0..count).map(|_| socket.try_clone()).collect::<io::Result<_>>()?),
            None => bind(address, what, count),
        };
        let admin = open(listen.admin, "listen.admin", 1)?;
        let public = open(listen.public, "listen.public", workers)?;
        let plaintext = listen.plaintext.map(|address| open(address, "listen.plaintext", workers)).transpose()?;
        inherited.none_left(listen)?;
        let addresses = Addresses {
            public: first_address(&public)?,
            admin: first_address(&admin)?,
            plaintext: plaintext.as_deref().map(first_address).transpose()?,
        };
        let plaintext = plaintext.unwrap_or_default().into_iter().map(Some).chain(std::iter::repeat_with(|| None));
        let workers =
            public.into_iter().zip(plaintext).map(|(public, plaintext)| Sockets { public, plaintext }).collect();
        let admin = admin.into_iter().next().ok_or(io::Error::from(io::ErrorKind::AddrNotAvailable))?;
        Ok(Self { workers, admin, addresses })
    }
}

fn first_address(sockets: &[std::net::TcpListener]) -> io::Result<SocketAddr> {
    sockets.first().ok_or(io::Error::from(io::ErrorKind::AddrNotAvailable))?.local_addr()
}

/// Binds `address` `count` times. `SO_REUSEPORT` would let a second gateway of the same user bind silently beside a
/// running one, so the port is first taken without it: a taken port is an error, not half of the connections. Only once it
/// is ours is it shared with our other sockets, and it is never let go of in between.
fn bind(address: SocketAddr, what: &'static str, count: usize) -> Result<Vec<std::net::TcpListener>, ServeError> {
    let failed = |cause: io::Error| ServeError::Bind { address, what, cause: explain(&cause) };
    let first = socket(address, false).map_err(failed)?;
    let bound = first.local_addr().map_err(failed)?;
    first.set_reuseport(count > 1).map_err(failed)?;
    let others = (1..count).map(|_| socket(bound, true));
    std::iter::once(Ok(first)).chain(others).map(|socket| listen(socket?)).collect::<io::Result<_>>().map_err(failed)
}

fn socket(address: SocketAddr, shared: bool) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?; // or connections in TIME_WAIT would keep a restart from its port
    socket.set_reuseport(shared)?;
    socket.bind(address)?;
    Ok(socket)
}

fn listen(socket: TcpSocket) -> io::Result<std::net::TcpListener> {
    socket.listen(BACKLOG)?.into_std()
}

fn explain(cause: &io::Error) -> String {
    use io::ErrorKind as Kind;
    let kind = cause.kind();
    if kind == Kind::AddrInUse {
        "the port is taken; stop what listens there, or choose another".to_owned()
    } else if kind == Kind::PermissionDenied {
        "ports below 1024 need CAP_NET_BIND_SERVICE; choose a higher one".to_owned()
    } else if kind == Kind::AddrNotAvailable {
        "this machine has no such address".to_owned()
    } else {
        cause.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    /// Nobody else gets it at any moment, and a second gateway, which would share as we do, does not get it later.
    #[tokio::test]
    async fn a_port_that_the_kernel_chose_is_ours_for_all_workers() {
        for count in [1, 4] {
            let sockets = bind((Ipv4Addr::LOCALHOST, 0).into(), "listen.public", count).unwrap();
            let address = first_address(&sockets).unwrap();
            assert!(sockets.len() == count && sockets.iter().all(|socket| socket.local_addr().unwrap() == address));
            let refused = bind(address, "listen.public", count).unwrap_err().to_string();
            assert!(refused.contains("the port is taken"), "{refused}");
            drop(sockets);
            bind(address, "listen.public", count).unwrap();
        }
    }
}
