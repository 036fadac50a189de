//! `keys.toml` as meant: clients, what each may call, and the digests of their keys. `config/keys.toml` explains every
//! member.

mod limits;
mod roles;
mod rows;

use super::error::ConfigError;
use super::{Fingerprint, reader};
use crate::access::policy::Role;
use crate::access::{ClientRow, KeyId};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

/// Reads a keys file.
///
/// # Errors
/// A file that cannot be read, the first thing in it that is not as it should be (one bad row refuses the file), and a
/// file that names no client.
pub fn read(file: &Path) -> Result<Vec<ClientRow>, ConfigError> {
    Ok(read_known(file)?.0)
}

/// Reads a keys file, and tells which contents of it.
///
/// # Errors
/// As [`read`].
pub fn read_known(file: &Path) -> Result<(Vec<ClientRow>, Fingerprint), ConfigError> {
    let text = text_of(file)?;
    Ok((parse(&text, file)?, Fingerprint::of(text.as_bytes())))
}

/// Reads a keys file with what it says for people.
///
/// # Errors
/// As [`read`].
pub fn read_all(file: &Path) -> Result<Written, ConfigError> {
    peopled(Written::parse(&text_of(file)?, file)?, file)
}

fn text_of(file: &Path) -> Result<String, ConfigError> {
    if let Ok(false) = file.try_exists() {
        let why = "there is no such file; `gateway keys new CLIENT --tools all` makes it, with a client and its key";
        return Err(ConfigError::of_file(file, why));
    }
    reader::text_of(file)
}

/// Reads the text of the keys file `file`.
///
/// # Errors
/// As [`read`].
pub fn parse(text: &str, file: &Path) -> Result<Vec<ClientRow>, ConfigError> {
    Ok(peopled(Written::parse(text, file)?, file)?.clients)
}

fn peopled(written: Written, file: &Path) -> Result<Written, ConfigError> {
    if written.clients.is_empty() {
        let why =
            "names no client, so nobody could get in; `gateway keys new CLIENT --tools all` makes one and its key";
        return Err(ConfigError::of_file(file, why));
    }
    Ok(written)
}

/// What is unwise about the file, though it can be used.
pub fn warnings(file: &Path) -> Vec<ConfigError> {
    use std::os::unix::fs::PermissionsExt;
    let others = std::fs::metadata(file).map_or(0, |meta| meta.permissions().mode() & 0o7);
    let sentence = match others {
        0 => return Vec::new(),
        _ if others & 0o2 != 0 => "every user of this machine may change it; chmod 0640",
        _ => "every user of this machine may read it; chmod 0640",
    };
    vec![ConfigError::of_file(file, sentence)]
}

/// A keys file with what it says for people. It may name no client at all.
#[derive(Clone, Debug, Default)]
pub struct Written {
    /// The clients, in the order of the file.
    pub clients: Vec<ClientRow>,
    /// The roles, in the order of the file, whether clients have them or not.
    pub roles: Vec<Arc<Role>>,
    /// One for each key, in the order of the file.
    pub remarks: Vec<Remark>,
    /// The line in which each client begins, in the order of the file.
    pub lines: Vec<u32>,
}

/// What the file says of a key for people: nothing here decides anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// The key.
    pub id: KeyId,
    /// The line in which it begins.
    pub line: u32,
    /// When it was made.
    pub created_at: Option<SystemTime>,
    /// When it was switched off.
    pub disabled_at: Option<SystemTime>,
    /// Why it was switched off.
    pub reason: Option<String>,
    /// What the operator wants to remember.
    pub note: Option<String>,
}

impl Written {
    /// Reads a keys file.
    ///
    /// # Errors
    /// A file that cannot be read, and the first thing in it that is not as it should be.
    pub fn read(file: &Path) -> Result<Self, ConfigError> {
        Self::parse(&reader::text_of(file)?, file)
    }

    /// Reads the text of the keys file `file`.
    ///
    /// # Errors
    /// The first thing that is not as it should be.
    pub fn parse(text: &str, file: &Path) -> Result<Self, ConfigError> {
        rows::written(text, file)
    }
}

#[cfg(test)]
mod tests;
