//! A session of the backend belongs to the client that it was given to: the client gets its name with a tag that the gateway
//! alone can make, the backend gets the name. Another client that shows it gets 404, for POST, GET and DELETE, and so does
//! whoever shows a name without its tag. All replicas with one secret agree; without one, sessions end with the process.

use crate::harness::setup::CLIENT;
use crate::harness::{Ask, Gateway, Key, Origin, Protocol};
use serde_json::{Value, json};

const NAME: &str = "1868a90c-7d1f.x";
const SECRET: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0\n";

/// A backend that names its session in every reply, and streams what a GET asks for.
async fn origin() -> Origin {
    Origin::answering(|request| {
        let head = format!("HTTP/1.1 200 OK\r\nMcp-Session-Id: {NAME}\r\n");
        match request.method() {
            "GET" => format!("{head}content-type: text/event-stream\r\ncontent-length: 14\r\n\r\nid: 8\ndata: \n\n\n"),
            _ => format!("{head}content-type: application/json\r\ncontent-length: 2\r\n\r\n{{}}"),
        }
        .into_bytes()
    })
    .await
}

fn within_session(key: &Key, session: &str) -> [Ask; 3] {
    let get = Ask::get("/mcp").field("accept", "text/event-stream").field("last-event-id", "7");
    [Ask::ping(), get, Ask::new("DELETE", "/mcp")]
        .map(|ask| ask.key(&key.secret).field("mcp-session-id", session).field("mcp-protocol-version", "2025-11-25"))
}

#[tokio::test]
async fn whatever_it_may_call() {
    let origin = origin().await;
    let (other, bound) = (Key::new(), Key::new());
    let setup = Gateway::before(&origin).client("other", "tools = \"all\"", &[&other]);
    let mut gateway = setup.client("bound", "tools = [\"get_alerts\"]", &[&bound]).start().await;
    for protocol in Protocol::BOTH {
        let mut client = gateway.client(protocol).await;
        for (mine, theirs) in [(gateway.key(), &other), (&bound, gateway.key()), (&other, &bound)] {
            let first = client.ask(&Ask::ping().key(&mine.secret)).await.with(200);
            let session = first.fields.one("mcp-session-id").unwrap().to_owned();
            assert_ne!(session, NAME);
            assert!(session.bytes().all(|b| b.is_ascii_graphic()), "{session}");
            for ask in within_session(mine, &session) {
                let reply = client.ask(&ask).await.with(200);
                assert_eq!(reply.fields.one("mcp-session-id"), Some(&*session), "it stays the same name");
                let seen = origin.last();
                assert_eq!(seen.fields().all("mcp-session-id"), [NAME], "the backend knows its own name");
                let resumes = (seen.method() == "GET").then_some("7");
                assert_eq!(seen.fields().one("last-event-id"), resumes);
            }
            let passed = origin.requests().len();
            let wrong = [NAME, "", &session[1..], &session[..session.len() - 1], &session.to_uppercase()];
            let wrong = wrong.into_iter().flat_map(|shown| within_session(mine, shown));
            for ask in within_session(theirs, &session).into_iter().chain(wrong) {
                client.ask(&ask).await.refuses(404, -32004, Value::Null);
            }
            for ask in within_session(mine, &session) {
                client.ask(&ask.field("mcp-session-id", &session)).await.refuses(404, -32004, Value::Null);
            }
            // some backends read any of these as the field itself
            for name in ["mcp_session_id", "mcp-session_id", "mcp.session.id"] {
                for ask in [Ask::ping(), Ask::get("/mcp"), Ask::new("DELETE", "/mcp")] {
                    let ask = ask.key(&theirs.secret).field(name, NAME);
                    gateway.client(protocol).await.ask(&ask).await.refuses(400, -32600, Value::Null);
                }
            }
            assert_eq!(origin.requests().len(), passed);
        }
    }
    let unknown = |line: &Value| line["outcome"] == "unknown_session";
    gateway.audit.wait("the refusals", 0, 2 * 3 * 21, unknown).await;
    let refused = gateway.audit.since(0, unknown);
    assert_eq!(refused.len(), 2 * 3 * 21);
    assert!(refused.iter().all(|line| line["status"] == 404 && line["client"].is_string()), "{refused:?}");
    gateway.kill(); // then all that it has said is there
    let warned =
        gateway.log.since(0, |line| line["message"].as_str().is_some_and(|m| m.contains("session_secret_file")));
    assert_eq!(warned.len(), 1, "once: {warned:?}");
}

#[tokio::test]
async fn on_every_replica_that_has_the_secret() {
    let origin = origin().await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("session-secret");
    std::fs::write(&file, SECRET).unwrap();
    let settings = format!("keys.session_secret_file = \"{}\"", file.display());
    let mut gateways = Vec::new();
    for settings in [&*settings, &settings, ""] {
        gateways.push(Gateway::before(&origin).settings(settings).start().await);
    }
    let first = gateways[0].http1().await.ask(&Ask::ping().key(&gateways[0].key().secret)).await.with(200);
    let session = first.fields.one("mcp-session-id").unwrap();
    for (number, status) in [(0, 200), (1, 200), (2, 404)] {
        let [ask, ..] = within_session(gateways[number].key(), session);
        gateways[number].http1().await.ask(&ask).await.with(status);
    }
    // and after a restart
    gateways[0].restart().await;
    let [ask, ..] = within_session(gateways[0].key(), session);
    gateways[0].http1().await.ask(&ask).await.with(200);
    for gateway in &mut gateways[..2] {
        gateway.kill();
        assert!(!gateway.log.text().contains("session_secret_file"), "nothing is to be said");
        assert!(!gateway.log.text().contains(SECRET.trim()));
    }
}

#[tokio::test]
async fn as_long_as_the_client_has_its_name() {
    let origin = origin().await;
    let gateway = Gateway::before(&origin).start().await;
    let mut client = gateway.http1().await;
    let reply = client.ask(&Ask::ping().key(&gateway.key().secret)).await.with(200);
    let session = reply.fields.one("mcp-session-id").unwrap().to_owned();
    // another key of the same client is the same client
    let second = Key::new();
    let before = gateway.read("keys.toml");
    gateway.rekey(format!("{before}\n{}", second.row())).await;
    let [ask, ..] = within_session(&second, &session);
    client.ask(&ask).await.with(200);
    gateway.rekey(before.replace(CLIENT, "renamed")).await;
    let [ask, ..] = within_session(gateway.key(), &session);
    client.ask(&ask).await.refuses(404, -32004, json!(null));
}

#[tokio::test]
async fn and_a_backend_that_names_two_is_not_believed() {
    let origin = Origin::answering(|_| {
        b"HTTP/1.1 200 OK\r\nmcp-session-id: a\r\nmcp-session-id: b\r\ncontent-length: 0\r\n\r\n".to_vec()
    })
    .await;
    let gateway = Gateway::before(&origin).start().await;
    let reply = gateway.http1().await.ask(&Ask::ping().key(&gateway.key().secret)).await;
    reply.refuses(502, -32010, Value::Null);
}
