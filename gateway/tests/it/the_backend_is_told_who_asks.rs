//! What the backend gets: what the client sent, without what concerns one hop, without credentials, without anything
//! that only the gateway can know; and then what the gateway knows. `Host` is the backend's own name.

use crate::harness::origin::ok;
use crate::harness::setup::CLIENT;
use crate::harness::{Ask, Gateway, Key, Origin, Protocol};

/// Passes as it comes.
const PASSES: &[(&str, &str)] = &[
    ("accept", "application/json, text/event-stream"),
    ("content-type", "application/json; charset=utf-8"),
    ("mcp-protocol-version", "2026-07-28"),
    ("last-event-id", "42"),
    ("mcp-method", "ping"),
    ("mcp-name", "=?base64?R3LDvMOfZQ==?="),
    ("mcp-param-region", "eu"),
    ("mcp-param-x_y.z", "1"),
    ("tracestate", "a=1"),
    ("user-agent", "test/1"),
    ("accept-language", "de"),
    ("accept-encoding", "gzip"),
    ("x-custom", "one"),
    ("x-custom", "two"),
    ("x_custom", "three"),
];

/// Its trace and flags pass; the parent is the gateway.
const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// Concerns one hop, is a credential, or is not the client's to say.
const DROPPED: &[(&str, &str)] = &[
    ("authorization", "Bearer a-token-of-somebody"),
    ("cookie", "session=a-session-of-somebody"),
    ("proxy-authorization", "Basic c29tZWJvZHk6c2VjcmV0"),
    ("x-client-id", "admin"),
    ("x-key-id", "aaaaaaaaaaaa"),
    ("x-request-id", "00000000000000000000000000000000"),
    ("forwarded", "for=192.0.2.1;host=evil.example"),
    ("x-forwarded-for", "192.0.2.1"),
    ("x-forwarded-proto", "http"),
    ("x-forwarded-host", "evil.example"),
    ("x-forwarded-uri", "/health"),
    ("x-original-url", "/health"),
    ("x-rewrite-url", "/health"),
    ("x-real-ip", "192.0.2.1"),
    ("true-client-ip", "192.0.2.1"),
    ("cf-connecting-ip", "192.0.2.1"),
    ("x-http-method-override", "DELETE"),
];

/// What HTTP/1.1 alone may carry, for one hop.
const HOP_BY_HOP: &[(&str, &str)] = &[
    ("connection", "keep-alive, X-Hop, X-Client-Id"),
    ("connection", "x-other-hop"),
    ("x-hop", "1"),
    ("x-other-hop", "1"),
    ("keep-alive", "timeout=5"),
    ("proxy-connection", "keep-alive"),
    ("te", "trailers"),
    ("trailer", "x-sum"),
];

fn with(ask: Ask, fields: &[(&str, &str)]) -> Ask {
    fields.iter().fold(ask, |ask, (name, value)| ask.field(name, value))
}

#[tokio::test]
async fn exactly_and_nothing_else() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let gateway = Gateway::before(&origin).client("other", "tools = \"all\"", &[]).start().await;
    let ask =
        with(with(Ask::new("POST", "/mcp?a=%2F&b"), PASSES), DROPPED).key(&gateway.key().secret).body("{\"x\":1}");
    let ask = ask.field("traceparent", TRACEPARENT);
    let h1 = with(ask.clone(), HOP_BY_HOP);
    let h2 = with(ask, &[("te", "trailers")]);
    for (protocol, ask) in [(Protocol::Http1, h1), (Protocol::Http2, h2)] {
        let reply = gateway.client(protocol).await.ask(&ask).await.with(200);
        let seen = origin.last();
        assert_eq!(seen.head.start, "POST /mcp?a=%2F&b HTTP/1.1");
        assert_eq!(seen.body, b"{\"x\":1}");
        let id = reply.fields.one("x-request-id").unwrap();
        let mut expected: Vec<_> = PASSES.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        expected.extend([
            format!("host: {}", origin.address()),
            format!("x-client-id: {CLIENT}"),
            format!("x-key-id: {}", gateway.key().id),
            format!("x-request-id: {id}"),
            format!("traceparent: 00-0af7651916cd43dd8448eb211c80319c-{}-01", &id[16..]),
            "x-forwarded-for: 127.0.0.1".to_owned(),
            "x-forwarded-proto: https".to_owned(),
            "content-length: 7".to_owned(),
        ]);
        expected.sort();
        assert_eq!(seen.fields().sorted(), expected, "{protocol:?}");
        assert_eq!(seen.fields().all("x-custom"), ["one", "two"], "in their order");
    }
}

#[tokio::test]
async fn a_name_that_could_be_read_as_ours_is_refused() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let gateway = Gateway::before(&origin).start().await;
    let identity = ["X_Client_Id", "X-Client_Id", "x.client.id", "X_API_KEY", "X_Request_Id"];
    let forwarding = ["x_forwarded_for", "X-Forwarded_For", "X-Forwarded.Proto"];
    // what a session, a policy or the reading of the body is decided by
    let judged =
        ["Mcp_Session_Id", "Mcp-Session_Id", "mcp.session-id", "Mcp_Method", "mcp_name", "Mcp_Protocol_Version"];
    let read = ["Content_Type", "content.encoding", "Last_Event-ID", "Accept_Encoding", "Proxy_Authorization"];
    for name in identity.into_iter().chain(forwarding).chain(judged).chain(read) {
        for protocol in Protocol::BOTH {
            for target in ["/mcp", "/"] {
                let ask = Ask::get(target).key(&gateway.key().secret).field(name, "admin");
                gateway.client(protocol).await.ask(&ask).await.refuses(400, -32600, serde_json::Value::Null);
            }
        }
    }
    assert_eq!(origin.requests().len(), 0);
}

#[tokio::test]
async fn methods_without_a_body_bring_none() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let gateway = Gateway::before(&origin).start().await;
    for protocol in Protocol::BOTH {
        for method in ["GET", "DELETE"] {
            let ask = Ask::new(method, "/mcp").key(&gateway.key().secret);
            gateway.client(protocol).await.ask(&ask).await.with(200);
            let seen = origin.last();
            assert_eq!(seen.method(), method);
            assert!(!seen.fields().has("content-length") && !seen.fields().has("transfer-encoding"), "{seen:?}");
        }
    }
}

#[tokio::test]
async fn each_client_by_its_own_name() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let (first, second) = (Key::new(), Key::new());
    let gateway = Gateway::before(&origin).client("ops.team_1", "tools = \"all\"", &[&first, &second]).start().await;
    let mut client = gateway.http1().await;
    for (key, id) in [(&first, "ops.team_1"), (gateway.key(), CLIENT), (&second, "ops.team_1")] {
        client.ask(&Ask::ping().key(&key.secret)).await.with(200);
        let seen = origin.last();
        assert_eq!((seen.fields().one("x-client-id"), seen.fields().one("x-key-id")), (Some(id), Some(&*key.id)));
    }
}
