//! A file's bytes as text.

use crate::config::contents::contents;
use crate::config::error::{ConfigError, Place};
use std::io::ErrorKind;
use std::path::Path;

/// Reads a file that must be UTF-8 text.
///
/// # Errors
/// A file that cannot be read, and bytes that no TOML file may hold, with their place.
pub(in crate::config) fn text_of(file: &Path) -> Result<String, ConfigError> {
    let mut bytes = contents(file).map_err(|e| unreadable(file, &e))?;
    text(file, std::mem::take(&mut *bytes))
}

fn text(file: &Path, bytes: Vec<u8>) -> Result<String, ConfigError> {
    if let Some(offset) = memchr::memchr(0, &bytes) {
        let why = "a NUL byte, which no TOML file may hold; the file is damaged or not yet fully written";
        return Err(ConfigError::at(file, Place::of(&bytes, offset), why));
    }
    String::from_utf8(bytes).map_err(|e| {
        let place = Place::of(e.as_bytes(), e.utf8_error().valid_up_to());
        ConfigError::at(file, place, "not UTF-8; save the file as UTF-8 text")
    })
}

/// Why a file cannot be read, and what to do.
pub(in crate::config) fn unreadable(file: &Path, error: &std::io::Error) -> ConfigError {
    let known = [
        (ErrorKind::NotFound, "there is no such file"),
        (ErrorKind::PermissionDenied, "may not be read by this user; let its group read it (mode 0640)"),
        (ErrorKind::IsADirectory, "is a directory, not a file"),
    ];
    match known.into_iter().find(|(kind, _)| *kind == error.kind()) {
        Some((_, why)) => ConfigError::of_file(file, why),
        None => ConfigError::of_file(file, format!("cannot be read: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_have_a_place() {
        let read = |bytes: &[u8]| text(Path::new("f"), bytes.to_vec()).map_err(|e| e.to_string());
        assert_eq!(read(b"a = 1\n"), Ok("a = 1\n".to_owned()));
        assert!(read(b"a = 1\nb\0").unwrap_err().starts_with("f:2:2: a NUL byte"));
        assert_eq!(read(b"a\n\nxy\xff").unwrap_err(), "f:3:3: not UTF-8; save the file as UTF-8 text");
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("none.toml");
        assert_eq!(text_of(&missing).unwrap_err().to_string(), format!("{}: there is no such file", missing.display()));
        assert!(text_of(dir.path()).unwrap_err().to_string().ends_with(": is a directory, not a file"));
    }
}
