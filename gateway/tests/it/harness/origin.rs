//! A scripted HTTP/1.1 server on loopback: it does what the test says, byte by byte, and remembers what it was sent.
//!
//! Two ways to play it. [`Origin::start`]: the test takes each request with [`Origin::next`] and answers by hand.
//! [`Origin::answering`]: each request is answered at once with the bytes that a function makes of it.

mod exchange;
mod request;

pub(crate) use exchange::Exchange;
pub(crate) use request::Request;

use super::deadline::within;
use super::fields::Fields;
use super::framing::Framing;
use super::setup::Upstream;
use super::wire::Wire;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{Mutex as AsyncMutex, mpsc};
use tokio::task::{AbortHandle, JoinSet};

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

    /// Answers every request, and gives them as they are to be ([`Request::canonical`]), as far as they have come whole.
    pub(crate) async fn canonical() -> (Self, Arc<Mutex<Vec<String>>>) {
        let whole = Arc::<Mutex<Vec<String>>>::default();
        let got = whole.clone();
        let answer = move |request: &Request| {
            got.lock().unwrap().push(request.canonical());
            ok("{}")
        };
        (Self::answering(answer).await, whole)
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

    /// The next request, as soon as all of it is there, with these bytes for an answer.
    pub(crate) async fn answers(&self, bytes: impl AsRef<[u8]>) -> Exchange {
        let mut exchange = self.whole().await;
        exchange.send(bytes).await;
        exchange
    }

    /// The next request, as soon as all of it is there, with an event stream begun whose `head` has come to its client.
    pub(crate) async fn streams(&self, head: impl Future<Output = (u16, Fields)>) -> Exchange {
        let mut exchange = self.whole().await;
        exchange.stream().await;
        assert_eq!(head.await.0, 200);
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

/// A whole JSON reply.
pub(crate) fn ok(body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
}
