//! One request at the origin, with the way back.

use super::{Request, Shared};
use crate::harness::deadline::within;
use crate::harness::framing::{Framing, Piece};
use crate::harness::wire::Wire;
use std::sync::Arc;

/// A request with the way back, played by hand. Dropping it hangs up.
pub(crate) struct Exchange {
    pub(super) wire: Wire,
    pub(super) framing: Framing,
    pub(super) number: usize,
    /// Which connection it came by, counted from 0.
    pub(crate) connection: usize,
    pub(super) shared: Arc<Shared>,
}

impl Exchange {
    /// The request, with as much of its body as has been read.
    pub(crate) fn request(&self) -> Request {
        self.shared.requests.lock().unwrap()[self.number].clone()
    }

    /// The next piece of the request's body.
    pub(crate) async fn piece(&mut self) -> Piece {
        let piece = within("more of a request's body reaches the origin", self.framing.piece(&mut self.wire)).await;
        if let Piece::Data(data) = &piece {
            self.shared.requests.lock().unwrap()[self.number].body.extend_from_slice(data);
        }
        piece
    }

    /// The request's body, to its end.
    pub(crate) async fn body(&mut self) -> Vec<u8> {
        assert!(self.body_is_whole().await, "the request's body was cut");
        self.request().body
    }

    /// Reads the request's body; false if it was cut.
    pub(crate) async fn body_is_whole(&mut self) -> bool {
        loop {
            match self.piece().await {
                Piece::Data(_) => {}
                Piece::Trailers(fields) => panic!("a request with trailers: {fields:?}"),
                Piece::End => return true,
                Piece::Cut => return false,
            }
        }
    }

    /// Sends these bytes, exactly.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.wire.send(bytes).await;
    }

    /// Sends these bytes for as long as they are taken.
    pub(crate) async fn offer(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        self.wire.offer(bytes).await
    }

    /// Begins an event stream.
    pub(crate) async fn stream(&mut self) {
        self.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n").await;
    }

    /// Sends one chunk.
    pub(crate) async fn chunk(&mut self, data: &str) {
        self.send(format!("{:x}\r\n{data}\r\n", data.len())).await;
    }

    /// Waits until the gateway hangs up.
    pub(crate) async fn closed(&mut self) {
        self.wire.closed("the gateway ends its request").await;
    }

    /// The reply is whole: the connection may bring the next request.
    pub(crate) fn done(self) {
        self.shared.serve(self.wire, self.connection);
    }

    /// The reply is whole, and sent: hangs up.
    pub(crate) async fn hang_up(mut self) {
        self.wire.finish().await;
    }

    /// Breaks the connection off without a farewell (RST).
    pub(crate) fn reset(self) {
        self.wire.reset();
    }
}
