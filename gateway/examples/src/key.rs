//! A key as a client holds it.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use http::HeaderValue;

use crate::Failure;

/// Longer than any key; keeps a wrong path (`/dev/zero`, a disk image) from being read whole.
const LONGEST: u64 = 8192;

/// A secret that goes into one header of requests to one server.
///
/// It cannot be printed: `Debug` says `Key(..)` and there is no `Display`. What is left is the memory of this process,
/// which ends with the one task it was started for.
#[derive(Clone)]
pub struct Key(String);

impl Key {
    /// Reads the key that stands alone in a file; white space around it does not count.
    ///
    /// # Errors
    ///
    /// [`Failure::Setup`] when the file cannot be read, is empty, or holds what no header can carry.
    pub fn from_file(path: &Path) -> Result<Self, Failure> {
        let source = format!("the key file {}", path.display());
        let mut bytes = Vec::new();
        File::open(path)
            .and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes))
            .map_err(|error| Failure::Setup(format!("{source} cannot be read: {error}.")))?;
        Self::parse(&source, &bytes)
    }

    /// Takes the key from an environment variable; `None` when it is not set.
    ///
    /// # Errors
    ///
    /// [`Failure::Setup`] when the variable is empty or holds what no header can carry.
    pub fn from_env(name: &str) -> Result<Option<Self>, Failure> {
        std::env::var_os(name)
            .map(|value| Self::parse(&format!("the environment variable {name}"), value.as_encoded_bytes()))
            .transpose()
    }

    fn parse(source: &str, bytes: &[u8]) -> Result<Self, Failure> {
        let key = bytes.trim_ascii();
        if key.is_empty() {
            return Err(Failure::Setup(format!("{source} is empty: it must hold the key and nothing else.")));
        }
        if key.len() as u64 > LONGEST {
            return Err(Failure::Setup(format!("{source} is longer than any key: it must hold the key alone.")));
        }
        match std::str::from_utf8(key) {
            Ok(key) if key.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(Self(key.to_owned())),
            _ => Err(Failure::Setup(format!(
                "{source} holds a character that no key has (a space, a line break or one beyond ASCII): \
                 it must hold the key and nothing else."
            ))),
        }
    }

    /// The header's value, `prefix` before the key; marked sensitive, so that neither logs nor HPACK's table keep it.
    #[must_use]
    pub fn header(&self, prefix: &str) -> HeaderValue {
        let mut value = HeaderValue::try_from(format!("{prefix}{}", self.0)).expect("a key is printable ASCII");
        value.set_sensitive(true);
        value
    }

    /// `text` without the key, for a server that quotes back what it was sent.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        text.replace(&self.0, "[key]")
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_around_a_key_does_not_count() {
        let key = Key::parse("it", b"\r\n mcpgw_abc \r\n").unwrap();
        assert_eq!(key.header("").as_bytes(), b"mcpgw_abc");
        assert_eq!(key.header("Bearer ").as_bytes(), b"Bearer mcpgw_abc");
    }

    #[test]
    fn what_is_no_key_is_refused_without_being_shown() {
        for bytes in [&b""[..], b" \n", b"secret one", b"secret\0", "secr\u{e9}t".as_bytes(), b"\xff", &[b'x'; 8193]] {
            let sentence = Key::parse("it", bytes).unwrap_err().to_string();
            assert!(sentence.starts_with("it ") && !sentence.contains("secr"), "{sentence}");
        }
    }

    #[test]
    fn a_key_cannot_be_printed() {
        let key = Key::parse("it", b"hidden-one").unwrap();
        assert_eq!(format!("{key:?} {:?}", key.header("")), "Key(..) Sensitive");
        assert_eq!(key.redact("bad key hidden-one!"), "bad key [key]!");
    }
}
