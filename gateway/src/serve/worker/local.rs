//! The tasks of h2 streams, each on its worker's own thread.

use super::patience::{Patience, Times, Verdict};
use crate::proxy::Gateway;
use crate::proxy::turn::Wait;
use crate::proxy::ward::Watch;
use crate::record::Limit;
use pin_project_lite::pin_project;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use tokio::task::spawn_local;

/// What the tasks of a worker need to watch over their clients and the replies that they send.
pub(super) struct Care {
    pub(super) gateway: Rc<Gateway>,
    pub(super) times: Times,
}

/// Runs hyper's tasks.
#[derive(Clone)]
pub(super) struct Local(pub(super) Rc<Care>);

impl<F> hyper::rt::Executor<F> for Local
where
    F: Future<Output = ()> + 'static,
{
    fn execute(&self, future: F) {
        let (watch, patience) = (Watch::default(), Patience::default());
        self.0.gateway.recorder.meters().h2_streams_open.add(1);
        spawn_local(Task { future, watch, patience, care: self.0.clone() });
    }
}

pin_project! {
    /// hyper's task of one stream. Dropping it before its end resets the stream, and no other of the connection.
    struct Task<F> {
        #[pin]
        future: F,
        watch: Watch,
        patience: Patience,
        care: Rc<Care>,
    }

    impl<F> PinnedDrop for Task<F> {
        fn drop(this: Pin<&mut Self>) {
            this.care.gateway.recorder.meters().h2_streams_open.sub(1);
        }
    }
}

impl<F: Future<Output = ()>> Future for Task<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut task = self.project();
        let Care { gateway, times } = &**task.care;
        let turn = &gateway.turn;
        turn.begin();
        if task.future.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        if task.watch.poll(&turn.handover, &gateway.clock, cx).is_ready() {
            tracing::debug!("a stream is reset: its key has ended and its client does not read");
            return Poll::Ready(());
        }
        match task.patience.look(turn, times, &gateway.clock, cx) {
            Verdict::Wait | Verdict::Leave | Verdict::Again => Poll::Pending,
            Verdict::Slow => {
                gateway.recorder.meters().hit(Limit::BodyRate);
                turn.overdue(|| task.future.poll(cx))
            }
            Verdict::End(limit) => {
                limit.into_iter().for_each(|limit| gateway.recorder.meters().hit(limit));
                turn.waits(Wait::GivenUp); // what rides in the task is dropped right after this
                Poll::Ready(())
            }
        }
    }
}
