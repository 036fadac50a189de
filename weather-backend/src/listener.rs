//! The socket that is served.

use std::net::SocketAddr;

use axum::serve::ListenerExt;
use tokio::net::{TcpListener, TcpStream, UnixListener};

/// A bound socket, TCP or Unix.
#[derive(Debug)]
pub enum Listener {
    /// TCP. The caller has seen to it that it is bound to loopback.
    Tcp(TcpListener),
    /// A Unix socket.
    Unix(UnixListener),
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self::Tcp(listener)
    }
}

impl From<UnixListener> for Listener {
    fn from(listener: UnixListener) -> Self {
        Self::Unix(listener)
    }
}

/// The same listener, whose connections send small writes at once: with Nagle's algorithm each event of a stream would wait
/// for the acknowledgement of the one before, some 25 ms a call.
pub(crate) fn without_delay(listener: TcpListener) -> impl axum::serve::Listener<Io = TcpStream, Addr = SocketAddr> {
    listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY is not set on a connection");
        }
    })
}
