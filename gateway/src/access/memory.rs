//! The key that a connection showed last.

use super::KeyDigest;
use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};
use subtle::ConstantTimeEq;

/// What one connection remembers of the last secret it showed: clients show the same one with every request, and its
/// SHA-256 is the dearest step of the decision.
///
/// It only recalls the digest of a secret; whether there is a key with that digest, and what it may do now, is asked each
/// time. The secret is not kept, but 128 bits of two keyed hashes of it (SipHash, under keys that only this connection
/// has), compared in constant time. Nobody sees those bits, so to be taken for the last secret by mistake another one would
/// have to hit them blindly, on a connection that has shown the right one.
#[derive(Default)]
pub struct Memory {
    keys: [RandomState; 2],
    last: Cell<Option<([u64; 2], KeyDigest)>>,
}

impl Memory {
    /// [`KeyDigest::of`] this secret, if it is `fit` to be one; what was shown before was.
    ///
    /// # Errors
    /// Why it is not. It is then neither hashed with SHA-256 nor remembered.
    pub(super) fn digest<E>(&self, secret: &[u8], fit: impl FnOnce(&[u8]) -> Result<(), E>) -> Result<KeyDigest, E> {
        let tag = self.keys.each_ref().map(|key| key.hash_one(secret));
        if let Some((_, digest)) = self.last.get().filter(|(last, _)| last.ct_eq(&tag).into()) {
            return Ok(digest);
        }
        fit(secret)?;
        let digest = KeyDigest::of(secret);
        self.last.set(Some((tag, digest)));
        Ok(digest)
    }

    /// Whether any secret has been hashed for it.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.last.get().is_none()
    }
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Memory(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_digest_is_that_of_the_secret_whatever_was_shown_before(secrets in proptest::collection::vec("[ab]{0,3}", 1..20)) {
            let memory = Memory::default();
            for secret in secrets {
                let fit = if secret.is_empty() { Err(()) } else { Ok(()) };
                let digest = fit.map(|()| KeyDigest::of(secret.as_bytes()));
                prop_assert_eq!(memory.digest(secret.as_bytes(), |_| fit), digest);
            }
        }
    }
}
