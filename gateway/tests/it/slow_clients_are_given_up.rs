//! Whoever takes a connection and gives nothing for it is given up: a head that does not end, a connection that brings no
//! request, a body that comes too slowly, a reply that is not taken. Each has its own time; none of them touches a request
//! that waits for the backend.

use crate::harness::client::uploads::{Uploads, nothing_passed_for_whole};
use crate::harness::origin::ok;
use crate::harness::raw2::{
    DATA, END_HEADERS, END_STREAM, Frame, HEADERS, RST_STREAM, Raw2, SETTINGS, WINDOW_UPDATE, block, frame, request,
};
use crate::harness::{Ask, Client, Gateway, Http1, Http2, Origin, Piece, Protocol, ServiceManager, eventually};
use tokio::net::TcpSocket;

async fn started(limits: &str) -> (Origin, Gateway) {
    let origin = Origin::start().await;
    let gateway = Gateway::before(&origin).settings(&format!("workers = 1\n[limits]\n{limits}")).start().await;
    (origin, gateway)
}

async fn counted(gateway: &Gateway, limit: &str, times: f64) {
    eventually(format!("{limit} is counted"), async || (gateway.hits(limit).await == times).then_some(())).await;
}

#[tokio::test]
async fn a_head_that_does_not_end() {
    let (origin, gateway) = started("header_timeout = \"300ms\"\nidle_timeout = \"1h\"").await;
    // one that waits for the backend, and one that has had its answer: they stay
    let (mut waiting, mut idle) = (gateway.http1().await, gateway.http1().await);
    waiting.open(&Ask::ping().key(&gateway.key().secret)).await;
    let mut exchange = origin.whole().await;
    idle.ask(&Ask::get("/none")).await.with(404);

    let mut first = gateway.http1().await;
    first.send("POST /mcp HTTP/1.1\r\nhost: local").await;
    first.closed("its first head does not end").await;
    let mut second = gateway.http1().await;
    second.ask(&Ask::get("/none")).await.with(404);
    second.send("P").await;
    second.closed("its second head does not end").await;
    let mut frames = gateway.raw2().await;
    frames.offer(&frame(HEADERS, 0, 1, &block(&request("GET", "/mcp")))).await;
    while frames.next().await.is_some() {}
    let mut crumbs = gateway.raw2().await;
    crumbs.offer(&frame(HEADERS, 4, 1, &block(&request("GET", "/mcp")))[..12]).await;
    while crumbs.next().await.is_some() {}
    counted(&gateway, "header_timeout", 4.0).await;

    idle.ask(&Ask::get("/none")).await.with(404);
    exchange.send(ok("{}")).await;
    waiting.reply().await.with(200);
}

/// Three seconds, since these clients have no longer to ask for the first time, however busy the machine is.
#[tokio::test]
async fn a_connection_without_requests() {
    let (origin, gateway) = started("header_timeout = \"300ms\"\nidle_timeout = \"3s\"").await;
    let (mut waiting, mut streams) = (gateway.http1().await, gateway.http2().await);
    let ask = Ask::ping().key(&gateway.key().secret);
    waiting.open(&ask).await;
    let mut first = origin.whole().await;
    let stream = streams.open(&ask).await;
    let mut second = origin.whole().await;

    let never = async { gateway.http1().await.closed("it never asked").await };
    let no_more = async {
        let mut asked = gateway.http1().await;
        asked.ask(&Ask::get("/none")).await.with(404);
        asked.closed("it asks no more").await;
    };
    let frames = async {
        let mut asked = gateway.http2().await;
        asked.ask(&Ask::get("/none")).await.with(404);
        asked.told_to_go_away().await;
        asked.closed().await;
    };
    let no_frame = async {
        let silent = gateway.tls(&["h2"], &[&rustls::version::TLS13]).await.unwrap();
        Http1::new(silent, String::new()).everything().await;
    };
    tokio::join!(never, no_more, frames, no_frame);
    counted(&gateway, "idle_timeout", 4.0).await;

    first.send(ok("1")).await;
    second.send(ok("2")).await;
    waiting.reply().await.with(200);
    crate::harness::client::Incoming::Two(stream).reply().await.with(200);
}

