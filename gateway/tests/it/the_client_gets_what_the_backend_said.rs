//! Status, header fields and body of the backend pass as they are, 400s and 404s too, since clients read from their
//! bodies which era of MCP a server speaks. What concerns one hop and the names of products stay behind.

use crate::harness::origin::ok;
use crate::harness::{Ask, Gateway, Origin, Piece, Protocol, Reply};

const HEAD: &str = "content-type: application/json\r\n\
    cache-control: private, max-age=3\r\n\
    allow: POST\r\n\
    x-custom: one\r\n\
    X-Custom: two\r\n\
    etag: \"1\"\r\n\
    date: Tue, 01 Jan 2030 00:00:00 GMT\r\n";

const DROPPED: &str = "server: secret/1.0\r\n\
    x-powered-by: secret\r\n\
    keep-alive: timeout=5\r\n\
    proxy-connection: keep-alive\r\n\
    connection: x-hop\r\n\
    x-hop: 1\r\n\
    te: trailers\r\n\
    upgrade: h2c\r\n\
    proxy-authenticate: Basic\r\n\
    access-control-allow-origin: *\r\n\
    access-control-allow-credentials: true\r\n\
    access-control-allow-private-network: true\r\n\
    x-request-id: 00000000000000000000000000000000\r\n";

fn expected(reply: &Reply, more: &[&str]) -> Vec<String> {
    let mut lines: Vec<_> = HEAD.split("\r\n").filter(|line| !line.is_empty()).map(str::to_owned).collect();
    lines.iter_mut().for_each(|line| *line = line.replace("X-Custom", "x-custom"));
    lines.push(format!("x-request-id: {}", reply.fields.one("x-request-id").unwrap()));
    lines.extend(more.iter().map(|line| (*line).to_owned()));
    lines.sort();
    lines
}

#[tokio::test]
async fn whatever_its_status() {
    let origin = Origin::answering(|request| {
        let status = request.target().split_once('=').unwrap().1;
        let body = "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32022,\"message\":\"x\"}}";
        format!("HTTP/1.1 {status} Any Reason\r\n{HEAD}{DROPPED}content-length: {}\r\n\r\n{body}", body.len()).into()
    })
    .await;
    let gateway = Gateway::before(&origin).start().await;
    for protocol in Protocol::BOTH {
        let mut client = gateway.client(protocol).await;
        for status in [200, 202, 301, 400, 401, 404, 405, 406, 429, 500, 503, 599] {
            let ask = Ask::ping().at(format!("/mcp?status={status}"));
            let reply = client.ask(&ask.key(&gateway.key().secret)).await.with(status);
            assert_eq!(reply.json()["error"]["code"], -32022);
            let length = format!("content-length: {}", reply.body.len());
            assert_eq!(reply.fields.sorted(), expected(&reply, &[&length]), "{protocol:?} {status}");
            assert_eq!(reply.fields.all("x-custom"), ["one", "two"]);
        }
    }
}

#[tokio::test]
async fn without_a_body_where_there_is_none() {
    let origin = Origin::answering(|request| {
        let reply = match request.target() {
            "/mcp?head" => format!("HTTP/1.1 200 OK\r\n{HEAD}content-length: 5000\r\n\r\n"),
            "/mcp?head-chunked" => format!("HTTP/1.1 200 OK\r\n{HEAD}transfer-encoding: chunked\r\n\r\n"),
            "/mcp?204" => format!("HTTP/1.1 204 No Content\r\n{HEAD}\r\n"),
            "/mcp?304" => format!("HTTP/1.1 304 Not Modified\r\n{HEAD}content-length: 5000\r\n\r\n"),
            "/mcp?202" => format!("HTTP/1.1 202 Accepted\r\n{HEAD}content-length: 0\r\n\r\n"),
            _ => return ok("\"next\""),
        };
        reply.into()
    })
    .await;
    let gateway = Gateway::before(&origin).settings("workers = 1").start().await;
    for protocol in Protocol::BOTH {
        let mut client = gateway.client(protocol).await;
        for (method, target, status) in [
            ("HEAD", "/mcp?head", 200),
            ("HEAD", "/mcp?head-chunked", 200),
            ("GET", "/mcp?204", 204),
            ("DELETE", "/mcp?204", 204),
            ("GET", "/mcp?304", 304),
            ("POST", "/mcp?202", 202),
        ] {
            let reply = client.ask(&Ask::new(method, target).key(&gateway.key().secret)).await.with(status);
            assert_eq!((origin.last().method(), &*reply.body), (method, &b""[..]));
            let next = client.ask(&Ask::get("/mcp").key(&gateway.key().secret)).await.with(200);
            assert_eq!(next.json(), "next", "the connection goes on after {method} {target}");
        }
    }
    assert_eq!(origin.connections(), 1, "and so does the one to the backend");
}

#[tokio::test]
async fn the_length_of_what_head_asks_for() {
    let origin = Origin::answering(|_| "HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n".into()).await;
    let gateway = Gateway::before(&origin).start().await;
    for protocol in Protocol::BOTH {
        let reply = gateway.client(protocol).await.ask(&Ask::new("HEAD", "/health")).await.with(200);
        assert_eq!(reply.fields.one("content-length"), Some("5000"), "{protocol:?}");
    }
}

#[tokio::test]
async fn interim_replies_stay_behind() {
    let origin = Origin::answering(|_| {
        let early = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n";
        [early.as_bytes(), &ok("\"final\"")].concat()
    })
    .await;
    let gateway = Gateway::before(&origin).start().await;
    for protocol in Protocol::BOTH {
        let reply = gateway.client(protocol).await.ask(&Ask::get("/")).await.with(200);
        assert_eq!((reply.json(), reply.fields.has("link")), ("final".into(), false));
    }
}

/// Trailers too, but for those that `Connection` lists: they are for one hop (RFC 9110, section 7.6.1).
#[tokio::test]
async fn with_the_trailers_that_are_for_it() {
    let origin = Origin::answering(|request| {
        let listed = if request.target() == "/mcp?all" { "x-sum, x-hop" } else { "x-hop" };
        format!(
            "HTTP/1.1 200 OK\r\nconnection: {listed}\r\ntrailer: x-sum\r\ntransfer-encoding: chunked\r\n\r\n\
             2\r\n{{}}\r\n0\r\nx-sum: 1\r\nX-Hop: 1\r\nx-hop: 2\r\n\r\n"
        )
        .into()
    })
    .await;
    let gateway = Gateway::before(&origin).start().await;
    for protocol in Protocol::BOTH {
        let mut client = gateway.client(protocol).await;
        let ask = Ask::ping().key(&gateway.key().secret).field("te", "trailers");
        let mut incoming = client.open(&ask).await;
        assert_eq!(incoming.head().await.0, 200);
        assert_eq!(incoming.exactly(2).await, b"{}");
        assert!(matches!(incoming.piece().await, Piece::Trailers(fields) if fields.sorted() == ["x-sum: 1"]));
        assert_eq!(incoming.piece().await, Piece::End);
        let mut incoming = client.open(&ask.at("/mcp?all")).await;
        assert_eq!(incoming.head().await.0, 200);
        assert_eq!(incoming.exactly(2).await, b"{}");
        assert_eq!(incoming.piece().await, Piece::End, "nothing is left of them");
    }
}
