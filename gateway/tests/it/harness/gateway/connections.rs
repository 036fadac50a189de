//! The ways to it.

use super::Gateway;
use crate::harness::certificates::Certificates;
use crate::harness::client::{Client, Http1, Http2, Protocol, Raw2};
use crate::harness::deadline::within;
use crate::harness::{Ask, Reply};
use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, SupportedProtocolVersion};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

impl Gateway {
    /// A TLS connection from a client that offers `protocols` over `versions`.
    pub(crate) async fn tls(
        &self,
        protocols: &[&str],
        versions: &[&'static SupportedProtocolVersion],
    ) -> io::Result<TlsStream<TcpStream>> {
        let socket = TcpStream::connect(self.public).await?;
        handshake(socket, Certificates::get().client(protocols, versions)).await
    }

    /// A TLS connection over a socket that is connected already.
    pub(crate) async fn tls_over(&self, socket: TcpStream, protocol: Protocol) -> io::Result<TlsStream<TcpStream>> {
        handshake(socket, Certificates::get().client(&[protocol.name()], &[&TLS13, &TLS12])).await
    }

    /// A TLS connection from a client that trusts the authority of `certificates`.
    pub(crate) async fn tls_trusting(
        &self,
        certificates: &Certificates,
        protocol: Protocol,
    ) -> io::Result<TlsStream<TcpStream>> {
        let socket = TcpStream::connect(self.public).await?;
        handshake(socket, certificates.client(&[protocol.name()], &[&TLS13])).await
    }

    /// A TLS connection from a client that is set up like this.
    pub(crate) async fn tls_as(&self, config: impl Into<Arc<ClientConfig>>) -> io::Result<TlsStream<TcpStream>> {
        handshake(TcpStream::connect(self.public).await?, config).await
    }

    pub(crate) async fn http1(&self) -> Http1 {
        let io = self.tls(&["http/1.1"], &[&TLS13, &TLS12]).await.expect("a TLS connection");
        Http1::new(io, self.authority())
    }

    pub(crate) async fn http2(&self) -> Http2 {
        let io = self.tls(&["h2"], &[&TLS13, &TLS12]).await.expect("a TLS connection");
        Http2::new(io, self.authority()).await
    }

    /// A connection over h2 on which a test writes the frames.
    pub(crate) async fn raw2(&self) -> Raw2 {
        Raw2::new(self.tls(&["h2"], &[&TLS13, &TLS12]).await.expect("a TLS connection")).await
    }

    /// A connection over `protocol`.
    pub(crate) async fn client(&self, protocol: Protocol) -> Client {
        match protocol {
            Protocol::Http1 => Client::One(self.http1().await),
            Protocol::Http2 => Client::Two(self.http2().await),
        }
    }

    /// A connection without TLS: to the admin listener or the plaintext one.
    pub(crate) async fn plain(&self, address: SocketAddr) -> Http1 {
        Http1::new(TcpStream::connect(address).await.expect("a connection"), address.to_string())
    }

    /// Asks the admin listener, on a connection of its own.
    pub(crate) async fn admin(&self, target: &str) -> Reply {
        self.plain(self.admin).await.ask(&Ask::get(target)).await
    }
}

async fn handshake(socket: TcpStream, config: impl Into<Arc<ClientConfig>>) -> io::Result<TlsStream<TcpStream>> {
    socket.set_nodelay(true)?;
    let name = ServerName::try_from("localhost").expect("a name");
    within("a TLS handshake", TlsConnector::from(config.into()).connect(name, socket)).await
}
