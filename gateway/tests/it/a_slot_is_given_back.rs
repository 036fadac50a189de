//! A client has at most `max_streams` streams open (GET and `subscriptions/listen`) and `max_in_flight` other requests under
//! way; one more is 429. A slot is held until the reply ends, and given back however it ends. It is the client's, so other
//! keys, connections and workers share it, and neither rotation nor reload frees it.

use crate::harness::client::Incoming;
use crate::harness::origin::ok;
use crate::harness::{Ask, Client, Exchange, Gateway, Key, Origin, Piece, Protocol, eventually};
use serde_json::{Value, json};

const LIMITS: &str = "tools = \"all\"\nmax_streams = 1\nmax_in_flight = 1";

async fn stage() -> (Origin, Gateway, Key, Key) {
    let origin = Origin::start().await;
    let (key, other) = (Key::new(), Key::new());
    let gateway = Gateway::before(&origin).client("metered", LIMITS, &[&key, &other]).start().await;
    (origin, gateway, key, other)
}

fn listen() -> Ask {
    let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28"});
    let params = json!({"_meta": meta, "notifications": {"toolsListChanged": true}});
    Ask::message(&json!({"jsonrpc": "2.0", "id": 5, "method": "subscriptions/listen", "params": params}))
        .field("mcp-protocol-version", "2026-07-28")
        .field("mcp-method", "subscriptions/listen")
}

/// What takes a slot of each kind, and the refusal's id and sentence when there is none.
fn kinds(key: &Key) -> [(Ask, Value, &'static str); 3] {
    let streams = "This client has as many streams open as it may. Close one, or try again later.";
    let flight = "This client has as many requests under way as it may. Wait for one to end.";
    [
        (Ask::get("/mcp").key(&key.secret), Value::Null, streams),
        (listen().key(&key.secret), json!(5), streams),
        (Ask::call(7, "any", json!({})).key(&key.secret), json!(7), flight),
    ]
}

/// Whether a slot for `ask` is free, which is then used and given back.
async fn is_free(origin: &Origin, client: &mut Client, ask: &Ask) -> bool {
    let reply = client.open(ask).await.reply();
    tokio::pin!(reply);
    tokio::select! {
        mut exchange = origin.whole() => {
            exchange.send(ok("{}")).await;
            reply.await.with(200);
            exchange.done();
            true
        }
        reply = &mut reply => {
            assert_eq!(reply.status, 429, "{reply:?}");
            false
        }
    }
}

/// Takes a slot, by a reply that has `begun` or has not.
async fn holder<'a>(origin: &Origin, client: &'a mut Client, ask: &Ask, begun: bool) -> (Incoming<'a>, Exchange) {
    let mut incoming = client.open(ask).await;
    let exchange = if begun { origin.streams(incoming.head()).await } else { origin.whole().await };
    (incoming, exchange)
}

#[tokio::test]
async fn while_it_is_held_there_is_no_other() {
    let (origin, gateway, key, other) = stage().await;
    for protocol in Protocol::BOTH {
        for ((ask, id, sentence), (same, ..)) in kinds(&key).into_iter().zip(kinds(&other)) {
            let mut holder = gateway.client(protocol).await;
            let mut held = holder.open(&ask).await;
            let mut exchange = origin.whole().await;
            for begun in [false, true] {
                if begun {
                    exchange.stream().await;
                    held.head().await;
                }
                for again in [&ask, &same] {
                    let refused = gateway.client(protocol).await.ask(again).await;
                    assert_eq!(refused.limits(id.clone()), (sentence.to_owned(), 1));
                    let name = if sentence.contains("streams") { "streams" } else { "in-flight" };
                    let policy = format!("\"{name}\";q=1;qu=\"concurrent-requests\"");
                    assert_eq!(refused.fields.one("ratelimit-policy"), Some(&*policy));
                    assert_eq!(refused.fields.one("ratelimit"), Some(&*format!("\"{name}\";r=0")));
                }
            }
            exchange.send("0\r\n\r\n").await;
            assert_eq!(held.piece().await, Piece::End);
            exchange.done();
            let mut next = gateway.client(protocol).await;
            assert!(is_free(&origin, &mut next, &ask).await, "the reply has ended, so its slot is free");
        }
    }
    for (limit, count) in [("streams", 16.0), ("in_flight", 8.0)] {
        let series = format!("gateway_rate_limited_total{{client=\"metered\",limit=\"{limit}\"}}");
        assert_eq!(gateway.metric(&series).await, Some(count));
    }
}

#[tokio::test]
async fn streams_and_other_requests_do_not_take_each_others() {
    let (origin, gateway, key, _) = stage().await;
    let (mut one, mut two) = (gateway.http2().await, gateway.http1().await);
    let _call = one.open(&Ask::call(7, "any", json!({})).key(&key.secret)).await;
    let _held = origin.whole().await;
    let mut stream = one.open(&listen().key(&key.secret)).await;
    let mut exchange = origin.whole().await;
    two.ask(&listen().key(&key.secret)).await.limits(5);
    two.ask(&Ask::get("/mcp").key(&key.secret)).await.limits(Value::Null);
    two.ask(&Ask::ping().key(&key.secret)).await.limits(1);
    two.ask(&Ask::new("DELETE", "/mcp").key(&key.secret)).await.limits(Value::Null);
    // what the head says of the message decides nothing where revision 2026-07-28 does not make it true
    exchange.send(ok("{}")).await;
    assert_eq!(stream.head().await.0, 200);
    assert_eq!(stream.piece().await, Piece::Data(b"{}".to_vec()));
    assert_eq!(stream.piece().await, Piece::End);
    exchange.done();
    two.ask(&Ask::call(8, "any", json!({})).field("mcp-method", "subscriptions/listen").key(&key.secret))
        .await
        .limits(8);
    let mut free = gateway.http2().await;
    let mut open = Vec::new();
    for _ in 0..3 {
        let stream = free.open(&Ask::get("/mcp").key(&gateway.key().secret)).await;
        open.push((stream, origin.whole().await));
    }
}

