//! A file of whole lines, put aside for a new one when it is large or old enough.

use super::FilePlan;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// How every line of ours begins.
const BEGINS: &[u8] = b"{\"time\":\"";
/// Longest unfinished line that is looked for.
const LONGEST: u64 = 1 << 20;
/// How often it is looked whether somebody else has put the file aside.
const LOOK: Duration = Duration::from_secs(1);
/// Between the times in the names of two files that were put aside.
const TICK: Duration = Duration::from_millis(1);

pub(super) struct AuditFile {
    plan: FilePlan,
    file: File,
    /// Else it is a pipe or a terminal, which is neither put aside nor brought to a disk.
    regular: bool,
    size: u64,
    born: SystemTime,
    torn: u64,
    looked: Instant,
    /// When the oldest line came that is not known to be on the disk.
    unsynced: Option<Instant>,
    /// Which time the file has in its name that was put aside last.
    aside: SystemTime,
}

impl AuditFile {
    /// Opens the file, or makes it, readable for its group (mode 0640). A line that a killed process had not finished is cut
    /// off.
    pub(super) fn open(plan: &FilePlan) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o640).open(&plan.path)?;
        let metadata = file.metadata()?;
        let regular = metadata.is_file();
        let torn = if regular { mend(&mut file)? } else { 0 };
        let now = SystemTime::now();
        let born = metadata.created().unwrap_or(now);
        let file = Self {
            plan: plan.clone(),
            size: metadata.len().saturating_sub(torn),
            file,
            regular,
            born,
            torn,
            looked: Instant::now(),
            unsynced: None,
            aside: SystemTime::UNIX_EPOCH,
        };
        file.sync_directory()?;
        Ok(file)
    }

    pub(super) fn torn(&self) -> u64 {
        self.torn
    }

    /// Before whole lines of together `more` bytes: puts the file aside if it is time, and opens it anew if somebody else
    /// has done so, or we have and got no further.
    pub(super) fn prepare(&mut self, more: u64) -> io::Result<()> {
        if !self.regular {
            return Ok(());
        }
        let large = self.plan.size > 0 && self.size + more > self.plan.size;
        let old = !self.plan.age.is_zero() && self.born.elapsed().is_ok_and(|age| age >= self.plan.age);
        let due = self.size > 0 && (large || old);
        if !due && self.looked.elapsed() < LOOK {
            return Ok(());
        }
        self.looked = Instant::now();
        if !self.is_in_place()? {
            return self.reopen();
        }
        if due {
            self.put_aside()?;
            self.reopen()?;
            self.forget_old()?;
        }
        Ok(())
    }

    /// Whether the path still leads to the file that is written to.
    fn is_in_place(&self) -> io::Result<bool> {
        let ours = self.file.metadata()?;
        Ok(fs::metadata(&self.plan.path).is_ok_and(|there| (there.dev(), there.ino()) == (ours.dev(), ours.ino())))
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.size += written as u64;
        if self.regular {
            self.unsynced.get_or_insert_with(Instant::now);
        }
        Ok(written)
    }

    /// Brings what is written to the disk, if it is time for that.
    pub(super) fn sync(&mut self, at_once: bool) -> io::Result<()> {
        let (Some(most), Some(since)) = (self.plan.fsync, self.unsynced) else { return Ok(()) };
        if at_once || since.elapsed() >= most {
            self.file.sync_data()?;
            self.unsynced = None;
        }
        Ok(())
    }

    /// Names sort by age, so no two files have the same time, nor one that goes back with the clock.
    fn put_aside(&mut self) -> io::Result<()> {
        self.sync(true)?;
        self.aside = SystemTime::now().max(self.aside + TICK);
        loop {
            let aside = beside(&self.plan.path, self.aside);
            if !aside.try_exists()? {
                return fs::rename(&self.plan.path, aside);
            }
            self.aside += TICK;
        }
    }

    fn reopen(&mut self) -> io::Result<()> {
        let sync = self.sync(true);
        *self = Self { torn: self.torn, aside: self.aside, ..Self::open(&self.plan)? };
        sync
    }

    /// Removes the oldest of the files that were put aside, as many of them as it can.
    fn forget_old(&self) -> io::Result<()> {
        if self.plan.keep == 0 {
            return Ok(());
        }
        let directory = directory(&self.plan.path);
        let mut aside: Vec<OsString> = fs::read_dir(directory)?
            .filter_map(|entry| Some(entry.ok()?.file_name()))
            .filter(|name| is_aside(&self.plan.path, name))
            .collect();
        aside.sort();
        let old = aside.len().saturating_sub(self.plan.keep);
        let removed = aside.iter().take(old).map(|name| fs::remove_file(directory.join(name)));
        removed.fold(Ok(()), Result::and)
    }

    /// A new or renamed file is only there for good when its directory is on the disk too.
    fn sync_directory(&self) -> io::Result<()> {
        if self.plan.fsync.is_none() || !self.regular {
            return Ok(());
        }
        File::open(directory(&self.plan.path))?.sync_all()
    }
}

