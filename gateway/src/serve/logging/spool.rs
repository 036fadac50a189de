//! Lines on their way to standard error.

use crate::record::LogLoss;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tracing::warn;

/// Most bytes that wait to be written. What comes on top is dropped.
const MOST: usize = 2 << 20;
/// How long the thread waits before it tries again what failed.
const RETRY: Duration = Duration::from_millis(50);

/// Where lines are left.
#[derive(Default)]
pub(super) struct Spool {
    /// To the thread, once there is one.
    sender: OnceLock<Sender<Vec<u8>>>,
    state: Arc<State>,
    loss: Arc<LogLoss>,
}

#[derive(Default)]
struct State {
    /// Bytes that wait to be written.
    waiting: AtomicUsize,
    /// Whether the thread need not try again.
    given_up: AtomicBool,
}

impl Spool {
    /// See [`super::Logging::detach`].
    pub(super) fn detach(&self) -> io::Result<()> {
        let stderr = File::from(io::stderr().as_fd().try_clone_to_owned()?);
        let (sender, receiver) = mpsc::channel();
        let (state, loss) = (self.state.clone(), self.loss.clone());
        let writer = Writer { stderr, receiver, state, loss };
        std::thread::Builder::new().name("log".to_owned()).spawn(move || writer.run())?;
        let _ = self.sender.set(sender); // a second thread would find nobody who leaves it anything, and end
        Ok(())
    }

    pub(super) fn loss(&self) -> Arc<LogLoss> {
        self.loss.clone()
    }

    /// Waits until all is written, but not for ever. What comes later is lost with the process.
    pub(super) fn finish(&self, patience: Duration) {
        let end = Instant::now() + patience;
        while self.state.waiting.load(Acquire) > 0 && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.state.given_up.store(true, Relaxed);
    }

    fn leave(&self, line: &[u8]) {
        let Some(sender) = self.sender.get() else {
            let _ = io::stderr().write_all(line); // whether anybody listens does not matter
            return;
        };
        if self.state.waiting.fetch_add(line.len(), Relaxed) + line.len() > MOST || sender.send(line.to_vec()).is_err()
        {
            self.state.waiting.fetch_sub(line.len(), Relaxed);
            self.loss.count();
        }
    }
}

impl Write for &Spool {
    /// Takes a line, which comes in one piece.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.leave(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The one thread that writes.
struct Writer {
    /// A handle of our own: the library's has a lock that a panic needs to say what it is.
    stderr: File,
    receiver: Receiver<Vec<u8>>,
    state: Arc<State>,
    loss: Arc<LogLoss>,
}

impl Writer {
    fn run(mut self) {
        let mut told = 0;
        while let Ok(line) = self.receiver.recv() {
            let taken = self.write(&line);
            self.state.waiting.fetch_sub(line.len(), Release);
            let lost = self.loss.lines();
            if taken && lost > told && self.state.waiting.load(Relaxed) < MOST / 2 {
                warn!(lines = lost - told, "lines of this log are lost: they were not taken in time");
                told = lost;
            }
        }
    }

    /// Tries until all is written, or the process ends; false if there is nobody.
    fn write(&mut self, mut rest: &[u8]) -> bool {
        while !rest.is_empty() && !self.state.given_up.load(Relaxed) {
            match self.stderr.write(rest) {
                Ok(written @ 1..) => rest = rest.get(written..).unwrap_or_default(),
                Err(cause) if cause.kind() == ErrorKind::Interrupted => {}
                Err(cause) if cause.kind() == ErrorKind::BrokenPipe => break,
                Ok(_) | Err(_) => std::thread::sleep(RETRY),
            }
        }
        if !rest.is_empty() {
            self.loss.count();
        }
        rest.is_empty()
    }
}
