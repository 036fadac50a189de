//! Keys by the digest of their secret: flat cost at any number of keys.

use super::{BuildError, Lease};
use crate::reject::Reject;
use aws_lc_rs::digest;
use http::HeaderValue;
use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use subtle::ConstantTimeEq;

/// SHA-256 of a key's secret: all of it that a file, a log or this process keeps.
///
/// Equality is constant-time. `Debug` shows the first four bytes: enough to tell two rows apart, no help in finding a
/// 256-bit secret.
#[derive(Clone, Copy)]
pub struct KeyDigest([u64; 4]);

/// Why a text is no [`KeyDigest`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a digest is written `sha256:` followed by 64 hexadecimal digits")]
pub struct DigestError;

impl KeyDigest {
    /// The digest of a secret as a client sends it.
    pub fn of(secret: &[u8]) -> Self {
        Self::from_bytes(digest::digest(&digest::SHA256, secret).as_ref())
    }

    /// Reads `sha256:<64 hex>`, the form of the keys file.
    ///
    /// # Errors
    /// Any other text.
    pub fn parse(text: &str) -> Result<Self, DigestError> {
        let hex = text.strip_prefix("sha256:").ok_or(DigestError)?.as_bytes();
        let mut bytes = [0_u8; 32];
        if hex.len() != 64 {
            return Err(DigestError);
        }
        for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
            let mut nibbles = pair.iter().map(|d| (*d as char).to_digit(16));
            let (Some(Some(high)), Some(Some(low))) = (nibbles.next(), nibbles.next()) else { return Err(DigestError) };
            *byte = (high << 4 | low) as u8;
        }
        Ok(Self::from_bytes(&bytes))
    }

    /// Words, because they are compared in an eighth of the steps that bytes take.
    fn from_bytes(bytes: &[u8]) -> Self {
        let mut words = [0; 4];
        for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(8)) {
            *word = bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
        }
        Self(words)
    }

    fn prefix(&self) -> u64 {
        let [first, ..] = self.0;
        first
    }
}

impl PartialEq for KeyDigest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for KeyDigest {}

impl fmt::Display for KeyDigest {
    /// The form of the keys file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|word| write!(f, "{word:016x}"))
    }
}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{:08x}..", self.prefix() >> 32)
    }
}

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
    row: KeyRow,
    client: usize,
    slot: usize,
    /// Its state when the snapshot was made.
    state: KeyState,
    lease: Arc<Lease>,
    /// `expires_at` as a reply says it.
    end: Option<HeaderValue>,
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

    /// Slot of its client in [`super::Access::clients`].
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

    pub(super) fn usable(&self, now: SystemTime) -> Result<(), Reject> {
        match self.row.state(now) {
            KeyState::Active => Ok(()),
            KeyState::NotYetValid => Err(Reject::KeyNotYetValid),
            KeyState::Expired => Err(Reject::KeyExpired),
            KeyState::Disabled => Err(Reject::KeyDisabled),
        }
    }
}

/// All keys, found by the first eight bytes of the digest, then compared whole and in constant time.
///
/// What still leaks is whether some key shares those eight bytes with the digest of what was sent. To learn anything
/// from that, a caller would have to find inputs with chosen 64-bit SHA-256 prefixes and would then still know nothing
/// about the secret, only about a digest that cannot be turned back.
#[derive(Debug, Default)]
pub struct KeyRing {
    keys: Vec<Key>,
    by_prefix: HashMap<u64, usize, BuildHasherDefault<Prefix>>,
    by_id: HashMap<KeyId, usize>,
}

impl KeyRing {
    /// Adds a key of the client in slot `client`, as it stands now.
    ///
    /// # Errors
    /// An id or a digest that is there already.
    pub fn insert(&mut self, client: usize, row: KeyRow) -> Result<(), BuildError> {
        self.lease(client, row, Arc::default(), SystemTime::now())
    }

    /// Adds a key as it stands at `now`; its streams live by `lease`.
    pub(super) fn lease(
        &mut self,
        client: usize,
        row: KeyRow,
        lease: Arc<Lease>,
        now: SystemTime,
    ) -> Result<(), BuildError> {
        let slot = self.keys.len();
        if self.by_id.insert(row.id.clone(), slot).is_some() {
            return Err(BuildError::KeyIdTwice(row.id));
        }
        let mut prefix = row.digest.prefix();
        while let Some(other) = self.by_prefix.get(&prefix).and_then(|slot| self.keys.get(*slot)) {
            if other.row.digest == row.digest {
                return Err(BuildError::DigestTwice(other.row.id.clone(), row.id));
            }
            // chance never makes two digests that begin alike, but somebody could write them
            prefix = prefix.wrapping_add(1);
        }
        self.by_prefix.insert(prefix, slot);
        let (state, end) = (row.state(now), row.expires_at.and_then(rendered));
        self.keys.push(Key { row, client, slot, state, lease, end });
        Ok(())
    }

    /// The same keys as they stand at `now`, with the leases that `lease` gives them.
    pub(super) fn renew(&self, now: SystemTime, lease: impl Fn(&Key) -> Arc<Lease>) -> Self {
        let renew = |key: &Key| Key {
            row: key.row.clone(),
            state: key.row.state(now),
            lease: lease(key),
            end: key.end.clone(),
            ..*key
        };
        Self {
            keys: self.keys.iter().map(renew).collect(),
            by_prefix: self.by_prefix.clone(),
            by_id: self.by_id.clone(),
        }
    }

    /// The key with this public id.
    pub fn named(&self, id: &KeyId) -> Option<&Key> {
        self.keys.get(*self.by_id.get(id)?)
    }

