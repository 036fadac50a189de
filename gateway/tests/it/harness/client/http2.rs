//! h2, frame by frame.

use super::{Incoming, awaited};
use crate::harness::fields::Fields;
use crate::harness::{Ask, Piece, Reply, eventually};
use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, RecvStream, SendStream};
use http::HeaderMap;
use std::future::poll_fn;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::client::TlsStream;

/// A connection over h2.
pub(crate) struct Http2 {
    requests: SendRequest<Bytes>,
    driver: JoinHandle<Result<(), h2::Error>>,
    authority: String,
}

impl Http2 {
    pub(crate) async fn new(io: TlsStream<TcpStream>, authority: String) -> Self {
        let mut builder = h2::client::Builder::new();
        // as small as the specification has it, so that back-pressure is soon felt
        builder.initial_window_size(65_535).initial_connection_window_size(65_535);
        let handshake = awaited("the SETTINGS of the gateway", builder.handshake(io)).await;
        let (requests, connection) = handshake.expect("h2 is spoken");
        Self { requests, driver: tokio::spawn(connection), authority }
    }

    /// Sends a request.
    pub(crate) async fn open(&mut self, ask: &Ask) -> Stream {
        self.offer(ask).await.expect("the connection takes requests")
    }

    /// Sends a request's head; what follows goes through [`Stream::send`].
    pub(crate) async fn open_head(&mut self, ask: &Ask) -> Stream {
        let (mut stream, out) = self.begin(ask, false).await.expect("the connection takes requests");
        stream.out = Some(out);
        stream
    }

    async fn offer(&mut self, ask: &Ask) -> Option<Stream> {
        let (mut stream, mut out) = self.begin(ask, ask.body.is_none()).await?;
        if let Some(body) = &ask.body {
            send(&mut out, body.clone()).await;
            // a gateway that has answered already may not want the rest
            let _ = out.send_data(Bytes::new(), true);
            stream.out = Some(out);
        }
        Some(stream)
    }

    /// Nothing if the connection takes no requests any more.
    async fn begin(&mut self, ask: &Ask, end: bool) -> Option<(Stream, SendStream<Bytes>)> {
        let ready = poll_fn(|cx| self.requests.poll_ready(cx));
        awaited("leave to open a stream", ready).await.ok()?;
        let (response, out) = self.requests.send_request(ask.request(&self.authority), end).ok()?;
        Some((Stream { response: Some(response), body: None, out: None, cut: false }, out))
    }

    /// Sends a request and reads the reply to its end.
    pub(crate) async fn ask(&mut self, ask: &Ask) -> Reply {
        Incoming::Two(self.open(ask).await).reply().await
    }

    /// The same, unless the gateway has given the connection up before it got the request.
    pub(crate) async fn ask_in_time(&mut self, ask: &Ask) -> Option<Reply> {
        let mut stream = self.offer(ask).await?;
        let (status, fields) = stream.try_head().await?;
        let (body, whole) = Incoming::Two(stream).rest().await;
        Some(Reply { status, fields, body, whole })
    }

    /// Sends CONNECT in its h2 form (RFC 9113, section 8.5); gives the status, nothing if the stream was reset.
    pub(crate) async fn connect(&mut self, key: &str) -> Option<u16> {
        let request = http::Request::connect(&*self.authority).header("x-api-key", key).body(()).expect("a request");
        let (response, _out) = self.requests.send_request(request, false).expect("a request that h2 can carry");
        awaited("an answer to CONNECT", response).await.ok().map(|response| response.status().as_u16())
    }

    /// Waits until the gateway says that it takes no more requests here (GOAWAY).
    pub(crate) async fn told_to_go_away(&mut self) {
        let told = eventually("GOAWAY from the gateway", async || {
            let mut requests = self.requests.clone();
            poll_fn(|cx| requests.poll_ready(cx)).await.err()
        });
        let error = told.await;
        let gently = error.is_go_away() && error.reason() == Some(Reason::NO_ERROR);
        assert!(gently || error.is_io(), "{error:?}");
    }

    /// Waits until the connection is closed.
    pub(crate) async fn closed(self) {
        drop(self.requests);
        let ended = awaited("the end of the connection", self.driver).await.expect("no panic");
        if let Err(error) = ended {
            assert!(error.is_io() || error.reason() == Some(Reason::NO_ERROR), "{error:?}");
        }
    }

