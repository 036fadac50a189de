use super::super::Buffers;
use super::super::tests::{Manner, block_on, manner, pair, serve, two_clients_hear_and_are_heard};
use super::*;
use proptest::prelude::*;
use rustls::version::TLS13;
use std::future::poll_fn;
use std::pin::pin;
use tokio::io::AsyncReadExt;

/// Does `work` as hyper is polled, and pours after each poll.
async fn poured<T>(stream: &Corked, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    poll_fn(|cx| {
        let polled = work.as_mut().poll(cx);
        stream.pour(cx).unwrap();
        polled
    })
    .await
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn however_two_clients_talk(one in manner(), other in manner()) {
        let served = async |tls, mark, manner: &Manner| {
            let stream = Corked::new(tls);
            poured(&stream, serve(stream.clone(), mark, manner)).await
        };
        two_clients_hear_and_are_heard(&one, &other, served);
    }
}

/// What has come and was not read yet.
fn came(socket: &mut std::net::TcpStream) -> Vec<u8> {
    let mut came = Vec::new();
    let cause = io::Read::read_to_end(socket, &mut came).unwrap_err();
    assert_eq!(cause.kind(), io::ErrorKind::WouldBlock);
    came
}

#[test]
fn what_is_written_in_one_poll_is_one_record() {
    block_on(async {
        let (tls, client) = pair(&TLS13, &Rc::new(Buffers::new())).await;
        let (mut stream, mut socket) = (Corked::new(tls), client.socket.into_std().unwrap());
        poll_fn(|cx| {
            assert!(Pin::new(&mut stream).poll_write(cx, b"settings").is_ready());
            Poll::Ready(stream.pour(cx))
        })
        .await
        .unwrap();
        came(&mut socket); // and tickets
        let poured = poll_fn(|cx| {
            for reply in [&b"head"[..], b"body", b"next"] {
                assert!(matches!(Pin::new(&mut stream).poll_write(cx, reply), Poll::Ready(Ok(4))));
                assert!(Pin::new(&mut stream).poll_flush(cx).is_ready());
            }
            assert_eq!(came(&mut socket), b"", "nothing leaves before the poll has ended");
            Poll::Ready(stream.pour(cx))
        });
        poured.await.unwrap();
        // the plaintext, its type and its tag (RFC 8446, section 5.2)
        let length = 12 + 1 + 16;
        let record = came(&mut socket);
        assert_eq!((record.len(), &record[..5]), (5 + length, &[23, 3, 3, 0, length as u8][..]));
    });
}

#[test]
fn a_client_that_takes_nothing_blocks_its_connection_until_it_does() {
    block_on(async {
        let (tls, mut client) = pair(&TLS13, &Rc::new(Buffers::new())).await;
        let mut stream = Corked::new(tls);
        let seen = stream.0.borrow().tls.seen().clone();
        let mut written = 0;
        poll_fn(|cx| {
            while let Poll::Ready(taken) = Pin::new(&mut stream).poll_write(cx, &[7; 1000]) {
                written += taken.unwrap();
                assert!(written < 100 << 20, "it is held back at some point");
            }
            Poll::Ready(stream.pour(cx))
        })
        .await
        .unwrap();
        assert!(seen.blocked.get());
        seen.moved.set(false);
        let hears = async {
            let (mut heard, mut space) = (Vec::new(), vec![0; 1 << 16]);
            while heard.len() < written {
                let came = client.socket.read(&mut space).await.unwrap();
                let (mut records, tls) = (&space[..came], client.tls.get_mut());
                while tls.read_tls(&mut records).unwrap() > 0 {
                    tls.process_new_packets().unwrap();
                    let _ = io::Read::read_to_end(&mut tls.reader(), &mut heard);
                }
            }
            heard
        };
        // nobody writes any more: the socket alone wakes the task
        let sends = poll_fn(|cx| {
            stream.pour(cx).unwrap();
            if seen.blocked.get() { Poll::Pending } else { Poll::Ready(()) }
        });
        let (heard, ()) = tokio::join!(hears, sends);
        assert!(heard == vec![7; written] && seen.moved.get());
    });
}

#[test]
fn a_connection_that_broke_says_so() {
    block_on(async {
        let (tls, client) = pair(&TLS13, &Rc::new(Buffers::new())).await;
        client.socket.set_zero_linger().unwrap();
        drop(client);
        let mut stream = Corked::new(tls);
        let cause = poll_fn(|cx| {
            assert!(Pin::new(&mut stream).poll_write(cx, b"to nobody").is_ready());
            match stream.pour(cx) {
                Ok(()) => {
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
                Err(cause) => Poll::Ready(cause),
            }
        })
        .await;
        assert!(matches!(cause.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe), "{cause}");
    });
}
