//! What is done to the gateway, each over and over. Whatever is told here in one sentence is a test of its own elsewhere.

use crate::harness::raw2::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, PRIORITY, RST_STREAM, SETTINGS, WINDOW_UPDATE,
    block, frame, request,
};
use crate::harness::{Ask, Gateway, Key, Piece, Protocol};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpSocket;

/// A pause of a client that takes its time, longer than the settings bear.
const LONG: Duration = Duration::from_secs(5);

/// A gateway that everything is done to.
pub(super) struct Soak {
    pub(super) gateway: Gateway,
    greedy: Key,
    wrong: Key,
    pause: Duration,
    over: AtomicBool,
    calls: AtomicU64,
    let_down: AtomicU64,
}

impl Soak {
    pub(super) fn new(gateway: Gateway, greedy: Key, pause: Duration) -> Self {
        let (over, calls, let_down) = Default::default();
        Self { gateway, greedy, wrong: Key::new(), pause, over, calls, let_down }
    }

    /// Calls that were answered.
    pub(super) fn calls(&self) -> u64 {
        self.calls.load(Relaxed)
    }

    /// Calls that were not.
    pub(super) fn let_down(&self) -> u64 {
        self.let_down.load(Relaxed)
    }

    /// Nothing new begins.
    pub(super) fn end(&self) {
        self.over.store(true, Relaxed);
    }

    pub(super) async fn repeat(self: Arc<Self>, mut once: impl AsyncFnMut(&Self)) {
        while !self.over.load(Relaxed) {
            once(&self).await;
            tokio::time::sleep(self.pause).await;
        }
    }

    /// The client that all this is for.
    pub(super) async fn call(&self, protocol: Protocol) {
        let mut client = self.gateway.client(protocol).await;
        for n in 0..20 {
            let ask = Ask::call(n, "get_alerts", json!({"state": "CA"})).key(&self.gateway.key().secret);
            let reply = client.ask(&ask).await;
            if reply.status == 200 {
                self.calls.fetch_add(1, Relaxed);
            } else {
                self.let_down.fetch_add(1, Relaxed);
                eprintln!("a call was not answered: {reply:?}");
            }
            tokio::time::sleep(self.pause / 10).await;
        }
        client.ask(&Ask::ping().key(&self.wrong.secret)).await.with(401);
    }

    /// One that is over its rate and its requests at once.
    pub(super) async fn greed(&self) {
        let mut client = self.gateway.http2().await;
        let ask = Ask::call(1, "get_alerts", json!({"state": "CA"})).key(&self.greedy.secret);
        let mut streams = Vec::new();
        for _ in 0..20 {
            streams.push(client.open(&ask).await);
        }
        for mut stream in streams {
            let status = stream.head().await.0;
            if ![200, 429].contains(&status) {
                self.let_down.fetch_add(1, Relaxed);
                eprintln!("a call of many was answered with {status}");
            }
        }
    }

    /// One that asks and leaves.
    pub(super) async fn leave(&self) {
        let mut client = self.gateway.http2().await;
        let ask = Ask::call(1, "get_alerts", json!({"state": "CA"})).key(&self.gateway.key().secret);
        let streams = [client.open(&ask).await, client.open(&ask).await];
        streams.into_iter().for_each(|stream| stream.reset());
        client.hang_up();
        let mut client = self.gateway.http1().await;
        client.open(&ask).await;
        client.hang_up();
    }

    pub(super) async fn slow_head(&self) {
        let mut client = self.gateway.http1().await;
        client.send("POST /mcp HTTP/1.1\r\nhost: local").await;
        client.closed("its head does not end").await;
    }

    pub(super) async fn slow_body(&self) {
        let mut client = self.gateway.http1().await;
        let head = Ask::new("POST", "/mcp").key(&self.gateway.key().secret).field("content-length", "1000");
        client.send_head(&head).await;
        client.send("{").await;
        client.reply().await.with(400);
        client.closed("its body does not end").await;
    }

    pub(super) async fn slow_body_over_h2(&self) {
        let mut client = self.gateway.http2().await;
        let head = Ask::new("POST", "/mcp").key(&self.gateway.key().secret).field("content-length", "1000");
        let mut stream = client.open_head(&head).await;
        stream.send("{").await;
        assert_eq!(stream.head().await.0, 400);
    }

