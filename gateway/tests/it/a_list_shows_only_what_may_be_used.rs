//! A client that may not do everything sees, in the lists of the backend, what it may use and nothing else: as JSON or in an
//! event stream, however that is cut into chunks, also when a stream is resumed. Everything else stays byte for byte and is
//! not held back. What cannot be read as a list is not passed on. Clients that may do everything get what the backend sent.

mod unreadable;

use crate::harness::mcp::converse;
use crate::harness::origin::{Request, ok};
use crate::harness::{Ask, Backend, Gateway, Key, Origin, Piece, Protocol, within};
use rmcp::model::ProtocolVersion;
use serde_json::{Value, json};

/// `mine` are listed and can be used, `theirs` are not.
const ROLES: &str = r#"
[role.mine]
tools = ["mine_*"]
resources = ["doc://mine/*"]
prompts = ["mine"]
"#;

struct Stage {
    origin: Origin,
    gateway: Gateway,
    mine: Key,
}

async fn stage(origin: Origin) -> Stage {
    let mine = Key::new();
    let setup = Gateway::before(&origin).keys(ROLES).client("mine", "roles = [\"mine\"]", &[&mine]);
    let gateway = setup.settings("limits.max_list = \"64KiB\"").start().await;
    Stage { origin, gateway, mine }
}

