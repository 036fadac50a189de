//! The idle connections of one worker.

use super::stream::Stream;
use std::cell::{Cell, RefCell};

/// Most idle connections that one worker keeps; a burst's surplus is closed at once.
const MOST_IDLE: usize = 512;
/// How many rounds of [`Pool::sweep`] an idle connection lives.
pub(super) const ROUNDS: u32 = 4;

/// Connections that wait for their next request; the one used last is used first.
#[derive(Default)]
pub(super) struct Pool {
    idle: RefCell<Vec<(Stream, u32)>>,
    round: Cell<u32>,
}

impl Pool {
    /// An idle connection on which the upstream has neither spoken nor hung up.
    pub(super) fn take(&self) -> Option<Stream> {
        loop {
            let (mut stream, _) = self.idle.borrow_mut().pop()?;
            if stream.is_quiet() {
                return Some(stream);
            }
        }
    }

    /// Keeps a connection whose last reply has been read to its end.
    pub(super) fn put(&self, stream: Stream) {
        let mut idle = self.idle.borrow_mut();
        if idle.len() < MOST_IDLE {
            idle.push((stream, self.round.get()));
        }
    }

    /// Ages all by a round; closes those that are [`ROUNDS`] old or were hung up on.
    pub(super) fn sweep(&self) {
        let round = self.round.get().wrapping_add(1);
        self.round.set(round);
        self.idle.borrow_mut().retain_mut(|(stream, since)| round.wrapping_sub(*since) < ROUNDS && stream.is_quiet());
    }
}
