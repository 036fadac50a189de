//! The audit: a JSON line for every exchange that reached authentication, and for every change of keys, certificate and
//! settings.
//!
//! A request's line is put behind the others of its worker in memory and leaves with them, at the latest 20 ms later, for
//! the one thread that writes. What a killed process had not handed to the kernel by then is lost; what is in the file is
//! whole lines.

mod field;
mod file;
pub(super) mod line;
mod pen;
mod writer;

pub use field::Field;
pub use line::Line;
pub use pen::{Pen, Room};

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::Notify;
use writer::{Output, Writer};

/// What the operator wants of the audit.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where lines go: to this file, else to standard output.
    pub file: Option<FilePlan>,
    /// Whether the values of arguments are written, not only their names.
    pub arguments: bool,
    /// Whether lines are dropped while the queue is over its mark. Else new requests wait.
    pub drops: bool,
    /// Bytes that may wait to be written before the queue is over its mark.
    pub mark: u64,
}

/// A file, and when it is put aside for a new one.
#[derive(Clone, Debug)]
pub struct FilePlan {
    /// Where it is.
    pub path: PathBuf,
    /// Largest size in bytes; 0 for any.
    pub size: u64,
    /// Longest time that it is written to; zero for any.
    pub age: Duration,
    /// Files put aside that are kept; 0 for all.
    pub keep: usize,
    /// How long written lines may stay in the kernel's memory; nothing for as long as it likes.
    pub fsync: Option<Duration>,
}

/// What all threads know of the audit, and a scrape shows.
#[derive(Default)]
pub struct State {
    mark: u64,
    /// Bytes on their way to the writer.
    queued: AtomicU64,
    pub(super) lines: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) failures: AtomicU64,
    stopping: AtomicBool,
    room: Arc<Notify>,
}

impl State {
    /// Bytes that wait to be written.
    pub(super) fn queued(&self) -> u64 {
        self.queued.load(Relaxed)
    }

    fn is_over_mark(&self) -> bool {
        self.queued() > self.mark
    }
}

enum Message {
    Lines(Batch),
    Stop,
}

/// Whole lines.
struct Batch {
    text: Vec<u8>,
    lines: u64,
    /// Where the room goes when it is empty again.
    back: Option<Sender<Vec<u8>>>,
}

/// The audit of one process.
pub struct Audit {
    sender: Sender<Message>,
    state: Arc<State>,
    drops: bool,
    arguments: bool,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Audit {
    /// Opens what is written to, and starts the thread that does, which holds `guard` for as long as it lives.
    ///
    /// # Errors
    /// A file that cannot be opened, or is none of ours.
    pub fn start(plan: &Plan, guard: impl Send + 'static) -> io::Result<Self> {
        let output = Output::open(plan.file.as_ref())?;
        let torn = output.torn();
        let (sender, receiver) = mpsc::channel();
        let state = Arc::new(State { mark: plan.mark, ..State::default() });
        let writer = Writer::new(output, receiver, state.clone());
        let writer = std::thread::Builder::new().name("audit".to_owned()).spawn(move || {
            let _guard = guard;
            writer.run();
        })?;
        let (drops, arguments) = (plan.drops, plan.arguments);
        let audit = Self { sender, state, drops, arguments, writer: Mutex::new(Some(writer)) };
        if torn > 0 {
            audit.note("torn", |line| line.number(Field::TornBytes, torn));
        }
        Ok(audit)
    }

    /// What a scrape shows of it.
    pub fn state(&self) -> Arc<State> {
        self.state.clone()
    }

    /// For one worker.
    pub fn pen(&self) -> Pen {
        Pen::new(self.sender.clone(), self.state.clone(), self.drops, self.arguments)
    }

    /// Writes a line about the process itself. There are few of them, and none is dropped.
    pub fn note(&self, event: &'static str, fill: impl FnOnce(&mut Line<'_>)) {
        let mut text = Vec::with_capacity(512);
        let mut line = Line::begin(&mut text, &mut line::Stamp::default(), SystemTime::now(), event);
        fill(&mut line);
        line.end();
        send(&self.sender, &self.state, Batch { text, lines: 1, back: None });
    }

    /// Writes what is left and ends, if that can be done within `patience`. What is written after it is lost.
    pub fn finish(&self, patience: Duration) {
        let Some(writer) = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        let end = Instant::now() + patience;
        let _ = self.sender.send(Message::Stop);
        while !writer.is_finished() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(2));
        }
        self.state.stopping.store(true, Relaxed);
        if !writer.is_finished() {
            tracing::error!(bytes = self.state.queued(), "the audit cannot be written: lines are lost");
        }
    }
}

fn send(sender: &Sender<Message>, state: &State, batch: Batch) {
    state.queued.fetch_add(batch.text.len() as u64, Relaxed);
    // the writer ends last, or has been given up
    let _ = sender.send(Message::Lines(batch));
}
