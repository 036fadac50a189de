//! Only loopback names are served: nobody reaches the server through a browser by a name that resolves to loopback.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use weather_backend::Source;

use super::harness::{Backend, Reply, client, request};

async fn asked(backend: &Backend, path: &str, headers: &[(&str, &str)]) -> Reply {
    let method = if path == "/mcp" { Method::POST } else { Method::GET };
    let mut asked = client()
        .request(method, backend.url(path))
        .header("accept", "application/json, text/event-stream")
        .header("content-type", "application/json")
        .body(request("ping", json!({})).to_string());
    for (name, value) in headers {
        asked = asked.header(*name, *value);
    }
    Reply::read(asked.send().await.unwrap()).await
}

#[tokio::test]
async fn a_foreign_host_is_refused_everywhere() {
    let backend = Backend::start(Source::sample()).await;
    for path in ["/mcp", "/", "/health", "/nowhere"] {
        for host in ["evil.example", "evil.example:8081", "127.0.0.1.evil.example", "192.168.1.2"] {
            let reply = asked(&backend, path, &[("host", host)]).await;
            assert_eq!(reply.status, StatusCode::FORBIDDEN, "{path} as {host}");
            let body: Value = serde_json::from_str(&reply.body).unwrap();
            assert!(body["detail"].as_str().unwrap().contains("Host header must name loopback"));
        }
    }
}

#[tokio::test]
async fn a_foreign_origin_is_refused_everywhere() {
    let backend = Backend::start(Source::sample()).await;
    for path in ["/mcp", "/", "/health"] {
        for origin in ["https://evil.example", "null", "http://localhost.evil.example", "file://", "garbage"] {
            let reply = asked(&backend, path, &[("origin", origin)]).await;
            assert_eq!(reply.status, StatusCode::FORBIDDEN, "{path} from {origin}");
        }
        let two = [("origin", "http://localhost"), ("origin", "https://evil.example")];
        assert_eq!(asked(&backend, path, &two).await.status, StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn loopback_names_and_origins_pass_and_no_origin_is_fine() {
    let backend = Backend::start(Source::sample()).await;
    for path in ["/mcp", "/", "/health"] {
        assert_eq!(asked(&backend, path, &[]).await.status, StatusCode::OK, "{path}");
        for host in ["localhost", "localhost:8081", "127.0.0.1", "[::1]:8081"] {
            assert_eq!(asked(&backend, path, &[("host", host)]).await.status, StatusCode::OK, "{path} as {host}");
        }
        for origin in ["http://localhost", "http://localhost:6274", "http://127.0.0.1:5173", "https://[::1]:8443"] {
            assert_eq!(
                asked(&backend, path, &[("origin", origin)]).await.status,
                StatusCode::OK,
                "{path} from {origin}"
            );
        }
    }
}

#[tokio::test]
async fn the_public_pages_say_what_they_promise() {
    let backend = Backend::start(Source::sample()).await;
    let about: Value = serde_json::from_str(&asked(&backend, "/", &[]).await.body).unwrap();
    assert_eq!(
        about,
        json!({
            "name": "Secure Weather MCP Server",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "MCP server for US National Weather Service alerts and forecasts, on loopback only",
            "authentication": "Required for MCP endpoints (X-API-Key header)",
            "tools": ["get_alerts", "get_forecast"],
            "mcp": "/mcp",
            "status": "running",
        })
    );
    assert_eq!(asked(&backend, "/health", &[]).await.body, r#"{"status":"healthy","service":"weather-mcp-server"}"#);
}

#[tokio::test]
async fn another_path_is_not_found_and_says_where_mcp_is() {
    let backend = Backend::start(Source::sample()).await;
    for path in ["/mcp2", "/MCP", "/mcp/x", "/metrics", "/.well-known/oauth-protected-resource"] {
        let reply = asked(&backend, path, &[]).await;
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{path}");
        assert!(reply.body.contains("/mcp"), "{}", reply.body);
    }
}
