//! The bodies of requests.

use bytes::Bytes;
use http_body::{Body, Frame};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// What comes next of a body: a frame, news that there will be none, or the end.
type Next = Option<Result<Frame<Bytes>, ()>>;

/// A request's body, as far as it has come.
#[derive(Clone, Default)]
pub(super) struct Fed(Rc<RefCell<Feed>>);

#[derive(Default)]
struct Feed {
    frames: VecDeque<Next>,
    waker: Option<Waker>,
}

impl Fed {
    pub(super) fn push(&self, frame: Next) {
        let mut feed = self.0.borrow_mut();
        feed.frames.push_back(frame);
        feed.waker.take().into_iter().for_each(Waker::wake);
    }

    pub(super) fn left(&self) -> usize {
        self.0.borrow().frames.len()
    }
}

impl Body for Fed {
    type Data = Bytes;
    type Error = ();

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Next> {
        let mut feed = self.0.borrow_mut();
        match feed.frames.pop_front() {
            Some(frame) => Poll::Ready(frame),
            None => {
                feed.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}
