//! What a connection's task looks at besides hyper: whether its peer has had its time, and whether the worker finishes.

use super::Worker;
use super::line::Seen;
use super::owed::Late;
use super::patience::{Pace, Verdict};
use crate::clock::{Deadline, Tick, Ticks};
use crate::proxy::Door;
use crate::proxy::turn::Wait;
use crate::record::{Limit, WorkerMeters};
use std::error::Error as _;
use std::rc::Rc;
use std::task::Context;
use std::time::Duration;
use tracing::debug;

/// How long a connection that was accepted while the worker finishes, or when there were too many, has for its first request.
const FIRST: Duration = Duration::from_secs(1);

/// What a connection is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It may bring a request.
    Idle,
    /// A request's head has begun to come, or a frame; this is its number.
    Head(u32),
    /// The gateway works for it.
    Busy,
    /// A request's body is waited for. Over HTTP/1.1 only: an h2 stream is watched by its own task.
    Upload,
    /// What is written to it is not taken.
    Blocked,
    /// It was told to end.
    Leaving,
}

/// Watches over one connection, with one deadline for all. It is not moved at each request: it is left to come too early, and
/// then set anew.
pub(super) struct Vigil<'a> {
    worker: &'a Worker,
    door: &'a Door,
    seen: Rc<Seen>,
    deadline: Deadline,
    /// The call after which the task began to wait again.
    waiting: u32,
    stage: Stage,
    since: Tick,
    asked: u32,
    /// Requests that were open when this was looked at last.
    open: usize,
    pace: Pace,
    /// When replies are looked at that their tasks are done with and their client has not taken, if there are any.
    owed: Option<Deadline>,
    /// Whether streams have tasks of their own.
    streams: bool,
    /// Whether the time for a first request has begun to run.
    hurried: bool,
    told: bool,
    leaves: bool,
}

impl<'a> Vigil<'a> {
    pub(super) fn new(worker: &'a Worker, door: &'a Door, seen: Rc<Seen>, streams: bool) -> Self {
        let mut deadline = worker.clock.deadline();
        deadline.arm_for(worker.times.idle);
        Self {
            worker,
            door,
            seen,
            deadline,
            waiting: 0,
            stage: Stage::Idle,
            since: worker.clock.now(),
            asked: 0,
            open: 0,
            pace: Pace::default(),
            owed: None,
            streams,
            hurried: false,
            told: false,
            leaves: false,
        }
    }

    /// True once, when the connection has to be told that it ends: the worker finishes, or there are too many connections.
    /// The task waits on the clock from one call to the next, which costs the polls between them nothing.
    ///
    /// A connection that has asked nothing yet gets [`FIRST`] to do so: the kernel accepted it before we closed the
    /// door, and its request may be on the way.
    pub(super) fn must_finish(&mut self, cx: &mut Context<'_>) -> bool {
        if self.waiting != self.worker.clock.calls() {
            self.waiting = self.worker.clock.calls();
            let _ = self.deadline.poll(cx);
        }
        if self.told || !(self.worker.finishing.get() || self.door.is_surplus()) {
            return false;
        }
        if self.door.asked() == 0 {
            if !self.hurried {
                self.hurried = true;
                self.deadline.arm(FIRST);
            }
            if self.deadline.poll(cx).is_pending() {
                return false;
            }
        }
        self.told = true;
        self.hurried = false;
        true
    }

    /// For each time that hyper was polled and cannot go on.
    pub(super) fn look(&mut self, cx: &mut Context<'_>) -> Verdict {
        let asked = self.door.asked();
        let stage = self.stage(asked);
        if self.streams {
            self.count_surplus_streams();
            if self.seen.unended.get() > self.door.open() || self.owed.is_some() {
                let verdict = self.owed(cx);
                if verdict != Verdict::Wait {
                    return verdict;
                }
            }
        }
        if stage != self.stage || asked != self.asked || stage == Stage::Blocked && self.seen.moved.take() {
            self.asked = asked;
            self.enter(stage);
        }
        if self.hurried || !self.deadline.has_passed() { Verdict::Wait } else { self.passed(cx) }
    }

    fn stage(&mut self, asked: u32) -> Stage {
        if self.seen.blocked.get() {
            return Stage::Blocked;
        }
        let busy = self.door.open() > 0;
        if !self.streams && (asked != self.asked || !busy && matches!(self.stage, Stage::Busy | Stage::Upload)) {
            self.seen.begun.set(None); // what came was the request, or its body
        }
        match (self.seen.begun.get(), busy) {
            (Some(number), _) if self.streams => Stage::Head(number),
            (_, true) if self.streams => Stage::Busy,
            (_, true) => self.serving(),
            (Some(number), false) => Stage::Head(number),
            (None, false) if self.leaves => Stage::Leaving,
            (None, false) => Stage::Idle,
        }
    }

    /// The library refuses streams beyond those that may be open, and tells nobody. What is left of the time before the
    /// last poll is what they came on top of.
    fn count_surplus_streams(&mut self) {
        let opened = self.seen.opened.take() as usize;
        let surplus = (opened + self.open).saturating_sub(self.worker.shared.limits.max_streams as usize);
        (0..surplus.min(opened)).for_each(|_| self.meters().hit(Limit::Streams));
        self.open = self.door.open();
    }

