//! An h2 client that sends frames only to make the gateway work is told to go (GOAWAY, ENHANCE_YOUR_CALM), and nobody else
//! notices: streams that are opened and reset (CVE-2023-44487), resets that the client provokes (CVE-2025-8671), headers
//! without end (VU#421664), PING, SETTINGS and PRIORITY (CVE-2019-9512, -9515, -9513), windows that widen for nothing,
//! data in crumbs (CVE-2019-9518).

use crate::harness::origin::ok;
use crate::harness::raw2::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, HEADERS, PING, PRIORITY, RST_STREAM, SETTINGS,
    WINDOW_UPDATE, block, frame, request,
};
use crate::harness::{Ask, Gateway, Origin, eventually};
use serde_json::Value;

/// Floods the gateway with what `piece` makes of 0, 1, 2..; `limit` is what counts it.
async fn flood(limit: &str, piece: impl FnMut(u32) -> Vec<u8> + Send + 'static) -> Origin {
    let origin = Origin::answering(|_| ok("{}")).await;
    let gateway = Gateway::before(&origin).settings("workers = 1\n[log]\nlevel = \"info\"").start().await;
    let mut other = gateway.http2().await;
    other.ask(&Ask::ping().key(&gateway.key().secret)).await.with(200);
    let (code, debug) = gateway.raw2().await.flood(piece).await;
    assert_eq!(code, ENHANCE_YOUR_CALM, "{debug}");
    eventually("it is counted", async || (gateway.hits(limit).await == 1.0).then_some(())).await;
    other.ask(&Ask::ping().key(&gateway.key().secret)).await.with(200);
    origin
}

fn stream(n: u32) -> u32 {
    2 * n + 1
}

fn get(n: u32) -> Vec<u8> {
    frame(HEADERS, END_STREAM | END_HEADERS, stream(n), &block(&request("GET", "/mcp")))
}

#[tokio::test]
async fn streams_that_are_opened_and_reset() {
    // many at once are never looked at; the library has enough of them first
    let origin = flood("h2_flood", |n| {
        (0..100)
            .flat_map(|i| [get(n * 100 + i), frame(RST_STREAM, 0, stream(n * 100 + i), &[0, 0, 0, 8])].concat())
            .collect()
    })
    .await;
    assert_eq!(origin.requests().len(), 2, "nothing of it was forwarded");
}

#[tokio::test]
async fn streams_that_are_reset_once_they_are_answered() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let gateway = Gateway::before(&origin).settings("[limits]\nmax_control_frames = 1").start().await;
    let mut raw = gateway.raw2().await;
    for n in 0..12 {
        raw.offer(&get(n)).await;
        loop {
            match raw.next().await.expect("a reply") {
                head if head.kind == HEADERS => break,
                frame => assert!(![RST_STREAM, crate::harness::raw2::GOAWAY].contains(&frame.kind), "{frame:?}"),
            }
        }
        raw.offer(&frame(RST_STREAM, 0, stream(n), &[0, 0, 0, 8])).await;
        if n == 8 {
            break; // with the SETTINGS at the start, ten
        }
    }
    let (code, _) = raw.flood(|_| frame(RST_STREAM, 0, 1, &[0, 0, 0, 8])).await;
    assert_eq!((code, gateway.hits("max_control_frames").await), (ENHANCE_YOUR_CALM, 1.0));
}

#[tokio::test]
async fn resets_that_are_provoked() {
    flood("h2_flood", |n| {
        let post = frame(HEADERS, END_HEADERS, stream(n), &block(&request("POST", "/mcp")));
        [post, frame(WINDOW_UPDATE, 0, stream(n), &[0x7f, 0xff, 0xff, 0xff])].concat()
    })
    .await;
}

#[tokio::test]
async fn headers_without_end() {
    flood("h2_flood", |n| match n {
        0 => frame(HEADERS, END_STREAM, 1, &block(&request("GET", "/mcp"))),
        n => frame(CONTINUATION, 0, 1, &block(&[(&format!("x-{n}"), "y")])),
    })
    .await;
}

