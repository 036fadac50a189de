//! The end of the process as one connection sees it.

use super::Worker;
use crate::clock::Deadline;
use crate::proxy::Door;
use std::task::Context;
use std::time::Duration;

/// How long a connection that was accepted while the worker finishes has for its first request.
const FIRST: Duration = Duration::from_secs(1);

/// Tells a connection, once, that the worker finishes.
pub(super) struct Ending<'a> {
    worker: &'a Worker,
    door: &'a Door,
    deadline: Deadline,
    /// The call after which the task began to wait again.
    waiting: u32,
    /// Whether the time for a first request has begun to run.
    hurried: bool,
    told: bool,
}

impl<'a> Ending<'a> {
    pub(super) fn new(worker: &'a Worker, door: &'a Door) -> Self {
        Self { worker, door, deadline: worker.clock.deadline(), waiting: 0, hurried: false, told: false }
    }

    /// True once. The task waits on the clock from one call to the next, which costs the polls between them nothing.
    ///
    /// A connection that has asked nothing yet gets [`FIRST`] to do so: the kernel accepted it before we closed the
    /// door, and its request may be on the way.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> bool {
        if self.waiting != self.worker.clock.calls() {
            self.waiting = self.worker.clock.calls();
            let _ = self.deadline.poll(cx);
        }
        if self.told || !self.worker.finishing.get() {
            return false;
        }
        if !self.door.has_asked() {
            if !self.hurried {
                self.hurried = true;
                self.deadline.arm(FIRST);
            }
            if self.deadline.poll(cx).is_pending() {
                return false;
            }
        }
        self.told = true;
        true
    }
}
