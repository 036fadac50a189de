//! The last reply of a connection that is kept says so.

use http::header::{CONNECTION, HeaderValue};
use http::{HeaderMap, Response};
use pin_project_lite::pin_project;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

pin_project! {
    /// An answer over HTTP/1.1. From the first moment of a drain on it closes its connection: whoever keeps one goes
    /// elsewhere by himself, and none is left to be closed at the very moment in which a request is sent over it. Over h2
    /// there is GOAWAY, which needs no such care.
    pub(super) struct Farewell<F, L> {
        #[pin]
        answer: F,
        leaving: L,
    }
}

impl<F, L> Farewell<F, L> {
    pub(super) fn new(answer: F, leaving: L) -> Self {
        Self { answer, leaving }
    }
}

impl<F, L, B> Future for Farewell<F, L>
where
    F: Future<Output = Result<Response<B>, Infallible>>,
    L: Fn() -> bool,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let mut answered = ready!(this.answer.poll(cx));
        if (this.leaving)() {
            answered.iter_mut().for_each(|response| say_so(response.headers_mut()));
        }
        Poll::Ready(answered)
    }
}

#[cold]
fn say_so(headers: &mut HeaderMap) {
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
}