#[tokio::test]
async fn headers_without_end_that_are_empty() {
    flood("h2_flood", |n| match n {
        0 => frame(HEADERS, END_STREAM, 1, &block(&request("GET", "/mcp"))),
        _ => frame(CONTINUATION, 0, 1, &[]),
    })
    .await;
}

#[tokio::test]
async fn settings() {
    flood("max_control_frames", |_| frame(SETTINGS, 0, 0, &[])).await;
}

#[tokio::test]
async fn pings() {
    flood("max_control_frames", |n| frame(PING, 0, 0, &u64::from(n).to_be_bytes())).await;
}

#[tokio::test]
async fn priorities() {
    flood("max_control_frames", |n| frame(PRIORITY, 0, stream(n), &[0, 0, 0, 0, 1])).await;
}

#[tokio::test]
async fn windows_of_the_connection() {
    flood("max_control_frames", |_| frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])).await;
}

#[tokio::test]
async fn windows_of_a_stream() {
    flood("max_control_frames", |n| match n {
        0 => frame(HEADERS, END_HEADERS, 1, &block(&request("POST", "/mcp"))),
        _ => frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1]),
    })
    .await;
}

#[tokio::test]
async fn windows_are_widened_as_often_as_something_was_read() {
    // one byte an event, and two frames for each, as often as there are events
    let origin = Origin::start().await;
    let settings = "workers = 1\n[limits]\nmax_control_frames = 1";
    let gateway = Gateway::before(&origin).settings(settings).start().await;
    let mut raw = gateway.raw2().await;
    let mut fields = request("GET", "/mcp");
    fields.push(("x-api-key", &gateway.key().secret));
    raw.offer(&frame(HEADERS, END_STREAM | END_HEADERS, 1, &block(&fields))).await;
    let mut exchange = origin.next().await;
    exchange.stream().await;
    for _ in 0..200 {
        exchange.chunk("\n").await;
        loop {
            let frame = raw.next().await.expect("an event");
            assert!(![RST_STREAM, crate::harness::raw2::GOAWAY].contains(&frame.kind), "{frame:?}");
            if frame.kind == DATA {
                break;
            }
        }
        for stream in [0, 1] {
            assert!(raw.offer(&frame(WINDOW_UPDATE, 0, stream, &[0, 0, 0, 1])).await);
        }
    }
    assert_eq!(gateway.hits("max_control_frames").await, 0.0);
}

#[tokio::test]
async fn trailers() {
    flood("max_control_frames", |n| match n {
        0 => frame(HEADERS, END_HEADERS, 1, &block(&request("POST", "/mcp"))),
        _ => frame(HEADERS, END_HEADERS, 1, &block(&[("x", "y")])),
    })
    .await;
}

#[tokio::test]
async fn frames_that_nobody_knows() {
    flood("max_control_frames", |_| frame(0xfe, 0, 0, &[])).await;
}

#[tokio::test]
async fn data_in_crumbs() {
    flood("h2_flood", |n| match n {
        0 => frame(HEADERS, END_HEADERS, 1, &block(&request("POST", "/mcp"))),
        _ => frame(DATA, 0, 1, &[]),
    })
    .await;
}

