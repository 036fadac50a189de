//! What stands behind the proxies: a plain HTTP/1.1 server that does as little as it can.

use crate::tally::now;
use bytes::{Buf, BytesMut};
use serde_json::Value;
use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::MissedTickBehavior;

/// What every reply's head has, as an MCP server's.
const FIELDS: &str = "date: Sun, 22 Nov 2026 18:00:00 GMT\r\nserver: bench\r\n";
/// What the tool says.
const FORECAST: &str = "Tonight: Temperature 47F. Wind 5 to 10 mph NW. Mostly clear, with a low around 47. Northwest wind \
    5 to 10 mph, with gusts as high as 20 mph. Sunday: Temperature 61F. Wind 5 mph N. Sunny, with a high near 61. North \
    wind around 5 mph. Sunday Night: Temperature 45F. Wind 5 mph E. Partly cloudy, with a low around 45.";
static BLOCK: [u8; 65536] = [b'x'; 65536];

/// Serves until it is killed, a task for each connection.
pub(crate) async fn serve(listen: SocketAddr, delay: Duration) -> io::Result<Value> {
    let listener = TcpListener::bind(listen).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        tokio::task::spawn_local(async move {
            let mut connection = Connection { socket, read: BytesMut::new(), delay };
            while connection.exchange().await.is_ok() {}
        });
    }
}

struct Connection {
    socket: TcpStream,
    read: BytesMut,
    delay: Duration,
}

impl Connection {
    /// One request and its reply; an error is the end.
    async fn exchange(&mut self) -> io::Result<()> {
        let (target, head, body) = loop {
            match request(&self.read)? {
                Some(request) => break request,
                None => self.fill().await?,
            }
        };
        while self.read.len() < head + body {
            self.fill().await?;
        }
        self.read.advance(head);
        let body = self.read.split_to(body);
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        match path {
            "/mcp" => self.call(&body).await,
            "/sse" => {
                let (count, size) = (number(query, "count"), number(query, "size"));
                self.events(count, Duration::from_micros(number(query, "every")), size).await
            }
            "/idle" => {
                self.head("content-type: text/event-stream\r\ntransfer-encoding: chunked").await?;
                self.socket.write_all(&event(200)).await?;
                self.read = BytesMut::new();
                self.fill().await // until the proxy leaves
            }
            "/big" => self.bytes(number(query, "bytes")).await,
            _ => self.head("content-length: 0").await,
        }
    }

    async fn fill(&mut self) -> io::Result<()> {
        match self.socket.read_buf(&mut self.read).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    async fn head(&mut self, fields: &str) -> io::Result<()> {
        self.socket.write_all(format!("HTTP/1.1 200 OK\r\n{fields}\r\n{FIELDS}\r\n").as_bytes()).await
    }

    async fn call(&mut self, body: &[u8]) -> io::Result<()> {
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
        let id = id(body).unwrap_or(b"null").escape_ascii();
        let content = format!(
            r#"{{"jsonrpc":"2.0","id":{id},"result":{{"content":[{{"type":"text","text":"{FORECAST}"}}],"isError":false}}}}"#
        );
        let length = content.len();
        let reply = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{FIELDS}content-length: {length}\r\n\r\n{content}"
        );
        self.socket.write_all(reply.as_bytes()).await
    }

    async fn events(&mut self, count: u64, every: Duration, size: u64) -> io::Result<()> {
        self.head("content-type: text/event-stream\r\ncache-control: no-cache\r\ntransfer-encoding: chunked").await?;
        let mut ticks = tokio::time::interval(every.max(Duration::from_micros(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for _ in 0..count {
            ticks.tick().await;
            self.socket.write_all(&event(size)).await?;
        }
        self.socket.write_all(b"0\r\n\r\n").await
    }

    async fn bytes(&mut self, mut left: u64) -> io::Result<()> {
        self.head(&format!("content-type: application/octet-stream\r\ncontent-length: {left}")).await?;
        while left > 0 {
            let piece = BLOCK.get(..usize::try_from(left).unwrap_or(usize::MAX)).unwrap_or(&BLOCK);
            self.socket.write_all(piece).await?;
            left -= piece.len() as u64;
        }
        Ok(())
    }
}

/// Target, and the lengths of head and body, of the request that `read` begins with, if its head is whole.
fn request(read: &[u8]) -> io::Result<Option<(String, usize, usize)>> {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Request::new(&mut fields);
    let httparse::Status::Complete(length) = head.parse(read).map_err(io::Error::other)? else { return Ok(None) };
    let body = head.headers.iter().find(|field| field.name.eq_ignore_ascii_case("content-length"));
    let body = body.and_then(|field| str::from_utf8(field.value).ok()?.parse().ok()).unwrap_or(0);
    Ok(Some((head.path.unwrap_or("/").to_owned(), length, body)))
}

/// The number that a call has, or that an answer has.
pub(crate) fn id(message: &[u8]) -> Option<&[u8]> {
    let after = message.get(memchr::memmem::find(message, b"\"id\":")? + 5..)?;
    after.get(..after.iter().position(|byte| !byte.is_ascii_digit())?)
}

fn number(query: &str, name: &str) -> u64 {
    let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    value.and_then(|value| value.parse().ok()).unwrap_or(1)
}

/// A notification of `size` bytes that says when it was sent, as a chunk.
fn event(size: u64) -> Vec<u8> {
    let mut event = String::with_capacity(256);
    let _ = write!(
        event,
        "event: message\ndata: {{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{{\"sent\":\"{:020}\",\"pad\":\"",
        now().as_nanos()
    );
    let pad = usize::try_from(size).unwrap_or_default().saturating_sub(event.len() + 5);
    let _ = write!(event, "{:x<pad$}\"}}}}\n\n", "");
    format!("{:x}\r\n{event}\r\n", event.len()).into_bytes()
}
