//! The text of a key: how ours are made and recognised, and how strong an imported one looks.
//!
//! Ours read `mcpgw_<id>_<secret><crc>`: a fixed prefix that secret scanners can match, the key's public id, 43
//! characters of base62 that hold 256 bits, and a CRC-32 of all that precedes in 6 more. The checksum is no protection;
//! it tells a typo and garbage apart from a key before anything is hashed. Callers get the same reply either way.
//!
//! For scanners: `mcpgw_[a-z0-9]{8,16}_[0-9A-Za-z]{49}`.

mod strength;

use super::{KeyDigest, KeyId};
use std::fmt;
use strength::Weakness;
use zeroize::Zeroizing;

/// What every key of ours begins with.
pub const PREFIX: &str = "mcpgw_";

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ID_CHARACTERS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
const NEW_ID: usize = 12;
/// 62^43 is just above 2^256.
const RANDOM: usize = 43;
const CHECKSUM: usize = 6;
/// Longest secret that a client can show.
const LONGEST: usize = 512;

/// A key as a client sends it. A type that cannot speak: no `Display`, no derived comparison, a `Debug` without the
/// text, and its memory is overwritten when it goes. What still leaks is its length, which is the same for all of ours,
/// and whatever [`Secret::expose`] is used for.
pub struct Secret(Zeroizing<String>);

/// What the bytes of a key look like. Says nothing about whether anybody has the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form<'a> {
    /// A key of ours, whole.
    Ours {
        /// Its public id.
        id: &'a str,
    },
    /// Begins like a key of ours, but was changed or cut.
    Typo,
    /// Not ours; it may be an imported key.
    Foreign,
}

/// The operating system gave no random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this machine gives no random bytes, so no key can be made")]
pub struct NoRandomness;

/// Why a text cannot become a client's key. None repeats the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// Nothing was given.
    #[error("there is no key on standard input; pipe one in, as in: gateway keys hash CLIENT < key-file")]
    Empty,
    /// Longer than a client could send.
    #[error("this key is longer than {LONGEST} characters, more than a client may send")]
    TooLong,
    /// A character that a header value cannot carry, or a second line.
    #[error("a key is one line of visible ASCII characters without spaces; this has something else at character {0}")]
    Character(usize),
    /// One of ours with a wrong checksum, or a foreign one that nobody could tell from that.
    #[error(
        "this begins with `{PREFIX}` like a key of a gateway, but its checksum is wrong: a character is missing or mistyped; \
        if it was made elsewhere, it cannot be used, because whatever begins so is refused before it is looked for"
    )]
    Typo,
    /// A key that stands in a tutorial.
    #[error("this key stands in a published tutorial, so everybody knows it; make one with: gateway keys new CLIENT")]
    Published,
    /// Too easily guessed.
    #[error(
        "this key has about {0} bits of entropy, fewer than 128, and could be guessed; make one with: gateway keys new CLIENT"
    )]
    Weak(u32),
}

impl Secret {
    /// Makes a key with 256 bits from the operating system's random numbers.
    ///
    /// # Errors
    /// No random numbers.
    pub fn make(id: &KeyId) -> Result<Self, NoRandomness> {
        let mut text = Zeroizing::new(String::with_capacity(PREFIX.len() + id.as_str().len() + 1 + RANDOM + CHECKSUM));
        text.push_str(PREFIX);
        text.push_str(id.as_str());
        text.push('_');
        random_characters(BASE62, RANDOM, &mut text)?;
        let crc = checksum(text.as_bytes());
        crc.into_iter().for_each(|digit| text.push(digit.into()));
        Ok(Self(text))
    }

    /// Takes a key that was made elsewhere, as it came on standard input. The line's end is not part of it.
    ///
    /// # Errors
    /// A text that cannot be sent as a header, that everybody knows, or that has fewer than 128 bits of estimated
    /// entropy.
    pub fn import(bytes: &[u8]) -> Result<Self, ImportError> {
        let secret = Self::shown(bytes)?;
        match Self::read(secret.expose().as_bytes()) {
            Form::Ours { .. } => Ok(secret),
            Form::Typo => Err(ImportError::Typo),
            Form::Foreign => match strength::weakness(secret.expose()) {
                None => Ok(secret),
                Some(Weakness::Published) => Err(ImportError::Published),
                Some(Weakness::Bits(bits)) => Err(ImportError::Weak(bits)),
            },
        }
    }

