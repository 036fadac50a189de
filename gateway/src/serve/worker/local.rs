//! The tasks of h2 streams, each on its worker's own thread.

use crate::clock::Clock;
use crate::proxy::ward::{Handover, Watch};
use pin_project_lite::pin_project;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tokio::task::spawn_local;

/// What the tasks of a worker need to watch over the replies that they send.
pub(super) struct Sending {
    pub(super) clock: Clock,
    pub(super) handover: Handover,
}

/// Runs hyper's tasks.
#[derive(Clone)]
pub(super) struct Local(pub(super) Rc<Sending>);

impl<F> hyper::rt::Executor<F> for Local
where
    F: Future<Output = ()> + 'static,
{
    fn execute(&self, future: F) {
        spawn_local(Task { future, watch: Watch::default(), sending: self.0.clone() });
    }
}

pin_project! {
    /// hyper's task of one stream. Dropping it before its end resets the stream, and no other of the connection.
    struct Task<F> {
        #[pin]
        future: F,
        watch: Watch,
        sending: Rc<Sending>,
    }
}

impl<F: Future<Output = ()>> Future for Task<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let task = self.project();
        if task.future.poll(cx).is_ready() {
            return Poll::Ready(());
        }
        ready!(task.watch.poll(&task.sending.handover, &task.sending.clock, cx));
        tracing::debug!("a stream is reset: its key has ended and its client does not read");
        Poll::Ready(())
    }
}
