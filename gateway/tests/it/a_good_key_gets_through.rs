//! Whoever tries keys from one address is told to wait after `failures_per_address`, whichever key, connection or protocol
//! he uses; a good key from the same address always gets through. A request without a key tries none.

use crate::harness::origin::ok;
use crate::harness::{Ask, Gateway, Key, Origin, Protocol};
use serde_json::Value;

#[tokio::test]
async fn while_its_address_is_over_its_failures() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let (disabled, expired) = (Key::disabled(), Key::expired());
    let setup = Gateway::before(&origin).client("aged", "", &[&disabled, &expired]);
    let gateway = setup.settings("[limits]\nfailures_per_address = \"5/day\"").start().await;
    let wrong = || Ask::ping().key(Key::new().secret);
    let mut clients = [gateway.client(Protocol::Http1).await, gateway.client(Protocol::Http2).await];
    for client in &mut clients {
        for _ in 0..10 {
            client.ask(&Ask::ping()).await.refuses(401, -32001, Value::Null);
        }
    }
    let tries =
        [wrong(), Ask::ping().key(&disabled.secret), Ask::ping().key(&expired.secret), wrong().key("b"), wrong()];
    for (number, ask) in tries.iter().enumerate() {
        let reply = clients[number % 2].ask(ask).await;
        assert_eq!(reply.refuses(401, -32001, Value::Null), "Invalid API key");
    }
    for client in &mut clients {
        for ask in &tries {
            let refused = client.ask(ask).await;
            let (sentence, wait) = refused.limits(Value::Null);
            assert_eq!(
                sentence,
                "Too many keys from this address were refused. Try again after the time in Retry-After."
            );
            assert!((1..=17_280).contains(&wait), "{wait}");
            assert!(!refused.fields.has("ratelimit"));
            client.ask(&Ask::ping().key(&gateway.key().secret)).await.with(200);
            client.ask(&Ask::ping()).await.refuses(401, -32001, Value::Null);
        }
    }
    assert_eq!(origin.requests().len(), 10);
    assert_eq!(gateway.hits("failures_per_address").await, 10.0);
    for (reason, count) in
        [("unknown", 2.0), ("disabled", 1.0), ("expired", 1.0), ("malformed", 1.0), ("too_many_failures", 10.0)]
    {
        let series = format!("gateway_auth_decisions_total{{result=\"rejected\",reason=\"{reason}\"}}");
        assert_eq!(gateway.metric(&series).await, Some(count), "{reason}");
    }
}

#[tokio::test]
async fn unless_nobody_counts() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let gateway = Gateway::before(&origin).settings("[limits]\nfailures_per_address = \"unlimited\"").start().await;
    let mut client = gateway.http2().await;
    let wrong = Ask::ping().key(Key::new().secret);
    for _ in 0..100 {
        client.ask(&wrong).await.refuses(401, -32001, Value::Null);
    }
}
