//! The gateway answers to its own names and to no page that it was not told of (DNS rebinding, MCP 2025-11-25): another
//! `Host` is 421, another `Origin` 403, and neither reaches the backend. A listed page gets its preflight answered
//! without a key, and may read what it needs on every reply.

use crate::harness::fields::Fields;
use crate::harness::origin::ok;
use crate::harness::{Ask, Gateway, Origin, Protocol};
use serde_json::Value;

const PAGE: &str = "https://app.example.com";

#[tokio::test]
async fn names_in_the_certificate_pass_and_others_do_not() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let gateway = Gateway::before(&origin).start().await;
    let mut client = gateway.http1().await;
    for host in ["localhost", "LOCALHOST", "localhost:1", "127.0.0.1:8443", "[::1]:8443", "[::1]"] {
        client.ask(&Ask::ping().field("Host", host).key(&gateway.key().secret)).await.with(200);
        assert_eq!(origin.last().fields().one("host"), Some(&*origin.address().to_string()));
    }
    let passed = origin.requests().len();
    for host in ["evil.example", "localhost.evil.example", "evil.example:8443", "127.0.0.2", "[::2]", "localhost:x", ""]
    {
        let ask = Ask::ping().field("Host", host).key(&gateway.key().secret);
        let sentence = gateway.http1().await.ask(&ask).await.refuses(421, -32007, Value::Null);
        assert!(sentence.contains("listen.public_hosts"), "{sentence}");
    }
    let mut h2 = gateway.http2().await;
    let ask = Ask::ping().field("host", "evil.example").key(&gateway.key().secret);
    h2.ask(&ask).await.refuses(421, -32007, Value::Null);
    assert_eq!(origin.requests().len(), passed);
}

#[tokio::test]
async fn no_host_or_two_are_refused() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let gateway = Gateway::before(&origin).start().await;
    let key = &gateway.key().secret;
    for fields in ["", "Host: localhost\r\nHost: localhost\r\n", "Host: localhost\r\nHost: evil.example\r\n"] {
        let mut client = gateway.http1().await;
        client.send(format!("GET /mcp HTTP/1.1\r\n{fields}X-API-Key: {key}\r\n\r\n")).await;
        let status = client.reply().await.status;
        assert!(matches!(status, 400 | 421), "{fields:?}: {status}");
    }
    assert_eq!(origin.requests().len(), 0);
}

#[tokio::test]
async fn names_can_be_set() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let hosts = "[listen]\npublic_hosts = [\"mcp.example.com\", \"*.apps.example.com\"]";
    let gateway = Gateway::before(&origin).settings(hosts).start().await;
    let asked = |host: &str| Ask::ping().field("Host", host).key(&gateway.key().secret);
    for (host, status) in [
        ("mcp.example.com", 200),
        ("MCP.example.com:443", 200),
        ("a.apps.example.com", 200),
        ("a.b.apps.example.com", 421),
        ("apps.example.com", 421),
        ("localhost", 421),
    ] {
        assert_eq!(gateway.http1().await.ask(&asked(host)).await.status, status, "{host}");
    }
}

#[tokio::test]
async fn no_page_is_allowed_unless_it_is_listed() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let gateway = Gateway::before(&origin).start().await;
    let listed = format!("[listen]\nallowed_origins = [\"{PAGE}\"]");
    let listing = Gateway::before(&origin).settings(&listed).start().await;
    for (gateway, pages) in [
        (&gateway, &[PAGE, "https://localhost", "null", ""][..]),
        (&listing, &["https://evil.example", "http://app.example.com", "https://app.example.com:8443", "null", "*"]),
    ] {
        for page in pages {
            for protocol in Protocol::BOTH {
                for ask in [Ask::ping().key(&gateway.key().secret), Ask::get("/"), preflight()] {
                    let reply = gateway.client(protocol).await.ask(&ask.field("Origin", page)).await;
                    reply.refuses(403, -32003, Value::Null);
                    assert!(!reply.fields.has("access-control-allow-origin"), "{page}");
                }
            }
        }
    }
    let twice = Ask::ping().key(&listing.key().secret).field("Origin", PAGE).field("Origin", PAGE);
    listing.http1().await.ask(&twice).await.refuses(403, -32003, Value::Null);
    assert_eq!(origin.requests().len(), 0);
}

fn preflight() -> Ask {
    Ask::new("OPTIONS", "/mcp").field("Access-Control-Request-Method", "POST").field(
        "Access-Control-Request-Headers",
        "content-type,mcp-param-region,mcp-protocol-version,x-api-key,x-client-id",
    )
}

/// What a page may read, which it may only if it is told so on this very reply.
fn exposes(fields: &Fields) {
    assert_eq!(fields.one("access-control-allow-origin"), Some(PAGE));
    assert!(!fields.has("access-control-allow-credentials"));
    assert!(fields.all("vary").iter().any(|vary| vary.eq_ignore_ascii_case("origin")), "{fields:?}");
    let exposed = fields.one("access-control-expose-headers").unwrap().to_ascii_lowercase();
    let names: Vec<_> = exposed.split(", ").collect();
    for name in ["mcp-session-id", "www-authenticate", "retry-after", "ratelimit", "ratelimit-policy", "x-request-id"] {
        assert!(names.contains(&name), "{name}: {exposed}");
    }
}

#[tokio::test]
async fn a_listed_page_may_ask_and_read_every_reply() {
    // what the backend says about pages is not for it to say
    let origin = Origin::answering(|_| {
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\naccess-control-allow-origin: *\r\naccess-control-allow-credentials: true\r\n\
          access-control-expose-headers: *\r\n\r\n{}"
            .to_vec()
    })
    .await;
    let listed = format!("[listen]\nallowed_origins = [\"{PAGE}\"]");
    let gateway = Gateway::before(&origin).settings(&listed).start().await;
    for protocol in Protocol::BOTH {
        let page = |ask: Ask| ask.field("Origin", PAGE);
        let answer = gateway.client(protocol).await.ask(&page(preflight())).await.with(204);
        exposes(&answer.fields);
        let allowed = answer.fields.one("access-control-allow-headers").unwrap().to_ascii_lowercase();
        let allowed: Vec<_> = allowed.split(',').map(str::trim).collect();
        for name in [
            "content-type",
            "x-api-key",
            "mcp-protocol-version",
            "mcp-session-id",
            "last-event-id",
            "mcp-method",
            "mcp-name",
            "mcp-param-region", // which only the tool knows
        ] {
            assert!(allowed.contains(&name), "{name}: {allowed:?}");
        }
        assert!(!allowed.contains(&"x-client-id") && !allowed.contains(&"*"), "{allowed:?}");
        let methods = answer.fields.one("access-control-allow-methods").unwrap();
        for method in ["GET", "POST", "DELETE"] {
            assert!(methods.split(", ").any(|allowed| allowed == method), "{methods}");
        }
        assert_eq!(origin.requests().len(), usize::from(protocol == Protocol::Http2), "preflights stay here");

        let mut client = gateway.client(protocol).await;
        exposes(&client.ask(&page(Ask::get("/mcp"))).await.with(401).fields);
        exposes(&client.ask(&page(Ask::get("/none"))).await.with(404).fields);
        exposes(&client.ask(&page(Ask::ping().key(&gateway.key().secret))).await.with(200).fields);
        let seen = origin.last();
        assert!(!seen.fields().has("origin"), "the backend trusts loopback pages and must not see this one");
    }
}
