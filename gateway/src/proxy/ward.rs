//! Replies that have to end although their clients do not read.
//!
//! hyper asks a body for nothing while it cannot write, so a reply that nobody reads never learns that its lease has ended.
//! What can end it is the task that sends it: over HTTP/1.1 the connection's, over h2 the stream's. A reply makes itself
//! known to that task with a [`Handover`] while it is polled, and the task keeps a [`Watch`] on it.

use crate::access::Lease;
use crate::clock::{Clock, Deadline};
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// How long a reply whose lease has ended has to end by itself; one that is read takes no longer than
/// [`super::reply::GRACE`].
const PATIENCE: Duration = Duration::from_millis(400);

/// What a reply and the task that sends it have in common. Once the reply has gone, the task alone holds it.
pub struct Ward(Arc<Lease>);

/// The way from a reply to its task, one for each worker: whoever polls a reply looks here before it lets anybody else be
/// polled.
#[derive(Clone, Default)]
pub struct Handover(Rc<Cell<Option<Rc<Ward>>>>);

impl Handover {
    /// For a reply that lives by `lease`, which is to hold what it gets.
    pub(super) fn announce(&self, lease: Arc<Lease>) -> Rc<Ward> {
        let ward = Rc::new(Ward(lease));
        self.0.set(Some(ward.clone()));
        ward
    }

    /// A reply that was announced and is still there: a task that was dropped in between may have left one.
    fn take(&self) -> Option<Rc<Ward>> {
        self.0.take().filter(|ward| Rc::strong_count(ward) > 1)
    }
}

/// A task's watch on the reply that it sends.
#[derive(Default)]
pub struct Watch(Option<Watched>);

struct Watched {
    ward: Rc<Ward>,
    deadline: Deadline,
    /// The call after which the task began to wait again.
    waiting: u32,
    ending: bool,
}

impl Watch {
    /// For each time that the task was polled and cannot go on. Ready when it must not: its reply should have ended and has
    /// not, so what it sends is to be broken off. Costs nothing worth naming while there is no such reply.
    pub fn poll(&mut self, handover: &Handover, clock: &Clock, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(ward) = handover.take() {
            self.0 = Some(Watched { ward, deadline: clock.deadline(), waiting: 0, ending: false });
        }
        let Some(watched) = &mut self.0 else { return Poll::Pending };
        if Rc::strong_count(&watched.ward) == 1 {
            self.0 = None;
            return Poll::Pending;
        }
        watched.poll(clock, cx)
    }
}

impl Watched {
    fn poll(&mut self, clock: &Clock, cx: &mut Context<'_>) -> Poll<()> {
        if !self.ending && self.ward.0.ended().is_some() {
            self.ending = true;
            self.deadline.arm(PATIENCE);
        }
        if !self.ending && self.waiting == clock.calls() {
            return Poll::Pending;
        }
        self.waiting = clock.calls();
        self.deadline.poll(cx)
    }
}

#[cfg(test)]
mod model;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::LeaseEnd;
    use std::task::Waker;

    /// Ticks until the watch breaks the reply off; none within a minute is none at all.
    fn ticks(watch: &mut Watch, handover: &Handover, clock: &Clock) -> Option<u32> {
        let mut cx = Context::from_waker(Waker::noop());
        (0..600).find(|_| {
            let over = watch.poll(handover, clock, &mut cx).is_ready();
            clock.tick();
            over
        })
    }

    #[test]
    fn only_a_reply_that_should_have_ended_and_has_not_is_broken_off() {
        let (handover, clock, lease) = (Handover::default(), Clock::new(), Arc::<Lease>::default());
        let mut watch = Watch::default();
        assert_eq!(ticks(&mut watch, &handover, &clock), None);
        let held = handover.announce(lease.clone());
        assert_eq!(ticks(&mut watch, &handover, &clock), None, "its lease holds");
        lease.end(LeaseEnd::Revoked);
        assert_eq!(ticks(&mut watch, &handover, &clock), Some(5));
        drop(held);
        assert_eq!(ticks(&mut watch, &handover, &clock), None, "it has ended by itself");
        drop(handover.announce(lease));
        assert_eq!(ticks(&mut watch, &handover, &clock), None, "nobody takes what another task left");
    }

    #[test]
    fn what_another_task_left_does_not_take_a_replys_place() {
        let (handover, clock, lease) = (Handover::default(), Clock::new(), Arc::<Lease>::default());
        let (mut watch, mut cx) = (Watch::default(), Context::from_waker(Waker::noop()));
        let _held = handover.announce(lease.clone());
        assert!(watch.poll(&handover, &clock, &mut cx).is_pending());
        drop(handover.announce(Arc::default()));
        lease.end(LeaseEnd::Removed);
        assert_eq!(ticks(&mut watch, &handover, &clock), Some(5));
    }
}
