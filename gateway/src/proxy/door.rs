//! A connection, as its requests see it.

use super::forwarded::Sender;
use super::headers;
use crate::access::Memory;
use crate::record::Peer;
use std::borrow::Cow;
use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;

/// Where a connection came in; what its requests have in common.
#[derive(Debug)]
pub struct Door {
    /// Whoever holds the connection.
    pub(super) peer: Rc<Peer>,
    forwarded: Box<[u8]>,
    asked: Cell<u32>,
    surplus: bool,
    /// The key that it showed last.
    pub(super) memory: Memory,
}

impl Door {
    /// For a connection from `peer`, by this version of TLS if by any. A `surplus` one is only told that there are too many.
    pub fn new(peer: SocketAddr, tls: Option<&str>, surplus: bool) -> Self {
        let (forwarded, peer) = (headers::forwarded(peer.ip(), tls.is_some()), Rc::new(Peer::new(peer, tls)));
        Self { peer, forwarded, asked: Cell::new(0), surplus, memory: Memory::default() }
    }

    /// What the upstream is told of where a request comes from.
    pub(super) fn says_of(&self, sender: &Sender) -> Cow<'_, [u8]> {
        if sender.address == self.peer.address() {
            return Cow::Borrowed(&self.forwarded);
        }
        Cow::Owned(headers::forwarded(sender.address.ip(), self.peer.is_secure()).into())
    }

    /// The other end.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// One more request comes by it.
    pub(super) fn asks(&self) {
        self.asked.set(self.asked.get().wrapping_add(1));
    }

    /// How many requests have come by it.
    #[inline]
    pub fn asked(&self) -> u32 {
        self.asked.get()
    }

    /// How many requests that came by it are not over.
    #[inline]
    pub fn open(&self) -> usize {
        Rc::strong_count(&self.peer) - 1
    }

    /// Whether it is only told that there are too many.
    #[inline]
    pub fn is_surplus(&self) -> bool {
        self.surplus
    }
}
