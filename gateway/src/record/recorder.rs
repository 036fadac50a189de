//! One worker's records: where they begin.

use super::audit::{Pen, Room};
use super::id::Ids;
use super::seats::Seats;
use super::{Follow, Live, Metrics, WorkerMeters};
use std::cell::Cell;
use std::sync::Arc;

/// One worker's recorder.
pub struct Recorder {
    pub(super) metrics: Arc<Metrics>,
    pub(super) worker: usize,
    /// Who may do what, now.
    pub snapshots: Follow<Live>,
    pub(super) pen: Option<Pen>,
    ids: Ids,
    opened: Cell<u64>,
    pub(super) seats: Seats,
}

impl Recorder {
    /// For `worker`; `seed` is random, and makes request ids of different workers and processes differ. Without a `pen`
    /// there is no audit. Requests have `seats`, or there are too many; they are judged by the newest of `snapshots`.
    pub fn new(
        metrics: Arc<Metrics>,
        worker: usize,
        snapshots: Follow<Live>,
        seed: [u64; 2],
        pen: Option<Pen>,
        seats: Seats,
    ) -> Self {
        Self { metrics, worker, snapshots, pen, ids: Ids::new(seed), opened: Cell::new(0), seats }
    }

    /// Hands audit lines over as they come, for as long as the worker lives.
    pub async fn run(&self) {
        if let Some(pen) = &self.pen {
            pen.run().await;
        }
    }

    /// What a new request has to wait for before anything is done about it, if it has to.
    #[inline]
    pub fn room(&self) -> Option<Room> {
        self.pen.as_ref()?.room()
    }

    /// The id of one more request.
    pub(super) fn open(&self) -> [u8; 32] {
        let number = self.opened.get();
        self.opened.set(number.wrapping_add(1));
        self.meters().in_flight.add(1);
        self.ids.request(number)
    }

    /// This worker's counters.
    pub fn meters(&self) -> &WorkerMeters {
        self.metrics.worker(self.worker)
    }
}
