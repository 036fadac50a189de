//! Whose a session is.
//!
//! A server of a session-era revision names a session in `Mcp-Session-Id`, and whoever says that name is in it. So a client
//! gets the name with a tag behind it that only we can make, and only for this client: `NAME.TAG`. What comes back without
//! the right tag is nobody's session. Nothing is remembered.

mod recent;

pub use recent::RecentSessions;

use super::ClientId;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Length of a tag in hexadecimal digits: 128 bits of an HMAC-SHA256 (NIST SP 800-107, section 5.3.3).
const TAG: usize = 32;
/// Fewest and most bytes of a secret.
const LENGTHS: std::ops::RangeInclusive<usize> = 32..=4096;
/// What sets these tags apart from any other use of the same secret.
const PURPOSE: &[u8] = b"gateway session tag v1";

/// What tags are made with.
pub struct SessionSecret(hmac::Key);

/// Why bytes are no [`SessionSecret`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a session secret has 32 to 4096 bytes, from a source that nobody can guess: openssl rand -hex 32")]
pub struct SessionSecretError;

impl SessionSecret {
    /// Takes the contents of a file; white space around the secret does not belong to it.
    ///
    /// # Errors
    /// Fewer than 32 bytes, or more than 4096.
    pub fn read(bytes: &[u8]) -> Result<Self, SessionSecretError> {
        let secret = bytes.trim_ascii();
        if !LENGTHS.contains(&secret.len()) {
            return Err(SessionSecretError);
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, secret)))
    }
}

impl fmt::Debug for SessionSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionSecret(..)")
    }
}

/// Tells whose a session is. One for all workers.
#[derive(Debug)]
pub struct Sessions {
    secret: SessionSecret,
    /// Whether the secret is this process's own, and nobody has been told yet what that means.
    untold: AtomicBool,
}

impl Sessions {
    /// With a secret that all replicas share.
    pub fn shared(secret: SessionSecret) -> Self {
        Self { secret, untold: AtomicBool::new(false) }
    }

    /// With a random secret, which ends with the process; `None` if the system gives no random numbers.
    pub fn alone() -> Option<Self> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &aws_lc_rs::rand::SystemRandom::new()).ok()?;
        Some(Self { secret: SessionSecret(key), untold: AtomicBool::new(true) })
    }

    /// What `client` is told of a session that the upstream calls `name`.
    pub fn wrap(&self, client: &ClientId, name: &[u8]) -> Vec<u8> {
        [name, b".", &self.tag(client, name)].concat()
    }

    /// What the upstream calls the session that `client` says it is in; `None` if it is not this client's.
    pub fn unwrap<'a>(&self, client: &ClientId, shown: &'a [u8]) -> Option<&'a [u8]> {
        let name = Self::name(shown)?;
        let tag = shown.get(name.len() + 1..)?;
        verify_slices_are_equal(&self.tag(client, name), tag).ok().map(|()| name)
    }

    /// What stands before the tag, whether that is right or not.
    fn name(shown: &[u8]) -> Option<&[u8]> {
        let (name, tag) = shown.split_at_checked(shown.len().checked_sub(TAG + 1)?)?;
        tag.starts_with(b".").then_some(name)
    }

    /// True once, if sessions end with this process: whoever first sees one can say so.
    pub fn tells(&self) -> bool {
        self.untold.load(Relaxed) && self.untold.swap(false, Relaxed)
    }

    fn tag(&self, client: &ClientId, name: &[u8]) -> [u8; TAG] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut context = hmac::Context::with_key(&self.secret.0);
        // no client id and no header value has a NUL in it, so no two pairs read alike
        [PURPOSE, b"\0", client.as_str().as_bytes(), b"\0", name].iter().for_each(|part| context.update(part));
        let full = context.sign();
        let mut text = [0; TAG];
        for (pair, byte) in text.chunks_exact_mut(2).zip(full.as_ref()) {
            let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or_default();
            pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn client(id: &str) -> ClientId {
        ClientId::parse(id).unwrap()
    }

    fn shared(secret: &str) -> Sessions {
        Sessions::shared(SessionSecret::read(secret.as_bytes()).unwrap())
    }

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn a_tag_is_the_one_that_other_replicas_make() {
        let wrapped = shared(SECRET).wrap(&client("alice"), b"s-1");
        assert_eq!(wrapped, shared(&format!("{SECRET}\n")).wrap(&client("alice"), b"s-1"));
        // printf 'gateway session tag v1\0alice\0s-1' | openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef
        assert_eq!(wrapped, b"s-1.3e70e8e4bae3bf318f66e7b167eb2ed4");
    }

    #[test]
    fn a_session_is_its_clients_alone() {
        let (sessions, alice) = (shared(SECRET), client("alice"));
        let wrapped = sessions.wrap(&alice, b"s-1");
        assert_eq!(sessions.unwrap(&alice, &wrapped), Some(&b"s-1"[..]));
        assert_eq!(sessions.unwrap(&client("bob"), &wrapped), None);
        assert_eq!(shared(&SECRET.to_uppercase()).unwrap(&alice, &wrapped), None);
        assert_eq!(Sessions::alone().unwrap().unwrap(&alice, &wrapped), None);
        for other in [&b""[..], b".", b"s-1", &wrapped[4..], &wrapped[..35], &[b'.'; 33], &wrapped.to_ascii_uppercase()]
        {
            assert_eq!(sessions.unwrap(&alice, other), None);
        }
        // the name of one and the id of the other cannot change places
        assert_eq!(sessions.unwrap(&client("alic"), &[b"e", &wrapped[..]].concat()), None);
    }

    #[test]
    fn a_short_secret_is_refused_and_none_is_shown() {
        for bytes in [&b""[..], b"short", &[b'a'; 31], &[b' '; 64], &[b'a'; 5000]] {
            assert!(SessionSecret::read(bytes).is_err());
        }
        assert_eq!(format!("{:?}", SessionSecret::read(SECRET.as_bytes()).unwrap()), "SessionSecret(..)");
    }

    #[test]
    fn what_a_random_secret_means_is_said_once() {
        let alone = Sessions::alone().unwrap();
        assert_eq!([alone.tells(), alone.tells()], [true, false]);
        assert!(!shared(SECRET).tells());
    }

    proptest! {
        #[test]
        fn what_is_wrapped_is_a_header_value_and_comes_back(name in "[!-~]{1,80}", at: prop::sample::Index, bit in 0..7u8) {
            let (sessions, alice) = (shared(SECRET), client("alice"));
            let mut wrapped = sessions.wrap(&alice, name.as_bytes());
            prop_assert!(wrapped.iter().all(u8::is_ascii_graphic));
            prop_assert_eq!(sessions.unwrap(&alice, &wrapped), Some(name.as_bytes()));
            let at = at.index(wrapped.len());
            wrapped[at] ^= 1 << bit;
            prop_assert_eq!(sessions.unwrap(&alice, &wrapped), None);
        }
    }
}
