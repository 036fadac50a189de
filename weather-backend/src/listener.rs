//! The sockets that are served: loopback TCP, or a Unix socket. Nothing else can be bound.

mod address;
mod unix;

use std::{io, net::SocketAddr};

use axum::serve::ListenerExt;
use tokio::net::{TcpListener, TcpStream, UnixListener};

pub use address::{Address, AddressError};
pub use unix::SocketFile;

/// A bound socket, TCP or Unix.
#[derive(Debug)]
pub enum Listener {
    /// TCP. The caller has seen to it that it is bound to loopback, as [`Listener::bind`] does.
    Tcp(TcpListener),
    /// A Unix socket, and its file where we made it.
    Unix(UnixListener, Option<SocketFile>),
}

/// Why a socket could not be bound.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// A port or socket file that another program answers on.
    #[error("{address} is taken: another program listens there. Stop that program, or choose another address.")]
    Taken {
        /// What was to be bound.
        address: Address,
    },
    /// A file that is no socket. It is left alone.
    #[error(
        "{address} cannot be listened on: there is a file at this path that is not a socket. Remove it, or choose another path."
    )]
    NotASocket {
        /// What was to be bound.
        address: Address,
    },
    /// Anything else.
    #[error("{address} cannot be listened on: {error}.")]
    Other {
        /// What was to be bound.
        address: Address,
        /// What the operating system says.
        error: io::Error,
    },
}

impl Listener {
    /// Binds `address`.
    ///
    /// A Unix socket gets mode 0660. The file of one that nobody answers on any more is replaced; it is removed when the
    /// listener is dropped.
    ///
    /// # Errors
    /// [`BindError`], a sentence for whoever chose the address.
    pub async fn bind(address: &Address) -> Result<Self, BindError> {
        match address {
            Address::Tcp(tcp) => match TcpListener::bind(tcp).await {
                Ok(listener) => Ok(Self::Tcp(listener)),
                Err(error) => Err(BindError::new(address, error)),
            },
            Address::Unix(path) => {
                let (listener, file) = unix::bind(address, path).await?;
                Ok(Self::Unix(listener, Some(file)))
            }
        }
    }

    /// Where it listens: with the port that was given for port 0.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn address(&self) -> io::Result<Address> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(Address::Tcp),
            Self::Unix(listener, _) => {
                let address = listener.local_addr()?;
                Ok(Address::Unix(address.as_pathname().map(Into::into).unwrap_or_default()))
            }
        }
    }
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self::Tcp(listener)
    }
}

impl From<UnixListener> for Listener {
    fn from(listener: UnixListener) -> Self {
        Self::Unix(listener, None)
    }
}

impl BindError {
    fn new(address: &Address, error: io::Error) -> Self {
        let address = address.clone();
        if error.kind() == io::ErrorKind::AddrInUse { Self::Taken { address } } else { Self::Other { address, error } }
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

#[cfg(test)]
mod tests {
    use axum::serve::Listener as _;

    use super::*;

    #[tokio::test]
    async fn accepted_connections_send_small_writes_at_once() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut listener = without_delay(listener);
        let _client = TcpStream::connect(address).await.unwrap();
        let (accepted, _) = listener.accept().await;
        assert!(accepted.nodelay().unwrap());
    }
}
