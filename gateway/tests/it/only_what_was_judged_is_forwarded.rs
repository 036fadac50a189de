//! A client decides bytes, not where a request ends. Whatever it writes about framing, by raw sockets over TLS, the backend
//! sees at most the one request that was judged, in canonical form; what two servers could read differently is refused, or
//! ends the connection. What stands behind a request is the next one, judged by itself.

mod cases;

use crate::harness::origin::Request;
use crate::harness::{Gateway, Http1, Key, Origin};
use cases::{BEHIND, CHUNKS, CODINGS, Case, Closed, HEADS, LENGTHS, NONE, Open, Refused, TARGETS, Then};
use std::sync::{Arc, Mutex};

struct Range {
    gateway: Gateway,
    origin: Origin,
    whole: Arc<Mutex<Vec<String>>>,
}

impl Range {
    async fn start(members: &str) -> (Self, Key) {
        let (origin, whole) = Origin::canonical().await;
        let key = Key::new();
        let gateway = Gateway::before(&origin).client("phone", members, &[&key]).start().await;
        (Self { gateway, origin, whole }, key)
    }

    /// Sends a case on a connection of its own; gives what differs from what is expected.
    async fn plays(&self, number: usize, case: &Case, head: &str, key: &Key) -> Option<String> {
        let (bytes, status, then, whole) = case;
        self.whole.lock().unwrap().clear();
        let host = format!("Host: {}\r\n", self.gateway.authority());
        let mark = format!("{number}-{}", head.split(' ').next().unwrap_or_default());
        let secret = format!("X-API-Key: {}\r\nCase: {mark}\r\n", key.secret);
        let sent = format!("{head}{bytes}").replace("{H}", &host).replace("{K}", &secret);
        let mut client = self.gateway.http1().await;
        // whoever refuses may close before everything was sent
        let _ = client.offer(&sent).await;
        let came = match client.raw_head().await {
            Some(head) => {
                while matches!(client.piece().await, crate::harness::Piece::Data(_)) {}
                head.status()
            }
            None => NONE,
        };
        let after = self.after(&mut client, &host).await;
        let got = self.whole.lock().unwrap().clone();
        let own = |request: &&Request| request.fields().all("case") == [mark.as_str()];
        let heads = self.origin.requests().iter().filter(own).count();
        // what breaks in its body may have begun to be forwarded; what is refused for its head has not
        let most = whole.len().max(usize::from(head.ends_with("\r\n\r\n")));
        let right = came == *status && after == *then && got == **whole && heads <= most;
        (!right).then(|| format!("{head:?} {bytes:?}\n  {came} {after:?} {got:?}, {heads} heads\n"))
    }

    /// What comes on the connection before the answer to a request that only we know of.
    async fn after(&self, client: &mut Http1, host: &str) -> Then {
        let _ = client.offer(format!("GET /none HTTP/1.1\r\n{host}\r\n")).await;
        match client.raw_head().await.map(|head| head.status()) {
            None => Closed,
            Some(404) => Open,
            Some(status) => Refused(status),
        }
    }

    /// Asks with a key for a target that need be no text; gives the status, if there is one, of a connection that ends.
    async fn asks(&self, target: &[u8], key: &Key) -> Option<u16> {
        let rest = format!(" HTTP/1.1\r\nHost: {}\r\nX-API-Key: {}\r\n\r\n", self.gateway.authority(), key.secret);
        let mut client = self.gateway.http1().await;
        // whoever refuses may close before everything was sent
        let _ = client.offer([b"GET ", target, rest.as_bytes()].concat()).await;
        let head = client.raw_head().await?;
        while matches!(client.piece().await, crate::harness::Piece::Data(_)) {}
        client.closed("such a target").await;
        Some(head.status())
    }

    async fn play(&self, cases: &[Case], head: &str, key: &Key) {
        let mut wrong = String::new();
        for (number, case) in cases.iter().enumerate() {
            wrong += &self.plays(number, case, head, key).await.unwrap_or_default();
        }
        assert!(wrong.is_empty(), "{wrong}");
    }
}

#[tokio::test]
async fn whatever_length_is_told() {
    let (range, key) = Range::start("tools = \"all\"").await;
    range.play(LENGTHS, "", &key).await;
}

#[tokio::test]
async fn whatever_coding_is_told() {
    let (range, key) = Range::start("tools = \"all\"").await;
    range.play(CODINGS, "", &key).await;
}

#[tokio::test]
async fn however_chunks_are_written() {
    let (range, key) = Range::start("tools = \"all\"").await;
    range.play(CHUNKS, "POST /mcp HTTP/1.1\r\n{H}{K}Transfer-Encoding: chunked\r\n\r\n", &key).await;
}

/// Where a policy has to judge the body, not even a head is forwarded before it is whole.
#[tokio::test]
async fn and_under_a_policy_no_part_of_a_broken_body() {
    let (range, key) = Range::start("tools = [\"get_alerts\"]").await;
    let head = "POST /mcp HTTP/1.1\r\n{H}{K}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    let broken: Vec<Case> = CHUNKS.iter().filter(|case| case.1 == 400).copied().collect();
    range.play(&broken, head, &key).await;
    assert_eq!(range.origin.requests().len(), 0);
}

#[tokio::test]
async fn however_heads_are_written() {
    let (range, key) = Range::start("tools = \"all\"").await;
    range.play(HEADS, "", &key).await;
}

#[tokio::test]
async fn whatever_is_asked_for() {
    let (range, key) = Range::start("tools = \"all\"").await;
    range.play(TARGETS, "GET ", &key).await;
    for method in ["POST ", "OPTIONS ", "DELETE "] {
        let refused: Vec<Case> = TARGETS.iter().filter(|case| case.1 == 400).copied().collect();
        range.play(&refused, method, &key).await;
    }
    let passed = range.origin.requests().len();
    for target in [&b"/mcp\xff"[..], b"/\xff/mcp", b"/\xc0\xae\xc0\xae/mcp", b"/mcp\xed\xa0\x80"] {
        let status = range.asks(target, &key).await;
        assert_eq!(status, Some(400), "{target:?} is no UTF-8");
    }
    let long = format!("/mcp?{}", "a".repeat(64 * 1024));
    let status = range.asks(long.as_bytes(), &key).await;
    assert!(matches!(status, None | Some(414 | 431)), "{status:?}");
    assert_eq!(range.origin.requests().len(), passed);
}

#[tokio::test]
async fn whatever_stands_behind_a_request() {
    let (range, key) = Range::start("tools = \"all\"").await;
    range.play(BEHIND, "", &key).await;
}

#[test]
fn at_least_sixty_ways() {
    let cases = [LENGTHS, CODINGS, CHUNKS, HEADS, TARGETS, BEHIND];
    assert!(cases.iter().map(|cases| cases.len()).sum::<usize>() >= 100);
}