    /// A key as somebody shows it, whatever its strength. The line's end is not part of it.
    ///
    /// # Errors
    /// A text that cannot be sent as a header.
    pub fn shown(bytes: &[u8]) -> Result<Self, ImportError> {
        let line = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            return Err(ImportError::Empty);
        }
        if let Some(offset) = line.iter().position(|b| !b.is_ascii_graphic()) {
            return Err(ImportError::Character(offset + 1));
        }
        if line.len() > LONGEST {
            return Err(ImportError::TooLong);
        }
        let mut text = Zeroizing::new(String::with_capacity(line.len()));
        line.iter().for_each(|b| text.push((*b).into()));
        Ok(Self(text))
    }

    /// What these bytes look like. Costs one pass and no memory.
    pub fn read(bytes: &[u8]) -> Form<'_> {
        match bytes.strip_prefix(PREFIX.as_bytes()) {
            None => Form::Foreign,
            Some(_) => whole(bytes).map_or(Form::Typo, |id| Form::Ours { id }),
        }
    }

    /// The text, for the one place that hands it to its owner.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What the keys file keeps of it.
    pub fn digest(&self) -> KeyDigest {
        KeyDigest::of(self.0.as_bytes())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// A fresh public id: 12 characters, so that 10,000 of them differ but for one chance in 10^11.
///
/// # Errors
/// No random numbers.
pub fn fresh_id() -> Result<KeyId, NoRandomness> {
    let mut text = String::with_capacity(NEW_ID);
    random_characters(ID_CHARACTERS, NEW_ID, &mut text)?;
    Ok(KeyId::parse(&text).expect("12 characters of a-z and 0-9 are an id"))
}

/// The id in a whole key of ours.
fn whole(bytes: &[u8]) -> Option<&str> {
    let (body, crc) = bytes.split_at_checked(bytes.len().checked_sub(CHECKSUM)?)?;
    let (head, random) = body.split_at_checked(body.len().checked_sub(RANDOM)?)?;
    let id = std::str::from_utf8(head.strip_prefix(PREFIX.as_bytes())?.strip_suffix(b"_")?).ok()?;
    let sane = (8..=16).contains(&id.len()) && id.bytes().all(|b| ID_CHARACTERS.contains(&b));
    (sane && random.iter().all(u8::is_ascii_alphanumeric) && checksum(body) == crc).then_some(id)
}

/// `count` characters of `alphabet`, each equally likely: bytes that would favour its beginning are drawn again.
fn random_characters(alphabet: &[u8], count: usize, text: &mut String) -> Result<(), NoRandomness> {
    let fair = 256 - 256 % alphabet.len();
    let mut bytes = Zeroizing::new([0; 64]);
    let wanted = text.len() + count;
    while text.len() < wanted {
        aws_lc_rs::rand::fill(&mut *bytes).map_err(|_| NoRandomness)?;
        let drawn = bytes.iter().map(|b| usize::from(*b)).filter(|b| *b < fair);
        let characters = drawn.filter_map(|b| alphabet.get(b % alphabet.len()));
        let missing = wanted - text.len();
        characters.take(missing).for_each(|b| text.push((*b).into()));
    }
    Ok(())
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    let mut rest = crc32(bytes) as usize;
    let mut digits = [0; CHECKSUM];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62.get(rest % 62).copied().unwrap_or_default();
        rest /= 62;
    }
    digits
}

/// CRC-32 of IEEE 802.3. Changing one character changes it always: its bits lie within 32 of each other.
///
/// A table of a kilobyte, because each connection's first key pays for it: an eighth of the steps.
fn crc32(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = crc32_table();
    let shifted = |low: u32| TABLE.get(low as usize & 0xFF).copied().unwrap_or_default();
    !bytes.iter().fold(!0, |crc, byte| crc >> 8 ^ shifted(crc ^ u32::from(*byte)))
}

/// What eight steps of the division leave of each byte.
#[expect(clippy::indexing_slicing, reason = "it runs while this is compiled, and a wrong index would end that")]
const fn crc32_table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < table.len() {
        let (mut rest, mut step) = (byte as u32, 0);
        while step < 8 {
            rest = if rest & 1 == 1 { rest >> 1 ^ 0xEDB8_8320 } else { rest >> 1 };
            step += 1;
        }
        table[byte] = rest;
        byte += 1;
    }
    table
}

#[cfg(test)]
mod tests;
