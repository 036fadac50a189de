use super::*;
use crate::clock::Clock;
use crate::stock::Stock;
use crate::upstream::Address;
use http_body_util::Empty;
use std::io::Write;
use std::os::unix::net::{UnixListener, UnixStream};
use std::task::Waker;
use std::time::Duration;

const ASKED: &[u8] = b"GET / HTTP/1.1\r\n\r\n";

/// Polls until there is a reply, or nothing more happens; the runtime looks at its sockets meanwhile.
async fn poll(trip: &mut Trip<Empty<Bytes>>) -> Option<Result<Reply, Failure>> {
    for _ in 0..8 {
        if let Poll::Ready(result) = Pin::new(&mut *trip).poll(&mut Context::from_waker(Waker::noop())) {
            return Some(result);
        }
        tokio::task::yield_now().await;
    }
    None
}

/// A backend may answer before it has read anything, for as long as what it does not read fits on the way. Then it dies, and
/// the request that has not begun to leave goes elsewhere.
#[tokio::test]
async fn what_a_connection_said_before_it_died_is_no_part_of_the_next_ones_reply() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("backend");
    let listener = UnixListener::bind(&path).unwrap();
    let accept = || -> UnixStream { listener.accept().unwrap().0 };
    let wait = Duration::from_secs(60);
    let stock = Stock::new(1 << 20);
    let upstream = Rc::new(Upstream::new(Address::Unix(path), wait, wait, None, Clock::new(), stock));
    let send = || upstream.send::<Empty<Bytes>>(Method::GET, ASKED.to_vec(), HeaderMap::new(), None);

    let mut trip = send();
    assert!(poll(&mut trip).await.is_none());
    let mut first = accept();
    while trip.out.is_empty() {
        first.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        assert_eq!(poll(&mut trip).await.unwrap().unwrap().status, 204);
        trip = send();
        assert!(trip.pooled && poll(&mut trip).await.is_none());
    }
    assert_eq!(trip.sent, 0, "it has not begun to leave");
    first.write_all(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nx: ").unwrap();
    assert!(poll(&mut trip).await.is_none());
    drop(first);
    assert!(poll(&mut trip).await.is_none());
    assert_eq!(trip.interim, 0);
    accept().write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n").unwrap();
    assert_eq!(poll(&mut trip).await.unwrap().unwrap().status, 403);
}
