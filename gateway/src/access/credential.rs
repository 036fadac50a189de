//! What a request shows to prove who it is.

use super::secret::{Form, Secret};
use super::{KeyDigest, Memory};
use crate::reject::Reject;
use std::net::IpAddr;

/// Longest key that is hashed; ours have 72 bytes, and an imported one rarely twice that.
const LONGEST: usize = 512;

/// A header field that has a meaning only if it stands there once.
#[derive(Clone, Copy, Default)]
pub enum Sole<'a> {
    /// It is not there.
    #[default]
    Absent,
    /// Its one value.
    One(&'a [u8]),
    /// It is there more than once, whatever the values.
    Several,
}

impl<'a> Sole<'a> {
    /// Takes note of one more occurrence.
    pub fn add(&mut self, value: &'a [u8]) {
        *self = match self {
            Sole::Absent => Sole::One(value),
            Sole::One(_) | Sole::Several => Sole::Several,
        };
    }
}

impl std::fmt::Debug for Sole<'_> {
    /// Without the value, which may be a key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Sole::Absent => "Absent",
            Sole::One(_) => "One(..)",
            Sole::Several => "Several",
        })
    }
}

/// A credential as it was shown: the kind picks the verifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    /// The value of the one `X-API-Key` header, by its digest.
    ApiKey(KeyDigest),
}

/// The parts of a request that can prove something.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// `X-API-Key`.
    pub api_key: Sole<'a>,
    /// What the connection showed before.
    pub memory: &'a Memory,
    /// Where it comes from, if that is certain.
    pub address: Option<IpAddr>,
}

impl Shown<'_> {
    /// The one credential of the request. Query, cookie and `Authorization` are no place for a key.
    ///
    /// # Errors
    /// None, two (whatever they hold), or one that cannot be a key.
    pub fn credential(&self) -> Result<Credential, Reject> {
        match self.api_key {
            Sole::Absent => Err(Reject::KeyMissing),
            Sole::One(key) if key.len() <= LONGEST => self.memory.digest(key, fit).map(Credential::ApiKey),
            Sole::One(_) | Sole::Several => Err(Reject::KeyMalformed),
        }
    }
}

/// Whether a text is worth hashing. It is not if it begins like a key of ours and its form or its checksum say that it is
/// none: nobody has such a key, since none is ever made or imported.
fn fit(key: &[u8]) -> Result<(), Reject> {
    if key.is_empty() || !key.iter().all(u8::is_ascii_graphic) {
        return Err(Reject::KeyMalformed);
    }
    match Secret::read(key) {
        Form::Typo => Err(Reject::KeyMistyped),
        Form::Ours { .. } | Form::Foreign => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::KeyId;
    use proptest::prelude::*;

    fn credential(memory: &Memory, key: &[u8]) -> Result<Credential, Reject> {
        Shown { api_key: Sole::One(key), memory, address: None }.credential()
    }

    /// A whole key of ours.
    fn whole() -> String {
        Secret::make(&KeyId::parse("abcdefgh").unwrap()).unwrap().expose().to_owned()
    }

    proptest! {
        #[test]
        fn what_is_mistyped_is_never_hashed(rest in "[!-~]{0,100}") {
            let (memory, text) = (Memory::default(), format!("mcpgw_{rest}"));
            prop_assert_eq!(credential(&memory, text.as_bytes()), Err(Reject::KeyMistyped));
            prop_assert!(memory.is_empty());
        }

        #[test]
        fn whatever_begins_otherwise_is_hashed(text in "[!-~]{1,100}") {
            prop_assume!(!text.starts_with("mcpgw_"));
            let expected = Credential::ApiKey(KeyDigest::of(text.as_bytes()));
            prop_assert_eq!(credential(&Memory::default(), text.as_bytes()), Ok(expected));
        }
    }

    #[test]
    fn one_character_decides_whether_a_key_of_ours_is_hashed() {
        let (memory, key) = (Memory::default(), whole());
        for at in "mcpgw_".len()..key.len() {
            let mut mistyped = key.clone().into_bytes();
            mistyped[at] = if mistyped[at] == b'x' { b'y' } else { b'x' };
            assert_eq!(credential(&memory, &mistyped), Err(Reject::KeyMistyped), "{at}");
        }
        assert_eq!(credential(&memory, &key.as_bytes()[..key.len() - 1]), Err(Reject::KeyMistyped));
        assert_eq!(credential(&memory, format!("{key}0").as_bytes()), Err(Reject::KeyMistyped));
        assert!(memory.is_empty());
        let expected = Credential::ApiKey(KeyDigest::of(key.as_bytes()));
        assert_eq!(credential(&memory, key.as_bytes()), Ok(expected));
        assert!(!memory.is_empty());
        // a connection that has shown a good key makes no exception for the next
        assert_eq!(credential(&memory, format!("{key}0").as_bytes()), Err(Reject::KeyMistyped));
    }
}
