//! The digest of a key's secret.

use aws_lc_rs::digest;
use std::fmt;
use subtle::ConstantTimeEq;

/// SHA-256 of a key's secret: all of it that a file, a log or this process keeps.
///
/// Equality is constant-time. `Debug` shows the first four bytes: enough to tell two rows apart, no help in finding a
/// 256-bit secret.
#[derive(Clone, Copy)]
pub struct KeyDigest(pub(super) [u64; 4]);

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

    pub(super) fn prefix(&self) -> u64 {
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

    #[test]
    fn digests_that_differ_in_one_bit_are_two() {
        let digest = KeyDigest::of(b"abc");
        for bit in 0..256 {
            let mut other = digest;
            other.0[bit / 64] ^= 1 << (bit % 64);
            assert_ne!(other, digest, "{bit}");
        }
    }

    proptest! {
        #[test]
        fn digests_survive_their_text(secret: Vec<u8>) {
            let digest = KeyDigest::of(&secret);
            prop_assert_eq!(KeyDigest::parse(&digest.to_string()), Ok(digest));
        }
    }
}
