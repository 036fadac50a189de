//! All five protocol revisions are served on one endpoint, without sessions.

use reqwest::StatusCode;
use serde_json::json;
use weather_backend::Source;

use super::harness::{Backend, MODERN, REVISIONS, initialize, request, text};

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