#[tokio::test]
async fn a_body_that_comes_too_slowly() {
    let (origin, gateway) = started("min_body_rate = \"64KiB\"").await;
    let uploads = Uploads::begin(&gateway, gateway.key()).await;
    for reply in uploads.refused().await {
        assert!(reply.refuses(400, -32600, serde_json::Value::Null).contains("body"));
    }
    counted(&gateway, "min_body_rate", 4.0).await;
    nothing_passed_for_whole(&origin).await;
}

/// A client whose socket holds little of what it has not read yet.
async fn narrow(gateway: &Gateway, protocol: Protocol) -> Client {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(64 * 1024).unwrap();
    let io = gateway.tls_over(socket.connect(gateway.public).await.unwrap(), protocol).await.unwrap();
    match protocol {
        Protocol::Http1 => Client::One(Http1::new(io, gateway.authority())),
        Protocol::Http2 => Client::Two(Http2::new(io, gateway.authority()).await),
    }
}

#[tokio::test]
async fn a_reply_that_is_not_taken() {
    for protocol in Protocol::BOTH {
        let (origin, gateway) = started("stall_timeout = \"300ms\"").await;
        let mut client = narrow(&gateway, protocol).await;
        let ask = Ask::ping().key(&gateway.key().secret);
        let mut incoming = client.open(&ask).await;
        let mut exchange = origin.streams(incoming.head()).await;
        // nobody reads: at last the gateway gives up both ends
        let event = format!("data: {}\n\n", "x".repeat(64 * 1024));
        let chunk = format!("{:x}\r\n{event}\r\n", event.len());
        while exchange.offer(&chunk).await.is_ok() {}
        counted(&gateway, "stall_timeout", 1.0).await;
        let line = gateway.audited(1).await.remove(0);
        assert_eq!((&line["outcome"], &line["end"]), (&"relayed".into(), &"stalled".into()), "{line}");
        assert!(!incoming.rest().await.1, "what was sent is not whole");
        drop(incoming);
        if let Client::Two(client) = &mut client {
            // the other streams of the connection go on
            let stream = client.open(&ask).await;
            let _exchange = origin.answers(ok("{}")).await;
            crate::harness::client::Incoming::Two(stream).reply().await.with(200);
        }
    }
}

/// The frames of a connection until one resets this stream; those that were data of it.
async fn reset(raw: &mut Raw2, stream: u32) -> Vec<u8> {
    let mut data = Vec::new();
    loop {
        let frame = raw.next().await.expect("the connection goes on");
        match frame.kind {
            RST_STREAM if frame.stream == stream => return data,
            DATA if frame.stream == stream => {
                assert_eq!(frame.flags & END_STREAM, 0, "what was taken is not whole");
                data.extend(frame.payload);
            }
            _ => {}
        }
    }
}

/// The next data of a stream.
async fn data_of(raw: &mut Raw2, stream: u32) -> Vec<u8> {
    loop {
        let frame = raw.next().await.expect("the connection goes on");
        assert!(frame.kind != RST_STREAM || frame.stream != stream, "it is reset");
        if frame.kind == DATA && frame.stream == stream {
            return frame.payload;
        }
    }
}

