//! Keys by the digest of their secret: flat cost at any number of keys.

mod digest;
mod key;

pub use digest::KeyDigest;
pub use key::{Key, KeyId, KeyRow, KeyState};

use super::{BuildError, Lease};
use key::rendered;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::time::SystemTime;

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

/// Most keys that stand where a key would, because their digests begin like its own.
const ALIKE: usize = 16;

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
        let (mut prefix, mut alike) = (row.digest.prefix(), 0);
        while let Some(other) = self.by_prefix.get(&prefix).and_then(|slot| self.keys.get(*slot)) {
            if other.row.digest == row.digest {
                return Err(BuildError::DigestTwice(other.row.id.clone(), row.id));
            }
            // chance never makes two digests that begin alike, but somebody could write them, and looking for a place among
            // many would take as many looks for each
            alike += 1;
            if alike > ALIKE {
                return Err(BuildError::DigestMadeUp(row.id));
            }
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
    use std::time::Duration;

    proptest! {
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
    fn many_digests_that_begin_alike_are_refused() {
        let row = |slot: u64| KeyRow {
            id: KeyId::parse(&format!("key{slot:05}")).unwrap(),
            digest: KeyDigest([7, 0, 0, slot]),
            not_before: None,
            expires_at: None,
            disabled: false,
        };
        let mut ring = KeyRing::default();
        let kept = (0..10_000).take_while(|slot| ring.insert(0, row(*slot)).is_ok()).count();
        assert_eq!(kept, ALIKE + 1);
        let refused = row(99_999);
        assert_eq!(ring.insert(0, refused.clone()), Err(BuildError::DigestMadeUp(refused.id)));
        // so is one whose place is taken by those of digests that follow each other
        let mut ring = KeyRing::default();
        let next = |slot| KeyRow { digest: KeyDigest([slot, 0, 0, 0]), ..row(slot) };
        assert!((0..10_000).all(|slot| ring.insert(0, next(slot)).is_ok()));
        assert!(ring.insert(0, KeyRow { digest: KeyDigest([0, 0, 0, 1]), ..row(10_000) }).is_err());
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