    pub(super) async fn stalled_reader(&self) {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(64 * 1024).unwrap();
        let socket = socket.connect(self.gateway.public).await.expect("a connection");
        let mut io = self.gateway.tls_over(socket, Protocol::Http1).await.expect("a TLS connection");
        let head = Ask::get("/big").bytes(&self.gateway.authority());
        tokio::io::AsyncWriteExt::write_all(&mut io, &head).await.expect("it is taken");
        tokio::time::sleep(LONG).await; // it reads nothing
        // the gateway has gone, and so is what it had not sent
        let mut rest = vec![0; 64 * 1024];
        while matches!(io.read(&mut rest).await, Ok(1..)) {}
    }

    /// One without a window.
    pub(super) async fn stalled_reader_over_h2(&self) {
        let mut raw = self.gateway.raw2().await;
        raw.offer(&frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0])).await;
        raw.offer(&frame(HEADERS, END_STREAM | END_HEADERS, 1, &block(&request("GET", "/big")))).await;
        // its stream is reset, or all of its connection is closed
        while raw.next().await.is_some_and(|frame| frame.kind != RST_STREAM) {}
    }

    pub(super) async fn half_a_handshake(&self) {
        let mut client = self.gateway.plain(self.gateway.public).await;
        client.send([0x16, 3, 1, 2, 0, 1]).await;
        client.everything().await;
    }

    /// One that connects, and one that has asked, and both want no more.
    pub(super) async fn silence(&self) {
        let (mut never, mut once) = (self.gateway.http1().await, self.gateway.http1().await);
        once.ask(&Ask::get("/none")).await.with(404);
        never.closed("it never asks").await;
        once.closed("it asks no more").await;
    }

    /// A stream without events, which is kept alive for a while.
    pub(super) async fn silent_stream(&self) {
        for protocol in Protocol::BOTH {
            let mut client = self.gateway.client(protocol).await;
            let mut incoming = client.open(&Ask::get("/silent")).await;
            assert_eq!(incoming.head().await.0, 200);
            for _ in 0..2 {
                assert!(matches!(incoming.piece().await, Piece::Data(_)), "a comment");
            }
            incoming.leave();
        }
    }

    /// What is no request, or one that no server may see.
    pub(super) async fn bad_heads(&self) {
        let bad = [
            "GET http://elsewhere/ HTTP/1.1\r\nhost: localhost\r\n\r\n",
            "GET /a/../mcp HTTP/1.1\r\nhost: localhost\r\n\r\n",
            "GET /%2e%2e/mcp HTTP/1.1\r\nhost: localhost\r\n\r\n",
            "GET /mcp HTTP/1.1\r\nhost: elsewhere\r\n\r\n",
            "GET /mcp HTTP/1.1\r\nhost: localhost\r\norigin: https://elsewhere\r\n\r\n",
            "GET /mcp HTTP/1.1\r\nhost: localhost\r\nx_api_key: 1\r\n\r\n",
            "POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\n",
            "POST /mcp HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked, gzip\r\n\r\n",
            "GET /mcp HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
            "CONNECT elsewhere:443 HTTP/1.1\r\nhost: elsewhere:443\r\n\r\n",
            "no request at all\r\n\r\n",
        ];
        for head in bad {
            let mut client = self.gateway.http1().await;
            client.send(head).await;
            let reply = String::from_utf8_lossy(&client.everything().await).into_owned();
            let refused = ["HTTP/1.1 4", "HTTP/1.1 501"].iter().any(|begin| reply.starts_with(begin));
            assert!(refused, "{head:?}: {reply:?}");
        }
    }

    pub(super) async fn too_large(&self) {
        let post = Ask::new("POST", "/mcp").key(&self.gateway.key().secret).field("content-length", "100000");
        let mut client = self.gateway.http1().await;
        client.send_head(&post).await;
        client.reply().await.with(413);
        let mut client = self.gateway.http2().await;
        assert_eq!(client.open_head(&post).await.head().await.0, 413);
        for protocol in Protocol::BOTH {
            let mut client = self.gateway.client(protocol).await;
            client.ask(&Ask::get("/health").field("x-long", "x".repeat(9 * 1024))).await.with(431);
        }
    }

    /// Frames that only make work. The rapid resets come as fast as they can be written.
    pub(super) async fn floods(&self) {
        let stream = |n: u32| 2 * n + 1;
        let opened = move |n: u32| frame(HEADERS, END_STREAM | END_HEADERS, stream(n), &block(&request("GET", "/mcp")));
        let begun = move |n: u32| frame(HEADERS, END_HEADERS, stream(n), &block(&request("POST", "/mcp")));
        let raw = async || self.gateway.raw2().await;
        raw().await.flood(|n| frame(PING, 0, 0, &u64::from(n).to_be_bytes())).await;
        raw().await.flood(|_| frame(SETTINGS, 0, 0, &[])).await;
        raw().await.flood(move |n| frame(PRIORITY, 0, stream(n), &[0, 0, 0, 0, 1])).await;
        raw().await.flood(move |n| [opened(n), frame(RST_STREAM, 0, stream(n), &[0, 0, 0, 8])].concat()).await;
        let provoked = move |n| [begun(n), frame(WINDOW_UPDATE, 0, stream(n), &[0x7f, 0xff, 0xff, 0xff])].concat();
        raw().await.flood(provoked).await;
        let endless = |n| match n {
            0 => frame(HEADERS, END_STREAM, 1, &block(&request("GET", "/mcp"))),
            n => frame(CONTINUATION, 0, 1, &block(&[(&format!("x-{n}"), "y")])),
        };
        raw().await.flood(endless).await;
        let crumbs = move |n| if n == 0 { begun(0) } else { frame(DATA, 0, 1, &[]) };
        raw().await.flood(crumbs).await;
        self.more_streams_than_allowed().await;
    }

    async fn more_streams_than_allowed(&self) {
        let mut raw = self.gateway.raw2().await;
        let silent = block(&request("GET", "/silent"));
        let asks: Vec<u8> =
            (0..110).flat_map(|n| frame(HEADERS, END_STREAM | END_HEADERS, 2 * n + 1, &silent)).collect();
        raw.offer(&asks).await;
        let mut refused = 0;
        while refused < 10 {
            let frame = raw.next().await.expect("more streams are refused");
            assert_ne!(frame.kind, GOAWAY, "{frame:?}");
            refused += u32::from(frame.kind == RST_STREAM);
        }
    }

    /// More connections than one address may have.
    pub(super) async fn crowd(&self) {
        let mut open = Vec::new();
        for _ in 0..420 {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind("127.0.0.2:0".parse().unwrap()).expect("an address of loopback");
            open.extend(socket.connect(self.gateway.public).await);
        }
        for mut socket in open {
            let _ = socket.read(&mut [0]).await; // one for which there is no room is closed, the others have no handshake
        }
    }

    /// A server that says what is no reply harms nobody.
    pub(super) async fn lies(&self) {
        let mut client = self.gateway.http1().await;
        client.open(&Ask::get("/lies")).await;
        let reply = String::from_utf8_lossy(&client.everything().await).into_owned();
        let begins = ["", "HTTP/1.1 200", "HTTP/1.1 502"].iter().any(|begin| reply.get(..12).unwrap_or("") == *begin);
        assert!(begins, "{reply:?}");
        let mut raw = self.gateway.raw2().await;
        raw.offer(&frame(HEADERS, END_STREAM | END_HEADERS, 1, &block(&request("GET", "/lies")))).await;
        loop {
            let frame = raw.next().await.expect("the stream ends, not the connection");
            assert_ne!(frame.kind, GOAWAY);
            if frame.kind == RST_STREAM || matches!(frame.kind, HEADERS | DATA) && frame.flags & END_STREAM != 0 {
                break;
            }
        }
    }

    /// The keys file changes.
    pub(super) async fn reload(&self) {
        let text = self.gateway.read("keys.toml");
        let text = text.strip_suffix("# again\n").map_or_else(|| format!("{text}# again\n"), str::to_owned);
        self.gateway.replace("keys.toml", text);
        tokio::time::sleep(LONG).await;
    }
}
