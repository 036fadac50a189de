//! One end of a connection, byte by byte.

use super::deadline::within;
use super::fields::Head;
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::client::TlsStream;

/// Anything that carries bytes both ways.
pub(crate) trait Io: AsyncRead + AsyncWrite + Unpin + Send {
    /// Makes the next close a reset.
    fn close_by_reset(&self) {}
}

impl Io for UnixStream {}

impl Io for TcpStream {
    fn close_by_reset(&self) {
        self.set_zero_linger().expect("a socket lingers as it is told");
    }
}

impl Io for TlsStream<TcpStream> {
    fn close_by_reset(&self) {
        self.get_ref().0.close_by_reset();
    }
}

/// A connection with what was read from it and not looked at yet.
pub(crate) struct Wire {
    io: Box<dyn Io>,
    buffer: Vec<u8>,
}

impl Wire {
    pub(crate) fn new(io: impl Io + 'static) -> Self {
        Self { io: Box::new(io), buffer: Vec::new() }
    }

    /// Sends all of `bytes`; fails if the peer is gone.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        within("the peer takes what is sent", self.offer(bytes)).await.expect("the peer is there");
    }

    /// Sends all of `bytes`, unless the peer hangs up before. Waits as long as the peer makes it wait.
    pub(crate) async fn offer(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.io.write_all(bytes.as_ref()).await?;
        self.io.flush().await
    }

    /// Closes our direction; the other one stays open.
    pub(crate) async fn finish(&mut self) {
        within("our direction is closed", self.io.shutdown()).await.expect("the peer is there");
    }

    /// The next head; nothing if the peer closed before its first byte, a failure if it closed in the middle.
    pub(crate) async fn head(&mut self) -> Option<Head> {
        loop {
            if let Some(end) = self.buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                return Some(Head::parse(self.buffer.drain(..end + 4).collect()));
            }
            if !self.fill().await {
                assert!(self.buffer.is_empty(), "half a head: {:?}", String::from_utf8_lossy(&self.buffer));
                return None;
            }
        }
    }

    /// The next line without its end; nothing if the peer closed before it was whole.
    pub(crate) async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|bytes| bytes == b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..end + 2).collect();
                return Some(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            if !self.fill().await {
                return None;
            }
        }
    }

    /// What is there, at least one byte and at most `most`; nothing if the peer closed.
    pub(crate) async fn some(&mut self, most: u64) -> Option<Vec<u8>> {
        if self.buffer.is_empty() && !self.fill().await {
            return None;
        }
        let length = self.buffer.len().min(usize::try_from(most).unwrap_or(usize::MAX));
        Some(self.buffer.drain(..length).collect())
    }

    /// Waits until the peer hangs up; fails if it speaks before.
    pub(crate) async fn closed(&mut self, what: &str) {
        within(format!("the peer hangs up: {what}"), async {
            let spoke = !self.buffer.is_empty() || self.fill().await;
            assert!(!spoke, "{what}: instead of hanging up: {:?}", String::from_utf8_lossy(&self.buffer));
        })
        .await;
    }

    /// Breaks off without a farewell (RST).
    pub(crate) fn reset(self) {
        self.io.close_by_reset();
    }

    /// Reads once; false at the end, however it came: a peer that is gone is gone.
    async fn fill(&mut self) -> bool {
        self.buffer.reserve(64 * 1024);
        match self.io.read_buf(&mut self.buffer).await {
            Ok(length) => length > 0,
            Err(error) => {
                let kind = error.kind();
                let gone = matches!(
                    kind,
                    io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
                );
                assert!(gone, "reading: {error}");
                false
            }
        }
    }
}
