//! `gateway keys rotate` while requests and streams run: both keys work until the overlap ends, to the second that the file
//! says; then the old one is 401 and its streams are ended between two events. The new one and its streams notice nothing.

use crate::harness::origin::ok;
use crate::harness::setup::CLIENT;
use crate::harness::{Ask, Gateway, Http1, Origin, Piece, secrets};
use std::pin::pin;
use std::time::SystemTime;

/// Sends `ask`; the origin answers if it gets that far. Gives the status.
async fn status(origin: &Origin, client: &mut Http1, ask: &Ask) -> u16 {
    client.open(ask).await;
    let mut reply = pin!(client.reply());
    tokio::select! {
        refused = &mut reply => refused.status,
        mut exchange = origin.next() => {
            exchange.body().await;
            exchange.send(ok("{}")).await;
            exchange.done();
            reply.await.with(200).status
        }
    }
}

#[tokio::test]
async fn from_one_to_the_other() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(&origin).start().await;
    let old = Ask::ping().key(&gateway.key().secret);
    let (mut asking, mut on_old, mut on_new) = (gateway.http1().await, gateway.http1().await, gateway.http2().await);
    on_old.open(&old).await;
    let mut old_stream = origin.streams(on_old.head()).await;

    let from = gateway.log.len();
    let secret = gateway.command(&["keys", "rotate", CLIENT, "--overlap", "6s"]);
    secrets::remember(&secret);
    gateway.said("reloaded", from).await;
    let keys = gateway.read("keys.toml");
    let end = keys.lines().find_map(|line| line.strip_prefix("expires_at = ")).expect("the old key ends");
    let end = humantime::parse_rfc3339(end).unwrap();
    let new = Ask::ping().key(&secret);
    let mut incoming = on_new.open(&new).await;
    let mut new_stream = origin.streams(incoming.head()).await;

    let mut before = 0;
    loop {
        assert_eq!(status(&origin, &mut asking, &new).await, 200);
        let asked = SystemTime::now();
        let answered = status(&origin, &mut asking, &old).await;
        if asked >= end {
            assert_eq!(answered, 401, "the old key has ended");
            break;
        }
        if SystemTime::now() < end {
            assert_eq!(answered, 200, "the old key has not ended");
            before += 1;
            let sent = old_stream.offer("b\r\ndata: old\n\n\r\n").await;
            let piece = on_old.piece().await;
            // it may have ended meanwhile
            if piece != Piece::End || SystemTime::now() < end {
                assert_eq!((piece, sent.is_ok()), (Piece::Data(b"data: old\n\n".to_vec()), true));
            }
        }
    }
    assert!(before > 0, "the overlap has passed before anything could be asked");
    assert_eq!(on_old.piece().await, Piece::End);
    old_stream.closed().await;
    let ended = |line: &serde_json::Value| line["end"] == "lease_ended";
    let line = gateway.audit.wait("the old stream's line", 0, 1, ended).await.remove(0);
    assert_eq!((&line["reason"], &line["key_id"]), (&"expired".into(), &gateway.key().id.as_str().into()));
    new_stream.chunk("data: new\n\n").await;
    assert_eq!(incoming.piece().await, Piece::Data(b"data: new\n\n".to_vec()));
    assert_eq!(status(&origin, &mut asking, &new).await, 200);
    assert_eq!(gateway.metric("gateway_streams_open{client=\"weather-agent\"}").await, Some(1.0));
}