    /// The key with this digest, whatever its state.
    pub fn find(&self, digest: &KeyDigest) -> Option<&Key> {
        let mut prefix = digest.prefix();
        loop {
            let key = self.keys.get(*self.by_prefix.get(&prefix)?)?;
            if key.row.digest == *digest {
                return Some(key);
            }
            prefix = prefix.wrapping_add(1);
        }
    }

    /// The key in a slot.
    #[inline]
    pub fn get(&self, slot: usize) -> Option<&Key> {
        self.keys.get(slot)
    }

    /// All keys, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Key> {
        self.keys.iter()
    }
}

/// RFC 3339 for the years that it can name: 1970 to 9999 is more than keys need.
fn rendered(moment: SystemTime) -> Option<HeaderValue> {
    moment.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    let mut text = String::new();
    write!(text, "{}", humantime::format_rfc3339_seconds(moment)).ok()?;
    HeaderValue::try_from(text).ok()
}

/// A digest is already spread evenly: its prefix is its own hash.
#[derive(Default)]
struct Prefix(u64);

impl Hasher for Prefix {
    fn write(&mut self, _: &[u8]) {
        unreachable!("only u64 prefixes are hashed")
    }

    fn write_u64(&mut self, prefix: u64) {
        self.0 = prefix;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_digest_is_sha256_in_hex() {
        let abc = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"; // FIPS 180-4, B.1
        assert_eq!(KeyDigest::of(b"abc").to_string(), abc);
        assert_eq!(KeyDigest::parse(abc), Ok(KeyDigest::of(b"abc")));
        assert_eq!(format!("{:?}", KeyDigest::of(b"abc")), "sha256:ba7816bf..");
        for bad in ["", "sha256:", &abc[..70], &abc[7..], &abc.replace('a', "g"), &format!("{abc}00")] {
            assert_eq!(KeyDigest::parse(bad), Err(DigestError), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn digests_survive_their_text(secret: Vec<u8>) {
            let digest = KeyDigest::of(&secret);
            prop_assert_eq!(KeyDigest::parse(&digest.to_string()), Ok(digest));
        }

        #[test]
        fn the_ring_finds_what_was_put_in_and_nothing_else(secrets in proptest::collection::hash_set("[a-z]{1,12}", 1..60), other in "[A-Z]{1,12}") {
            let mut ring = KeyRing::default();
            for (i, secret) in secrets.iter().enumerate() {
                let row = KeyRow { id: KeyId::parse(&format!("key{i:05}")).unwrap(), digest: KeyDigest::of(secret.as_bytes()), not_before: None, expires_at: None, disabled: false };
                ring.insert(i, row).unwrap();
            }
            for (i, secret) in secrets.iter().enumerate() {
                prop_assert_eq!(ring.find(&KeyDigest::of(secret.as_bytes())).map(Key::client), Some(i));
            }
            prop_assert!(ring.find(&KeyDigest::of(other.as_bytes())).is_none());
        }
    }

    #[test]
    fn digests_that_begin_alike_are_told_apart() {
        let digest = |rest: u64| KeyDigest([u64::MAX, 0, 0, rest]);
        let row = |id: &str, digest| KeyRow {
            id: KeyId::parse(id).unwrap(),
            digest,
            not_before: None,
            expires_at: None,
            disabled: false,
        };
        let mut ring = KeyRing::default();
        let others = [KeyDigest([0, 0, 0, 9]), KeyDigest([1, 0, 0, 9])];
        for (slot, digest) in [digest(1), digest(2), others[0], digest(3), others[1]].into_iter().enumerate() {
            assert!(ring.find(&digest).is_none());
            ring.insert(slot, row(&format!("key{slot:05}"), digest)).unwrap();
            assert_eq!(ring.find(&digest).map(Key::client), Some(slot));
        }
        let found = [digest(1), digest(2), others[0], digest(3), others[1], digest(4)];
        let found = found.map(|digest| ring.find(&digest).map(Key::client));
        assert_eq!(found, [Some(0), Some(1), Some(2), Some(3), Some(4), None]);
        let (first, second) = (KeyId::parse("key00001").unwrap(), KeyId::parse("key00009").unwrap());
        assert_eq!(ring.insert(0, row("key00009", digest(2))), Err(BuildError::DigestTwice(first, second)));
    }

    #[test]
    fn an_end_is_told_while_it_is_near() {
        let at = |s| SystemTime::UNIX_EPOCH + Duration::from_secs(s);
        let row = |id: &str, expires_at| KeyRow {
            id: KeyId::parse(id).unwrap(),
            digest: KeyDigest::of(id.as_bytes()),
            not_before: None,
            expires_at,
            disabled: false,
        };
        let mut ring = KeyRing::default();
        let ends = [
            Some(at(1_800_000_000)),
            None,
            Some(at(300_000_000_000)),
            SystemTime::UNIX_EPOCH.checked_sub(Duration::from_secs(9)),
        ];
        for (i, end) in ends.into_iter().enumerate() {
            ring.insert(0, row(&format!("key{i:05}"), end)).unwrap();
        }
        let told = |slot, notice, now| {
            let end = ring.get(slot).unwrap().ends_within(Duration::from_secs(notice), || at(now));
            end.map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(told(0, 100, 1_799_999_900), None);
        assert_eq!(told(0, 100, 1_799_999_901).as_deref(), Some("2027-01-15T08:00:00Z"));
        assert_eq!(told(0, 0, 1_800_000_000), None, "nothing is nearer than zero");
        assert_eq!((told(1, 100, 0), told(2, u64::MAX, 0), told(3, u64::MAX, 0)), (None, None, None));
    }
}