    /// For as long as there are more streams whose replies have not ended than there are requests under way: some of their replies
    /// are in the library's hands alone. Streams that the client lets send nothing for too long are given up, whatever becomes of
    /// the others.
    #[cold]
    fn owed(&mut self, cx: &mut Context<'_>) -> Verdict {
        let (clock, stall) = (&self.worker.clock, self.worker.times.stall);
        let mut owed = self.seen.owed.borrow_mut();
        for _ in 0..owed.bare() {
            self.worker.gateway.recorder.meters().heads_refused.add(1);
            self.worker.gateway.recorder.meters().hit(Limit::Head);
        }
        self.seen.unended.set(owed.weight());
        if self.seen.unended.get() <= self.door.open() {
            self.owed = None;
            return Verdict::Wait;
        }
        let deadline = self.owed.get_or_insert_with(|| {
            let mut deadline = clock.deadline();
            deadline.arm_for(stall);
            deadline
        });
        if deadline.poll(cx).is_pending() {
            return Verdict::Wait;
        }
        let late = owed.late(stall, clock);
        deadline.arm_for(if let Late::Nothing(left) = late { left } else { stall });
        let _ = deadline.poll(cx);
        drop(owed);
        match late {
            Late::Nothing(_) => Verdict::Wait,
            Late::Streams(streams) => {
                (0..streams).for_each(|_| self.meters().hit(Limit::Stall));
                debug!(peer = %self.door.peer().address(), streams, "streams are reset: their replies are not taken");
                Verdict::Again
            }
            Late::Everything => {
                self.door.peer().stalls();
                self.ends(Some(Limit::Stall))
            }
        }
    }

    fn serving(&mut self) -> Stage {
        match self.worker.gateway.turn.wait() {
            Wait::Upload(read) => {
                self.pace.read = read;
                Stage::Upload
            }
            Wait::AsBefore if self.stage == Stage::Upload => Stage::Upload,
            Wait::AsBefore | Wait::Reader | Wait::Other | Wait::GivenUp => Stage::Busy,
        }
    }

    fn allowance(&self) -> Option<Ticks> {
        let times = &self.worker.times;
        match self.stage {
            Stage::Idle => Some(times.idle),
            Stage::Head(_) | Stage::Leaving => Some(times.header),
            Stage::Busy => None,
            Stage::Upload => Some(times.upload),
            Stage::Blocked => Some(times.stall),
        }
    }

    fn enter(&mut self, stage: Stage) {
        self.stage = stage;
        self.since = self.worker.clock.now();
        self.pace.mark = self.pace.read;
        self.seen.moved.set(false);
        if !self.hurried
            && let Some(allowance) = self.allowance()
            && self.deadline.is_later_than(allowance)
        {
            self.deadline.arm_for(allowance);
        }
    }

    /// The deadline has passed: whether that means anything.
    #[cold]
    fn passed(&mut self, cx: &mut Context<'_>) -> Verdict {
        let clock = &self.worker.clock;
        let left = self.allowance().map(|allowance| allowance.after(clock.since(self.since)));
        match left {
            None => self.deadline.disarm(),
            Some(Some(left)) => self.deadline.arm_for(left),
            Some(None) => return self.over(cx),
        }
        let _ = self.deadline.poll(cx);
        Verdict::Wait
    }

    fn over(&mut self, cx: &mut Context<'_>) -> Verdict {
        let verdict = match self.stage {
            Stage::Head(_) => return self.ends(Some(Limit::HeaderTime)),
            Stage::Blocked => {
                self.door.peer().stalls();
                return self.ends(Some(Limit::Stall));
            }
            Stage::Leaving => return self.ends(None),
            Stage::Upload if !self.pace.suffices(self.worker.times.least) => {
                self.meters().hit(Limit::BodyRate);
                Verdict::Slow
            }
            Stage::Upload | Stage::Busy => Verdict::Wait,
            Stage::Idle => {
                self.meters().hit(Limit::Idle);
                self.leaves = true;
                self.stage = Stage::Leaving;
                Verdict::Leave
            }
        };
        self.since = self.worker.clock.now();
        match self.allowance() {
            Some(allowance) => self.deadline.arm_for(allowance),
            None => self.deadline.disarm(),
        }
        let _ = self.deadline.poll(cx);
        verdict
    }

    fn ends(&self, limit: Option<Limit>) -> Verdict {
        if let Some(limit) = limit {
            self.meters().hit(limit);
            debug!(peer = %self.door.peer().address(), limit = limit.word(), "a connection is closed");
        }
        Verdict::End(limit)
    }

    fn meters(&self) -> &WorkerMeters {
        self.worker.gateway.recorder.meters()
    }

    /// How the connection ended, as hyper has it.
    pub(super) fn note(&self, ended: &hyper::Result<()>) {
        let Err(cause) = ended else { return };
        if cause.is_parse() {
            self.meters().heads_refused.add(1);
        }
        if cause.is_parse_too_large() {
            self.meters().hit(Limit::Head);
        }
        if self.seen.flooded.get() {
            self.meters().hit(Limit::ControlFrames);
        } else if is_flood(cause) {
            self.meters().hit(Limit::Flood);
        }
        debug!(peer = %self.door.peer().address(), %cause, "a connection broke");
    }
}

/// Whether the h2 library had enough of a client.
fn is_flood(cause: &hyper::Error) -> bool {
    let h2 = cause.source().and_then(|cause| cause.downcast_ref::<h2::Error>());
    h2.is_some_and(|h2| h2.is_library() && h2.reason() == Some(h2::Reason::ENHANCE_YOUR_CALM))
}
