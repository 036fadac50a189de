//! However many ask at once, over whatever protocol and by whichever backend connection: each request reaches the backend
//! as it is, in the name of who sent it, and each reply goes to who asked.

use crate::harness::fields::Fields;
use crate::harness::origin::{Request, ok};
use crate::harness::{Ask, Gateway, Key, Origin, Protocol};
use serde_json::json;

/// Says what came and from whom.
fn echo(request: &Request) -> Vec<u8> {
    let who = request.fields().one("x-client-id");
    let body = String::from_utf8(request.body.clone()).unwrap();
    ok(&json!({"target": request.target(), "who": who, "body": body}).to_string())
}

#[tokio::test]
async fn when_many_ask_at_once() {
    let origin = Origin::answering(echo).await;
    let keys: Vec<_> = (0..8).map(|_| Key::new()).collect();
    let mut setup = Gateway::before(&origin);
    for (n, key) in keys.iter().enumerate() {
        setup = setup.client(&format!("client-{n}"), "tools = \"all\"", &[key]);
    }
    let gateway = setup.start().await;
    let mut asking = tokio::task::JoinSet::new();
    for (n, key) in keys.iter().enumerate() {
        let mut client = gateway.client(Protocol::BOTH[n % 2]).await;
        let key = key.secret.clone();
        asking.spawn(async move {
            for round in 0..25 {
                // long after short and short after long: nothing of one may be left in the next
                let body = format!("{n}/{round}/").repeat(1 + (round * 7919 + n * 104_729) % 3000);
                let target = format!("/mcp?client={n}&round={round}");
                let reply = client.ask(&Ask::post(body.clone()).at(&target).key(&key)).await.with(200);
                assert_eq!(reply.json(), json!({"target": target, "who": format!("client-{n}"), "body": body}));
            }
        });
    }
    while let Some(asked) = asking.join_next().await {
        asked.unwrap();
    }
    assert!(origin.connections() <= 2 * keys.len(), "connections are used again: {}", origin.connections());
}

#[tokio::test]
async fn when_one_asks_without_waiting() {
    let origin = Origin::answering(echo).await;
    let gateway = Gateway::before(&origin).start().await;
    let mut client = gateway.http1().await;
    let asks: Vec<_> = (0..10)
        .map(|n| Ask::post(format!("{n}").repeat(n * 100)).at(format!("/mcp?n={n}")).key(&gateway.key().secret))
        .collect();
    let bytes: Vec<u8> = asks.iter().flat_map(|ask| ask.bytes(&gateway.authority())).collect();
    client.send(bytes).await;
    for ask in asks {
        let reply = client.reply().await.with(200).json();
        assert_eq!(
            (&reply["target"], reply["body"].as_str().unwrap().as_bytes()),
            (&json!(ask.target), &ask.body.unwrap()[..])
        );
    }
}

#[tokio::test]
async fn when_streams_share_a_connection() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(&origin).start().await;
    let mut client = gateway.http2().await;
    let (mut streams, mut exchanges) = (Vec::new(), Vec::new());
    for n in 0..10 {
        streams.push(client.open(&Ask::ping().at(format!("/mcp?n={n}")).key(&gateway.key().secret)).await);
        exchanges.push(origin.whole().await);
    }
    // answered in the opposite order
    for (n, exchange) in exchanges.iter_mut().enumerate().rev() {
        assert_eq!(exchange.request().target(), format!("/mcp?n={n}"));
        exchange.send(ok(&n.to_string())).await;
        let mut incoming = crate::harness::client::Incoming::Two(streams.remove(n));
        let (status, fields): (u16, Fields) = incoming.head().await;
        assert_eq!((status, fields.one("content-length")), (200, Some("1")));
        assert_eq!(incoming.rest().await, (n.to_string().into_bytes(), true));
    }
}
