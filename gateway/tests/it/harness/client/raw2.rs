//! h2 as bytes: frames that no library would send.

use super::awaited;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::client::TlsStream;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// RFC 9113, section 7.
pub(crate) const ENHANCE_YOUR_CALM: u32 = 11;

/// A frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A header block without compression: literals that nobody need remember (RFC 7541, section 6.2.2).
pub(crate) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            integer(text.len(), &mut block);
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

/// A string's length (RFC 7541, section 5.1), not Huffman-coded.
fn integer(mut n: usize, out: &mut Vec<u8>) {
    if n < 127 {
        return out.push(n as u8);
    }
    out.push(127);
    n -= 127;
    while n >= 128 {
        out.push((n % 128) as u8 | 0x80);
        n /= 128;
    }
    out.push(n as u8);
}

/// The pseudo-header fields of a request.
pub(crate) fn request<'a>(method: &'a str, path: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![(":method", method), (":scheme", "https"), (":authority", "localhost"), (":path", path)]
}

/// A frame that came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

/// A connection whose preface has been sent. What is sent and what comes do not wait for each other.
pub(crate) struct Raw2 {
    read: ReadHalf<TlsStream<TcpStream>>,
    write: WriteHalf<TlsStream<TcpStream>>,
}

impl Raw2 {
    pub(crate) async fn new(io: TlsStream<TcpStream>) -> Self {
        let (read, write) = split(io);
        let mut raw = Self { read, write };
        let preface = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &frame(SETTINGS, 0, 0, &[])[..]].concat();
        assert!(raw.offer(&preface).await, "the gateway is there");
        raw
    }

    /// Sends bytes; false if the peer has gone.
    pub(crate) async fn offer(&mut self, bytes: &[u8]) -> bool {
        self.write.write_all(bytes).await.is_ok() && self.write.flush().await.is_ok()
    }

    /// The next frame; nothing at the end.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        awaited("a frame", next(&mut self.read)).await
    }

    /// Sends what `piece` makes of 0, 1, 2.. until the gateway hangs up; gives the code and debug data of its GOAWAY.
    pub(crate) async fn flood(self, mut piece: impl FnMut(u32) -> Vec<u8> + Send + 'static) -> (u32, String) {
        let Self { mut read, mut write } = self;
        let writer: JoinHandle<bool> = tokio::spawn(async move {
            for n in 0..1_000_000 {
                if write.write_all(&piece(n)).await.is_err() {
                    return true;
                }
            }
            false
        });
        let told = awaited("GOAWAY", async {
            while let Some(frame) = next(&mut read).await {
                if frame.kind == GOAWAY {
                    let code = u32::from_be_bytes(frame.payload[4..8].try_into().unwrap());
                    return (code, String::from_utf8_lossy(&frame.payload[8..]).into_owned());
                }
            }
            panic!("the gateway hung up without GOAWAY");
        })
        .await;
        drop(read);
        assert!(awaited("the end of the connection", writer).await.unwrap(), "it never ended");
        told
    }
}

async fn next(read: &mut ReadHalf<TlsStream<TcpStream>>) -> Option<Frame> {
    let mut head = [0; 9];
    read.read_exact(&mut head).await.ok()?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
    let mut payload = vec![0; length];
    read.read_exact(&mut payload).await.ok()?;
    let stream = u32::from_be_bytes(head[5..9].try_into().unwrap());
    Some(Frame { kind: head[3], flags: head[4], stream, payload })
}
