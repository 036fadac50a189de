//! A lane carries one request after the other: a connection of HTTP/1.1, or a place on a connection of h2.

use crate::backend::id;
use crate::http1::Http1;
use bytes::Bytes;
use h2::client::SendRequest;
use h2::{RecvStream, client};
use http::Request;
use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const FIELDS: [(&str, &str); 4] = [
    ("user-agent", "gateway-bench"),
    ("accept", "application/json, text/event-stream"),
    ("content-type", "application/json"),
    ("mcp-protocol-version", "2025-06-18"),
];
/// Windows of h2, in bytes: of a stream, and of a connection. The proxies' speed is measured, not the client's patience.
const WINDOWS: (u32, u32) = (1 << 20, 16 << 20);

/// Where lanes lead, and as whom.
pub(crate) struct Target {
    address: SocketAddr,
    key: Option<String>,
    http2: bool,
    tls: TlsConnector,
}

impl Target {
    /// One key exchange and one cipher for each version of TLS, so that all proxies do the same cryptography.
    pub(crate) fn new(
        address: SocketAddr,
        ca: &Path,
        key: Option<&str>,
        http2: bool,
        resumed: bool,
    ) -> io::Result<Self> {
        let provider = CryptoProvider {
            cipher_suites: vec![aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256],
            kx_groups: vec![aws_lc_rs::kx_group::X25519],
            ..aws_lc_rs::default_provider()
        };
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(ca).map_err(io::Error::other)?).map_err(io::Error::other)?;
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![if http2 { b"h2".to_vec() } else { b"http/1.1".to_vec() }];
        if !resumed {
            config.resumption = Resumption::disabled();
        }
        Ok(Self { address, key: key.map(str::to_owned), http2, tls: TlsConnector::from(Arc::new(config)) })
    }

    async fn connect(&self) -> io::Result<Connection> {
        let socket = TcpStream::connect(self.address).await?;
        socket.set_nodelay(true)?;
        let server = ServerName::try_from("localhost").map_err(io::Error::other)?;
        let stream = self.tls.connect(server, socket).await?;
        if !self.http2 {
            return Ok(Connection::Http1(Box::new(Http1::new(stream))));
        }
        let mut builder = client::Builder::new();
        builder.initial_window_size(WINDOWS.0).initial_connection_window_size(WINDOWS.1);
        let (sender, connection) = builder.handshake(stream).await.map_err(io::Error::other)?;
        tokio::task::spawn_local(connection);
        Ok(Connection::Http2(sender))
    }

    fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        FIELDS.into_iter().chain(self.key.as_deref().map(|key| ("x-api-key", key)))
    }

    /// As HTTP/1.1 writes it; a request with a body is a POST.
    fn written(&self, path: &str, body: &str) -> Vec<u8> {
        let method = if body.is_empty() { "GET" } else { "POST" };
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n");
        self.fields().for_each(|(name, value)| request.extend([name, ": ", value, "\r\n"]));
        if !body.is_empty() {
            request.extend(["content-length: ", &body.len().to_string(), "\r\n"]);
        }
        request.extend(["\r\n", body]);
        request.into_bytes()
    }

    /// The head of the same for h2.
    fn head(&self, path: &str, body: &str) -> io::Result<Request<()>> {
        let method = if body.is_empty() { "GET" } else { "POST" };
        let mut head = Request::builder().method(method).uri(format!("https://localhost{path}"));
        for (name, value) in self.fields() {
            head = head.header(name, value);
        }
        if !body.is_empty() {
            head = head.header("content-length", body.len());
        }
        head.body(()).map_err(io::Error::other)
    }
}

enum Connection {
    Http1(Box<Http1>),
    Http2(SendRequest<Bytes>),
}

/// See above. One that broke connects anew.
pub(crate) struct Lane {
    target: Rc<Target>,
    connection: Option<Connection>,
    calls: u64,
}