/// What an h2 client does not let a stream send, be it a refusal, the last piece of a reply or all of it. The stream alone is
/// reset: one beside it, of which everything is taken, may be silent for as long as it likes.
#[tokio::test]
async fn a_reply_of_which_an_h2_stream_lets_nothing_pass() {
    let origin = Origin::start().await;
    let settings = "workers = 1\n[limits]\nstall_timeout = \"300ms\"\nkeep_alive = \"0s\"";
    let gateway = Gateway::before(&origin).settings(settings).start().await;
    let mut asked = request("GET", "/mcp");
    asked.push(("x-api-key", &gateway.key().secret));
    let get = |stream, fields: &[(&str, &str)]| frame(HEADERS, END_STREAM | END_HEADERS, stream, &block(fields));
    for (hits, window) in [(0.0, 0u8), (3.0, 1)] {
        let mut raw = gateway.raw2().await;
        raw.offer(&frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, window])).await;
        // one that is healthy, and silent
        raw.offer(&[get(1, &asked), frame(WINDOW_UPDATE, 0, 1, &1000u32.to_be_bytes())].concat()).await;
        let mut healthy = origin.whole().await;
        healthy.stream().await;
        healthy.chunk("data: 1\n\n").await;
        assert_eq!(data_of(&mut raw, 1).await, b"data: 1\n\n");
        // nothing is taken of a refusal, of a whole reply, and of a stream
        raw.offer(&get(3, &request("GET", "/none"))).await;
        assert_eq!(reset(&mut raw, 3).await.len(), usize::from(window));
        raw.offer(&get(5, &asked)).await;
        origin.whole().await.send(ok("\"all of it\"")).await;
        assert_eq!(reset(&mut raw, 5).await.len(), usize::from(window));
        raw.offer(&get(7, &asked)).await;
        let mut stuck = origin.whole().await;
        stuck.stream().await;
        stuck.chunk("data: 1\n\n").await;
        if window > 0 {
            assert_eq!(data_of(&mut raw, 7).await, b"d", "the rest of it waits");
            stuck.chunk("data: 2\n\n").await;
        }
        assert_eq!(reset(&mut raw, 7).await, b"");
        stuck.closed().await;
        counted(&gateway, "stall_timeout", hits + 3.0).await;
        healthy.chunk("data: 2\n\n").await;
        assert_eq!(data_of(&mut raw, 1).await, b"data: 2\n\n");
        // who takes the next reply gets it
        raw.offer(&[get(9, &asked), frame(WINDOW_UPDATE, 0, 9, &1000u32.to_be_bytes())].concat()).await;
        origin.whole().await.send(ok("\"well\"")).await;
        let mut said = data_of(&mut raw, 9).await;
        while said.len() < 6 {
            said.extend(data_of(&mut raw, 9).await);
        }
        assert_eq!(said, b"\"well\"");
        drop(raw);
        healthy.closed().await;
    }
    let lines = gateway.audited(8).await;
    let ends = |what: &str| lines.iter().filter(|line| line["end"] == what).count();
    // the reply that was whole was handed over at once, where there was a window for the first of its bytes
    assert_eq!((ends("stalled"), ends("complete"), ends("client_left")), (3, 3, 2), "{lines:?}");
}

/// The connection as a whole: what one stream took leaves nothing for the others.
#[tokio::test]
async fn replies_of_which_an_h2_connection_lets_nothing_pass() {
    let origin = Origin::answering(|_| ok(&format!("\"{}\"", "x".repeat(70_000)))).await;
    let settings = "workers = 1\n[limits]\nstall_timeout = \"300ms\"";
    let gateway = Gateway::before(&origin).settings(settings).start().await;
    let mut raw = gateway.raw2().await;
    raw.offer(&frame(SETTINGS, 0, 0, &[0, 4, 0x7f, 0xff, 0xff, 0xff])).await;
    let mut asked = request("GET", "/mcp");
    asked.push(("x-api-key", &gateway.key().secret));
    raw.offer(&frame(HEADERS, END_STREAM | END_HEADERS, 1, &block(&asked))).await;
    let mut taken = 0;
    let over = |frame: &Frame| frame.kind == RST_STREAM && frame.stream == 1;
    while let Some(frame) = raw.next().await.filter(|frame| !over(frame)) {
        assert!(frame.kind != DATA || frame.flags & END_STREAM == 0);
        taken += if frame.kind == DATA { frame.payload.len() } else { 0 };
    }
    assert_eq!(taken, 65_535, "what the connection lets pass from the start");
    counted(&gateway, "stall_timeout", 1.0).await;
}

