//! The server behind the soak: the weather backend, and beside it pages that no honest server has.

use crate::harness::Backend;
use crate::harness::setup::Upstream;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

/// Replies that are none, each in another way.
const LIES: [&str; 7] = [
    "HTTP/1.1 2OO OK\r\n\r\n",
    "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\nshort",
    "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nlong, and HTTP/1.1 200 OK\r\n\r\n",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nz\r\n",
    "HTTP/1.1 200 OK\r\na b: c\r\n\r\n",
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: never whole",
];
/// Pieces of `/big`, which nobody wants whole.
const PIECES: usize = 1024;
const PIECE: usize = 64 * 1024;

/// See above.
pub(super) struct Pages {
    address: SocketAddr,
    accepting: AbortHandle,
    _backend: Arc<Backend>,
}

impl Pages {
    pub(super) async fn before(backend: Backend) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (backend, lies) = (Arc::new(backend), Arc::new(AtomicUsize::new(0)));
        let own = backend.clone();
        let accept = async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let (at, lies) = (own.address(), lies.clone());
                tokio::spawn(async move {
                    if let Err(cause) = serve(socket, at, &lies).await
                        && !matches!(cause.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
                    {
                        eprintln!("the way to the backend: {cause}");
                    }
                });
            }
        };
        Self { address, accepting: tokio::spawn(accept).abort_handle(), _backend: backend }
    }
}

impl Upstream for Pages {
    fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Passes requests on to the backend until one is for a page of ours, which ends the connection. A head comes in one piece,
/// because the gateway sends it so, and no body here begins like one.
async fn serve(mut socket: TcpStream, backend: SocketAddr, lies: &AtomicUsize) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let mut behind = TcpStream::connect(backend).await?;
    behind.set_nodelay(true)?;
    let (mut asked, mut answered) = ([0; 16 * 1024], [0; 16 * 1024]);
    loop {
        tokio::select! {
            read = socket.read(&mut asked) => match &asked[..read?] {
                b"" => return Ok(()),
                head if head.starts_with(b"GET /big ") => return big(&mut socket).await,
                head if head.starts_with(b"GET /silent ") => return silent(&mut socket).await,
                head if head.starts_with(b"GET /lies ") => {
                    return socket.write_all(LIES[lies.fetch_add(1, Relaxed) % LIES.len()].as_bytes()).await;
                }
                bytes => behind.write_all(bytes).await?,
            },
            read = behind.read(&mut answered) => match &answered[..read?] {
                b"" => return Err(io::Error::other("the backend hung up")),
                bytes => socket.write_all(bytes).await?,
            },
        }
    }
}

async fn big(socket: &mut TcpStream) -> io::Result<()> {
    let length = PIECES * PIECE;
    socket
        .write_all(format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n").as_bytes())
        .await?;
    let piece = vec![b'x'; PIECE];
    for _ in 0..PIECES {
        socket.write_all(&piece).await?;
    }
    Ok(())
}

/// An event stream that brings nothing for as long as somebody listens.
async fn silent(socket: &mut TcpStream) -> io::Result<()> {
    socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n").await?;
    socket.read(&mut [0]).await.map(drop)
}