impl Lane {
    pub(crate) async fn open(target: Rc<Target>) -> io::Result<Self> {
        let connection = Some(target.connect().await?);
        Ok(Self { target, connection, calls: 0 })
    }

    /// Another lane on the same connection of h2.
    pub(crate) fn beside(&self) -> Option<Self> {
        let Some(Connection::Http2(sender)) = &self.connection else { return None };
        Some(Self { target: self.target.clone(), connection: Some(Connection::Http2(sender.clone())), calls: 0 })
    }

    /// Asks for a page.
    pub(crate) async fn get(&mut self, path: &str) -> io::Result<Reply<'_>> {
        self.ask(path, String::new()).await
    }

    /// Calls a tool; the answer must have this status and, if it is 200, be the answer to this call.
    pub(crate) async fn call(&mut self, expected: u16) -> io::Result<()> {
        self.calls += 1;
        let number = 1_000_000 + self.calls;
        let called = self.answer(number).await;
        let broken = match &self.connection {
            Some(Connection::Http1(http1)) => http1.is_last(),
            Some(Connection::Http2(_)) | None => false,
        };
        if broken || called.is_err() {
            self.connection = None;
        }
        let (status, body) = called?;
        if status != expected {
            return Err(io::Error::other(format!("status {status} instead of {expected}")));
        }
        if status == 200 && id(&body) != Some(number.to_string().as_bytes()) {
            return Err(io::Error::other("somebody else's answer"));
        }
        Ok(())
    }

    async fn answer(&mut self, number: u64) -> io::Result<(u16, Vec<u8>)> {
        let call = format!(
            r#"{{"jsonrpc":"2.0","id":{number},"method":"tools/call","params":{{"name":"get_forecast","arguments":{{"latitude":47.6,"longitude":-122.3}}}}}}"#
        );
        let mut reply = self.ask("/mcp", call).await?;
        let mut body = Vec::new();
        while let Some(piece) = reply.data().await? {
            body.extend_from_slice(&piece);
        }
        Ok((reply.status, body))
    }

    async fn ask(&mut self, path: &str, body: String) -> io::Result<Reply<'_>> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.target.connect().await?,
        };
        match self.connection.insert(connection) {
            Connection::Http1(http1) => {
                let status = http1.ask(&self.target.written(path, &body)).await?;
                Ok(Reply { status, body: Body::Http1(http1) })
            }
            Connection::Http2(sender) => {
                let mut sender = sender.clone().ready().await.map_err(io::Error::other)?;
                let head = self.target.head(path, &body)?;
                let (reply, mut sending) = sender.send_request(head, body.is_empty()).map_err(io::Error::other)?;
                if !body.is_empty() {
                    sending.send_data(body.into(), true).map_err(io::Error::other)?;
                }
                let reply = reply.await.map_err(io::Error::other)?;
                Ok(Reply { status: reply.status().as_u16(), body: Body::Http2(reply.into_body()) })
            }
        }
    }

    /// Ends the connection; says whether its session was a resumed one.
    pub(crate) async fn close(self) -> io::Result<bool> {
        let Some(Connection::Http1(mut http1)) = self.connection else { return Ok(false) };
        let resumed = http1.resumed();
        http1.close().await.map(|()| resumed)
    }
}

/// What a proxy answers.
pub(crate) struct Reply<'a> {
    pub(crate) status: u16,
    body: Body<'a>,
}

enum Body<'a> {
    Http1(&'a mut Http1),
    Http2(RecvStream),
}

impl Reply<'_> {
    /// The next piece of the body, until there is none.
    pub(crate) async fn data(&mut self) -> io::Result<Option<Bytes>> {
        match &mut self.body {
            Body::Http1(http1) => http1.data().await,
            Body::Http2(stream) => {
                let Some(piece) = stream.data().await else { return Ok(None) };
                let piece = piece.map_err(io::Error::other)?;
                stream.flow_control().release_capacity(piece.len()).map_err(io::Error::other)?;
                Ok(Some(piece))
            }
        }
    }
}
