//! A scripted HTTP/1.1 server: it does what a test tells it and remembers what it was sent.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;
use tokio::net::TcpSocket;

/// A request as it came.
#[derive(Clone)]
pub(crate) struct Request {
    /// Request line and header fields.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn method(&self) -> &str {
        self.head.split(' ').next().unwrap()
    }

    pub(crate) fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(':'))
            .find_map(|(field, value)| field.eq_ignore_ascii_case(name).then(|| value.trim()))
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The JSON-RPC method, or nothing.
    pub(crate) fn rpc(&self) -> String {
        self.json()["method"].as_str().unwrap_or_default().to_owned()
    }

    /// Whether `text` stands anywhere in the request.
    pub(crate) fn holds(&self, text: &str) -> bool {
        self.head.contains(text) || String::from_utf8_lossy(&self.body).contains(text)
    }
}

/// The way back. A client may leave at any time, so a failed write is nothing a script has to look at.
pub(crate) struct Reply<'c>(&'c mut dyn Write);

impl Reply<'_> {
    pub(crate) fn whole(&mut self, status: u16, headers: &[&str], body: &str) {
        self.head(status, &[headers, &[&format!("content-length: {}", body.len())]].concat());
        self.raw(body);
    }

    pub(crate) fn json(&mut self, body: &Value) {
        self.whole(200, &["content-type: application/json"], &body.to_string());
    }

    /// Begins an event stream.
    pub(crate) fn stream(&mut self, headers: &[&str]) {
        let own = ["content-type: text/event-stream", "transfer-encoding: chunked"];
        self.head(200, &[headers, &own].concat());
    }

    pub(crate) fn event(&mut self, body: &Value) {
        self.events(std::slice::from_ref(body));
    }

    /// Several events in one write.
    pub(crate) fn events(&mut self, bodies: &[Value]) {
        let text: String = bodies.iter().map(|body| format!("data: {body}\n\n")).collect();
        self.chunk(&text);
    }

    pub(crate) fn chunk(&mut self, text: &str) {
        self.raw(&format!("{:x}\r\n{text}\r\n", text.len()));
    }

    pub(crate) fn end(&mut self) {
        self.raw("0\r\n\r\n");
    }

    pub(crate) fn head(&mut self, status: u16, headers: &[&str]) {
        let lines: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
        self.raw(&format!("HTTP/1.1 {status} Scripted\r\n{lines}\r\n"));
    }

    fn raw(&mut self, text: &str) {
        let _ = self.0.write_all(text.as_bytes()).and_then(|()| self.0.flush());
    }
}

/// What a script does after its reply.
#[derive(PartialEq)]
pub(crate) enum Then {
    Listen,
    HangUp,
}

type Script = dyn Fn(&Request, &mut Reply<'_>) -> Then + Send + Sync;

/// The running server; it stops accepting when it is dropped.
pub(crate) struct Origin {
    address: SocketAddr,
    tls: bool,
    seen: Arc<Mutex<Vec<Request>>>,
    stopped: Arc<AtomicBool>,
}

impl Origin {
    pub(crate) fn start(script: impl Fn(&Request, &mut Reply<'_>) + Send + Sync + 'static) -> Self {
        Self::with(None, move |request: &Request, reply: &mut Reply<'_>| {
            script(request, reply);
            Then::Listen
        })
    }

    pub(crate) fn with(
        tls: Option<ServerConfig>,
        script: impl Fn(&Request, &mut Reply<'_>) -> Then + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = Self {
            address: listener.local_addr().unwrap(),
            tls: tls.is_some(),
            seen: Arc::default(),
            stopped: Arc::default(),
        };
        let (seen, stopped) = (origin.seen.clone(), origin.stopped.clone());
        let (script, tls): (Arc<Script>, _) = (Arc::new(script), tls.map(Arc::new));
        thread::spawn(move || {
            for connection in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let (script, seen, tls) = (script.clone(), seen.clone(), tls.clone());
                thread::spawn(move || {
                    let Ok(socket) = connection else { return };
                    let _ = match tls {
                        Some(tls) => {
                            serve(StreamOwned::new(ServerConnection::new(tls).unwrap(), socket), &*script, &seen)
                        }
                        None => serve(socket, &*script, &seen),
                    };
                });
            }
        });
        origin
    }

    pub(crate) fn url(&self, path: &str) -> String {
        if self.tls {
            format!("https://localhost:{}{path}", self.address.port())
        } else {
            format!("http://{}{path}", self.address)
        }
    }

    pub(crate) fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }

    /// The JSON-RPC methods in the order they came.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.seen().iter().map(Request::rpc).collect()
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

/// An address where nothing listens, and nothing else can while this is there.
pub(crate) struct Nobody(TcpSocket);

impl Nobody {
    pub(crate) fn new() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        Self(socket)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address())
    }
}

fn serve(mut connection: impl Read + Write, script: &Script, seen: &Mutex<Vec<Request>>) -> io::Result<()> {
    loop {
        let request = read(&mut connection)?;
        seen.lock().unwrap().push(request.clone());
        if script(&request, &mut Reply(&mut connection)) == Then::HangUp {
            return Ok(());
        }
    }
}

fn read(connection: &mut (impl Read + Write)) -> io::Result<Request> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        connection.read_exact(&mut byte)?;
        head.extend(byte);
        if !head[0].is_ascii_uppercase() {
            // As any HTTP server answers a TLS handshake.
            connection.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")?;
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
    let mut request = Request { head: String::from_utf8_lossy(&head).into_owned(), body: Vec::new() };
    let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
    request.body.resize(length, 0);
    connection.read_exact(&mut request.body)?;
    Ok(request)
}
