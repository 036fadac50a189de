//! A backend in this process, and the requests that clients send.

use std::{net::SocketAddr, time::Duration};

use reqwest::{StatusCode, header::HeaderMap};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use weather_backend::{Metrics, Server, Source};

pub(crate) const REVISIONS: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];
pub(crate) const MODERN: &str = "2026-07-28";

/// A running backend; it stops when it is dropped.
pub(crate) struct Backend {
    pub(crate) address: SocketAddr,
    pub(crate) metrics: Metrics,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<std::io::Result<()>>,
}

impl Backend {
    pub(crate) async fn start(source: Source) -> Self {
        Self::start_server(Server::new(source)).await
    }

    pub(crate) async fn start_server(server: Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let metrics = server.metrics();
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(server.serve(listener, async {
            let _ = stopped.await;
        }));
        Self { address, metrics, stop: Some(stop), served }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Tells it to stop; the answer of [`Backend::ended`] says that it did.
    pub(crate) fn stop(&mut self) {
        drop(self.stop.take());
    }

    pub(crate) async fn ended(mut self) {
        self.stop();
        self.served.await.unwrap().unwrap();
    }

    /// Calls a tool as a client of 2025-11-25 does, and gives the result.
    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Value {
        let params = json!({"name": tool, "arguments": arguments});
        self.post(&request("tools/call", params)).await.result()
    }

    pub(crate) async fn post(&self, message: &Value) -> Reply {
        self.post_with(message, &[("mcp-protocol-version", "2025-11-25")]).await
    }

    /// Posts as a client of 2026-07-28 does: with the metadata in the message and its mirror in the headers.
    pub(crate) async fn post_modern(&self, method: &str, params: Value) -> Reply {
        let name = params["name"].as_str().unwrap_or_default().to_owned();
        let mut headers = vec![("mcp-protocol-version", MODERN), ("mcp-method", method)];
        if !name.is_empty() {
            headers.push(("mcp-name", &name));
        }
        self.post_with(&request(method, modern(params)), &headers).await
    }

    pub(crate) async fn post_with(&self, message: &Value, headers: &[(&str, &str)]) -> Reply {
        let mut request = client()
            .post(self.url("/mcp"))
            .header("accept", "application/json, text/event-stream")
            .header("content-type", "application/json")
            .body(message.to_string());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Reply::read(request.send().await.unwrap()).await
    }
}

pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) async fn read(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        Self { status, headers, body: response.text().await.unwrap() }
    }

    /// The JSON-RPC messages, whether they came as JSON or as events.
    pub(crate) fn messages(&self) -> Vec<Value> {
        if self.headers["content-type"].to_str().unwrap().starts_with("application/json") {
            return vec![serde_json::from_str(&self.body).unwrap()];
        }
        let events = self.body.lines().filter_map(|line| line.strip_prefix("data:"));
        events
            .map(str::trim)
            .filter(|event| !event.is_empty())
            .map(|event| serde_json::from_str(event).unwrap())
            .collect()
    }

    /// The result in the last message.
    pub(crate) fn result(&self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.body);
        let last = self.messages().pop().unwrap();
        assert!(last["result"].is_object(), "{last}");
        last["result"].clone()
    }
}

/// The text of a tool's result.
pub(crate) fn text(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap()
}

pub(crate) fn request(method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params})
}

pub(crate) fn initialize(revision: &str) -> Value {
    let client = json!({"name": "test", "version": "1"});
    request("initialize", json!({"protocolVersion": revision, "capabilities": {}, "clientInfo": client}))
}

/// `params` with what 2026-07-28 wants in every request.
pub(crate) fn modern(mut params: Value) -> Value {
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!(MODERN);
    params["_meta"]["io.modelcontextprotocol/clientInfo"] = json!({"name": "test", "version": "1"});
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
    params
}

pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .tls_backend_preconfigured(no_tls())
        .no_proxy()
        .timeout(Duration::from_secs(60))
        .build()
        .unwrap()
}

/// Tests speak plain HTTP on loopback; a client must be given some TLS nevertheless, since no provider is installed.
fn no_tls() -> rustls::ClientConfig {
    rustls::ClientConfig::builder_with_provider(rustls::crypto::aws_lc_rs::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth()
}
