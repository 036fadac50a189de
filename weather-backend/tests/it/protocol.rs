//! All five protocol revisions are served on one endpoint, without sessions.

use reqwest::StatusCode;
use serde_json::json;
use weather_backend::Source;

use super::harness::{Backend, MODERN, REVISIONS, client, initialize, modern, request, text};

#[tokio::test]
async fn each_older_revision_is_agreed_on_and_lists_and_calls_tools() {
    let backend = Backend::start(Source::sample()).await;
    for revision in REVISIONS {
        let reply = backend.post_with(&initialize(revision), &[]).await;
        assert_eq!(reply.result()["protocolVersion"], revision);
        assert!(!reply.headers.contains_key("mcp-session-id"), "there are no sessions");

        let version = [("mcp-protocol-version", revision)];
        let ready = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        assert_eq!(backend.post_with(&ready, &version).await.status, StatusCode::ACCEPTED);
        let listed = backend.post_with(&request("tools/list", json!({})), &version).await.result();
        assert_eq!(listed["tools"].as_array().unwrap().len(), 2, "{revision}");
        let call = request("tools/call", json!({"name": "get_alerts", "arguments": {"state": "CA"}}));
        assert!(text(&backend.post_with(&call, &version).await.result()).contains("Event: Red Flag Warning"));
    }
}

#[tokio::test]
async fn the_current_revision_is_discovered_and_lists_and_calls_tools() {
    let backend = Backend::start(Source::sample()).await;
    let discovered = backend.post_modern("server/discover", json!({})).await.result();
    assert!(discovered["supportedVersions"].as_array().unwrap().contains(&json!(MODERN)), "{discovered}");
    assert_eq!(backend.post_modern("tools/list", json!({})).await.result()["tools"].as_array().unwrap().len(), 2);
    let call = json!({"name": "get_alerts", "arguments": {"state": "CA"}});
    assert!(text(&backend.post_modern("tools/call", call).await.result()).contains("Event: Red Flag Warning"));
}

#[tokio::test]
async fn without_a_version_header_the_request_is_one_of_2025_03_26() {
    let backend = Backend::start(Source::sample()).await;
    assert_eq!(backend.post_with(&request("ping", json!({})), &[]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn there_are_no_sessions_to_open_or_end() {
    let backend = Backend::start(Source::sample()).await;
    for method in [reqwest::Method::GET, reqwest::Method::DELETE] {
        let response = client().request(method, backend.url("/mcp")).header("accept", "text/event-stream").send().await;
        let response = response.unwrap();
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(response.headers()["allow"], "POST");
    }
    let stale = [("mcp-session-id", "of-an-earlier-process"), ("mcp-protocol-version", "2025-11-25")];
    assert_eq!(backend.post_with(&request("ping", json!({})), &stale).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_endpoint_has_a_trailing_slash_or_none() {
    let backend = Backend::start(Source::sample()).await;
    let asked = client()
        .post(backend.url("/mcp/"))
        .header("accept", "application/json, text/event-stream")
        .header("content-type", "application/json")
        .body(request("ping", json!({})).to_string());
    assert_eq!(asked.send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_revision_that_nobody_knows_is_answered_with_those_that_are() {
    let backend = Backend::start(Source::sample()).await;
    let mut unknown = modern(json!({}));
    unknown["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("2199-01-01");
    let headers = [("mcp-protocol-version", "2199-01-01"), ("mcp-method", "tools/list")];
    let reply = backend.post_with(&request("tools/list", unknown), &headers).await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    let message = &reply.messages()[0];
    assert_eq!(message["error"]["code"], -32022);
    assert_eq!(message["error"]["data"]["supported"].as_array().unwrap().len(), 5, "{message}");
}
