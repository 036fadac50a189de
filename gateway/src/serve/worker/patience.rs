//! How long the gateway waits for a client before it ends what it does for it.

use crate::clock::{Clock, Deadline, Ticks};
use crate::config::settings::Limits;
use crate::proxy::turn::{Turn, Wait};
use crate::record::Limit;
use std::task::Context;
use std::time::Duration;

/// Over how long the rate of a body is measured.
const MEASURE: u64 = 10;

/// How long, as the clock counts it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) header: Ticks,
    pub(super) idle: Ticks,
    pub(super) stall: Ticks,
    pub(super) upload: Ticks,
    /// Bytes that `upload` must bring.
    pub(super) least: u64,
}

impl Times {
    pub(super) fn of(limits: &Limits) -> Self {
        Self {
            header: Ticks::of(limits.header_timeout),
            idle: Ticks::of(limits.idle_timeout),
            stall: Ticks::of(limits.stall_timeout),
            upload: Ticks::of(Duration::from_secs(MEASURE)),
            least: limits.min_body_rate.saturating_mul(MEASURE),
        }
    }
}

/// What becomes of a task whose client is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It may go on.
    Wait,
    /// It has had nothing to do for too long: it is to end well.
    Leave,
    /// Its body comes too slowly: it is polled once more, while that is known.
    Slow,
    /// It is polled once more: there is something to be read that nobody sent.
    Again,
    /// It ends at once.
    End(Option<Limit>),
}

/// How a body has come on since it was last measured.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    pub(super) read: u64,
    pub(super) mark: u64,
}

impl Pace {
    /// Measures; true if it was enough.
    pub(super) fn suffices(&mut self, least: u64) -> bool {
        let came = self.read.saturating_sub(self.mark);
        self.mark = self.read;
        came >= least
    }
}

/// The patience with the client of one h2 stream. Takes room only while it is waited for.
#[derive(Default)]
pub(super) struct Patience(Option<Box<Awaited>>);

struct Awaited {
    deadline: Deadline,
    /// For a body that is waited for; else a piece of the reply is to be taken.
    pace: Option<Pace>,
}

impl Patience {
    /// For each time that the task was polled and cannot go on.
    #[inline]
    pub(super) fn look(&mut self, turn: &Turn, times: &Times, clock: &Clock, cx: &mut Context<'_>) -> Verdict {
        match turn.wait() {
            Wait::Other => {
                self.0 = None;
                Verdict::Wait
            }
            Wait::AsBefore if self.0.is_none() => Verdict::Wait,
            wait @ (Wait::AsBefore | Wait::Upload(_) | Wait::Reader | Wait::GivenUp) => {
                self.awaited(wait, times, clock, cx)
            }
        }
    }

    #[cold]
    fn awaited(&mut self, wait: Wait, times: &Times, clock: &Clock, cx: &mut Context<'_>) -> Verdict {
        let awaited = self.0.get_or_insert_with(|| Box::new(Awaited { deadline: clock.deadline(), pace: None }));
        match (wait, &mut awaited.pace) {
            (Wait::Upload(read), Some(pace)) => pace.read = read,
            (Wait::Upload(read), none) => {
                *none = Some(Pace { read, mark: read });
                awaited.deadline.arm_for(times.upload);
            }
            (Wait::Reader, pace) => {
                *pace = None;
                awaited.deadline.arm_for(times.stall);
            }
            (Wait::AsBefore | Wait::Other | Wait::GivenUp, _) => {}
        }
        if awaited.deadline.poll(cx).is_pending() {
            return Verdict::Wait;
        }
        let Some(pace) = &mut awaited.pace else { return Verdict::End(Some(Limit::Stall)) };
        let verdict = if pace.suffices(times.least) { Verdict::Wait } else { Verdict::Slow };
        awaited.deadline.arm_for(times.upload);
        let _ = awaited.deadline.poll(cx);
        verdict
    }
}

#[cfg(test)]
mod model;
