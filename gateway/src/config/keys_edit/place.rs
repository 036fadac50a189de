//! Where a keys file lies: its lock, and how a new text takes the old one's place.

use super::EditError;
use crate::config::reader::text_of;
use rustix::fs::{FlockOperation, flock};
use std::fs::{File, Metadata, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, Instant};

/// Longest wait for another command; each holds the lock for some milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);
/// Mode of a file that did not exist: its group, such as that of the gateway, may read it.
const NEW_MODE: u32 = 0o640;

/// A file that this process alone edits until the value goes.
#[derive(Debug)]
pub(super) struct Place {
    file: PathBuf,
    old: Option<Metadata>,
    /// The kernel gives the lock back when this closes, whatever happens to the process.
    #[expect(dead_code, reason = "it is held, not used")]
    lock: Lock,
}

impl Place {
    /// Locks the file that `file` names, which may be a symbolic link; the file itself need not exist.
    pub(super) fn lock(file: &Path) -> Result<Self, EditError> {
        let file = target(file)?;
        let lock = lock(&file)?;
        let old = match std::fs::metadata(&file) {
            Ok(old) => Some(old),
            Err(e) if e.kind() == ErrorKind::NotFound => None,
            Err(cause) => return Err(failure(&file, cause)),
        };
        Ok(Self { file, old, lock })
    }

    /// The file itself, past any symbolic link.
    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// The file's text as it is now, if it exists.
    pub(super) fn read(&self) -> Result<Option<String>, EditError> {
        if let Ok(false) = self.file.try_exists() {
            return Ok(None);
        }
        Ok(Some(text_of(&self.file)?))
    }

    /// Puts `text` in the file's place: whole or not at all, and on the disk when this returns. Owner, group and mode
    /// stay; where this user may not keep owner or group, the result says so.
    pub(super) fn replace(&self, text: &str) -> Result<Vec<String>, EditError> {
        let temporary = beside(&self.file, ".", ".tmp");
        // only a command that was killed leaves one, and we hold the lock
        let _ = std::fs::remove_file(&temporary);
        let result = self.write(&temporary, text);
        if result.is_err() {
            let _ = std::fs::remove_file(&temporary);
        }
        result
    }

    fn write(&self, temporary: &Path, text: &str) -> Result<Vec<String>, EditError> {
        let error = |cause| failure(temporary, cause);
        let mut new = OpenOptions::new().write(true).create_new(true).mode(0o600).open(temporary).map_err(error)?;
        new.write_all(text.as_bytes()).map_err(error)?;
        let warnings = self.keep_owner(&new);
        let mode = self.old.as_ref().map_or(NEW_MODE, |old| old.mode() & 0o7777);
        new.set_permissions(Permissions::from_mode(mode)).map_err(error)?;
        new.sync_all().map_err(error)?;
        std::fs::rename(temporary, &self.file).map_err(|cause| failure(&self.file, cause))?;
        let directory = File::open(directory(&self.file)).and_then(|directory| directory.sync_all());
        directory.map_err(|cause| failure(&self.file, cause))?;
        Ok(warnings)
    }

    fn keep_owner(&self, new: &File) -> Vec<String> {
        let Some(old) = &self.old else { return Vec::new() };
        let Ok(mine) = new.metadata() else { return Vec::new() };
        let file = self.file.display();
        let mut warnings = Vec::new();
        if mine.gid() != old.gid() && fchown(new, None, Some(old.gid())).is_err() {
            warnings.push(format!("{file}: its group was {} and is now {}, since this user may not keep it; can the gateway still read the file?", old.gid(), mine.gid()));
        }
        if mine.uid() != old.uid() && fchown(new, Some(old.uid()), None).is_err() {
            warnings.push(format!("{file}: its owner was {} and is now {}, since this user may not keep it; can the gateway still read the file?", old.uid(), mine.uid()));
        }
        warnings
    }
}

/// A lock file, which goes with the lock.
#[derive(Debug)]
struct Lock {
    path: PathBuf,
    held: File,
}

impl Lock {
    /// Whether the file that is locked is still the one that others find: its last holder removes it.
    fn is_current(&self) -> bool {
        let same = |path: Metadata, held: Metadata| (path.dev(), path.ino()) == (held.dev(), held.ino());
        std::fs::metadata(&self.path).ok().zip(self.held.metadata().ok()).is_some_and(|(path, held)| same(path, held))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // whoever waits for this file sees that it is gone, and makes the next
        if self.is_current() {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn lock(file: &Path) -> Result<Lock, EditError> {
    let path = beside(file, "", ".lock");
    let begin = Instant::now();
    loop {
        let held = OpenOptions::new().create(true).truncate(false).write(true).mode(0o660).open(&path);
        let held = held.map_err(|cause| failure(&path, cause))?;
        match flock(&held, FlockOperation::NonBlockingLockExclusive).map_err(io::Error::from) {
            Ok(()) => {
                let lock = Lock { path: path.clone(), held };
                if lock.is_current() {
                    return Ok(lock);
                }
            }
            Err(e) if e.kind() == ErrorKind::WouldBlock || e.kind() == ErrorKind::Interrupted => {
                if begin.elapsed() > PATIENCE {
                    return Err(EditError::Busy(file.to_owned()));
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            Err(cause) => return Err(failure(&path, cause)),
        }
    }
}

/// Follows symbolic links to the file that is to be edited.
fn target(file: &Path) -> Result<PathBuf, EditError> {
    let mut at = file.to_owned();
    // as many as the kernel follows
    for _ in 0..40 {
        match std::fs::read_link(&at) {
            Ok(link) if link.components().any(|part| part == Component::Normal("..data".as_ref())) => {
                return Err(EditError::Mounted(file.to_owned()));
            }
            Ok(link) => at = directory(&at).join(link),
            Err(_) => return Ok(at),
        }
    }
    Err(failure(file, io::Error::other("too many symbolic links")))
}

fn directory(file: &Path) -> &Path {
    file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn beside(file: &Path, before: &str, after: &str) -> PathBuf {
    let mut name = std::ffi::OsString::from(before);
    name.push(file.file_name().unwrap_or_default());
    name.push(after);
    file.with_file_name(name)
}

fn failure(file: &Path, cause: io::Error) -> EditError {
    let file = file.to_owned();
    // ResourceBusy: the file is a mount point of its own, and no rename can replace it
    let theirs = [
        ErrorKind::PermissionDenied,
        ErrorKind::ReadOnlyFilesystem,
        ErrorKind::NotFound,
        ErrorKind::NotADirectory,
        ErrorKind::ResourceBusy,
    ];
    if theirs.contains(&cause.kind()) { EditError::Unwritable { file, cause } } else { EditError::Io { file, cause } }
}
