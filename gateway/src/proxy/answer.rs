//! The answer to one request, as hyper awaits it.

use super::delivery::Delivery;
use super::reply::ReplyBody;
use http::Response;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The answer to one request. A refusal that needs nothing but the head is there at once. What waits is boxed, so that
/// its room is given back when the reply begins: hyper would keep it for as long as a stream is open.
pub struct Answer(pub(super) When);

pub(super) enum When {
    /// Here it is.
    Now(Option<Box<Response<ReplyBody>>>),
    /// It is being fetched.
    Later(Box<Delivery>),
}

impl Future for Answer {
    type Output = Result<Response<ReplyBody>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.get_mut().0 {
            When::Now(response) => {
                Poll::Ready(Ok(*response.take().expect("an answer is polled until it is there, not longer")))
            }
            When::Later(delivery) => Pin::new(&mut **delivery).poll(cx).map(Ok),
        }
    }
}
