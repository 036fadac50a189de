//! A client that reads slowly makes the backend wait: the gateway holds a bounded part of the reply, never the rest. And a
//! backend that reads slowly makes the client wait. What was held is passed on, and nothing is lost.

use crate::harness::client::Incoming;
use crate::harness::origin::ok;
use crate::harness::{Ask, Client, Gateway, Http1, Http2, Origin, Piece, Protocol, eventually};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::net::TcpSocket;

/// Far more than all buffers between two ends can hold, the kernel's and ours.
const LONG: usize = 256 << 20;
const BLOCK: usize = 64 * 1024;

/// How far an endless upload has come.
#[derive(Default)]
struct Upload {
    blocks: AtomicUsize,
    enough: AtomicBool,
}

impl Upload {
    /// Sends block after block, until it is enough.
    async fn run(&self, mut send: impl AsyncFnMut(Vec<u8>)) {
        while !self.enough.load(Ordering::SeqCst) {
            let number = self.blocks.load(Ordering::SeqCst);
            assert!(number * BLOCK < LONG, "the gateway took {LONG} bytes that nobody reads");
            send(block(number)).await;
            self.blocks.store(number + 1, Ordering::SeqCst);
        }
    }

    /// The same over HTTP/1.1, in chunks, and then the last one.
    async fn run_in_chunks(&self, mut send: impl AsyncFnMut(Vec<u8>) -> io::Result<()>) {
        self.run(async |block| {
            let chunk = [format!("{BLOCK:x}\r\n").as_bytes(), &block, b"\r\n"].concat();
            send(chunk).await.expect("the gateway is there");
        })
        .await;
        send(b"0\r\n\r\n".to_vec()).await.expect("the gateway is there");
    }

    /// Waits until it stands still although the gateway has served a hundred other requests in the meantime.
    async fn stalls(&self, gateway: &Gateway) {
        let mut other = gateway.http1().await;
        let mut last = usize::MAX;
        eventually("the sender has to wait", async || {
            for _ in 0..100 {
                assert_eq!(other.ask(&Ask::get("/none")).await.status, 404);
            }
            let now = self.blocks.load(Ordering::SeqCst);
            (std::mem::replace(&mut last, now) == now).then_some(())
        })
        .await;
        self.enough.store(true, Ordering::SeqCst);
    }
}

fn block(number: usize) -> Vec<u8> {
    vec![number as u8; BLOCK]
}

/// Reads to the end and compares; gives the number of blocks.
async fn blocks(mut piece: impl AsyncFnMut() -> Piece) -> usize {
    let mut length = 0;
    loop {
        match piece().await {
            Piece::Data(data) => {
                let right = |(at, byte): (usize, &u8)| usize::from(*byte) == (length + at) / BLOCK % 256;
                assert!(data.iter().enumerate().all(right), "bytes after {length} came changed");
                length += data.len();
            }
            end @ (Piece::Trailers(_) | Piece::End | Piece::Cut) => {
                assert_eq!((end, length % BLOCK), (Piece::End, 0));
                return length / BLOCK;
            }
        }
    }
}

#[tokio::test]
async fn over_both_protocols() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(&origin).settings("workers = 1").start().await;
    for protocol in Protocol::BOTH {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(BLOCK as u32).unwrap();
        let io = gateway.tls_over(socket.connect(gateway.public).await.unwrap(), protocol).await.unwrap();
        let mut client = match protocol {
            Protocol::Http1 => Client::One(Http1::new(io, gateway.authority())),
            Protocol::Http2 => Client::Two(Http2::new(io, gateway.authority()).await),
        };
        let mut incoming = client.open(&Ask::ping().key(&gateway.key().secret)).await;
        let mut exchange = origin.streams(incoming.head()).await;
        let upload = Upload::default();
        let reading = async {
            upload.stalls(&gateway).await;
            blocks(async || incoming.piece().await).await
        };
        let ((), read) = tokio::join!(upload.run_in_chunks(async |chunk| exchange.offer(chunk).await), reading);
        assert_eq!(read, upload.blocks.load(Ordering::SeqCst), "{protocol:?}");
    }
}

/// Reads what comes of an upload only once it stands still, and answers.
async fn read_late(origin: &Origin, gateway: &Gateway, upload: &Upload, sending: impl Future<Output = ()>) {
    let reading = async {
        let mut exchange = origin.next().await;
        upload.stalls(gateway).await;
        (blocks(async || exchange.piece().await).await, exchange)
    };
    let ((), (read, mut exchange)) = tokio::join!(sending, reading);
    assert_eq!(read, upload.blocks.load(Ordering::SeqCst));
    exchange.send(ok("{}")).await;
}

#[tokio::test]
async fn a_backend_that_reads_slowly_slows_the_client() {
    let origin = Origin::start().await;
    let settings = format!("workers = 1\n[limits]\nmax_body = {LONG}");
    let gateway = Gateway::before(&origin).settings(&settings).start().await;
    let ask = Ask::new("POST", "/mcp").key(&gateway.key().secret);

    let (mut client, upload) = (gateway.http1().await, Upload::default());
    client.send_head(&ask.clone().field("transfer-encoding", "chunked")).await;
    let sending = upload.run_in_chunks(async |chunk| client.offer(chunk).await);
    read_late(&origin, &gateway, &upload, sending).await;
    client.reply().await.with(200);

    let (mut client, upload) = (gateway.http2().await, Upload::default());
    let mut stream = client.open_head(&ask).await;
    let sending = async {
        upload.run(async |block| stream.send(block).await).await;
        stream.finish("").await;
    };
    read_late(&origin, &gateway, &upload, sending).await;
    Incoming::Two(stream).reply().await.with(200);
}
