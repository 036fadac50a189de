//! How a server lives: its routes, and how it stops.

use std::{io, pin::pin, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    http::{StatusCode, header},
    middleware,
    response::IntoResponse,
    routing::get,
};
use rmcp::transport::streamable_http_server::{
    StreamableHttpServerConfig, StreamableHttpService, session::never::NeverSessionManager,
};
use serde::Serialize;
use serde_json::json;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    Listener, Metrics, Source, listener, loopback,
    tools::{self, Tools},
};

const DRAIN: Duration = Duration::from_secs(25);

/// How long answers that are ready may take to leave once the deadline has passed.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Serves `source` on `listener` until `shutdown` completes and running calls have ended, for which they have 25 seconds.
///
/// # Errors
/// None at present: a listener that fails to accept is tried again.
pub async fn serve(
    listener: impl Into<Listener>,
    source: Source,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    Server::new(source).serve(listener, shutdown).await
}

/// Serves `metrics` at `/metrics` on `listener` for as long as it is polled.
///
/// # Errors
/// As [`serve`].
pub async fn serve_metrics(listener: impl Into<Listener>, metrics: Metrics) -> io::Result<()> {
    let text = move || async move { ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], metrics.text()) };
    let router = Router::new().route("/metrics", get(text)).layer(middleware::from_fn(loopback::only));
    match listener.into() {
        Listener::Tcp(listener) => axum::serve(listener, router).await,
        Listener::Unix(listener, _file) => axum::serve(listener, router).await,
    }
}

/// A server that is not running yet.
#[derive(Debug)]
pub struct Server {
    source: Source,
    metrics: Metrics,
    drain_timeout: Duration,
}

impl Server {
    /// A server of `source`, with counters of its own and 25 seconds to drain.
    pub fn new(source: Source) -> Self {
        Self { source, metrics: Metrics::new(), drain_timeout: DRAIN }
    }

    /// How long running calls may take once the server is told to stop.
    #[must_use]
    pub fn drain_timeout(self, drain_timeout: Duration) -> Self {
        Self { drain_timeout, ..self }
    }

    /// The counters, for [`serve_metrics`].
    pub fn metrics(&self) -> Metrics {
        self.metrics.clone()
    }

    /// The routes alone, for whoever serves them by other means; running calls end with the service.
    pub fn router(self) -> Router {
        router(self.source, self.metrics, &Stop::default())
    }

    /// Serves on `listener` until `shutdown` completes and running calls have ended.
    ///
    /// From then on no connection is accepted, and running calls may finish until the drain timeout. Those that are still
    /// running then are answered with a tool error that says so.
    ///
    /// # Errors
    /// As [`serve`].
    pub async fn serve(
        self,
        listener: impl Into<Listener>,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let stop = Stop::default();
        let router = router(self.source, self.metrics, &stop);
        match listener.into() {
            Listener::Tcp(tcp) => run(listener::without_delay(tcp), router, shutdown, stop, self.drain_timeout).await,
            Listener::Unix(unix, _file) => run(unix, router, shutdown, stop, self.drain_timeout).await,
        }
    }
}

/// What ends calls before they are done. Cancelling a stream cuts its call without an answer, so calls are stopped first.
#[derive(Default)]
struct Stop {
    calls: CancellationToken,
    streams: CancellationToken,
}

async fn run<L>(
    listener: L,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
    stop: Stop,
    drain_timeout: Duration,
) -> io::Result<()>
where
    L: axum::serve::Listener,
    L::Addr: std::fmt::Debug,
{
    let draining = CancellationToken::new();
    let begun = draining.clone();
    let serving = axum::serve(listener, router).with_graceful_shutdown(async move {
        shutdown.await;
        begun.cancel();
    });
    let mut serving = pin!(serving.into_future());
    let deadline = async {
        draining.cancelled().await;
        sleep(drain_timeout).await;
    };
    tokio::select! {
        ended = &mut serving => return ended,
        () = deadline => {}
    }
    tracing::warn!(?drain_timeout, "calls are still running at the drain deadline; they are ended");
    stop.calls.cancel();
    if timeout(LAST_WORDS, &mut serving).await.is_err() {
        stop.streams.cancel();
        let _ = timeout(LAST_WORDS, &mut serving).await;
    }
    Ok(())
}

fn router(source: Source, metrics: Metrics, stop: &Stop) -> Router {
    let tools = Arc::new(Tools::new(source, metrics, stop.calls.clone()));
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_allowed_hosts(loopback::HOSTS)
        .with_allowed_origins(loopback::ORIGINS)
        .enforce_origin_validation()
        .with_cancellation_token(stop.streams.clone());
    let mcp = StreamableHttpService::new(move || Ok(tools.clone()), Arc::new(NeverSessionManager::default()), config);
    Router::new()
        .route("/", get(about))
        .route("/health", get(health))
        .route_service("/mcp", mcp.clone())
        .route_service("/mcp/", mcp)
        .fallback(unknown)
        .layer(middleware::from_fn(loopback::only))
}

/// What `GET /` says; its members are written in this order.
#[derive(Serialize)]
struct About {
    name: &'static str,
    version: &'static str,
    description: &'static str,
    authentication: &'static str,
    tools: [&'static str; 2],
    mcp: &'static str,
    status: &'static str,
}

async fn about() -> impl IntoResponse {
    Json(About {
        name: "Secure Weather MCP Server",
        version: env!("CARGO_PKG_VERSION"),
        description: env!("CARGO_PKG_DESCRIPTION"),
        authentication: "Required for MCP endpoints (X-API-Key header)",
        tools: tools::NAMES,
        mcp: "/mcp",
        status: "running",
    })
}

/// What `GET /health` says; its members are written in this order.
#[derive(Serialize)]
struct Health {
    status: &'static str,
    service: &'static str,
}

async fn health() -> impl IntoResponse {
    Json(Health { status: "healthy", service: "weather-mcp-server" })
}

async fn unknown() -> impl IntoResponse {
    (StatusCode::NOT_FOUND, Json(json!({ "detail": "There is nothing at this path. MCP is served at /mcp." })))
}
