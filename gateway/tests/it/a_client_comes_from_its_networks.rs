//! A client with `allow_from` is unknown elsewhere: the refusal is that of an unknown key, only metric and log tell. Where a
//! request comes from is the peer's address, or what `trusted_proxies` say, and nobody else; it decides, is logged, counts
//! failures and is told to the backend.

use crate::harness::origin::ok;
use crate::harness::{Ask, Gateway, Key, Origin, Protocol, Reply};
use serde_json::Value;

/// Without what differs from one reply to the next.
fn comparable(reply: &Reply) -> (u16, Vec<String>, String) {
    let mut fields = reply.fields.clone();
    fields.0.retain(|(name, _)| !["date", "x-request-id"].contains(&&*name.to_ascii_lowercase()));
    (reply.status, fields.sorted(), reply.text())
}

#[tokio::test]
async fn and_is_unknown_elsewhere() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let (here, elsewhere) = (Key::new(), Key::new());
    let setup = Gateway::before(&origin)
        .client("here", "tools = \"all\"\nallow_from = [\"2001:db8::/32\", \"127.0.0.0/8\"]", &[&here])
        .client("elsewhere", "tools = \"all\"\nallow_from = [\"192.0.2.0/24\", \"::1\"]", &[&elsewhere]);
    let gateway = setup.start().await;
    for protocol in Protocol::BOTH {
        let mut client = gateway.client(protocol).await;
        client.ask(&Ask::ping().key(&here.secret)).await.with(200);
        for lie in [("x-forwarded-for", "192.0.2.1"), ("forwarded", "for=192.0.2.1"), ("x-real-ip", "192.0.2.1")] {
            let refused = client.ask(&Ask::ping().field(lie.0, lie.1).key(&elsewhere.secret)).await;
            assert_eq!(refused.refuses(401, -32001, Value::Null), "Invalid API key");
            let unknown = client.ask(&Ask::ping().field(lie.0, lie.1).key(Key::new().secret)).await;
            assert_eq!(comparable(&refused), comparable(&unknown));
        }
    }
    assert_eq!(origin.requests().len(), 2);
    let series = "gateway_auth_decisions_total{result=\"rejected\",reason=\"address\"}";
    assert_eq!(gateway.metric(series).await, Some(6.0));
    let lines = gateway.audited(14).await;
    assert_eq!(lines.iter().filter(|line| line["outcome"] == "key_address").count(), 6);
    let keys = gateway.read("keys.toml");
    gateway.rekey(keys.replace("\"192.0.2.0/24\"", "\"127.0.0.1\"")).await;
    gateway.http1().await.ask(&Ask::ping().key(&elsewhere.secret)).await.with(200);
}

#[tokio::test]
async fn as_trusted_proxies_tell() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let office = Key::new();
    let setup =
        Gateway::before(&origin).client("office", "tools = \"all\"\nallow_from = [\"192.0.2.0/24\"]", &[&office]);
    let gateway = setup.settings("[listen]\ntrusted_proxies = [\"127.0.0.0/8\", \"10.0.0.0/8\"]").start().await;
    let passed: &[(&[(&str, &str)], &str)] = &[
        (&[("x-forwarded-for", "192.0.2.1")], "192.0.2.1"),
        (&[("x-forwarded-for", "203.0.113.1, 192.0.2.2:4711, 10.1.1.1")], "192.0.2.2"),
        (&[("x-forwarded-for", "garbage"), ("x-forwarded-for", "192.0.2.3")], "192.0.2.3"),
        (&[("forwarded", "for=unknown, for=\"192.0.2.4:80\";proto=https")], "192.0.2.4"),
        (&[("forwarded", "for=192.0.2.5"), ("x-forwarded-for", "192.0.2.5")], "192.0.2.5"),
    ];
    let refused: &[(&[(&str, &str)], &str)] = &[
        (&[], "127.0.0.1"),
        (&[("x-forwarded-for", "192.0.2.1, 203.0.113.7")], "203.0.113.7"),
        (&[("x-forwarded-for", "192.0.2.1, [2001:db8::7]:443")], "2001:db8::7"),
        (&[("x-forwarded-for", "192.0.2.1, unknown")], "127.0.0.1"),
        (&[("x-forwarded-for", "192.0.2.1, 192.0.2")], "127.0.0.1"),
        (&[("forwarded", "for=192.0.2.1, for=_hidden, for=10.0.0.9")], "10.0.0.9"),
        (&[("forwarded", "for=\"192.0.2.1")], "127.0.0.1"),
        (&[("forwarded", "for=192.0.2.1"), ("x-forwarded-for", "203.0.113.7")], "127.0.0.1"),
    ];
    let with = |fields: &[(&str, &str)], key: &Key| {
        fields.iter().fold(Ask::ping(), |ask, (name, value)| ask.field(name, value)).key(&key.secret)
    };
    let mut expected = Vec::new();
    for protocol in Protocol::BOTH {
        let mut client = gateway.client(protocol).await;
        for (fields, address) in passed {
            client.ask(&with(fields, &office)).await.with(200);
            let seen = origin.last().head.fields;
            assert_eq!((seen.one("x-forwarded-for"), seen.has("forwarded")), (Some(*address), false));
            expected.push(*address);
        }
        for (fields, address) in refused {
            client.ask(&with(fields, &office)).await.refuses(401, -32001, Value::Null);
            client.ask(&with(fields, gateway.key())).await.with(200);
            assert_eq!(origin.last().head.fields.one("x-forwarded-for"), Some(*address), "{fields:?}");
            expected.extend([*address; 2]);
        }
    }
    let lines = gateway.audited(expected.len()).await;
    let logged = lines
        .iter()
        .map(|line| line["peer"].as_str().unwrap().parse::<std::net::SocketAddr>().unwrap().ip().to_string());
    // each worker's lines are in order
    let mut logged: Vec<_> = logged.collect();
    logged.sort();
    expected.sort();
    assert_eq!(logged, expected);
}

#[tokio::test]
async fn and_each_of_them_has_failures_of_its_own() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let settings = "[listen]\ntrusted_proxies = [\"127.0.0.1\"]\n[limits]\nfailures_per_address = \"2/day\"";
    let gateway = Gateway::before(&origin).settings(settings).start().await;
    let mut client = gateway.http2().await;
    let wrong = Key::new();
    let from = |address: &str| Ask::ping().field("x-forwarded-for", address).key(&wrong.secret);
    for (address, status) in [
        ("192.0.2.1", 401),
        ("192.0.2.1", 401),
        ("192.0.2.1", 429),
        ("192.0.2.9, 192.0.2.1", 429),
        ("192.0.2.2", 401),
        ("2001:db8::1", 401),
        ("2001:db8::2", 401),
        ("2001:db8:0:0:ffff::1", 429),
        ("2001:db8:0:1::1", 401),
    ] {
        assert_eq!(client.ask(&from(address)).await.status, status, "{address}");
    }
}