    /// Leaves, connection and all.
    pub(crate) fn hang_up(self) {
        self.driver.abort();
    }
}

/// One request and its reply.
pub(crate) struct Stream {
    response: Option<ResponseFuture>,
    body: Option<RecvStream>,
    out: Option<SendStream<Bytes>>,
    cut: bool,
}

impl Stream {
    /// Sends more of the request's body, as fast as the gateway allows.
    pub(crate) async fn send(&mut self, data: impl Into<Bytes>) {
        send(self.out.as_mut().expect("a request with a body"), data.into()).await;
    }

    /// Sends the last of the request's body. The gateway must not have reset the stream before.
    pub(crate) async fn finish(&mut self, data: impl Into<Bytes>) {
        assert!(self.finish_in_time(data).await, "the stream was reset before its request was complete");
    }

    /// Sends the last of the request's body, unless the gateway has reset the stream before; whether it has not.
    pub(crate) async fn finish_in_time(&mut self, data: impl Into<Bytes>) -> bool {
        let out = self.out.as_mut().expect("a request with a body");
        let reset = poll_fn(|cx| std::task::Poll::Ready(out.poll_reset(cx).is_ready())).await;
        !reset && out.send_data(data.into(), true).is_ok()
    }

    /// Sends the last of the request's body, if the gateway still takes it.
    pub(crate) fn offer_last(&mut self, data: impl Into<Bytes>) {
        // An error is a stream that the gateway has reset behind its reply.
        let _ = self.out.as_mut().expect("a request with a body").send_data(data.into(), true);
    }

    /// Ends the request with trailers.
    pub(crate) fn finish_with(&mut self, trailers: &[(&str, &str)]) {
        let out = self.out.as_mut().expect("a request with a body");
        let trailers = trailers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        out.send_trailers(trailers.collect::<HeaderMap>()).expect("the gateway takes the rest");
    }

    /// Status and header fields.
    pub(crate) async fn head(&mut self) -> (u16, Fields) {
        self.try_head().await.expect("a reply")
    }

    async fn try_head(&mut self) -> Option<(u16, Fields)> {
        let response = self.response.take().expect("a head comes once");
        let (parts, body) = awaited("the head of a reply", response).await.ok()?.into_parts();
        self.body = Some(body);
        Some((parts.status.as_u16(), fields(&parts.headers)))
    }

    /// What comes next of the body.
    pub(crate) async fn piece(&mut self) -> Piece {
        if self.cut {
            return Piece::Cut;
        }
        let body = self.body.as_mut().expect("the head was read");
        let next = async {
            loop {
                match poll_fn(|cx| body.poll_data(cx)).await {
                    Some(Ok(data)) if data.is_empty() => {}
                    Some(Ok(data)) => {
                        body.flow_control().release_capacity(data.len()).expect("what was taken is given back");
                        return Ok(Piece::Data(data.to_vec()));
                    }
                    Some(Err(error)) => return Err(error),
                    None => {
                        let trailers = poll_fn(|cx| body.poll_trailers(cx)).await?;
                        return Ok(trailers.map_or(Piece::End, |trailers| Piece::Trailers(fields(&trailers))));
                    }
                }
            }
        };
        awaited("more of a reply", next).await.unwrap_or_else(|_| {
            self.cut = true;
            Piece::Cut
        })
    }

    /// Leaves this stream alone (RST_STREAM), not the connection.
    pub(crate) fn reset(mut self) {
        if let Some(out) = self.out.as_mut() {
            out.send_reset(Reason::CANCEL);
        }
        // without a body to send, dropping the reply is what resets the stream
    }
}

/// Sends all of `data`, waiting for the window to open; gives up when the gateway does not want more.
async fn send(out: &mut SendStream<Bytes>, mut data: Bytes) {
    while !data.is_empty() {
        out.reserve_capacity(data.len());
        match awaited("a wider window", poll_fn(|cx| out.poll_capacity(cx))).await {
            Some(Ok(capacity)) => {
                let part = data.split_to(capacity.min(data.len()));
                if out.send_data(part, false).is_err() {
                    return;
                }
            }
            Some(Err(_)) | None => return,
        }
    }
}

fn fields(map: &HeaderMap) -> Fields {
    Fields(map.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect())
}
