//! Which contents of a file were read.

use aws_lc_rs::digest::{SHA256, digest};
use std::fmt;

/// The SHA-256 of the very bytes that were made use of. Whoever reads the file again may find others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Of the contents of a file.
    pub fn of(contents: &[u8]) -> Self {
        let mut bytes = [0; 32];
        bytes.iter_mut().zip(digest(&SHA256, contents).as_ref()).for_each(|(byte, digest)| *byte = *digest);
        Self(bytes)
    }
}

impl fmt::Display for Fingerprint {
    /// As `sha256sum` prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_others_compute() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"; // FIPS 180-4, B.1
        assert_eq!(Fingerprint::of(b"abc").to_string(), abc);
        assert_ne!(Fingerprint::of(b"abc"), Fingerprint::of(b"abc\n"));
    }
}
