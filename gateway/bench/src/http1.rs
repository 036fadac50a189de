//! A client's side of HTTP/1.1: enough for what the proxies of the bench send.

use bytes::{Buf, Bytes, BytesMut};
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// A connection with at most one request under way.
pub(crate) struct Http1 {
    stream: TlsStream<TcpStream>,
    read: BytesMut,
    /// What is left of the body, or of this chunk of it.
    left: usize,
    chunked: bool,
    last: bool,
}

impl Http1 {
    pub(crate) fn new(stream: TlsStream<TcpStream>) -> Self {
        Self { stream, read: BytesMut::new(), left: 0, chunked: false, last: false }
    }

    /// Sends a request and reads the head of its reply; gives the status. The body is read by [`Http1::data`].
    pub(crate) async fn ask(&mut self, request: &[u8]) -> io::Result<u16> {
        self.stream.write_all(request).await?;
        self.stream.flush().await?;
        loop {
            if let Some(status) = self.head()? {
                return Ok(status);
            }
            self.fill().await?;
        }
    }

    /// The next piece of the body, until there is none.
    pub(crate) async fn data(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            if self.left > 0 && !self.read.is_empty() {
                let piece = self.read.split_to(self.left.min(self.read.len()));
                self.left -= piece.len();
                return Ok(Some(piece.freeze()));
            }
            if self.left == 0 {
                if !self.chunked {
                    return Ok(None);
                }
                if let Some((size, line)) = chunk(&self.read)? {
                    self.read.advance(line);
                    (self.left, self.chunked) = (size, size > 0);
                    continue;
                }
            }
            self.fill().await?;
        }
    }

    /// Whether the proxy closes after this reply.
    pub(crate) fn is_last(&self) -> bool {
        self.last
    }

    /// Ends the connection as TLS has it.
    pub(crate) async fn close(&mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }

    /// Whether the session was resumed.
    pub(crate) fn resumed(&self) -> bool {
        self.stream.get_ref().1.handshake_kind() == Some(rustls::HandshakeKind::Resumed)
    }

    fn head(&mut self) -> io::Result<Option<u16>> {
        let mut fields = [httparse::EMPTY_HEADER; 64];
        let mut head = httparse::Response::new(&mut fields);
        let httparse::Status::Complete(length) = head.parse(&self.read).map_err(io::Error::other)? else {
            return Ok(None);
        };
        (self.left, self.chunked) = (0, false);
        for field in head.headers.iter() {
            if field.name.eq_ignore_ascii_case("content-length") {
                let length = str::from_utf8(field.value).ok().and_then(|value| value.parse().ok());
                self.left = length.ok_or_else(|| io::Error::other("a length that is no number"))?;
            } else if field.name.eq_ignore_ascii_case("transfer-encoding") {
                self.chunked = true;
            } else if field.name.eq_ignore_ascii_case("connection") {
                self.last = field.value.eq_ignore_ascii_case(b"close");
            }
        }
        let status = head.code;
        self.read.advance(length);
        Ok(status)
    }

    async fn fill(&mut self) -> io::Result<()> {
        self.read.reserve(16 * 1024);
        match self.stream.read_buf(&mut self.read).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

/// The size of the next chunk, and the length of the line that says so with the line end before it and, if it is the last
/// chunk, the one after it; if all of them are there. Trailers are an error.
fn chunk(read: &[u8]) -> io::Result<Option<(usize, usize)>> {
    let start = if read.starts_with(b"\r\n") { 2 } else { 0 };
    let rest = read.get(start..).unwrap_or_default();
    let Some(end) = memchr::memmem::find(rest, b"\r\n") else { return Ok(None) };
    let (line, after) = rest.split_at(end + 2);
    let size = str::from_utf8(line).ok().and_then(|line| usize::from_str_radix(line.trim_end(), 16).ok());
    match size.ok_or_else(|| io::Error::other("a chunk without a size"))? {
        0 if after.starts_with(b"\r\n") => Ok(Some((0, start + line.len() + 2))),
        0 if after.len() < 2 => Ok(None),
        0 => Err(io::Error::other("trailers")),
        size => Ok(Some((size, start + line.len()))),
    }
}

#[cfg(test)]
mod tests {
    use super::chunk;

    #[test]
    fn a_chunk_begins_once_its_line_is_whole() {
        for (read, expected) in [
            ("", None),
            ("\r", None),
            ("\r\n1f", None),
            ("1f\r\nx", Some((31, 4))),
            ("\r\nA\r\n", Some((10, 5))),
            ("\r\n0\r\n\r", None),
            ("\r\n0\r\n\r\nHTTP", Some((0, 7))),
        ] {
            assert_eq!(chunk(read.as_bytes()).unwrap(), expected, "{read:?}");
        }
        assert!(chunk(b"x\r\n").is_err());
        assert!(chunk(b"0\r\nfield: value\r\n\r\n").is_err());
    }
}
