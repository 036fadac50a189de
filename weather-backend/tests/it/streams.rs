//! Progress before each step upstream, and a client that leaves ends what runs for it. With rmcp's own client, and bare.

use std::sync::{Arc, Mutex};

use rmcp::{
    ClientHandler,
    model::{CallToolRequestParams, ClientConfig, ProgressNotificationParam},
    service::{ClientLifecycleMode, ClientServiceExt, NotificationContext, RoleClient},
    transport::{StreamableHttpClientTransport, streamable_http_client::StreamableHttpClientTransportConfig},
};
use serde_json::json;
use weather_backend::Source;

use super::{
    harness::{Backend, client, modern, request, text},
    nws_stub::{Answer, CALIFORNIA, FORECAST, POINT, Stub},
};

const NEW_YORK: [(&str, f64); 2] = [("latitude", 40.7128), ("longitude", -74.006)];

fn with_progress() -> serde_json::Value {
    let arguments: serde_json::Map<_, _> = NEW_YORK.into_iter().map(|(name, at)| (name.into(), at.into())).collect();
    json!({"name": "get_forecast", "arguments": arguments, "_meta": {"progressToken": "p"}})
}

#[tokio::test]
async fn progress_comes_before_the_result_in_every_era() {
    let stub = Stub::start().await;
    let backend = Backend::start(stub.source()).await;
    let older = backend.post(&request("tools/call", with_progress())).await;
    let current = backend.post_modern("tools/call", with_progress()).await;
    for reply in [older, current] {
        let messages = reply.messages();
        assert_eq!(messages.len(), 3, "{messages:?}");
        for (step, message) in messages[..2].iter().enumerate() {
            assert_eq!(message["method"], "notifications/progress");
            assert_eq!(message["params"]["progressToken"], "p");
            assert_eq!(message["params"]["progress"], step as f64);
            assert_eq!(message["params"]["total"], 2.0);
        }
        assert_eq!(messages[0]["params"]["message"], "Asking which forecast belongs to 40.7128,-74.006");
        assert_eq!(messages[1]["params"]["message"], "Asking for the forecast for 40.7128,-74.006");
        assert!(messages[2]["result"]["structuredContent"]["periods"].is_array());
    }
}

#[tokio::test]
async fn without_a_token_there_is_no_progress() {
    let backend = Backend::start(Source::sample()).await;
    let call = json!({"name": "get_alerts", "arguments": {"state": "CA"}});
    assert_eq!(backend.post(&request("tools/call", call)).await.messages().len(), 1);
}

/// The step is told while it has not been answered: the notification does not wait for the result.
#[tokio::test]
async fn progress_is_sent_before_the_step_is_answered() {
    let mut stub = Stub::start().await;
    stub.on(POINT, [Answer::Silence]);
    let backend = Backend::start(stub.source()).await;
    for call in [request("tools/call", with_progress()), request("tools/call", modern(with_progress()))] {
        let mut response = post(&backend, &call).await;
        let mut received = String::new();
        while !received.contains("Asking which forecast belongs to") {
            received += std::str::from_utf8(&response.chunk().await.unwrap().unwrap()).unwrap();
        }
        drop(response);
        assert_eq!(stub.client_left().await, POINT, "leaving ends the request upstream");
    }
    counted(&backend, "left", 2).await;
}

#[tokio::test]
async fn a_client_that_leaves_before_anything_came_ends_the_request_upstream_too() {
    let mut stub = Stub::start().await;
    stub.on(CALIFORNIA, [Answer::Silence]);
    let backend = Backend::start(stub.source()).await;
    let call = json!({"name": "get_alerts", "arguments": {"state": "CA"}});
    for (count, call) in [(1, request("tools/call", call.clone())), (2, request("tools/call", modern(call)))] {
        let posted = {
            let (url, call) = (backend.url("/mcp"), call.clone());
            tokio::spawn(async move { raw_post(&url, &call).await })
        };
        stub.asked_times(count).await;
        posted.abort();
        assert_eq!(stub.client_left().await, CALIFORNIA);
    }
    counted(&backend, "left", 2).await;
}

#[tokio::test]
async fn rmcp_s_client_agrees_on_the_current_revision_and_hears_of_progress() {
    let stub = Stub::start().await;
    let backend = Backend::start(stub.source()).await;
    for mode in [ClientLifecycleMode::Initialize, auto()] {
        let heard = Heard::default();
        let config = StreamableHttpClientTransportConfig::with_uri(backend.url("/mcp"));
        let transport = StreamableHttpClientTransport::with_client(client(), config);
        let peer = heard.clone().serve_with_lifecycle(transport, mode).await.unwrap();
        assert_eq!(peer.list_all_tools().await.unwrap().len(), 2);
        let arguments = NEW_YORK.into_iter().map(|(name, at)| (name.into(), at.into())).collect();
        let call = CallToolRequestParams::new("get_forecast").with_arguments(arguments);
        let result = serde_json::to_value(peer.call_tool(call).await.unwrap()).unwrap();
        assert!(text(&result).starts_with("Today:\nTemperature: 71°F"), "{result}");
        assert_eq!(*heard.0.lock().unwrap(), [0.0, 1.0]);
        peer.cancel().await.unwrap();
    }
    assert_eq!(stub.paths(), [POINT, FORECAST, POINT, FORECAST]);
}

fn auto() -> ClientLifecycleMode {
    ClientLifecycleMode::Auto {
        preferred_versions: vec![rmcp::model::ProtocolVersion::V_2026_07_28],
        legacy_version: None,
    }
}

/// A client that keeps the progress it is told of.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<f64>>>);

impl ClientHandler for Heard {
    fn get_info(&self) -> ClientConfig {
        ClientConfig::default()
    }

    async fn on_progress(&self, progress: ProgressNotificationParam, _: NotificationContext<RoleClient>) {
        self.0.lock().unwrap().push(progress.progress);
    }
}

async fn post(backend: &Backend, message: &serde_json::Value) -> reqwest::Response {
    raw_post(&backend.url("/mcp"), message).await
}

async fn raw_post(url: &str, message: &serde_json::Value) -> reqwest::Response {
    let modern = message["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"].is_string();
    let version = if modern { super::harness::MODERN } else { "2025-11-25" };
    let mut asked = client()
        .post(url)
        .header("accept", "application/json, text/event-stream")
        .header("content-type", "application/json")
        .header("mcp-protocol-version", version);
    if modern {
        let name = message["params"]["name"].as_str().unwrap();
        asked = asked.header("mcp-method", "tools/call").header("mcp-name", name);
    }
    let mut response = asked.body(message.to_string()).send().await.unwrap();
    if !modern && !message.to_string().contains("progressToken") {
        // Older revisions answer with the head at once: stay for the body.
        let _ = response.chunk().await;
    }
    response
}

async fn counted(backend: &Backend, outcome: &str, count: u32) {
    let total = || {
        let text = backend.metrics.text();
        let calls = text.lines().filter(|line| line.starts_with("weather_tool_calls_total") && line.contains(outcome));
        calls.filter_map(|line| line.rsplit(' ').next()?.parse::<u32>().ok()).sum::<u32>()
    };
    while total() < count {
        tokio::task::yield_now().await;
    }
    assert_eq!(total(), count);
}
