//! What a request shows to prove who it is.

use crate::reject::Reject;
use http::{HeaderMap, HeaderName};

/// The header that carries the key.
const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Longest key that is hashed; ours have 72 bytes, and an imported one rarely twice that.
const LONGEST: usize = 512;

/// A credential as it was shown: the kind picks the verifier.
#[derive(Clone, Copy)]
pub enum Credential<'a> {
    /// The value of the one `X-API-Key` header.
    ApiKey(&'a [u8]),
}

/// The parts of a request that can prove something.
#[derive(Clone, Copy)]
pub struct Shown<'a> {
    /// All request headers.
    pub headers: &'a HeaderMap,
}

impl<'a> Shown<'a> {
    /// The one credential of the request. Query, cookie and `Authorization` are no place for a key.
    ///
    /// # Errors
    /// None, two (whatever they hold), or one that cannot be a key.
    pub fn credential(&self) -> Result<Credential<'a>, Reject> {
        let mut keys = self.headers.get_all(X_API_KEY).iter();
        let key = keys.next().ok_or(Reject::KeyMissing)?.as_bytes();
        let sane = !key.is_empty() && key.len() <= LONGEST && key.iter().all(u8::is_ascii_graphic);
        if sane && keys.next().is_none() { Ok(Credential::ApiKey(key)) } else { Err(Reject::KeyMalformed) }
    }
}
