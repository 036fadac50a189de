//! One worker's way into the audit.

use super::line::{Line, Stamp};
use super::{Batch, Message, State, send};
use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{self, Receiver, Sender};
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime};
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

/// So much is handed to the writer at once.
pub(super) const BATCH: usize = 32 * 1024;
/// What is smaller than this takes no room with it: what waits to be written would else weigh many times what it is.
const SMALL: usize = BATCH / 2;
/// So long lines wait for others to go with them.
const PAUSE: Duration = Duration::from_millis(20);
/// Room for members of a line that wait for the end of their request, in bytes and in number.
const SPARES: (usize, usize) = (4096, 64);

/// Lines of one worker. Writing one is writing behind the last: no lock, no wake-up, and no allocation once it runs.
pub struct Pen {
    sender: Sender<Message>,
    state: Arc<State>,
    drops: bool,
    arguments: bool,
    pending: RefCell<Pending>,
    spares: RefCell<Vec<Vec<u8>>>,
    /// Rung when there is something to hand over.
    begun: Notify,
    empty: (Sender<Vec<u8>>, Receiver<Vec<u8>>),
}

#[derive(Default)]
struct Pending {
    text: Vec<u8>,
    lines: u64,
    stamp: Stamp,
}

impl Pen {
    pub(super) fn new(sender: Sender<Message>, state: Arc<State>, drops: bool, arguments: bool) -> Self {
        Self {
            sender,
            state,
            drops,
            arguments,
            pending: RefCell::default(),
            spares: RefCell::default(),
            begun: Notify::new(),
            empty: mpsc::channel(),
        }
    }

    /// Whether the values of arguments are wanted.
    pub(in crate::record) fn wants_arguments(&self) -> bool {
        self.arguments
    }

    /// Writes a line. Never waits; drops it, and counts that, if that is the operator's will and the queue is full.
    pub fn write(&self, now: SystemTime, event: &'static str, fill: impl FnOnce(&mut Line<'_>)) {
        if self.drops && self.state.is_over_mark() {
            self.state.dropped.fetch_add(1, Relaxed);
            return;
        }
        let Ok(mut pending) = self.pending.try_borrow_mut() else { return }; // a panic while a line was written
        let Pending { text, lines, stamp } = &mut *pending;
        let first = text.is_empty();
        let mut line = Line::begin(text, stamp, now, event);
        fill(&mut line);
        line.end();
        *lines += 1;
        if text.len() >= BATCH {
            self.hand_over(&mut pending);
        } else if first {
            self.begun.notify_one();
        }
    }

    /// Room for members that wait for their line.
    pub(in crate::record) fn spare(&self) -> Vec<u8> {
        self.spares.borrow_mut().pop().unwrap_or_default()
    }

    /// Takes such room back.
    pub(in crate::record) fn give_back(&self, mut room: Vec<u8>) {
        let mut spares = self.spares.borrow_mut();
        if (1..=SPARES.0).contains(&room.capacity()) && spares.len() < SPARES.1 {
            room.clear();
            spares.push(room);
        }
    }

    /// Hands lines over as they come, but not more often than every 20 ms. For as long as the worker lives.
    pub async fn run(&self) {
        loop {
            self.begun.notified().await;
            self.flush();
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// What new requests have to wait for, if they have to: the queue is over its mark.
    #[inline]
    pub fn room(&self) -> Option<Room> {
        (!self.drops && self.state.is_over_mark()).then(|| Room::new(&self.state))
    }

    fn flush(&self) {
        if let Ok(mut pending) = self.pending.try_borrow_mut() {
            self.hand_over(&mut pending);
        }
    }

    fn hand_over(&self, pending: &mut Pending) {
        if pending.text.is_empty() {
            return;
        }
        let lines = std::mem::take(&mut pending.lines);
        if pending.text.len() < SMALL {
            let text = pending.text.as_slice().to_vec();
            pending.text.clear();
            return send(&self.sender, &self.state, Batch { text, lines, back: None });
        }
        let (back, empty) = &self.empty;
        let room = empty.try_recv().unwrap_or_else(|_| Vec::with_capacity(BATCH + BATCH / 4));
        let text = std::mem::replace(&mut pending.text, room);
        send(&self.sender, &self.state, Batch { text, lines, back: Some(back.clone()) });
    }
}

impl Drop for Pen {
    fn drop(&mut self) {
        self.flush();
    }
}

/// A wait until the queue is below its mark.
pub struct Room {
    state: Arc<State>,
    written: Pin<Box<OwnedNotified>>,
}

impl Room {
    fn new(state: &Arc<State>) -> Self {
        Self { state: state.clone(), written: Box::pin(state.room.clone().notified_owned()) }
    }
}

impl Future for Room {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // the ear was there before the look, so nothing is missed between them
        while self.state.is_over_mark() {
            ready!(self.written.as_mut().poll(cx));
            self.written = Box::pin(self.state.room.clone().notified_owned());
        }
        Poll::Ready(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The batches that are handed over when so many lines are written at once.
    fn batches(lines: usize) -> Vec<Batch> {
        let (sender, receiver) = mpsc::channel();
        let pen = Pen::new(sender, Arc::default(), false, false);
        for _ in 0..lines {
            pen.write(SystemTime::UNIX_EPOCH, "request", |_| {});
        }
        drop(pen);
        let lines = |message| if let Message::Lines(batch) = message { batch } else { panic!("nobody says stop") };
        receiver.into_iter().map(lines).collect()
    }

    /// One line every 20 ms, while nobody reads, is many batches.
    #[test]
    fn what_waits_weighs_little_more_than_what_it_is() {
        for lines in [1, 10, 200, 1000, 10_000] {
            let batches = batches(lines);
            let (is, weighs) = batches
                .iter()
                .fold((0, 0), |(is, weighs), Batch { text, .. }| (is + text.len(), weighs + text.capacity()));
            assert!(weighs <= 2 * is, "{lines} lines are {is} bytes and weigh {weighs}");
            assert_eq!(batches.iter().map(|batch| batch.lines).sum::<u64>(), lines as u64);
        }
        assert!(batches(10_000).iter().any(|batch| batch.back.is_some()), "large room is used again");
    }
}