#[tokio::test]
async fn however_its_reply_ends() {
    let (origin, gateway, key, _) = stage().await;
    for protocol in Protocol::BOTH {
        for (ask, _, _) in kinds(&key) {
            let free = async |what: &str| {
                let mut client = gateway.client(protocol).await;
                eventually(format!("a slot is free again: {what}"), async || {
                    is_free(&origin, &mut client, &ask).await.then_some(())
                })
                .await;
            };
            // the client leaves before there is an answer, and in the middle of it
            for begun in [false, true] {
                let mut client = gateway.client(protocol).await;
                let (incoming, mut exchange) = holder(&origin, &mut client, &ask, begun).await;
                incoming.leave();
                exchange.closed().await;
                free("the client left").await;
            }
            // the upstream leaves before it answers, and in the middle
            for begun in [false, true] {
                let mut client = gateway.client(protocol).await;
                let (mut incoming, exchange) = holder(&origin, &mut client, &ask, begun).await;
                exchange.hang_up().await;
                if begun {
                    assert_eq!(incoming.piece().await, Piece::Cut);
                } else {
                    assert_eq!(incoming.head().await.0, 502);
                }
                drop(client);
                free("the upstream left").await;
            }
            // the upstream lies
            let mut client = gateway.client(protocol).await;
            let mut incoming = client.open(&ask).await;
            let _exchange = origin.answers("HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n").await;
            assert_eq!(incoming.head().await.0, 502);
            drop(client);
            free("the upstream lied").await;
        }
        // what is refused after it has its slot
        for (body, status) in [("[]", 400), ("{", 400)] {
            let mut client = gateway.client(protocol).await;
            assert_eq!(client.ask(&Ask::post(body).key(&key.secret)).await.status, status);
            assert!(is_free(&origin, &mut client, &Ask::ping().key(&key.secret)).await);
        }
    }
}

#[tokio::test]
async fn also_when_its_lease_ends() {
    let (origin, gateway, key, other) = stage().await;
    let mut client = gateway.http1().await;
    client.open(&Ask::get("/mcp").key(&key.secret)).await;
    let _exchange = origin.streams(client.head()).await;
    gateway.command(&["keys", "revoke", &key.id, "--reason", "lost"]);
    assert_eq!(client.piece().await, Piece::End);
    let mut next = Client::One(gateway.http1().await);
    eventually("a slot is free again", async || {
        is_free(&origin, &mut next, &Ask::get("/mcp").key(&other.secret)).await.then_some(())
    })
    .await;
}

#[tokio::test]
async fn and_neither_rotation_nor_reload_frees_it() {
    let (origin, gateway, key, _) = stage().await;
    let mut client = gateway.http1().await;
    client.open(&Ask::get("/mcp").key(&key.secret)).await;
    let mut exchange = origin.streams(client.head()).await;
    let rotated = gateway.command(&["keys", "rotate", "metered"]);
    crate::harness::secrets::remember(&rotated);
    let keys = gateway.read("keys.toml");
    gateway.rekey(keys.clone() + "\n# changed\n").await;
    let ask = Ask::get("/mcp").key(&rotated);
    gateway.http1().await.ask(&ask).await.limits(Value::Null);
    gateway.rekey(keys.replace("max_streams = 1", "max_streams = 2")).await;
    let mut second = gateway.http1().await;
    second.open(&ask).await;
    let mut other = origin.streams(second.head()).await;
    gateway.rekey(keys).await;
    exchange.send("0\r\n\r\n").await;
    assert_eq!(client.piece().await, Piece::End);
    client.ask(&ask).await.limits(Value::Null);
    other.send("0\r\n\r\n").await;
    assert_eq!(second.piece().await, Piece::End);
    exchange.done();
    other.done();
    assert!(is_free(&origin, &mut Client::One(second), &ask).await);
}

/// Some backends put a method into capitals: a stream is one however it is asked for.
#[tokio::test]
async fn and_a_stream_is_one_in_any_case_of_letters() {
    for protocol in Protocol::BOTH {
        let (origin, gateway, key, _) = stage().await;
        let mut first = gateway.client(protocol).await;
        let held = first.open(&Ask::get("/mcp").key(&key.secret)).await;
        let exchange = origin.whole().await;
        for method in ["get", "Get", "GET"] {
            let ask = Ask::new(method, "/mcp").key(&key.secret);
            gateway.client(protocol).await.ask(&ask).await.with(429);
        }
        drop((held, exchange));
    }
}

/// Nor does a body make another thing of it: a backend that streams what a GET asks for does not read one.
#[tokio::test]
async fn nor_is_it_another_thing_with_a_body() {
    for protocol in Protocol::BOTH {
        let (origin, gateway, key, _) = stage().await;
        let mut first = gateway.client(protocol).await;
        let message = Ask::ping().key(&key.secret);
        let mut ask = message.clone();
        ask.method = "GET".to_owned();
        let held = first.open(&ask).await;
        let exchange = origin.whole().await;
        gateway.client(protocol).await.ask(&ask).await.limits(1);
        let mut other = gateway.client(protocol).await;
        assert!(is_free(&origin, &mut other, &message).await, "it holds no slot of requests in flight");
        drop((held, exchange));
    }
}
