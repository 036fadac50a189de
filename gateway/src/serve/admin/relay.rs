//! The MCP server's own metrics, for who can reach this port but not the server's loopback.

use super::text;
use crate::config::settings::MetricsSource;
use crate::upstream::Address;
use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::error::Error;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

/// Largest scrape that is passed on, in bytes.
const LARGEST: usize = 8 << 20;
/// How long it may take; Prometheus waits 10 s.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the server answers, if it is metrics; 502 and why not, if it is not.
pub(super) async fn metrics(source: &MetricsSource, accept: Option<&HeaderValue>) -> Response<Full<Bytes>> {
    let fetched = tokio::time::timeout(PATIENCE, fetch(source, accept)).await;
    let why = match fetched {
        Ok(Ok(response)) => return response,
        Ok(Err(cause)) => cause.to_string(),
        Err(_) => format!("no answer within {PATIENCE:?}"),
    };
    text(StatusCode::BAD_GATEWAY, format!("the upstream's metrics cannot be fetched: {why}\n"))
}

type Fault = Box<dyn Error + Send + Sync>;

async fn fetch(source: &MetricsSource, accept: Option<&HeaderValue>) -> Result<Response<Full<Bytes>>, Fault> {
    let mut request = Request::get(&source.path).header(header::HOST, source.address.host());
    if let Some(accept) = accept {
        request = request.header(header::ACCEPT, accept);
    }
    let request = request.body(Empty::<Bytes>::new())?;
    let response = match &source.address {
        Address::Tcp(address) => send(TcpStream::connect(address).await?, request).await?,
        Address::Unix(path) => send(UnixStream::connect(path).await?, request).await?,
        Address::Remote { .. } => return Err("it is on another machine".into()),
    };
    let (parts, body) = response.into_parts();
    if parts.status != StatusCode::OK {
        return Err(format!("it answers {}", parts.status).into());
    }
    let kind = parts.headers.get(header::CONTENT_TYPE).cloned().unwrap_or(HeaderValue::from_static("text/plain"));
    let known = |kind: &str| kind.starts_with("text/plain") || kind.starts_with("application/openmetrics-text");
    if !kind.to_str().is_ok_and(known) || parts.headers.contains_key(header::CONTENT_ENCODING) {
        return Err("its answer is not in Prometheus' text format".into());
    }
    let body = Limited::new(body, LARGEST).collect().await?.to_bytes();
    let mut response = Response::new(Full::new(body));
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(response)
}

async fn send<S>(stream: S, request: Request<Empty<Bytes>>) -> hyper::Result<Response<Incoming>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection); // ends with the body, or when that is dropped
    sender.send_request(request).await
}
