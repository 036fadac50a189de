//! Told to stop, the backend takes no new connection and lets running calls finish, up to its deadline.

use std::time::Duration;

use serde_json::json;
use tokio::net::TcpStream;
use weather_backend::{Server, Source};

use super::{
    harness::{Backend, Reply, client, request, text},
    nws_stub::{Answer, CALIFORNIA, Stub, ok},
};

fn call() -> serde_json::Value {
    json!({"name": "get_alerts", "arguments": {"state": "CA"}})
}

async fn post_in_background(backend: &Backend) -> tokio::task::JoinHandle<Reply> {
    let posted = client()
        .post(backend.url("/mcp"))
        .header("accept", "application/json, text/event-stream")
        .header("content-type", "application/json")
        .body(request("tools/call", call()).to_string());
    tokio::spawn(async move { Reply::read(posted.send().await.unwrap()).await })
}

async fn no_longer_accepts(backend: &Backend) {
    while TcpStream::connect(backend.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_running_call_finishes_and_then_the_server_ends() {
    let stub = Stub::start().await;
    let (held, permission) = ok(&json!({"features": []})).held();
    stub.on(CALIFORNIA, [held]);
    let mut backend = Backend::start(stub.source()).await;
    let running = post_in_background(&backend).await;
    stub.asked_times(1).await;

    backend.stop();
    no_longer_accepts(&backend).await;
    permission.notify_one();
    assert_eq!(text(&running.await.unwrap().result()), "No active alerts for this state.");
    backend.ended().await;
}

#[tokio::test]
async fn an_idle_connection_does_not_hold_up_the_end() {
    let mut backend = Backend::start(Source::sample()).await;
    let client = client();
    client.get(backend.url("/health")).send().await.unwrap().text().await.unwrap();
    let _silent = TcpStream::connect(backend.address).await.unwrap();
    backend.stop();
    backend.ended().await;
}

/// A call that outlasts the deadline is answered, not cut: its client learns why and may try again.
#[tokio::test]
async fn a_call_that_outlasts_the_deadline_is_told_so() {
    let mut stub = Stub::start().await;
    stub.on(CALIFORNIA, [Answer::Silence]);
    let server = Server::new(stub.source()).drain_timeout(Duration::from_millis(50));
    let mut backend = Backend::start_server(server).await;
    let running = post_in_background(&backend).await;
    stub.asked_times(1).await;

    backend.stop();
    let result = running.await.unwrap().result();
    assert_eq!(result["isError"], true);
    assert!(text(&result).contains("is stopping and could not finish this call"), "{result}");
    assert_eq!(stub.client_left().await, CALIFORNIA, "the request upstream has ended");
    let counted = backend.metrics.text();
    assert!(counted.contains(r#"weather_tool_calls_total{outcome="drained",tool="get_alerts"} 1"#), "{counted}");
    backend.ended().await;
}
