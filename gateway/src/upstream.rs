//! The gateway's HTTP/1.1 client side: a strict reader of replies and one worker's pool of connections.
//!
//! It does what a proxy to one backend needs and nothing else: a request goes out in one write, the head of the reply
//! is parsed where the kernel put it, and the body is passed on as it comes. A silent stream holds no buffer, because
//! all connections of a worker read through one.

mod address;
mod body;
mod breaker;
mod chunks;
mod framing;
mod head;
mod pool;
mod stream;
mod trip;
mod whole;

pub use address::{Address, AddressError};
pub use body::Body;
pub use chunks::{write_chunk, write_last_chunk};
pub use head::Lie;
pub use trip::{Streamed, Trip};
pub use whole::{Whole, read_whole};

use crate::clock::{Clock, Deadline};
use crate::stock::{PIECE, Stock};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use http_body::Body as HttpBody;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::time::Duration;
use stream::Stream;
use tokio::io::ReadBuf;
use tokio::net::{TcpStream, UnixStream};
use tower_service::Service;

/// Longest wait for a connection to the upstream.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Largest request buffer that is kept for the next request.
const LARGEST_SPARE: usize = 16 * 1024;
/// Bytes read at once, by all connections of a worker in turn.
const SCRATCH: usize = 128 * 1024;

/// Why a request did not get a reply, or a reply no end.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// No connection.
    #[error("cannot connect to the upstream: {0}")]
    Unreachable(io::Error),
    /// Connecting was in vain a moment ago, and the worker tries again.
    #[error("the upstream cannot be reached")]
    Down,
    /// The connection ended before the head, or before the end of the body.
    #[error("the upstream closed the connection early")]
    Closed,
    /// The reply is not what the RFC allows.
    #[error("the upstream's reply is refused: {0}")]
    Invalid(Lie),
    /// No head in time.
    #[error("the upstream sent no response head in time")]
    Timeout,
    /// The client's body broke off.
    #[error("the client's request body broke off")]
    BodyIncomplete,
    /// The client's body is over the limit.
    #[error("the client's request body is too large")]
    BodyTooLarge,
}

/// A reply whose body may still be on its way.
pub struct Reply {
    /// Status code.
    pub status: StatusCode,
    /// End-to-end header fields, as the upstream sent them.
    pub headers: HeaderMap,
    /// Whether the body is a stream of Server-Sent Events.
    pub events: bool,
    /// The session that it names; not among the fields.
    pub session: Option<HeaderValue>,
    /// The body.
    pub body: Body,
    /// The deadline that guarded the head, unarmed, for whoever watches the body.
    pub deadline: Deadline,
}

/// How a remote upstream is reached.
pub type Connector = HttpsConnector<HttpConnector>;

/// One worker's way to the upstream.
pub struct Upstream {
    address: Address,
    head_timeout: Duration,
    idle_timeout: Duration,
    connector: Option<Connector>,
    clock: Clock,
    pool: pool::Pool,
    breaker: breaker::Breaker,
    stock: Stock,
    scratch: RefCell<Box<[u8]>>,
    spare: Cell<Vec<u8>>,
    values: head::Values,
}

impl Upstream {
    /// For one worker. `connector` is needed for [`Address::Remote`] only; replies on their way are counted in `stock`.
    pub fn new(
        address: Address,
        head_timeout: Duration,
        idle_timeout: Duration,
        connector: Option<Connector>,
        clock: Clock,
        stock: Stock,
    ) -> Self {
        let scratch = RefCell::new(vec![0; SCRATCH].into_boxed_slice());
        Self {
            address,
            head_timeout,
            idle_timeout,
            connector,
            clock,
            pool: pool::Pool::default(),
            breaker: breaker::Breaker::default(),
            stock,
            scratch,
            spare: Cell::default(),
            values: head::Values::default(),
        }
    }

    /// Sends `request` (a whole head, with the whole body behind it unless `rest` brings it) and waits for the head of
    /// the reply, whose fields take the place of the request's in `room`. Nothing is sent twice but for a pooled connection
    /// that was dead before the first byte left.
    ///
    /// # Errors
    /// Every [`Failure`].
    pub fn send<B>(
        self: &Rc<Self>,
        method: Method,
        request: Vec<u8>,
        mut room: HeaderMap,
        rest: Option<Streamed<B>>,
    ) -> Trip<B>
    where
        B: HttpBody<Data = Bytes> + Unpin,
    {
        room.clear();
        Trip::new(self, method, request, room, rest)
    }

    /// An empty buffer for the next request; [`Upstream::send`] gives it back once the request has left.
    pub fn buffer(&self) -> Vec<u8> {
        let mut buffer = self.spare.take();
        buffer.clear();
        buffer.reserve(1024);
        buffer
    }

    fn give_back(&self, buffer: Vec<u8>) {
        if buffer.capacity() <= LARGEST_SPARE {
            self.spare.set(buffer);
        }
    }

    /// Gives up idle connections in time; runs as long as the worker.
    pub async fn watch(&self) {
        loop {
            tokio::time::sleep(self.idle_timeout / pool::ROUNDS).await;
            self.pool.sweep();
        }
    }

    async fn dial(&self) -> io::Result<Stream> {
        match &self.address {
            Address::Tcp(address) => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                Ok(Stream::Tcp(stream))
            }
            Address::Unix(path) => Ok(Stream::Unix(UnixStream::connect(path).await?)),
            Address::Remote { https, host, port } => {
                let scheme = if *https { "https" } else { "http" };
                let uri: Uri = format!("{scheme}://{host}:{port}").parse().map_err(io::Error::other)?;
                let mut connector = self.connector.clone().ok_or(io::ErrorKind::Unsupported)?;
                let stream = connector.call(uri).await.map_err(io::Error::other)?;
                Ok(Stream::Remote(Box::new(TokioIo::new(stream))))
            }
        }
    }

    /// What is held for clients, of all workers.
    pub fn stock(&self) -> &Stock {
        &self.stock
    }

    /// Lends the worker's one read buffer for the time of one read; only the beginning of it while much is held for clients,
    /// so that what is read is not much more.
    fn scratch<T>(&self, read: impl FnOnce(&mut ReadBuf<'_>) -> T) -> T {
        let mut scratch = self.scratch.borrow_mut();
        let most = if self.stock.is_ample() { SCRATCH } else { PIECE };
        read(&mut ReadBuf::new(scratch.get_mut(..most).unwrap_or_default()))
    }
}