/// Waits until more time has passed for the gateway than `upstream.idle_timeout`: it gives up its idle connection to the origin.
async fn time_passes(gateway: &Gateway, origin: &Origin) {
    let mut client = gateway.http1().await;
    client.open(&Ask::get("/")).await;
    let mut exchange = origin.next().await;
    exchange.send(ok("{}")).await;
    client.reply().await.with(200);
    exchange.closed().await;
}

/// Two seconds, since the limits hold for these clients as well until their requests are there, however busy the machine is.
#[tokio::test]
async fn one_that_waits_for_the_backend_is_not() {
    let limits = "header_timeout = \"2s\"\nidle_timeout = \"2s\"\nstall_timeout = \"2s\"\nkeep_alive = \"0s\"";
    let (origin, gateway) = started(&format!("{limits}\n[upstream]\nidle_timeout = \"3s\"")).await;
    let mut clients = [gateway.client(Protocol::Http1).await, gateway.client(Protocol::Http2).await];
    let mut waiting = Vec::new();
    for client in &mut clients {
        let incoming = client.open(&Ask::ping().key(&gateway.key().secret)).await;
        waiting.push((incoming, origin.whole().await));
    }
    time_passes(&gateway, &origin).await;
    for (incoming, exchange) in &mut waiting {
        exchange.stream().await;
        incoming.head().await;
        exchange.chunk("data: 1\n\n").await;
        assert_eq!(incoming.piece().await, Piece::Data(b"data: 1\n\n".to_vec()));
    }
    time_passes(&gateway, &origin).await;
    for (incoming, exchange) in &mut waiting {
        exchange.chunk("data: 2\n\n").await;
        assert_eq!(incoming.piece().await, Piece::Data(b"data: 2\n\n".to_vec()));
        exchange.send("0\r\n\r\n").await;
        assert_eq!(incoming.piece().await, Piece::End);
    }
}

/// What TLS holds back because the socket is full is taken once TLS has written it, whether or not anything follows.
#[tokio::test]
async fn one_that_has_taken_all_is_not() {
    let (origin, manager) = (Origin::start().await, ServiceManager::narrow());
    let limits = "[limits]\nstall_timeout = \"5s\"\nkeep_alive = \"0s\"\n[upstream]\nidle_timeout = \"6s\"";
    let settings = format!("workers = 1\nlisten.public = \"{}\"\n{limits}", manager.address());
    let gateway = Gateway::before(&origin).settings(&settings).under(manager).start().await;
    let mut clients = Vec::new();
    for n in 0..16 {
        clients.push((n, narrow(&gateway, Protocol::BOTH[n % 2]).await));
    }
    // of so many lengths that some end while TLS holds the last of them
    let mut written = Vec::new();
    for (n, client) in &mut clients {
        let mut incoming = client.open(&Ask::ping().key(&gateway.key().secret)).await;
        let mut exchange = origin.streams(incoming.head()).await;
        let event = format!("data: {}\n\n", "x".repeat(40_000 + *n * 20_000));
        let length = event.len();
        let sent = tokio::spawn(async move {
            exchange.chunk(&event).await;
            exchange
        });
        written.push((sent, length, incoming));
    }
    // piece by piece from each in turn, so that none is one that is not taken
    while written.iter().any(|(_, left, _)| *left > 0) {
        for (_, left, incoming) in written.iter_mut().filter(|(_, left, _)| *left > 0) {
            let Piece::Data(data) = incoming.piece().await else { panic!("{left} bytes are missing") };
            *left -= data.len();
        }
    }
    let mut taken = Vec::new();
    for (sent, _, incoming) in written {
        taken.push((sent.await.unwrap(), incoming));
    }
    time_passes(&gateway, &origin).await;
    for (exchange, incoming) in &mut taken {
        exchange.chunk("data: 2\n\n").await;
        assert_eq!(incoming.piece().await, Piece::Data(b"data: 2\n\n".to_vec()));
    }
    assert_eq!(gateway.hits("stall_timeout").await, 0.0);
}
