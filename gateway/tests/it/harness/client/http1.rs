//! HTTP/1.1, byte by byte.

use super::{Incoming, awaited};
use crate::harness::fields::{Fields, Head};
use crate::harness::framing::Framing;
use crate::harness::wire::{Io, Wire};
use crate::harness::{Ask, Piece, Reply};

/// A connection over HTTP/1.1.
pub(crate) struct Http1 {
    wire: Option<Wire>,
    authority: String,
    method: String,
    framing: Framing,
}

impl Http1 {
    pub(crate) fn new(io: impl Io + 'static, authority: String) -> Self {
        Self { wire: Some(Wire::new(io)), authority, method: String::new(), framing: Framing::Done }
    }

    /// Sends these bytes, exactly.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.wire().send(bytes).await;
    }

    /// Sends these bytes for as long as they are taken.
    pub(crate) async fn offer(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        self.wire().offer(bytes).await
    }

    /// Sends a request's head alone.
    pub(crate) async fn send_head(&mut self, ask: &Ask) {
        self.method.clone_from(&ask.method);
        let head = ask.head(&self.authority);
        self.send(head).await;
    }

    /// Sends a request.
    pub(crate) async fn open(&mut self, ask: &Ask) {
        self.method.clone_from(&ask.method);
        let bytes = ask.bytes(&self.authority);
        self.send(bytes).await;
    }

    /// Sends a request and reads the reply to its end.
    pub(crate) async fn ask(&mut self, ask: &Ask) -> Reply {
        self.open(ask).await;
        self.reply().await
    }

    /// The same, of a request that the gateway may refuse before it has taken all of it.
    pub(crate) async fn ask_too_much(&mut self, ask: &Ask) -> Reply {
        self.method.clone_from(&ask.method);
        let bytes = ask.bytes(&self.authority);
        let _ = self.offer(bytes).await;
        self.reply().await
    }

    /// The same, unless the gateway has given the connection up before it got the request.
    pub(crate) async fn ask_in_time(&mut self, ask: &Ask) -> Option<Reply> {
        self.method.clone_from(&ask.method);
        let bytes = ask.bytes(&self.authority);
        self.offer(bytes).await.ok()?;
        let head = self.raw_head().await?;
        let (body, whole) = Incoming::One(self).rest().await;
        Some(Reply { status: head.status(), fields: head.fields, body, whole })
    }

    /// The reply to what was sent last, to its end.
    pub(crate) async fn reply(&mut self) -> Reply {
        Incoming::One(self).reply().await
    }

    /// The reply to what was sent last, with its head read.
    pub(crate) async fn incoming(&mut self) -> Incoming<'_> {
        self.head().await;
        Incoming::One(self)
    }

    /// The next head as it came, interim ones too; nothing if the gateway hung up.
    pub(crate) async fn raw_head(&mut self) -> Option<Head> {
        let head = awaited("the head of a reply", self.wire().head()).await?;
        self.framing = Framing::of_reply(&head, &self.method);
        Some(head)
    }

    /// The next head's status and fields.
    pub(crate) async fn head(&mut self) -> (u16, Fields) {
        let head = self.raw_head().await.expect("a reply, but the gateway hung up");
        assert!(head.start.starts_with("HTTP/1.1 "), "{}", head.start);
        (head.status(), head.fields)
    }

    /// What comes next of the body.
    pub(crate) async fn piece(&mut self) -> Piece {
        let Self { wire, framing, .. } = self;
        awaited("more of a reply", framing.piece(wire.as_mut().expect("still there"))).await
    }

    /// All bytes until the gateway hangs up, whatever they are.
    pub(crate) async fn everything(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while let Some(more) = awaited("the end of the connection", self.wire().some(u64::MAX)).await {
            bytes.extend(more);
        }
        bytes
    }

    /// Waits until the gateway hangs up; fails if it says anything more.
    pub(crate) async fn closed(&mut self, what: &str) {
        self.wire().closed(what).await;
    }

    /// Leaves.
    pub(crate) fn hang_up(&mut self) {
        self.wire = None;
    }

    fn wire(&mut self) -> &mut Wire {
        self.wire.as_mut().expect("still there")
    }
}