/// A list with spaces and an order that no serializer has, as written for everybody and for `mine`.
fn tools() -> [String; 2] {
    let entry = |name: &str| format!(r#"{{ "title":"Gr\u00fc\u00dfe","x":1.0,"name" : "{name}" }}"#);
    let reply = |entries: &[String], scope: &str| {
        let entries = entries.join(", ");
        format!(r#"{{"id":7, "result":{{"ttlMs":5,"tools":[{entries}],"cacheScope":"{scope}"}},"jsonrpc":"2.0"}}"#)
    };
    let mine = [entry("mine_a"), entry("mine_b")];
    let all = [entry("theirs"), mine[0].clone(), entry("theirs_2"), mine[1].clone(), entry("Mine_c")];
    [reply(&all, "public"), reply(&mine, "private")]
}

fn list(method: &str) -> Ask {
    Ask::message(&json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": {}}))
}

fn reply(kind: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\netag: \"1\"\r\n\r\n{body}").into()
}

#[tokio::test]
async fn in_json() {
    let origin = Origin::answering(|_| reply("application/json", &tools()[0])).await;
    let Stage { origin, gateway, mine } = stage(origin).await;
    let [all, some] = tools();
    for protocol in Protocol::BOTH {
        let mut client = gateway.client(protocol).await;
        let ask = list("tools/list").field("accept-encoding", "gzip, br");
        let seen = client.ask(&ask.clone().key(&mine.secret)).await.with(200);
        assert_eq!(seen.text(), some);
        assert_eq!(seen.fields.one("content-length"), Some(&*some.len().to_string()));
        assert_eq!(seen.fields.one("etag"), None);
        assert_eq!(origin.last().fields().all("accept-encoding"), ["identity"]);
        let seen = client.ask(&ask.key(&gateway.key().secret)).await.with(200);
        assert_eq!((seen.text(), seen.fields.one("etag")), (all.clone(), Some("\"1\"")));
        assert_eq!(origin.last().fields().all("accept-encoding"), ["gzip, br"]);
    }
}

#[tokio::test]
async fn to_the_official_client_of_both_eras() {
    let backend = Backend::start().await;
    let mine = Key::new();
    let setup = Gateway::before(&backend).client("mine", "tools = [\"*_alerts\"]", &[&mine]);
    let gateway = setup.start().await;
    for revision in [ProtocolVersion::V_2025_11_25, ProtocolVersion::V_2026_07_28] {
        for protocol in Protocol::BOTH {
            let mut client = converse(&gateway, protocol, revision.clone(), Some(&*mine.secret)).await.unwrap();
            let tools = within("the tools", client.list_all_tools()).await.unwrap();
            let names: Vec<_> = tools.iter().map(|tool| &*tool.name).collect();
            assert_eq!(names, ["get_alerts"], "{revision:?} {protocol:?}");
            client.close().await.unwrap();
        }
    }
}

#[tokio::test]
async fn of_all_four_kinds() {
    let names = |array: &str| match array {
        "resources" => ("uri", ["doc://mine/1", "doc://theirs/1", "doc://mine/../theirs"]),
        "resourceTemplates" => ("uriTemplate", ["doc://mine/{x}", "doc://{x}", "doc://theirs/{x}"]),
        "prompts" => ("name", ["mine", "theirs", "Mine"]),
        _ => ("name", ["mine_1", "theirs", "mine"]),
    };
    let kinds = [
        ("tools/list", "tools"),
        ("prompts/list", "prompts"),
        ("resources/list", "resources"),
        ("resources/templates/list", "resourceTemplates"),
    ];
    let answer = move |request: &Request| {
        let message: Value = serde_json::from_slice(&request.body).unwrap();
        let (_, array) = kinds.into_iter().find(|(method, _)| message["method"] == *method).unwrap();
        let (key, names) = names(array);
        let entries: Vec<_> = names.iter().map(|name| json!({key: name})).collect();
        ok(&json!({"jsonrpc": "2.0", "id": 7, "result": {array: entries}}).to_string())
    };
    let Stage { origin: _origin, gateway, mine } = stage(Origin::answering(answer).await).await;
    let mut client = gateway.http1().await;
    for (method, array) in kinds {
        let seen = client.ask(&list(method).key(&mine.secret)).await.with(200).json();
        let (key, names) = names(array);
        assert_eq!(seen["result"][array], json!([{key: names[0]}]), "{method}");
    }
}

/// Events around a list: what has to come out as it went in, and the list in three forms.
fn events(list: &str) -> String {
    let (first, rest) = list.split_at(list.find(',').unwrap() + 1);
    [
        "\u{feff}: hello\n\n",
        "id: 1\r\nretry: 3000\r\ndata: \r\n\r\n",
        "event: message\rdata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"tools\":[{\"name\":\"theirs\"}]}}\r\r",
        "event: endpoint\ndata: /messages?id=1\n\n",
        ":\n",
        &format!("id: 2\nevent: message\ndata: {first}\ndata: {rest}\n: between\nretry: 1\n\n"),
        ": bye\n\n",
    ]
    .concat()
}

/// The same once the list has been cut down: its lines of data are one line for each line that is left.
fn cut_down(list: &str, less: &str) -> String {
    let (first, rest) = list.split_at(list.find(',').unwrap() + 1);
    let (less_first, less_rest) = less.split_at(less.find(',').unwrap() + 1);
    let data = |first: &str, rest: &str| format!("data: {first}\ndata: {rest}\n");
    let text = events(list);
    assert!(text.contains(&data(first, rest)));
    text.replace(&data(first, rest), &data(less_first, less_rest))
}

#[tokio::test]
async fn in_an_event_stream_however_it_is_cut() {
    let Stage { origin, gateway, mine } = stage(Origin::start().await).await;
    let [all, some] = tools();
    let (text, expected) = (events(&all), cut_down(&all, &some));
    let get = Ask::get("/mcp").field("accept", "text/event-stream").field("last-event-id", "1");
    for protocol in Protocol::BOTH {
        // a POST may resume a stream as well, whatever it asks, and a GET stays one whatever body it has
        let another = br#"{"jsonrpc":"2.0","id":1,"method":"resources/list"}"#;
        let with_body = Ask::get("/mcp")
            .field("accept", "text/event-stream")
            .field("content-type", "application/json")
            .body(&another[..]);
        // nor does it matter how a method is spelled, or what a request asks that has no message
        let no_message = [Ask::new("get", "/mcp"), Ask::new("POST", "/mcp").field("content-type", "application/json")];
        let no_message = no_message.map(|ask| ask.field("accept", "text/event-stream"));
        let asks = [list("tools/list"), get.clone(), with_body, Ask::ping().field("last-event-id", "1")];
        for ask in asks.into_iter().chain(no_message) {
            for size in [1, 2, 7, 61, text.len()] {
                let mut client = gateway.client(protocol).await;
                let mut incoming = client.open(&ask.clone().key(&mine.secret).field("te", "trailers")).await;
                let mut exchange = origin.answers("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n").await;
                exchange.send("trailer: x-sum\r\ntransfer-encoding: chunked\r\n\r\n").await;
                let (status, _) = incoming.head().await;
                assert_eq!(status, 200);
                for piece in text.as_bytes().chunks(size) {
                    exchange.send(format!("{:x}\r\n", piece.len())).await;
                    exchange.send(piece).await;
                    exchange.send("\r\n").await;
                }
                exchange.send("0\r\nx-sum: 1\r\n\r\n").await;
                exchange.done();
                let seen = incoming.exactly(expected.len()).await;
                assert_eq!(String::from_utf8_lossy(&seen), expected, "{size}");
                assert!(matches!(incoming.piece().await, Piece::Trailers(fields) if fields.one("x-sum") == Some("1")));
            }
        }
    }
}

#[tokio::test]
async fn in_an_event_stream_of_known_length_and_without_its_last_line() {
    let [all, some] = tools();
    let body = format!("data: {all}");
    let Stage { origin: _origin, gateway, mine } =
        stage(Origin::answering(move |_| reply("text/event-stream", &body)).await).await;
    for protocol in Protocol::BOTH {
        let seen = gateway.client(protocol).await.ask(&list("tools/list").key(&mine.secret)).await.with(200);
        assert_eq!(seen.text(), format!("data: {some}\n"));
    }
}

#[tokio::test]
async fn and_no_event_waits_for_the_next() {
    let Stage { origin, gateway, mine } = stage(Origin::start().await).await;
    for protocol in Protocol::BOTH {
        for ask in [list("tools/list"), Ask::get("/mcp").field("accept", "text/event-stream")] {
            let mut client = gateway.client(protocol).await;
            let mut incoming = client.open(&ask.key(&mine.secret)).await;
            let mut exchange = origin.streams(incoming.head()).await;
            for event in [
                ": keep-alive\n\n",
                "id: 1\ndata: \n\n",
                "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{}}\r\n\r\n",
                "event: own\ndata: not json\n\n",
            ] {
                exchange.chunk(event).await;
                assert_eq!(incoming.exactly(event.len()).await, event.as_bytes(), "{protocol:?}");
            }
            exchange.send("0\r\n\r\n").await;
            assert_eq!(incoming.piece().await, Piece::End);
            exchange.done();
        }
    }
}

#[tokio::test]
async fn while_other_replies_pass_as_they_are() {
    let [all, _] = tools();
    let text = events(&all);
    let body = text.clone();
    let Stage { origin: _origin, gateway, mine } =
        stage(Origin::answering(move |_| reply("text/event-stream", &body)).await).await;
    for protocol in Protocol::BOTH {
        let mut client = gateway.client(protocol).await;
        for ask in [
            Ask::call(7, "mine_a", json!({})).key(&mine.secret),
            list("tools/list").key(&gateway.key().secret),
            Ask::get("/mcp").key(&gateway.key().secret),
        ] {
            let seen = client.ask(&ask).await.with(200);
            assert_eq!(seen.text(), text);
            assert_eq!(seen.fields.one("content-length"), Some(&*text.len().to_string()));
        }
    }
}

#[tokio::test]
async fn also_to_a_client_that_may_do_everything_at_its_rate() {
    let [all, _] = tools();
    let body = all.clone();
    let origin = Origin::answering(move |_| reply("application/json", &body)).await;
    let limited = Key::new();
    let members = "tools = \"all\"\nrate = \"60/min\"\nmax_streams = 1";
    let gateway = Gateway::before(&origin).client("limited", members, &[&limited]).start().await;
    for protocol in Protocol::BOTH {
        let ask = list("tools/list").field("accept-encoding", "gzip").key(&limited.secret);
        let seen = gateway.client(protocol).await.ask(&ask).await.with(200);
        assert_eq!((seen.text(), seen.fields.one("etag")), (all.clone(), Some("\"1\"")));
        assert_eq!(origin.last().fields().all("accept-encoding"), ["gzip"]);
    }
}

#[tokio::test]
async fn and_errors_of_the_backend_too() {
    let error = r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32601,"message":"no tools"}}"#;
    let replies = [
        (404, "application/json", error.to_owned()),
        (400, "text/plain", "Bad Request: no session".to_owned()),
        (405, "text/html", "<p>no</p>".to_owned()),
        (406, "application/json", r#"{"detail":"Not Acceptable"}"#.to_owned()),
        (200, "application/json", error.to_owned()),
        (200, "text/event-stream", format!("data: {error}\n\n")),
        (202, "text/plain", String::new()),
        (204, "", String::new()),
    ];
    for (status, kind, body) in replies {
        let sent = body.clone();
        let answer = move |request: &Request| {
            let length = if status == 204 { String::new() } else { format!("content-length: {}\r\n", sent.len()) };
            let body = if request.method() == "HEAD" { "" } else { &*sent };
            format!("HTTP/1.1 {status} Any\r\ncontent-type: {kind}\r\n{length}\r\n{body}").into_bytes()
        };
        let Stage { origin: _origin, gateway, mine } = stage(Origin::answering(answer).await).await;
        for protocol in Protocol::BOTH {
            let mut client = gateway.client(protocol).await;
            for ask in [list("tools/list"), Ask::get("/mcp")] {
                let seen = client.ask(&ask.key(&mine.secret)).await.with(status);
                assert_eq!(seen.text(), body, "{status} {kind}");
            }
            let seen = client.ask(&Ask::new("HEAD", "/mcp").key(&mine.secret)).await;
            assert_eq!((seen.status, seen.body.len()), (status, 0));
        }
    }
}
