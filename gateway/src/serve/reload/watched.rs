//! Whether files have other contents than when they were last looked at.

use crate::config::contents::{LARGEST, too_large};
use std::fmt::Display;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, ErrorKind, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;
use zeroize::Zeroizing;

/// A change is only believed when it is still there after this time: who is in the middle of writing a file, or the second
/// file of two, is then done.
const SETTLE: Duration = Duration::from_millis(25);

/// What failed is quietly tried again after this many looks: a certificate's time may have come.
const PATIENCE: u32 = 20;

/// Files that are loaded together. Their contents are not kept, one of them is a private key, but a hash under a key of
/// this process's own: whoever writes them gains nothing by a collision, and cannot look for one. It takes a tenth of what
/// SHA-256 does where the processor has no instructions for that, four times a second for as long as the process lives.
pub(super) struct Watched {
    files: Vec<PathBuf>,
    key: RandomState,
    seen: Seen,
    /// What was wrong with what was seen.
    complaint: Option<String>,
    /// Looks since that was found out.
    looks: u32,
}

/// What a look came to.
pub(super) enum Attempt<T> {
    /// Nothing new.
    None,
    /// New contents, and good ones.
    Loaded(T),
    /// Contents that cannot be used.
    Failed {
        /// Why.
        error: String,
        /// Whether this was not said before.
        news: bool,
    },
}

/// A file's contents, or why it cannot be read.
type Seen = Vec<Result<u64, ErrorKind>>;

impl Watched {
    /// The files as they are now, which is what the process is about to run with.
    pub(super) fn of(files: Vec<PathBuf>) -> Self {
        let key = RandomState::new();
        Self { seen: seen(&key, &files), files, key, complaint: None, looks: 0 }
    }

    /// Loads the files if their contents are not what they were, or if that failed and is due again or `asked` for. Files
    /// that change while they are looked at are left for the next look.
    ///
    /// A fault of ours while they are loaded is a failure like others: contents are never taken for seen that did not come to
    /// anything.
    pub(super) fn look<T, E: Display>(&mut self, asked: bool, load: impl FnOnce() -> Result<T, E>) -> Attempt<T> {
        let now = seen(&self.key, &self.files);
        let changed = now != self.seen;
        self.looks = self.looks.wrapping_add(1);
        let again = self.complaint.is_some() && (asked || self.looks.is_multiple_of(PATIENCE));
        if !changed && !again {
            return Attempt::None;
        }
        if changed {
            std::thread::sleep(SETTLE);
        }
        // whatever `load` leaves half-done goes with it: it makes something new
        let loaded = catch_unwind(AssertUnwindSafe(load));
        if seen(&self.key, &self.files) != now {
            return Attempt::None;
        }
        self.seen = now;
        let error = match loaded {
            Ok(Ok(loaded)) => {
                self.complaint = None;
                return Attempt::Loaded(loaded);
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => self.fault(),
        };
        let news = changed || self.complaint.as_ref() != Some(&error);
        self.complaint = Some(error.clone());
        Attempt::Failed { error, news }
    }

    /// Nobody knows what has become of what was seen: it is loaded once more, as what failed is.
    pub(super) fn doubt(mut self) -> Self {
        self.complaint = Some(self.fault());
        self
    }

    fn fault(&self) -> String {
        let file = self.files.first().map(|file| file.display().to_string()).unwrap_or_default();
        format!("{file}: a fault of ours broke off what was to be done with it")
    }
}

fn seen(key: &RandomState, files: &[PathBuf]) -> Seen {
    files.iter().map(|file| hash(key, file).map_err(|error| error.kind())).collect()
}

fn hash(key: &RandomState, file: &Path) -> io::Result<u64> {
    let mut file = std::fs::File::open(file)?;
    let mut hasher = key.build_hasher();
    let mut part = Zeroizing::new([0; 8192]);
    let mut left = LARGEST;
    loop {
        match file.read(&mut part[..]) {
            Ok(0) => return Ok(hasher.finish()),
            Ok(length) => {
                left = left.checked_sub(length as u64).ok_or_else(too_large)?;
                hasher.write(part.get(..length).unwrap_or_default());
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a look says when the file can be loaded if it holds `good`.
    fn look(watched: &mut Watched, asked: bool) -> &'static str {
        let file = watched.files[0].clone();
        let load = || match std::fs::read_to_string(file) {
            Ok(text) if text.starts_with("good") => Ok(()),
            Ok(_) => Err("bad"),
            Err(_) => Err("gone"),
        };
        match watched.look(asked, load) {
            Attempt::None => "none",
            Attempt::Loaded(()) => "loaded",
            Attempt::Failed { news: true, .. } => "failed",
            Attempt::Failed { news: false, .. } => "failed again",
        }
    }

    #[test]
    fn new_contents_are_tried_once_and_failures_again_when_asked() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("f");
        let write = |text: &str| std::fs::write(&file, text).unwrap();
        write("good 1");
        let mut watched = Watched::of(vec![file.clone()]);
        let mut said = |asked| look(&mut watched, asked);
        assert_eq!((said(false), said(true)), ("none", "none"));
        write("good 2");
        assert_eq!((said(false), said(false)), ("loaded", "none"));
        write("bad 1");
        assert_eq!((said(false), said(false), said(true)), ("failed", "none", "failed again"));
        write("bad 2");
        assert_eq!((said(false), said(false)), ("failed", "none"));
        std::fs::remove_file(&file).unwrap();
        assert_eq!((said(false), said(false)), ("failed", "none"));
        write("good 2");
        assert_eq!((said(false), said(true)), ("loaded", "none"));
        write("bad 2");
        let looks: Vec<_> = (0..PATIENCE).map(|_| said(false)).collect();
        assert_eq!(looks.iter().filter(|look| **look == "failed").count(), 1, "{looks:?}");
        assert!(looks.iter().filter(|look| **look == "failed again").count() <= 1, "{looks:?}");
    }

    #[test]
    fn what_a_fault_broke_off_is_not_taken_for_seen() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("f");
        std::fs::write(&file, "good 1").unwrap();
        let mut watched = Watched::of(vec![file.clone()]);
        std::fs::write(&file, "good 2").unwrap();
        let mut faulty = |asked| match watched.look(asked, || -> Result<(), &str> { panic!("a fault") }) {
            Attempt::Failed { error, news } => Some((error.contains("a fault of ours"), news)),
            Attempt::None | Attempt::Loaded(()) => None,
        };
        assert_eq!((faulty(false), faulty(false), faulty(true)), (Some((true, true)), None, Some((true, false))));
        assert_eq!((look(&mut watched, true), look(&mut watched, true)), ("loaded", "none"));
        // what was seen by somebody who broke off later
        let mut watched = watched.doubt();
        let looks: Vec<_> = (0..PATIENCE).map(|_| look(&mut watched, false)).collect();
        assert_eq!(looks.iter().filter(|look| **look == "loaded").count(), 1, "{looks:?}");
    }

    #[test]
    fn what_changes_while_it_is_loaded_waits_for_the_next_look() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("f");
        let mut watched = Watched::of(vec![file.clone()]);
        std::fs::write(&file, "half").unwrap();
        let unsettled = watched.look(false, || {
            std::fs::write(&file, "good").unwrap();
            Err::<(), _>("half-written")
        });
        assert!(matches!(unsettled, Attempt::None));
        assert_eq!(look(&mut watched, false), "loaded");
    }
}
