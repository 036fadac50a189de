//! `keys.toml` edited in place: comments, order and blank lines stay as they are.
//!
//! [`KeysFile::open`] takes the lock, [`KeysFile::save`] puts the new text in the old one's place in one step. Between
//! the two nobody else who keeps to the lock can change the file, so no edit is lost. A process that is killed anywhere
//! leaves the old file or the new one, never a part of either.

mod document;
mod place;

use super::error::ConfigError;
use super::keys_file::Written;
use crate::access::{ClientId, KeyDigest, KeyId, KeyRow, ToolSet};
use document::Document;
use place::Place;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Why a keys file was not edited. It is then as it was.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// The file is not as it should be; nothing is edited until it is.
    #[error("{0}")]
    Config(#[from] ConfigError),
    /// Another command holds the lock.
    #[error("{}: another command has been editing this file for 10 seconds; try again when it is done", .0.display())]
    Busy(PathBuf),
    /// Somebody who does not know the lock, such as an editor, wrote the file after it was read.
    #[error("{}: was changed by somebody else at the same moment, and is left as it is now; try again", .0.display())]
    Changed(PathBuf),
    /// The file belongs to Kubernetes.
    #[error("{}: is mounted from a Kubernetes Secret or ConfigMap (..data) and cannot be edited here; edit a copy and apply that", .0.display())]
    Mounted(PathBuf),
    /// This user, or this mount, does not allow it.
    #[error("{}: cannot be replaced: {cause}; the directory must be writable for this user, because the new file is put in the old one's place", file.display())]
    Unwritable {
        /// The file, or the temporary or lock file beside it.
        file: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// A date that TOML cannot hold.
    #[error("a date after the year 9999 cannot be written")]
    Date,
    /// Anything else that went wrong with a file.
    #[error("{}: {cause}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// Why.
        cause: io::Error,
    },
}

impl EditError {
    /// Whether the operator can mend it (exit 64), or we are at fault (exit 1).
    pub fn is_configuration(&self) -> bool {
        !matches!(self, EditError::Io { .. })
    }
}

/// A key to be written.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// Public id.
    pub id: KeyId,
    /// Digest of the secret.
    pub digest: KeyDigest,
    /// When it was made.
    pub created_at: SystemTime,
    /// The key is refused before this moment.
    pub not_before: Option<SystemTime>,
    /// The key is refused from this moment on.
    pub expires_at: Option<SystemTime>,
    /// What the operator wants to remember.
    pub note: Option<String>,
}

/// A keys file under lock.
#[derive(Debug)]
pub struct KeysFile {
    place: Place,
    original: Option<String>,
    document: Document,
    written: Written,
}

impl KeysFile {
    /// Locks and reads a keys file. One that does not exist is empty, and made when it is saved.
    ///
    /// # Errors
    /// A file that cannot be locked or read, and one that is not as it should be.
    pub fn open(file: &Path) -> Result<Self, EditError> {
        let place = Place::lock(file)?;
        let original = place.read()?;
        let text = original.as_deref().unwrap_or(document::BEGINNING);
        let written = Written::parse(text, file)?;
        let document = Document::parse(text, file)?;
        Ok(Self { place, original, document, written })
    }

    /// What the file said when it was opened.
    pub fn written(&self) -> &Written {
        &self.written
    }

    /// Adds a client at the end.
    pub fn add_client(&mut self, id: &ClientId, tools: &ToolSet) {
        self.document.add_client(id, tools);
    }

    /// Adds a key after the client's other keys. Without that client nothing is added.
    ///
    /// # Errors
    /// A date that cannot be written.
    pub fn add_key(&mut self, client: &ClientId, key: &NewKey) -> Result<(), EditError> {
        self.document.add_key(client, key).ok_or(EditError::Date)
    }

    /// Lets a key end at `until`, unless it ends before that anyway: nothing here makes a key live longer. Tells
    /// whether it changed.
    ///
    /// # Errors
    /// A date that cannot be written.
    pub fn shorten(&mut self, key: &KeyRow, until: SystemTime) -> Result<bool, EditError> {
        if key.expires_at.is_some_and(|end| end <= until) {
            return Ok(false);
        }
        self.document.set_time(&key.id, "expires_at", until).ok_or(EditError::Date)?;
        Ok(true)
    }

    /// Switches a key off.
    ///
    /// # Errors
    /// A date that cannot be written.
    pub fn disable(&mut self, key: &KeyId, at: SystemTime, reason: Option<&str>) -> Result<(), EditError> {
        self.document.set(key, "disabled", true.into());
        self.document.set_time(key, "disabled_at", at).ok_or(EditError::Date)?;
        if let Some(reason) = reason {
            self.document.set(key, "reason", reason.into());
        }
        Ok(())
    }

    /// Puts the edited text in the file's place and gives back what the operator should know about its owner and mode.
    ///
    /// # Errors
    /// An edit that would make the file unreadable (which is our fault, and changes nothing), a file that somebody else
    /// changed meanwhile, and one that cannot be replaced.
    pub fn save(self) -> Result<Vec<String>, EditError> {
        let text = self.document.render();
        let file = self.place.file();
        let fault = |e: ConfigError| EditError::Io { file: file.to_owned(), cause: io::Error::other(e) };
        Written::parse(&text, file).map_err(fault)?;
        if self.place.read()? != self.original {
            return Err(EditError::Changed(file.to_owned()));
        }
        self.place.replace(&text)
    }
}

#[cfg(test)]
mod tests;
