//! The one thread that writes.

use super::file::AuditFile;
use super::pen::BATCH;
use super::{Batch, FilePlan, Message, State};
use std::fs::File;
use std::io::{self, ErrorKind, Write as _};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;
use tracing::{error, info};

/// How long the thread sleeps when nothing comes.
const LOOK: Duration = Duration::from_millis(500);
/// Room goes back to where it came from while no more than this waits: what a long wait has made room for is not kept.
const KEPT: u64 = 8 * BATCH as u64;
/// How long it waits before it tries again what failed.
const RETRY: Duration = Duration::from_millis(200);

/// What is written to.
pub(super) enum Output {
    Stdout(File),
    File(Box<AuditFile>),
}

impl Output {
    pub(super) fn open(plan: Option<&FilePlan>) -> io::Result<Self> {
        match plan {
            // a handle of our own: the library's is buffered by lines, and forgets how much of a failed write was done
            None => Ok(Output::Stdout(io::stdout().as_fd().try_clone_to_owned()?.into())),
            Some(plan) => Ok(Output::File(Box::new(AuditFile::open(plan)?))),
        }
    }

    /// Bytes of an unfinished line that were cut off.
    pub(super) fn torn(&self) -> u64 {
        match self {
            Output::Stdout(_) => 0,
            Output::File(file) => file.torn(),
        }
    }

    /// Before a batch of so many bytes.
    fn prepare(&mut self, size: usize) -> io::Result<()> {
        match self {
            Output::Stdout(_) => Ok(()),
            Output::File(file) => file.prepare(size as u64),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Output::Stdout(stdout) => stdout.write(bytes),
            Output::File(file) => file.write(bytes),
        }
    }

    fn sync(&mut self, at_once: bool) -> io::Result<()> {
        match self {
            Output::Stdout(_) => Ok(()),
            Output::File(file) => file.sync(at_once),
        }
    }
}

pub(super) struct Writer {
    output: Output,
    receiver: Receiver<Message>,
    state: Arc<State>,
    /// What failed last of each deed, to say it once.
    complaints: [Option<String>; 3],
}

/// What can fail.
#[derive(Clone, Copy)]
enum Deed {
    Prepare,
    Write,
    Sync,
}

impl Writer {
    pub(super) fn new(output: Output, receiver: Receiver<Message>, state: Arc<State>) -> Self {
        Self { output, receiver, state, complaints: [None, None, None] }
    }

    pub(super) fn run(mut self) {
        loop {
            match self.receiver.recv_timeout(LOOK) {
                Ok(Message::Lines(batch)) => self.put(batch),
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => break,
            }
            let synced = self.output.sync(false);
            self.noted(Deed::Sync, synced);
        }
        let synced = self.output.sync(true);
        self.noted(Deed::Sync, synced);
    }

    fn put(&mut self, batch: Batch) {
        let prepared = self.output.prepare(batch.text.len());
        self.noted(Deed::Prepare, prepared);
        let size = batch.text.len() as u64;
        if self.write_all(&batch.text) {
            self.state.lines.fetch_add(batch.lines, Relaxed);
        } else {
            self.state.dropped.fetch_add(batch.lines, Relaxed);
        }
        let queued = self.state.queued.fetch_sub(size, Relaxed);
        self.state.room.notify_waiters();
        if let Some(back) = batch.back.filter(|_| queued <= KEPT) {
            let mut room = batch.text;
            room.clear();
            let _ = back.send(room);
        }
    }

    /// Tries until all is written, or the process ends.
    fn write_all(&mut self, mut rest: &[u8]) -> bool {
        while !rest.is_empty() {
            match self.output.write(rest) {
                Ok(0) => self.noted(Deed::Write, Err(ErrorKind::WriteZero.into())),
                Ok(written) => {
                    rest = rest.get(written..).unwrap_or_default();
                    self.noted(Deed::Write, Ok(()));
                    continue;
                }
                Err(cause) if cause.kind() == ErrorKind::Interrupted => continue,
                // somebody who shares the terminal has made it so
                Err(cause) if cause.kind() == ErrorKind::WouldBlock => {}
                Err(cause) => self.noted(Deed::Write, Err(cause)),
            }
            if self.state.stopping.load(Relaxed) {
                return false;
            }
            std::thread::sleep(RETRY);
        }
        true
    }

    /// Counts what failed, and says once that it did, and once that it is over.
    fn noted(&mut self, deed: Deed, result: io::Result<()>) {
        let Some(complaint) = self.complaints.get_mut(deed as usize) else { return };
        let what = match deed {
            Deed::Prepare => "put aside or opened anew",
            Deed::Write => "written",
            Deed::Sync => "brought to the disk",
        };
        match result {
            Ok(()) => {
                if complaint.take().is_some() {
                    info!("the audit can be {what} again");
                }
            }
            Err(cause) => {
                self.state.failures.fetch_add(1, Relaxed);
                let said = cause.to_string();
                if complaint.as_ref() != Some(&said) {
                    error!(%cause, "the audit cannot be {what}; it is tried again");
                    *complaint = Some(said);
                }
            }
        }
    }
}
