//! Clients with every byte in the test's hands.

mod http1;
mod http2;
pub(crate) mod raw2;
pub(crate) mod uploads;

pub(crate) use http1::Http1;
pub(crate) use http2::{Http2, Stream};
pub(crate) use raw2::Raw2;

use super::deadline::within;
use super::fields::Fields;
use super::framing::Piece;
use super::{Ask, Reply, secrets};

/// What a client speaks inside TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

impl Protocol {
    pub(crate) const BOTH: [Protocol; 2] = [Protocol::Http1, Protocol::Http2];

    /// Its name in ALPN.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Protocol::Http1 => "http/1.1",
            Protocol::Http2 => "h2",
        }
    }
}

/// A connection over either protocol, for tests that are the same for both.
pub(crate) enum Client {
    One(Http1),
    Two(Http2),
}

impl Client {
    /// Sends a request and reads the reply to its end.
    pub(crate) async fn ask(&mut self, ask: &Ask) -> Reply {
        match self {
            Client::One(client) => client.ask(ask).await,
            Client::Two(client) => client.ask(ask).await,
        }
    }

    /// The same, unless the gateway has given the connection up before it got the request.
    pub(crate) async fn ask_in_time(&mut self, ask: &Ask) -> Option<Reply> {
        match self {
            Client::One(client) => client.ask_in_time(ask).await,
            Client::Two(client) => client.ask_in_time(ask).await,
        }
    }

    /// Sends a request; the reply is read piece by piece.
    pub(crate) async fn open(&mut self, ask: &Ask) -> Incoming<'_> {
        match self {
            Client::One(client) => {
                client.open(ask).await;
                Incoming::One(client)
            }
            Client::Two(client) => Incoming::Two(client.open(ask).await),
        }
    }
}

/// A reply on its way.
pub(crate) enum Incoming<'a> {
    One(&'a mut Http1),
    Two(Stream),
}

impl Incoming<'_> {
    /// Its status and header fields, as soon as they are there.
    pub(crate) async fn head(&mut self) -> (u16, Fields) {
        match self {
            Incoming::One(client) => client.head().await,
            Incoming::Two(stream) => stream.head().await,
        }
    }

    /// What comes next of the body.
    pub(crate) async fn piece(&mut self) -> Piece {
        match self {
            Incoming::One(client) => client.piece().await,
            Incoming::Two(stream) => stream.piece().await,
        }
    }

    /// Exactly `length` bytes of the body, however they are cut; fails if the body ends before.
    pub(crate) async fn exactly(&mut self, length: usize) -> Vec<u8> {
        let mut data = Vec::new();
        while data.len() < length {
            match self.piece().await {
                Piece::Data(more) => data.extend(more),
                end @ (Piece::Trailers(_) | Piece::End | Piece::Cut) => {
                    panic!("{end:?} after {:?}", String::from_utf8_lossy(&data))
                }
            }
        }
        assert_eq!(data.len(), length, "more than asked for: {:?}", String::from_utf8_lossy(&data));
        data
    }

    /// The rest of the body, and whether it is whole.
    pub(crate) async fn rest(&mut self) -> (Vec<u8>, bool) {
        let mut data = Vec::new();
        loop {
            match self.piece().await {
                Piece::Data(more) => data.extend(more),
                Piece::Trailers(_) => {}
                Piece::End => return (data, true),
                Piece::Cut => return (data, false),
            }
        }
    }

    /// The whole reply.
    pub(crate) async fn reply(mut self) -> Reply {
        let (status, fields) = self.head().await;
        let (body, whole) = self.rest().await;
        secrets::untold("the head of a reply", format!("{fields:?}").as_bytes());
        if status >= 400 {
            secrets::untold("a refusal", &body);
        }
        Reply { status, fields, body, whole }
    }

    /// Leaves in the middle: over HTTP/1.1 by hanging up, over h2 by resetting the stream.
    pub(crate) fn leave(self) {
        match self {
            Incoming::One(client) => client.hang_up(),
            Incoming::Two(stream) => stream.reset(),
        }
    }
}

/// Waits for what a client waits for.
async fn awaited<T>(what: &str, wait: impl Future<Output = T>) -> T {
    within(format!("a client gets {what}"), wait).await
}