#[tokio::test]
async fn a_header_list_that_is_too_large_is_431_and_one_that_is_far_too_large_ends_the_connection() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let gateway = Gateway::before(&origin).settings("[limits]\nmax_head = \"8KiB\"").start().await;
    let mut raw = gateway.raw2().await;
    let value = "x".repeat(7 * 1024);
    let mut fields = request("GET", "/mcp");
    fields.push(("x-long", &value));
    // the status, Huffman-coded, and then the place in HPACK's table where it stands from then on
    for (stream, status) in [(1, &[0x48, 0x83, 0x69, 0x90, 0xff][..]), (3, &[0xbe])] {
        raw.offer(&frame(HEADERS, END_STREAM | END_HEADERS, stream, &block(&fields))).await;
        let head = loop {
            let frame = raw.next().await.expect("an answer");
            if frame.kind == HEADERS {
                break frame;
            }
        };
        assert_eq!(head.payload, status);
    }
    eventually("both are counted", async || (gateway.hits("max_head").await == 2.0).then_some(())).await;
    assert_eq!(gateway.metric("gateway_heads_refused_total").await, Some(2.0));
    // `accept-encoding: gzip, deflate` a thousand times, in a thousand bytes
    let bomb = [block(&request("GET", "/mcp")), vec![0x90; 1000]].concat();
    let (code, debug) = raw.flood(move |n| frame(HEADERS, END_STREAM | END_HEADERS, stream(n + 2), &bomb)).await;
    assert_eq!(code, ENHANCE_YOUR_CALM, "{debug}");
    assert_eq!(origin.requests().len(), 0);
}

/// The library bears more, so as not to end connections for it; so it is counted here, as RFC 9113, section 6.5.2 has it.
#[tokio::test]
async fn a_header_list_that_is_larger_than_it_may_be_is_431() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let gateway = Gateway::before(&origin).settings("[limits]\nmax_fields = 20").start().await;
    let ping = Ask::ping().key(&gateway.key().secret);
    let body = ping.body.as_ref().unwrap().len().to_string();
    let pseudo = [(":method", "POST"), (":scheme", "https"), (":authority", &*gateway.authority()), (":path", "/mcp")];
    let own = ping.fields.0.iter().map(|(name, value)| name.len() + value.len() + 32).sum::<usize>();
    let own =
        own + pseudo.iter().chain([&("content-length", &*body)]).map(|(n, v)| n.len() + v.len() + 32).sum::<usize>();
    let long = |length: usize| ping.clone().field("x-long", "x".repeat(length - own - "x-long".len() - 32));
    let mut client = gateway.http2().await;
    client.ask(&long(16 << 10)).await.with(200);
    client.ask(&long((16 << 10) + 1)).await.refuses(431, -32600, Value::Null);
    assert_eq!(gateway.hits("max_header_list").await, 1.0);
    gateway.http1().await.ask(&long(20 << 10)).await.with(200);
    let many = |more: usize| (0..more).fold(ping.clone(), |ask, n| ask.field(&format!("x-{n}"), ""));
    client.ask(&many(16)).await.with(200);
    client.ask(&many(17)).await.refuses(431, -32600, Value::Null);
    assert_eq!(gateway.hits("max_fields").await, 1.0);
    assert_eq!(origin.requests().len(), 3);
    // over HTTP/1.1 there are more: no content-length has to be counted apart, but Host is a field
    let mut one = gateway.http1().await;
    one.send(many(17).bytes(&gateway.authority())).await;
    assert_eq!(one.raw_head().await.unwrap().status(), 431);
    one.closed("its head is too large").await;
    eventually("it is counted", async || (gateway.hits("max_head").await == 1.0).then_some(())).await;
}

#[tokio::test]
async fn streams_beyond_those_that_may_be_open_are_refused() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(&origin).settings("workers = 1\n[limits]\nmax_streams = 3").start().await;
    let mut raw = gateway.raw2().await;
    let mut fields = request("GET", "/mcp");
    fields.push(("x-api-key", &gateway.key().secret));
    let asks: Vec<u8> =
        (0..5).flat_map(|n| frame(HEADERS, END_STREAM | END_HEADERS, stream(n), &block(&fields))).collect();
    raw.offer(&asks).await;
    let mut refused = Vec::new();
    while refused.len() < 2 {
        let frame = raw.next().await.expect("frames");
        if frame.kind == RST_STREAM {
            assert_eq!(frame.payload, [0, 0, 0, 7], "REFUSED_STREAM");
            refused.push(frame.stream);
        }
    }
    assert_eq!(refused, [7, 9]);
    let _open = (origin.next().await, origin.next().await, origin.next().await);
    eventually("they are counted", async || (gateway.hits("max_streams").await == 2.0).then_some(())).await;
}
