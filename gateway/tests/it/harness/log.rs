//! What a process prints, line by line as it comes.

use super::deadline::within;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use tokio::sync::watch;

/// Everything that a process printed so far.
#[derive(Clone)]
pub(crate) struct Log {
    lines: Arc<Mutex<Vec<String>>>,
    /// Whether nothing is to be read.
    held_back: Arc<(Mutex<bool>, Condvar)>,
    /// How many lines there are, and whether there will be more.
    state: Arc<watch::Sender<(usize, bool)>>,
}

impl Log {
    pub(crate) fn new() -> Self {
        Self { lines: Arc::default(), held_back: Arc::default(), state: Arc::new(watch::Sender::new((0, true))) }
    }

    /// Follows `output` to its end. A thread of its own, so that a busy test never makes the process wait.
    pub(crate) fn follow(&self, output: impl Read + Send + 'static) -> JoinHandle<()> {
        let log = self.clone();
        log.state.send_modify(|state| state.1 = true);
        thread::spawn(move || {
            let mut output = BufReader::new(output);
            let mut line = Vec::new();
            while output.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
                log.push(String::from_utf8_lossy(line.trim_ascii_end()).into_owned());
                line.clear();
                let (held_back, let_go) = &*log.held_back;
                drop(let_go.wait_while(held_back.lock().unwrap(), |held_back| *held_back).unwrap());
            }
            log.state.send_modify(|state| state.1 = false);
        })
    }

    fn push(&self, line: String) {
        let mut lines = self.lines.lock().unwrap();
        lines.push(line);
        self.state.send_modify(|state| state.0 = lines.len());
    }

    /// Lets nothing be read from now on until what it gives is dropped.
    pub(crate) fn hold_back(&self) -> HeldBack {
        *self.held_back.0.lock().unwrap() = true;
        HeldBack(self.held_back.clone())
    }

    /// All of it.
    pub(crate) fn text(&self) -> String {
        self.lines.lock().unwrap().join("\n")
    }

    /// How many lines there are.
    pub(crate) fn len(&self) -> usize {
        self.lines.lock().unwrap().len()
    }

    /// The lines from number `from` on that are JSON and that `wanted` takes.
    pub(crate) fn since(&self, from: usize, wanted: impl Fn(&Value) -> bool) -> Vec<Value> {
        let lines = self.lines.lock().unwrap();
        let json = lines[from..].iter().filter_map(|line| serde_json::from_str(line).ok());
        json.filter(|line| wanted(line)).collect()
    }

    /// The first `count` lines from number `from` on that `wanted` takes, as soon as they are there.
    pub(crate) async fn wait(
        &self,
        what: &str,
        from: usize,
        count: usize,
        wanted: impl Fn(&Value) -> bool,
    ) -> Vec<Value> {
        let mut state = self.state.subscribe();
        let mut found = Vec::new();
        let mut next = from;
        within(format!("in the log: {what}"), async {
            loop {
                let (length, more) = *state.borrow_and_update();
                let lines = self.lines.lock().unwrap()[next..length.max(next)].to_vec();
                next += lines.len();
                found.extend(lines.iter().filter_map(|line| serde_json::from_str(line).ok()).filter(|l| wanted(l)));
                if found.len() >= count {
                    found.truncate(count);
                    return;
                }
                assert!(more, "the process ended; it never printed: {what}\n{}", self.excerpt());
                state.changed().await.expect("the log lives");
            }
        })
        .await;
        found
    }

    /// Waits until nothing more can come.
    pub(crate) async fn ended(&self, what: &str) {
        let mut state = self.state.subscribe();
        let _ = within(what, state.wait_for(|(_, more)| !more)).await.expect("the log lives");
    }

    /// The end of it without the noise, for a person who looks at a failure.
    pub(crate) fn excerpt(&self) -> String {
        let lines = self.lines.lock().unwrap();
        let noise = |line: &&String| line.contains("\"TRACE\"") || line.contains("\"target\":\"h2::");
        let mut kept: Vec<_> = lines.iter().filter(|line| !noise(line)).rev().take(60).map(String::as_str).collect();
        kept.reverse();
        kept.join("\n")
    }
}

/// Nothing is read while this is there.
pub(crate) struct HeldBack(Arc<(Mutex<bool>, Condvar)>);

impl Drop for HeldBack {
    fn drop(&mut self) {
        let (held_back, let_go) = &*self.0;
        *held_back.lock().unwrap() = false;
        let_go.notify_all();
    }
}
