//! Leave to be under way, of which the process gives out so many and no more.
//!
//! Workers take it by blocks and keep what they have at hand, so that most requests touch nothing that other workers write.
//! Where there are few, blocks are of one.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Most requests of one worker that are under way although there are too many, for what has to be answered all the same.
const RESERVE: u8 = 8;
/// A worker keeps at most one part in so many at hand.
const PARTS: u64 = 64;

/// What is left for all workers. Clones are of the same.
#[derive(Clone)]
pub struct Hall(Arc<Free>);

#[repr(align(128))] // nothing that a worker writes often stands beside it
struct Free(AtomicU64);

impl Hall {
    /// With so many seats.
    pub fn new(seats: u64) -> Self {
        Self(Arc::new(Free(AtomicU64::new(seats))))
    }

    /// One worker's way in, of so many workers.
    pub fn seats(&self, all: u64, workers: usize) -> Seats {
        let block = all / (workers.max(1) as u64 * PARTS);
        Seats { hall: self.clone(), spare: Cell::new(0), block, reserved: Cell::new(0) }
    }
}

/// One worker's seats.
pub struct Seats {
    hall: Hall,
    spare: Cell<u64>,
    /// Most that are kept at hand.
    block: u64,
    reserved: Cell<u8>,
}

/// What a request has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seat {
    /// None: there are too many.
    None,
    /// One of those that the process has.
    One,
    /// One of the worker's reserve.
    Reserved,
}

impl Seats {
    #[inline]
    pub(super) fn take(&self) -> Seat {
        match self.spare.get().checked_sub(1) {
            Some(rest) => {
                self.spare.set(rest);
                Seat::One
            }
            None => self.fetch(),
        }
    }

    pub(super) fn take_reserved(&self) -> Seat {
        if self.reserved.get() >= RESERVE {
            return Seat::None;
        }
        self.reserved.set(self.reserved.get() + 1);
        Seat::Reserved
    }

    #[inline]
    pub(super) fn give_back(&self, seat: Seat) {
        match seat {
            Seat::None => {}
            Seat::One => {
                self.spare.set(self.spare.get() + 1);
                if self.spare.get() > self.block {
                    self.bring_back();
                }
            }
            Seat::Reserved => self.reserved.set(self.reserved.get() - 1),
        }
    }

    /// As [`Seats::give_back`], for a seat that this worker takes again at once: no other worker gets it between.
    pub(super) fn keep(&self, seat: Seat) {
        match seat {
            Seat::One => self.spare.set(self.spare.get() + 1),
            Seat::None | Seat::Reserved => self.give_back(seat),
        }
    }

    #[cold]
    fn fetch(&self) -> Seat {
        let Hall(free) = &self.hall;
        let taken = free.0.fetch_update(Relaxed, Relaxed, |left| Some(left.saturating_sub(self.block + 1)));
        let taken = taken.unwrap_or_default().min(self.block + 1);
        self.spare.set(taken.saturating_sub(1));
        if taken == 0 { Seat::None } else { Seat::One }
    }

    /// Keeps half a block.
    #[cold]
    fn bring_back(&self) {
        let keep = self.block / 2;
        self.hall.0.0.fetch_add(self.spare.replace(keep) - keep, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn never_more_than_there_are_and_hardly_fewer(
            all in prop_oneof![1..10u64, 100..2000u64],
            workers in 1..5usize,
            steps in prop::collection::vec((0..5usize, -300..400i32), 1..60),
        ) {
            let hall = Hall::new(all);
            let rows: Vec<_> = (0..workers).map(|_| hall.seats(all, workers)).collect();
            let mut taken = vec![0u64; workers];
            for (worker, count) in steps {
                let (seats, own) = (&rows[worker % workers], worker % workers);
                for _ in 0..count.max(0) {
                    let others: u64 = taken.iter().sum();
                    if seats.take() == Seat::One {
                        taken[own] += 1;
                        prop_assert!(others < all, "one too many");
                    } else {
                        prop_assert!(others >= all - all / PARTS, "far too early: {others} of {all}");
                    }
                }
                for _ in 0..count.min(0).unsigned_abs().min(taken[own] as u32) {
                    seats.give_back(Seat::One);
                    taken[own] -= 1;
                }
            }
            for (seats, taken) in rows.iter().zip(taken) {
                (0..taken).for_each(|_| seats.give_back(Seat::One));
            }
            let kept: u64 = rows.iter().map(|seats| seats.spare.get()).sum();
            prop_assert_eq!(hall.0.0.load(Relaxed) + kept, all, "all are back");
        }
    }

    #[test]
    fn what_is_kept_is_taken_again_by_nobody_else() {
        let hall = Hall::new(1);
        let (one, other) = (hall.seats(1, 2), hall.seats(1, 2));
        let seat = one.take();
        one.keep(seat);
        assert_eq!((other.take(), one.take()), (Seat::None, Seat::One));
        one.give_back(Seat::One);
        assert_eq!(other.take(), Seat::One);
    }

    #[test]
    fn a_few_are_reserved() {
        let seats = Hall::new(1).seats(1, 2);
        assert_eq!((seats.take(), seats.take()), (Seat::One, Seat::None));
        (0..RESERVE).for_each(|_| assert_eq!(seats.take_reserved(), Seat::Reserved));
        assert_eq!(seats.take_reserved(), Seat::None);
        seats.give_back(Seat::Reserved);
        assert_eq!(seats.take_reserved(), Seat::Reserved);
        assert_eq!(seats.take(), Seat::None);
    }
}
