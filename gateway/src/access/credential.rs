//! What a request shows to prove who it is.

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
#[derive(Clone, Copy)]
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
        let fit = |key: &[u8]| !key.is_empty() && key.iter().all(u8::is_ascii_graphic);
        let digest = match self.api_key {
            Sole::Absent => return Err(Reject::KeyMissing),
            Sole::One(key) if key.len() <= LONGEST => self.memory.digest(key, fit),
            Sole::One(_) | Sole::Several => None,
        };
        digest.map(Credential::ApiKey).ok_or(Reject::KeyMalformed)
    }
}
