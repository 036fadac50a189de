//! The file with the secret that tells whose a session is.

use super::contents::contents;
use super::error::ConfigError;
use super::reader::unreadable;
use crate::access::SessionSecret;
use std::path::Path;

/// Reads the file. Any bytes will do, so it is not read as text.
///
/// # Errors
/// A file that cannot be read, and one that is too short or too long.
pub fn read(file: &Path) -> Result<SessionSecret, ConfigError> {
    let bytes = contents(file).map_err(|e| unreadable(file, &e))?;
    SessionSecret::read(&bytes).map_err(|e| ConfigError::of_file(file, e))
}
