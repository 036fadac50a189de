//! The other end of a connection, as its requests record it.

use super::audit::Field;
use std::cell::Cell;
use std::net::SocketAddr;

/// A client's end. Each open exchange holds a reference to it, which is how a connection knows whether it is idle.
#[derive(Debug)]
pub struct Peer {
    address: SocketAddr,
    via: Box<str>,
    secure: bool,
    stalled: Cell<bool>,
}

impl Peer {
    /// At `address`; `tls` is the version, if there is TLS.
    pub fn new(address: SocketAddr, tls: Option<&str>) -> Self {
        let secure = tls.is_some();
        let tls = tls.map(|tls| format!("{}\"{tls}\"", Field::Tls.key())).unwrap_or_default();
        let via = format!("{}\"{address}\"{tls}", Field::Peer.key()).into();
        Self { address, via, secure, stalled: Cell::new(false) }
    }

    /// What the audit lines of its requests all say of it.
    pub fn via(&self) -> &str {
        &self.via
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether there is TLS between it and us.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// It takes nothing any more: what is dropped from now on ended because of that.
    pub fn stalls(&self) {
        self.stalled.set(true);
    }

    /// Whether it was given up for that.
    pub fn has_stalled(&self) -> bool {
        self.stalled.get()
    }
}
