//! What is left to do for a request once its head has been looked at.

use super::asked::{Asked, Whole};
use super::dress::{Dress, refuse};
use super::hush::hushed;
use super::judgement::judge;
use super::letter::Letter;
use super::refusal::Refusal;
use super::reply::ReplyBody;
use super::session::MCP_SESSION_ID;
use super::sieve::{Lists, Sieve};
use super::sifting::{Sifted, Sifting};
use super::turn::Wait;
use super::upload::Upload;
use super::{Gateway, headers};
use crate::clock::Deadline;
use crate::record::{End, Exchange};
use crate::reject::Reject;
use crate::stock::{FREE, Stock};
use crate::upstream::{Streamed, Trip};
use http::Response;
use http_body::Body as HttpBody;
use hyper::body::Incoming;
use std::future::Future;
use std::mem::take;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// Bodies up to this size are read whole, so that what they ask can be recorded and they leave in one write.
const WHOLE: u64 = FREE as u64;
/// How long the body of a refused request may take to come in.
const PATIENCE: Duration = Duration::from_secs(1);

/// Reads what is asked, has it judged and fetches the reply.
///
/// Written by hand, because an `async fn` keeps room for whatever it moves twice: this has half its size, and what is as
/// small as that comes from the allocator's fast path.
pub(super) struct Delivery {
    gateway: Rc<Gateway>,
    /// Taken when the answer is there.
    record: Option<(Exchange, Dress)>,
    /// Which lists the reply may bring that have to be cut down.
    lists: Option<Lists>,
    stage: Stage,
}

enum Stage {
    Reading(Reading),
    Fetching(Trip<Upload>),
    /// Boxed: everybody else would make room for it.
    Sifting(Box<Sifting>),
    Discarding(Discarding),
}

impl Delivery {
    /// For a request whose head has passed.
    pub(super) fn new(
        gateway: &Rc<Gateway>,
        exchange: Exchange,
        dress: Dress,
        letter: Letter,
        body: Incoming,
    ) -> Box<Self> {
        let body = (!letter.public).then_some(body);
        let stage = Stage::Reading(Reading { letter, body, whole: Whole::default() });
        Box::new(Self { gateway: gateway.clone(), record: Some((exchange, dress)), lists: None, stage })
    }

    /// For a request that is refused by its head, but whose body has to come in first. An h2 stream whose reply ends
    /// before its request does is reset, as RFC 9113, section 8.1 has it, and some clients then throw the reply away.
    pub(super) fn refusal(
        gateway: &Rc<Gateway>,
        exchange: Exchange,
        dress: Dress,
        refusal: Refusal,
        body: Incoming,
    ) -> Box<Self> {
        let mut deadline = gateway.clock.deadline();
        deadline.arm(PATIENCE);
        let stage = Stage::Discarding(Discarding { refusal, body, left: WHOLE, kept: Whole::default(), deadline });
        Box::new(Self { gateway: gateway.clone(), record: Some((exchange, dress)), lists: None, stage })
    }
}

impl Future for Delivery {
    type Output = Response<ReplyBody>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response<ReplyBody>> {
        let Self { gateway, record, lists, stage } = &mut *self;
        let fetched = ready!(stage.poll(gateway, record.as_mut().expect(POLLED), lists, cx));
        let (exchange, dress) = record.take().expect(POLLED);
        Poll::Ready(match fetched {
            Ok((reply, sieve)) => {
                let mut response = gateway.relay(reply, sieve, exchange);
                dress.on(&mut response);
                response
            }
            Err(refusal) => refuse(&refusal, exchange, dress),
        })
    }
}

const POLLED: &str = "hyper polls a future until it is ready, not longer";

