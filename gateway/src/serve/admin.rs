//! The operator's door: metrics and probes, plain HTTP, never on the public port.

mod checks;
mod relay;

pub(super) use checks::Reach;

use super::Phase;
use super::breath::Breath;
use crate::config::settings::MetricsSource;
use crate::record::Metrics;
use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::json;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tracing::{debug, error};

/// Most admin connections at once; a scraper needs one.
const MOST: usize = 64;
/// Longest life of an admin connection.
const LIFE: Duration = Duration::from_secs(60);

const HERE: &str = "not found; here are /metrics, /upstream-metrics, /status.json, /livez and /readyz\n";

/// What the operator's door shows.
#[derive(Clone)]
pub struct Admin {
    pub(super) metrics: Arc<Metrics>,
    pub(super) phase: watch::Receiver<Phase>,
    pub(super) upstream: Reach,
    /// Where the upstream's own metrics are.
    pub(super) source: Option<Arc<MetricsSource>>,
}

impl Admin {
    /// Answers until it is dropped.
    pub(super) async fn serve(self, listener: std::net::TcpListener) {
        let listener = match TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(cause) => return error!(%cause, "the admin listener cannot be served"),
        };
        let places = Arc::new(tokio::sync::Semaphore::new(MOST));
        let mut breath = Breath::default();
        loop {
            let Ok(place) = places.clone().acquire_owned().await else { return };
            match listener.accept().await {
                Ok((socket, peer)) => {
                    breath.taken();
                    let admin = self.clone();
                    tokio::spawn(async move {
                        let service = service_fn(move |request| {
                            let admin = admin.clone();
                            async move { Ok::<_, Infallible>(admin.answer(&request).await) }
                        });
                        let served = http1::Builder::new().serve_connection(TokioIo::new(socket), service);
                        if let Ok(Err(cause)) = tokio::time::timeout(LIFE, served).await {
                            debug!(%peer, %cause, "admin connection broke");
                        }
                        drop(place);
                    });
                }
                Err(cause) => breath.take(&cause).await,
            }
        }
    }

    async fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD here\n".into());
        }
        match request.uri().path() {
            "/metrics" => {
                let mut response = text(StatusCode::OK, self.metrics.text());
                let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
                response.headers_mut().insert(header::CONTENT_TYPE, kind);
                response
            }
            "/livez" => text(StatusCode::OK, "ok\n".into()),
            "/readyz" => self.ready(request.uri().query()).await,
            "/status.json" => self.status().await,
            "/upstream-metrics" => match &self.source {
                Some(source) => relay::metrics(source, request.headers().get(header::ACCEPT)).await,
                None => text(StatusCode::NOT_FOUND, "upstream.metrics does not say where they are\n".into()),
            },
            _ => text(StatusCode::NOT_FOUND, HERE.into()),
        }
    }

    async fn status(&self) -> Response<Full<Bytes>> {
        let mut status = self.metrics.status(SystemTime::now());
        status.insert("state".to_owned(), self.phase.borrow().word().into());
        let (reached, address) = (self.upstream.reached().await, self.upstream.address().to_string());
        let upstream = json!({"url": address, "reachable": reached.is_ok(), "error": reached.err()});
        status.insert("upstream".to_owned(), upstream);
        let mut response = text(StatusCode::OK, format!("{:#}\n", serde_json::Value::Object(status)));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }

    /// `?verbose` lists what was looked at.
    async fn ready(&self, query: Option<&str>) -> Response<Full<Bytes>> {
        let verbose = query.is_some_and(|query| query.split('&').any(|word| word == "verbose" || word == "verbose=1"));
        let checks = self.checks(verbose).await;
        let failed = checks.iter().find(|check| check.fails());
        let status = if failed.is_some() { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
        if verbose {
            return text(status, checks::listed(&checks));
        }
        let why = failed.and_then(checks::Check::fault);
        text(status, format!("{}\n", why.unwrap_or("ok")))
    }
}

fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