/// Cuts a line off that has no end. Gives the number of its bytes.
fn mend(file: &mut File) -> io::Result<u64> {
    let size = file.metadata()?.len();
    let from = size.saturating_sub(LONGEST);
    let mut tail = Vec::new();
    file.seek(SeekFrom::Start(from))?;
    file.take(LONGEST).read_to_end(&mut tail)?;
    let whole = memchr::memrchr(b'\n', &tail).map_or(0, |newline| newline + 1);
    let torn = tail.get(whole..).unwrap_or_default();
    if torn.is_empty() {
        return Ok(0);
    }
    let begins = torn.iter().zip(BEGINS).all(|(there, ours)| there == ours);
    if !begins || (whole == 0 && from > 0) {
        return Err(io::Error::other("its last line has no end and is no audit line; is this another program's file?"));
    }
    file.set_len(from + whole as u64)?;
    Ok(torn.len() as u64)
}

fn directory(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn beside(path: &Path, time: SystemTime) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(humantime::format_rfc3339_millis(time).to_string().replace([':', '-', '.'], ""));
    name.into()
}

/// Whether a file of this name was put aside by us: `audit.jsonl.20270115T080000007Z`.
fn is_aside(path: &Path, name: &OsStr) -> bool {
    let own = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.to_string_lossy();
    let time = name.strip_prefix(&*own).and_then(|rest| rest.strip_prefix('.'));
    time.is_some_and(|time| {
        time.contains('T') && time.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'T' | b'Z' | b'-'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(dir: &Path) -> FilePlan {
        FilePlan { path: dir.join("audit.jsonl"), size: 0, age: Duration::ZERO, keep: 0, fsync: Some(Duration::ZERO) }
    }

    fn put(file: &mut AuditFile, text: &str) {
        file.prepare(text.len() as u64).unwrap();
        assert_eq!(file.write(text.as_bytes()).unwrap(), text.len());
        file.sync(false).unwrap();
    }

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_large_file_is_put_aside_whole_and_old_ones_are_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = AuditFile::open(&FilePlan { size: 25, keep: 2, ..plan(dir.path()) }).unwrap();
        fs::write(dir.path().join("audit.jsonl.bak"), "not ours").unwrap();
        for n in 0..10 {
            put(&mut file, &format!("{{\"line\":{n}}}\n"));
        }
        let names = names(dir.path());
        assert_eq!((names.len(), names[0].as_str(), names[3].as_str()), (4, "audit.jsonl", "audit.jsonl.bak"));
        let read = |name: &String| fs::read_to_string(dir.path().join(name)).unwrap();
        assert_eq!(read(&names[1]), "{\"line\":4}\n{\"line\":5}\n");
        assert_eq!(read(&names[2]), "{\"line\":6}\n{\"line\":7}\n");
        assert_eq!(read(&names[0]), "{\"line\":8}\n{\"line\":9}\n");
    }

    /// A file that cannot be removed is no reason to write on into one that was put aside.
    #[test]
    fn whatever_fails_behind_it_a_new_file_is_begun() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = AuditFile::open(&FilePlan { size: 3, keep: 1, ..plan(dir.path()) }).unwrap();
        fs::create_dir(dir.path().join("audit.jsonl.00000101T000000000Z")).unwrap();
        let text = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
        for n in 0..4 {
            assert_eq!(file.prepare(2).is_err(), n > 0, "it is said that one cannot be removed");
            file.write(format!("{n}\n").as_bytes()).unwrap();
            assert_eq!(text("audit.jsonl"), format!("{n}\n"));
        }
        let names = names(dir.path());
        assert_eq!(names.len(), 3, "{names:?}");
        assert_eq!(text(&names[2]), "2\n", "all others that are too many are gone");
    }

    #[test]
    fn a_file_that_was_put_aside_and_not_opened_anew_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = AuditFile::open(&FilePlan { size: 3, ..plan(dir.path()) }).unwrap();
        put(&mut file, "1\n");
        fs::rename(dir.path().join("audit.jsonl"), dir.path().join("audit.jsonl.20270115T080000007Z")).unwrap();
        put(&mut file, "2\n");
        assert_eq!(fs::read_to_string(dir.path().join("audit.jsonl")).unwrap(), "2\n");
    }

    #[test]
    fn the_last_ones_stay_however_fast_they_come() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = AuditFile::open(&FilePlan { size: 3, keep: 2, ..plan(dir.path()) }).unwrap();
        (100..200).for_each(|n| put(&mut file, &format!("{n}\n")));
        let kept = names(dir.path());
        let texts: Vec<_> = kept.iter().map(|name| fs::read_to_string(dir.path().join(name)).unwrap()).collect();
        assert_eq!(texts, ["199\n", "197\n", "198\n"], "{kept:?}");
    }

    #[test]
    fn an_old_file_is_put_aside() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = AuditFile::open(&FilePlan { age: Duration::from_nanos(1), ..plan(dir.path()) }).unwrap();
        (0..3).for_each(|_| put(&mut file, "{}\n"));
        assert_eq!(names(dir.path()).len(), 3);
    }

    #[test]
    fn whoever_else_puts_it_aside_gets_a_new_one() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = AuditFile::open(&plan(dir.path())).unwrap();
        put(&mut file, "1\n");
        fs::rename(dir.path().join("audit.jsonl"), dir.path().join("audit.jsonl.1")).unwrap();
        file.looked = file.looked.checked_sub(LOOK).unwrap();
        put(&mut file, "2\n");
        assert_eq!(fs::read_to_string(dir.path().join("audit.jsonl.1")).unwrap(), "1\n");
        assert_eq!(fs::read_to_string(dir.path().join("audit.jsonl")).unwrap(), "2\n");
        let mode = fs::metadata(dir.path().join("audit.jsonl")).unwrap().mode();
        assert_eq!(mode & 0o137, 0, "{mode:o}");
    }

    #[test]
    fn an_unfinished_line_is_cut_off_and_nothing_else_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.jsonl");
        for (before, after, torn) in [
            ("", "", 0),
            ("{\"time\":\"1\"}\n", "{\"time\":\"1\"}\n", 0),
            ("{\"time\":\"1\"}\n{\"time\":\"2", "{\"time\":\"1\"}\n", 10),
            ("{\"time\":\"1\"}\n{\"ti", "{\"time\":\"1\"}\n", 4),
            ("{\"time\":\"1", "", 10),
        ] {
            fs::write(&path, before).unwrap();
            let file = AuditFile::open(&plan(dir.path())).unwrap();
            assert_eq!((file.torn(), fs::read_to_string(&path).unwrap().as_str()), (torn, after), "{before:?}");
        }
        for foreign in ["root:x:0:0", "{\"time\":\"1\"}\nhello", &"x".repeat(2 << 20)] {
            fs::write(&path, foreign).unwrap();
            assert!(AuditFile::open(&plan(dir.path())).is_err());
            assert_eq!(fs::read_to_string(&path).unwrap(), foreign, "another's file is left alone");
        }
    }
}