impl Stage {
    /// One stage after the other; ready with what came of the request.
    fn poll(
        &mut self,
        gateway: &Rc<Gateway>,
        (exchange, dress): &mut (Exchange, Dress),
        lists: &mut Option<Lists>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Sifted, Refusal>> {
        loop {
            match self {
                Stage::Reading(reading) => {
                    let Poll::Ready(asked) = reading.poll(gateway, cx) else { return must_end(gateway, exchange) };
                    let asked = asked?;
                    if let Some(end) = exchange.lease_ended() {
                        return Poll::Ready(Err(Reject::from(end).into())); // while its body came in
                    }
                    let (paid, may_come) = judge(exchange, dress, &reading.letter, &asked)?;
                    *lists = may_come;
                    exchange.sent();
                    let trip = gateway.forward(paid, &mut reading.letter, asked);
                    *self = Stage::Fetching(trip);
                }
                Stage::Fetching(trip) => {
                    let Poll::Ready(fetched) = Pin::new(trip).poll(cx) else { return must_end(gateway, exchange) };
                    let mut reply = fetched.map_err(|failure| Refusal::from(&failure))?;
                    if let Some(session) = reply.session.take() {
                        reply.headers.insert(MCP_SESSION_ID, gateway.given_session(session, exchange)?);
                    }
                    let Some(lists) = *lists else { return Poll::Ready(Ok((reply, None))) };
                    let policy = exchange.client().map(|client| client.policy().clone()).unwrap_or_default();
                    let sieve = Sieve::new(policy, lists);
                    *self = Stage::Sifting(Box::new(Sifting::new(reply, sieve, gateway.max_list)));
                }
                Stage::Sifting(sifting) => match sifting.poll(cx) {
                    Poll::Pending => return must_end(gateway, exchange),
                    sifted => return sifted,
                },
                Stage::Discarding(discarding) => {
                    ready!(discarding.poll(gateway.upstream.stock(), cx));
                    return Poll::Ready(Err(discarding.refusal.clone().echoing(discarding.kept.bytes())));
                }
            }
        }
    }
}

/// Of a request that waits, for its body or for what the upstream says: it ends when a reply would that has begun, with a
/// refusal, since its client has seen nothing of it. Whatever it waits for has its task known to the clock, by which all are woken that may have to end.
#[inline]
fn must_end(gateway: &Gateway, exchange: &mut Exchange) -> Poll<Result<Sifted, Refusal>> {
    let (end, reject) = match exchange.lease_ended() {
        Some(end) => (End::LeaseEnded, end.into()),
        None if gateway.turn.is_closing() => (End::Drained, Reject::Drained),
        None => return Poll::Pending,
    };
    exchange.ended(end);
    Poll::Ready(Err(reject.into()))
}

/// A body on its way in.
struct Reading {
    letter: Letter,
    /// Nothing, if nobody will look at it.
    body: Option<Incoming>,
    whole: Whole,
}

impl Reading {
    /// Reads a short body whole; a long or chunked one stays a stream, unless a policy needs to see it.
    fn poll(&mut self, gateway: &Gateway, cx: &mut Context<'_>) -> Poll<Result<Asked, Reject>> {
        let (stock, turn) = (gateway.upstream.stock(), &gateway.turn);
        let most = if self.letter.policy { gateway.max_body.min(stock.most()) } else { gateway.max_body };
        let Some(body) = &mut self.body else { return Poll::Ready(Ok(Asked::Nothing)) };
        if self.whole.is_empty() {
            let length = body.size_hint().exact();
            if length.is_some_and(|length| length > most) {
                return Poll::Ready(Err(Reject::BodyTooLarge));
            }
            if body.is_end_stream() {
                return Poll::Ready(Ok(Asked::Nothing));
            }
            if !self.letter.policy && length.is_none_or(|length| length > WHOLE) {
                let (length, passes) = (length.filter(|_| !self.letter.trailers), headers::is_passing_trailer);
                let nominated = take(&mut self.letter.nominated);
                let body = self.body.take().map(|body| Upload::new(body, turn, nominated));
                let streamed = body.map(|body| Streamed { body, length, most, passes });
                return Poll::Ready(Ok(streamed.map_or(Asked::Nothing, Asked::Streamed)));
            }
            self.whole.expect(length.unwrap_or_default(), stock)?;
        }
        loop {
            let (polled, woken) = hushed(|| Pin::new(&mut *body).poll_frame(cx));
            if woken && !body.is_end_stream() {
                cx.waker().wake_by_ref(); // to read on
            }
            turn.waits(if polled.is_pending() { Wait::Upload(self.whole.len()) } else { Wait::Other });
            if polled.is_pending() && turn.is_overdue() {
                return Poll::Ready(Err(Reject::BodyIncomplete));
            }
            match ready!(polled) {
                Some(Ok(frame)) => self.whole.push(frame, &self.letter.nominated, most, stock)?,
                Some(Err(_)) => return Poll::Ready(Err(Reject::BodyIncomplete)),
                None => break,
            }
            if body.is_end_stream() {
                break;
            }
        }
        Poll::Ready(Ok(take(&mut self.whole).into_asked()))
    }
}

/// A body that is thrown away, as far as it is short and comes soon.
struct Discarding {
    refusal: Refusal,
    body: Incoming,
    left: u64,
    /// What came, kept only where the refusal says something of it.
    kept: Whole,
    deadline: Deadline,
}

impl Discarding {
    fn poll(&mut self, stock: &Stock, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    let size = frame.data_ref().map_or(0, |data| data.len() as u64);
                    let Some(left) = self.left.checked_sub(size) else { return Poll::Ready(()) };
                    self.left = left;
                    if self.refusal.echoes() {
                        let _ = self.kept.push(frame, &[], WHOLE, stock); // no more than is let in
                    }
                    if self.body.is_end_stream() {
                        return Poll::Ready(());
                    }
                }
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(()),
                Poll::Pending => return self.deadline.poll(cx),
            }
        }
    }
}
