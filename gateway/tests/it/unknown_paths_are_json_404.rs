//! A path that no route has is answered with 404 in JSON that names the endpoint: no 401, no redirect, no HTML, whether
//! a key is shown or not, since clients probe such paths. Matching is exact; `/mcp/` is `/mcp`.

use crate::harness::origin::ok;
use crate::harness::{Ask, Gateway, Origin, Protocol};
use gateway::config::Settings;
use gateway::proxy::target;
use http::Request;
use serde_json::Value;
use std::path::Path;

#[tokio::test]
async fn nothing_but_the_routes_is_forwarded() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let gateway = Gateway::before(&origin).start().await;
    for (method, target) in [
        ("POST", "/mcp2"),
        ("POST", "/MCP"),
        ("POST", "/mcp/x"),
        ("POST", "/mc"),
        ("POST", "/x/mcp"),
        ("GET", "/sse"),
        ("GET", "/favicon.ico"),
        ("GET", "/metrics"),
        ("GET", "/livez"),
        ("GET", "/readyz"),
        ("GET", "/.well-known/oauth-protected-resource"),
        ("GET", "/.well-known/oauth-protected-resource/mcp"),
        ("GET", "/.well-known/oauth-authorization-server"),
        ("GET", "/.well-known/openid-configuration"),
        ("GET", "/mcp/.well-known/openid-configuration"),
        ("POST", "/register"),
        ("POST", "/token"),
    ] {
        for protocol in Protocol::BOTH {
            for ask in [Ask::new(method, target), Ask::new(method, target).key(&gateway.key().secret)] {
                let reply = gateway.client(protocol).await.ask(&ask).await;
                let sentence = reply.refuses(404, -32004, Value::Null);
                assert_eq!(sentence, "Not found. The MCP endpoint is at /mcp.", "{method} {target}");
            }
        }
    }
    gateway.http1().await.ask(&Ask::ping().key(&gateway.key().secret)).await.with(200);
    assert_eq!(origin.requests().len(), 1);
}

#[tokio::test]
async fn a_slash_at_the_end_and_a_query_change_nothing() {
    let origin = Origin::answering(|request| ok(&format!("{:?}", request.target()))).await;
    let gateway = Gateway::before(&origin).start().await;
    let mut client = gateway.http1().await;
    for target in ["/mcp", "/mcp/", "/mcp?session=1&x=/../", "/mcp/?"] {
        let ask = Ask::ping().at(target).key(&gateway.key().secret);
        assert_eq!(client.ask(&ask).await.with(200).json(), target, "the target passes as it came");
    }
}

#[tokio::test]
async fn other_routes_can_be_set() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let routes = "[routes]\nprotected = [\"/a/mcp\", \"/b\"]\npublic = []";
    let gateway = Gateway::before(&origin).settings(routes).start().await;
    let mut client = gateway.http1().await;
    let keyed = |target: &str| Ask::get(target).key(&gateway.key().secret);
    client.ask(&keyed("/a/mcp")).await.with(200);
    client.ask(&keyed("/b/")).await.with(200);
    assert_eq!(client.ask(&Ask::get("/b")).await.status, 401);
    for target in ["/mcp", "/", "/health"] {
        let sentence = client.ask(&keyed(target)).await.refuses(404, -32004, Value::Null);
        assert_eq!(sentence, "Not found. The MCP endpoint is at /a/mcp and /b.");
    }
}

/// A route that the settings take and that every request is refused for would be 400 for ever.
#[test]
fn every_route_that_can_be_written_can_be_asked_for() {
    for byte in b'!'..=b'~' {
        let route = format!("/a{}b", char::from(byte));
        let settings = format!("routes.protected = [{}]", toml_edit::Value::from(&*route));
        let written = Settings::parse(&settings, Path::new("gateway.toml")).is_ok();
        let asked = Request::get(&*route).body(()).map(|request| request.into_parts().0);
        let plain = asked.is_ok_and(|request| target::path(&request).is_ok_and(|path| path == route));
        assert_eq!(written, plain, "{route}");
    }
}
