//! One poll of one task: what the bodies that it polls wait for, and what they are told.
//!
//! hyper polls a body only while it can go on with it, and tells nobody why it does not. So a body says, whenever it is
//! polled, what comes of it, and whoever polls the task (a connection's over HTTP/1.1, a stream's over h2) reads here
//! afterwards what the task waits for. No two tasks of a worker are polled at a time, so one of these is enough for all.

use super::ward::Handover;
use crate::clock::Ticks;
use std::cell::Cell;

/// What a task waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wait {
    /// No body was polled: as before.
    #[default]
    AsBefore,
    /// The client, for more of its body, of which there were so many bytes.
    Upload(u64),
    /// The client, which has to take what was handed over.
    Reader,
    /// Anything but the client.
    Other,
    /// Nothing more: the client took nothing for too long, and what is dropped now was given up for that.
    GivenUp,
}

/// One worker's turn.
pub struct Turn {
    number: Cell<u64>,
    wait: Cell<Wait>,
    overdue: Cell<bool>,
    closing: Cell<bool>,
    /// How long an event stream may be silent before a comment is put in, if that is done at all.
    pub keep_alive: Option<Ticks>,
    /// By which replies tell the tasks that send them of themselves.
    pub handover: Handover,
}

impl Turn {
    /// For a worker whose event streams are kept alive like this.
    pub fn new(keep_alive: Option<Ticks>) -> Self {
        let (number, wait, overdue, closing) = Default::default();
        Self { number, wait, overdue, closing, keep_alive, handover: Handover::default() }
    }

    /// Another task is polled.
    #[inline]
    pub fn begin(&self) {
        self.number.set(self.number.get() + 1);
        self.wait.set(Wait::AsBefore);
    }

    /// The turn that is taken, by its number, which is never 0.
    #[inline]
    pub fn number(&self) -> u64 {
        self.number.get()
    }

    /// What the task waits for that was polled.
    #[inline]
    pub fn wait(&self) -> Wait {
        self.wait.get()
    }

    /// A body says what comes of its being polled.
    #[inline]
    pub fn waits(&self, wait: Wait) {
        self.wait.set(wait);
    }

    /// Does `poll` while the client's time is over: a body that still waits for it breaks off.
    pub fn overdue<T>(&self, poll: impl FnOnce() -> T) -> T {
        /// Also a poll that panics ends: the next body is another client's.
        struct Over<'a>(&'a Cell<bool>);

        impl Drop for Over<'_> {
            fn drop(&mut self) {
                self.0.set(false);
            }
        }

        self.overdue.set(true);
        let _over = Over(&self.overdue);
        poll()
    }

    /// Whether the client's time is over.
    #[inline]
    pub fn is_overdue(&self) -> bool {
        self.overdue.get()
    }

    /// From now on streams have to end because the process does.
    pub fn close(&self) {
        self.closing.set(true);
    }

    /// Whether streams have to end because the process does.
    #[inline]
    pub fn is_closing(&self) -> bool {
        self.closing.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    #[test]
    fn a_fault_makes_nobody_else_late() {
        let turn = Turn::new(None);
        assert!(turn.overdue(|| turn.is_overdue()) && !turn.is_overdue());
        let polled = catch_unwind(AssertUnwindSafe(|| turn.overdue(|| panic!("a fault"))));
        assert!(polled.is_err() && !turn.is_overdue());
    }
}
