//! A key: its row in the file, and where it stands in its life.

use super::KeyDigest;
use crate::access::Lease;
use crate::reject::Reject;
use http::HeaderValue;
use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// A key's public name: 8 to 16 of `a-z0-9`. Safe to log.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(Box<str>);

/// Why a text is no [`KeyId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key id is 8 to 16 characters of a-z and 0-9")]
pub struct KeyIdError;

impl KeyId {
    /// Reads a key id.
    ///
    /// # Errors
    /// Any other length or character.
    pub fn parse(text: &str) -> Result<Self, KeyIdError> {
        let fits = (8..=16).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if fits { Ok(Self(text.into())) } else { Err(KeyIdError) }
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One `[[client.key]]` as meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRow {
    /// Public id.
    pub id: KeyId,
    /// Digest of the secret.
    pub digest: KeyDigest,
    /// The key is refused before this moment.
    pub not_before: Option<SystemTime>,
    /// The key is refused from this moment on.
    pub expires_at: Option<SystemTime>,
    /// Refused whatever the time.
    pub disabled: bool,
}

/// Where a key stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// Accepted.
    Active,
    /// `not_before` is still to come.
    NotYetValid,
    /// `expires_at` has passed.
    Expired,
    /// Switched off.
    Disabled,
}

impl KeyRow {
    /// The key's state at `now`.
    pub fn state(&self, now: SystemTime) -> KeyState {
        if self.disabled {
            KeyState::Disabled
        } else if self.not_before.is_some_and(|t| now < t) {
            KeyState::NotYetValid
        } else if self.expires_at.is_some_and(|t| now >= t) {
            KeyState::Expired
        } else {
            KeyState::Active
        }
    }
}

/// A key of the ring, with the client that it belongs to.
#[derive(Debug)]
pub struct Key {
    pub(super) row: KeyRow,
    pub(super) client: usize,
    pub(super) slot: usize,
    /// Its state when the snapshot was made.
    pub(super) state: KeyState,
    pub(super) lease: Arc<Lease>,
    /// `expires_at` as a reply says it; see [`rendered`].
    pub(super) end: Option<HeaderValue>,
}

impl Key {
    /// Public id.
    pub fn id(&self) -> &KeyId {
        &self.row.id
    }

    /// The row it was made of.
    pub fn row(&self) -> &KeyRow {
        &self.row
    }

    /// Slot of its client in [`crate::access::Access::clients`].
    pub fn client(&self) -> usize {
        self.client
    }

    /// Its own place in the snapshot.
    pub fn slot(&self) -> usize {
        self.slot
    }

    /// Its state when the snapshot was made.
    pub fn state(&self) -> KeyState {
        self.state
    }

    /// What its streams live by.
    #[inline]
    pub fn lease(&self) -> &Arc<Lease> {
        &self.lease
    }

    /// When it ends, as RFC 3339, if that is less than `notice` away. `now` is only asked for a key that has an end.
    pub fn ends_within(&self, notice: Duration, now: impl FnOnce() -> SystemTime) -> Option<&HeaderValue> {
        let left = self.row.expires_at?.duration_since(now()).unwrap_or_default();
        self.end.as_ref().filter(|_| left < notice)
    }

    pub(in crate::access) fn usable(&self, now: SystemTime) -> Result<(), Reject> {
        match self.row.state(now) {
            KeyState::Active => Ok(()),
            KeyState::NotYetValid => Err(Reject::KeyNotYetValid),
            KeyState::Expired => Err(Reject::KeyExpired),
            KeyState::Disabled => Err(Reject::KeyDisabled),
        }
    }
}

/// RFC 3339 for the years that it can name: 1970 to 9999 is more than keys need.
pub(super) fn rendered(moment: SystemTime) -> Option<HeaderValue> {
    moment.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    let mut text = String::new();
    write!(text, "{}", humantime::format_rfc3339_seconds(moment)).ok()?;
    HeaderValue::try_from(text).ok()
}
