//! A scripted HTTP/1.1 server on loopback: it does what the test says, byte by byte, and remembers what it was sent.
//!
//! Two ways to play it. [`Origin::start`]: the test takes each request with [`Origin::next`] and answers by hand.
//! [`Origin::answering`]: each request is answered at once with the bytes that a function makes of it.

use super::deadline::within;
use super::fields::{Fields, Head};
use super::framing::{Framing, Piece};
use super::setup::Upstream;
use super::wire::Wire;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{Mutex as AsyncMutex, mpsc};
use tokio::task::{AbortHandle, JoinSet};

/// A request as the origin got it.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) head: Head,
    /// Its body without framing, as far as it has been read.
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn method(&self) -> &str {
        self.head.start.split(' ').next().unwrap()
    }

    pub(crate) fn target(&self) -> &str {
        self.head.start.split(' ').nth(1).unwrap()
    }

    pub(crate) fn fields(&self) -> &Fields {
        &self.head.fields
    }

    /// Method, target, framing and body of a request that has come whole, on one line. Fails unless the rest is as the
    /// gateway writes it: one `Host`, one name of the client, nothing that is for one hop.
    pub(crate) fn canonical(&self) -> String {
        let fields = self.fields();
        let framing = match (fields.one("content-length"), fields.one("transfer-encoding")) {
            (Some(length), None) => length,
            (None, Some(coding)) => coding,
            (None, None) => "-",
            (Some(_), Some(_)) => panic!("two framings: {fields:?}"),
        };
        for name in ["connection", "upgrade", "trailer", "expect", "te", "keep-alive", "cookie"] {
            assert!(!fields.has(name), "`{name}` is passed on: {fields:?}");
        }
        assert_eq!((fields.all("host").len(), fields.all("x-client-id").len()), (1, 1), "{fields:?}");
        format!("{} {} {framing} {}", self.method(), self.target(), String::from_utf8_lossy(&self.body))
    }
}

/// A running origin. It hangs up everything when it is dropped.
pub(crate) struct Origin {
    url: String,
    address: Option<SocketAddr>,
    shared: Arc<Shared>,
    arrivals: AsyncMutex<mpsc::UnboundedReceiver<Exchange>>,
    accepting: AbortHandle,
}

struct Shared {
    requests: Mutex<Vec<Request>>,
    connections: Mutex<usize>,
    arrived: mpsc::UnboundedSender<Exchange>,
    tasks: Mutex<JoinSet<()>>,
    answer: Option<Answer>,
}

type Answer = Box<dyn Fn(&Request) -> Vec<u8> + Send + Sync>;

impl Origin {
    /// Played by hand.
    pub(crate) async fn start() -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap()).await
    }

    /// Played by hand, on an address where another one may have been.
    pub(crate) async fn start_at(address: SocketAddr) -> Self {
        Self::listen(TcpListener::bind(address).await.unwrap(), None)
    }

    /// Answers each request, once its body is there, with the bytes that `answer` gives, and hangs up when they say
    /// `connection: close`.
    pub(crate) async fn answering(answer: impl Fn(&Request) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::listen(TcpListener::bind("127.0.0.1:0").await.unwrap(), Some(Box::new(answer)))
    }

    /// As [`Origin::answering`], on a Unix socket.
    pub(crate) fn answering_at(path: &Path, answer: impl Fn(&Request) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = UnixListener::bind(path).unwrap();
        let (shared, arrivals) = Shared::new(Some(Box::new(answer)));
        let own = shared.clone();
        let accept = async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                own.connected(Wire::new(socket));
            }
        };
        let accepting = tokio::spawn(accept).abort_handle();
        Self { url: format!("unix:{}", path.display()), address: None, shared, arrivals: arrivals.into(), accepting }
    }

    fn listen(listener: TcpListener, answer: Option<Answer>) -> Self {
        let address = listener.local_addr().unwrap();
        let (shared, arrivals) = Shared::new(answer);
        let own = shared.clone();
        let accept = async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                socket.set_nodelay(true).unwrap();
                own.connected(Wire::new(socket));
            }
        };
        let accepting = tokio::spawn(accept).abort_handle();
        let url = format!("http://{address}");
        Self { url, address: Some(address), shared, arrivals: arrivals.into(), accepting }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address.expect("an origin on TCP")
    }

    /// The next request, as soon as its head is there. The body is read by [`Exchange::body`].
    pub(crate) async fn next(&self) -> Exchange {
        let mut arrivals = self.arrivals.lock().await;
        within("a request reaches the origin", arrivals.recv()).await.expect("the origin lives")
    }

    /// The next request, as soon as all of it is there.
    pub(crate) async fn whole(&self) -> Exchange {
        let mut exchange = self.next().await;
        exchange.body().await;
        exchange
    }

    /// Every request so far, in the order in which their heads came.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// The request that came last.
    pub(crate) fn last(&self) -> Request {
        self.shared.requests.lock().unwrap().last().expect("a request").clone()
    }

    /// How many connections there were so far.
    pub(crate) fn connections(&self) -> usize {
        *self.shared.connections.lock().unwrap()
    }
}

