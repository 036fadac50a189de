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
mod tests;
