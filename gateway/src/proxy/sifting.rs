//! A reply that may be a list, between its head and what the client gets of it.

use super::media;
use super::refusal::Refusal;
use super::sieve::Sieve;
use crate::reject::Reject;
use crate::stock::{Full, Held};
use crate::upstream::Reply;
use http::header::{self, HeaderMap, HeaderName};
use std::borrow::Cow;
use std::task::{Context, Poll, ready};

/// Reads a list whole, and cuts it down. Event streams are not read here but as they pass.
pub(super) struct Sifting {
    /// Taken when it is ready.
    held: Option<(Reply, Box<Sieve>)>,
    whole: Vec<u8>,
    /// What counts that.
    counted: Option<Held>,
    trailers: Option<HeaderMap>,
    /// Largest list, in bytes.
    most: usize,
}

/// A list, and what is left of it.
const COPIES: usize = 2;

/// A reply as it may be passed on, its events through the sieve if there is one.
pub(super) type Sifted = (Reply, Option<Box<Sieve>>);

impl Sifting {
    pub(super) fn new(reply: Reply, sieve: Sieve, most: usize) -> Self {
        Self { held: Some((reply, Box::new(sieve))), whole: Vec::new(), counted: None, trailers: None, most }
    }

    /// Ready when the reply may be passed on, or may not. Whoever waits is woken to look whether it must end, as those are
    /// whose reply has begun.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Sifted, Refusal>> {
        let Some((mut reply, sieve)) = self.held.take() else { return Poll::Pending };
        if !may_be_list(&reply, &sieve) {
            return Poll::Ready(Ok((reply, None)));
        }
        if !is_readable(&reply.headers) {
            return Poll::Ready(Err(unreadable("it has a content coding, or more than one media type")));
        }
        if !reply.events {
            match self.poll_whole(&mut reply, cx) {
                Poll::Ready(read) => read?,
                Poll::Pending => {
                    let _ = reply.deadline.poll(cx); // it is not armed
                    self.held = Some((reply, sieve));
                    return Poll::Pending;
                }
            }
            let whole = std::mem::take(&mut self.whole);
            let less = match sieve.message(&whole) {
                _ if whole.trim_ascii().is_empty() => whole, // 202, for what was no request
                Ok(Cow::Borrowed(_)) => whole,
                Ok(Cow::Owned(less)) => less,
                Err(flaw) => return Poll::Ready(Err(unreadable(flaw))),
            };
            reply.body.replace(less.into(), self.trailers.take());
            self.counted = None; // it is counted on its way to the client
        }
        forget_length(&mut reply.headers);
        let sieve = reply.events.then_some(sieve);
        Poll::Ready(Ok((reply, sieve)))
    }

    fn poll_whole(&mut self, reply: &mut Reply, cx: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        let length = reply.body.exact().map_or(0, |length| usize::try_from(length).unwrap_or(usize::MAX));
        if length > self.most {
            return Poll::Ready(Err(too_large()));
        }
        let stock = reply.body.stock().clone();
        stock.make_room(&mut self.counted, &mut self.whole, length, COPIES).map_err(full)?;
        while let Some(frame) = ready!(reply.body.poll_frame(cx)) {
            match frame.map_err(|failure| Refusal::from(&failure))?.into_data() {
                Ok(data) if data.len() > self.most - self.whole.len() => return Poll::Ready(Err(too_large())),
                Ok(data) => {
                    stock.make_room(&mut self.counted, &mut self.whole, data.len(), COPIES).map_err(full)?;
                    self.whole.extend_from_slice(&data);
                }
                Err(frame) => self.trailers = frame.into_trailers().ok(),
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// What a server says to explain an error is no list. A GET is answered by a stream; what else may come is looked at if it
/// is JSON, or of more than one type.
fn may_be_list(reply: &Reply, sieve: &Sieve) -> bool {
    let several = || reply.headers.get_all(header::CONTENT_TYPE).iter().nth(1).is_some();
    let kind = reply.events || sieve.expects_list() || media::is_json(&reply.headers) || several();
    kind && reply.status.is_success() && !reply.body.is_end()
}

/// Whether the body is what one reader and the next both take it for: of one type, and not coded.
fn is_readable(headers: &HeaderMap) -> bool {
    let codings = headers.get_all(header::CONTENT_ENCODING);
    let coded = codings.iter().any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"));
    !coded && headers.get_all(header::CONTENT_TYPE).iter().count() <= 1
}

/// Drops what the head of a reply says of its body that may not be so any more.
fn forget_length(headers: &mut HeaderMap) {
    const OF_BODY: [HeaderName; 4] = [
        HeaderName::from_static("content-digest"),
        HeaderName::from_static("repr-digest"),
        HeaderName::from_static("digest"),
        HeaderName::from_static("content-md5"),
    ];
    for name in [header::CONTENT_LENGTH, header::ETAG, header::ACCEPT_RANGES].iter().chain(&OF_BODY) {
        headers.remove(name);
    }
}

fn full(_: Full) -> Refusal {
    Reject::Full.into()
}

fn too_large() -> Refusal {
    not_passed(
        Reject::ListTooLarge,
        "it is larger than limits.max_list in the settings, or than a fifth of limits.max_held",
    )
}

fn unreadable(why: impl std::fmt::Display) -> Refusal {
    not_passed(Reject::ListUnreadable, why)
}

/// One sentence for the caller, one for the operator.
fn not_passed(reject: Reject, why: impl std::fmt::Display) -> Refusal {
    tracing::warn!(word = reject.word(), "the upstream's list is not passed on: {why}");
    reject.into()
}