impl Upstream for Origin {
    fn url(&self) -> String {
        self.url.clone()
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.accepting.abort();
        self.shared.tasks.lock().unwrap().abort_all();
    }
}

impl Shared {
    fn new(answer: Option<Answer>) -> (Arc<Self>, mpsc::UnboundedReceiver<Exchange>) {
        let (arrived, arrivals) = mpsc::unbounded_channel();
        let requests = Mutex::default();
        (Arc::new(Self { requests, connections: Mutex::default(), arrived, tasks: Mutex::default(), answer }), arrivals)
    }

    fn connected(self: &Arc<Self>, wire: Wire) {
        let mut connections = self.connections.lock().unwrap();
        let connection = *connections;
        *connections += 1;
        self.serve(wire, connection);
    }

    fn serve(self: &Arc<Self>, wire: Wire, connection: usize) {
        let shared = self.clone();
        self.tasks.lock().unwrap().spawn(async move {
            match &shared.answer {
                Some(answer) => shared.play(wire, connection, answer).await,
                None => {
                    if let Some(exchange) = shared.receive(wire, connection).await {
                        let _ = shared.arrived.send(exchange);
                    }
                }
            }
        });
    }

    async fn play(self: &Arc<Self>, mut wire: Wire, connection: usize, answer: impl Fn(&Request) -> Vec<u8>) {
        while let Some(mut exchange) = self.receive(wire, connection).await {
            if !exchange.body_is_whole().await {
                return;
            }
            let bytes = answer(&exchange.request());
            let head = bytes.windows(4).position(|b| b == b"\r\n\r\n").map_or(&bytes[..], |end| &bytes[..end]);
            let last = String::from_utf8_lossy(head).to_ascii_lowercase().contains("connection: close");
            if exchange.wire.offer(&bytes).await.is_err() || last {
                return;
            }
            wire = exchange.wire;
        }
    }

    async fn receive(self: &Arc<Self>, mut wire: Wire, connection: usize) -> Option<Exchange> {
        let head = wire.head().await?;
        let framing = Framing::of_request(&head);
        let mut requests = self.requests.lock().unwrap();
        requests.push(Request { head, body: Vec::new() });
        let number = requests.len() - 1;
        Some(Exchange { wire, framing, number, connection, shared: self.clone() })
    }
}

/// A request with the way back, played by hand. Dropping it hangs up.
pub(crate) struct Exchange {
    wire: Wire,
    framing: Framing,
    number: usize,
    /// Which connection it came by, counted from 0.
    pub(crate) connection: usize,
    shared: Arc<Shared>,
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

/// A whole JSON reply.
pub(crate) fn ok(body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
}
