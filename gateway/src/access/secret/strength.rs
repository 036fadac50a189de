//! How hard an imported key is to guess, estimated from its text alone.
//!
//! No estimate can prove randomness. This one is meant to catch what people type and what documents print: words, runs,
//! repetitions and small alphabets. It judges generated keys by their alphabet, so 32 hexadecimal digits pass and a
//! version 4 UUID, which has 122 random bits, does not.

/// Least estimated entropy of an imported key, in bits.
const ENOUGH: u32 = 128;

/// Keys that stand in tutorials and their sample code, and therefore in scanners' word lists.
const PUBLISHED: [&str; 3] =
    ["your-secure-api-key-change-this", "SuperSecureSecretUsedAsApiKey1", "sk-demo-weather-api-key-12345"];

/// Words of which people build keys that they mean to replace; each counts as one choice out of a thousand.
const WORDS: [&str; 26] = [
    "admin", "agent", "apikey", "change", "client", "default", "demo", "example", "gateway", "hello", "local", "pass",
    "please", "prod", "replace", "secret", "secure", "server", "super", "test", "this", "token", "used", "weather",
    "word", "your",
];
const WORD_BITS: f64 = 10.0;
/// What a character is worth that a pattern foretells.
const FORETOLD_BITS: f64 = 1.0;
/// Fewest characters that count as a repetition or a run; chance makes shorter ones in random keys.
const PATTERN: usize = 5;

/// Why a key is too weak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weakness {
    /// Everybody knows it.
    Published,
    /// It has about this many bits.
    Bits(u32),
}

/// What is weak about `text`, if anything is.
pub(super) fn weakness(text: &str) -> Option<Weakness> {
    if PUBLISHED.iter().any(|known| known.eq_ignore_ascii_case(text)) {
        return Some(Weakness::Published);
    }
    let bits = bits(text);
    (bits < ENOUGH).then_some(Weakness::Bits(bits))
}

/// Estimated entropy in bits, rounded down.
fn bits(text: &str) -> u32 {
    if is_uuid(text) {
        return 122;
    }
    let each = alphabet(text).log2();
    let bytes = text.as_bytes();
    let lower = text.to_ascii_lowercase();
    let (mut bits, mut at) = (0.0, 0);
    while at < bytes.len() {
        let word =
            WORDS.iter().find(|word| lower.as_bytes().get(at..).is_some_and(|rest| rest.starts_with(word.as_bytes())));
        if let Some(word) = word {
            bits += WORD_BITS.min(each * word.len() as f64);
            at += word.len();
        } else {
            bits += if foretold(bytes, at) { FORETOLD_BITS.min(each) } else { each };
            at += 1;
        }
    }
    (bits + 1e-6) as u32
}

/// How many characters each place could have had, as far as the text shows.
fn alphabet(text: &str) -> f64 {
    let bytes = text.as_bytes();
    let count = |class: fn(&u8) -> bool| (0..=u8::MAX).filter(|b| class(b) && bytes.contains(b)).count();
    let distinct = count(|_| true);
    let digits = if count(u8::is_ascii_digit) > 0 { 10 } else { 0 };
    let symbols = count(u8::is_ascii_punctuation);
    let (lower, upper) = (count(u8::is_ascii_lowercase), count(u8::is_ascii_uppercase));
    let within_hex = count(u8::is_ascii_alphabetic) == count(|b| b.is_ascii_alphabetic() && b.is_ascii_hexdigit());
    let letters = |used: usize| match used {
        0 => 0,
        _ if within_hex => 6,
        _ => 26,
    };
    let all = digits + symbols + letters(lower) + letters(upper);
    // A text of few different characters was not drawn from a large alphabet.
    if distinct <= 8 { distinct.min(all) as f64 } else { all as f64 }
}

/// Whether what precedes `at` foretells its character: the end of a repeated piece, or of a run such as `12345`.
fn foretold(bytes: &[u8], at: usize) -> bool {
    let Some(piece) = (at + 1).checked_sub(PATTERN).and_then(|begin| bytes.get(begin..=at)) else { return false };
    let steps: Vec<i16> = piece.iter().zip(piece.iter().skip(1)).map(|(a, b)| i16::from(*b) - i16::from(*a)).collect();
    let run = steps.first().is_some_and(|first| first.abs() <= 1 && steps.iter().all(|step| step == first));
    let repeated = bytes.get(..at).is_some_and(|before| memchr::memmem::find(before, piece).is_some());
    run || repeated
}

fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.iter().all(|group| group.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_people_type_is_weak() {
        for text in [
            "hunter2",
            "correcthorsebattery",
            "your-very-secure-secret-token-please-change",
            "SuperSecureSecretUsedAsApiKey2",
            "my-weather-gateway-api-key-2026",
            "test-test-test-test-test-test-test-test",
            "abcdefghijklmnopqrstuvwxyz0123456789",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "abababababababababababababababababababababababababab",
            "deadbeefdeadbeefdeadbeefdeadbeef",
            "00000000000000000000000000000000",
            "12345678901234567890123456789012345678901234567890",
            "f47ac10b-58cc-4372-a567-0e02b2c3d479",
        ] {
            assert!(matches!(weakness(text), Some(Weakness::Bits(_))), "{text}: {}", bits(text));
        }
        for known in PUBLISHED {
            assert_eq!(weakness(known), Some(Weakness::Published));
        }
    }

    #[test]
    fn what_generators_print_is_strong() {
        for text in [
            "9f86d081884c7d659a2feaa0c55ad015", // openssl rand -hex 16
            "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", // openssl rand -hex 32
            "4d9QhB2vXx0yq3f7LZcWkT1mRnJ8sPaU", // 32 of base62
            "nTf3zqkXy7m0V1bWcJ5rLhSgPd8=",     // openssl rand -base64 20
            "sk-proj-Zq8v2Kc7Lr1Xw5Ty9Nb3Md6Pf0Gh4Js",
            "k7qz3mxw5vbn2rtc8ydp4hgj6f", // 26 of base32
        ] {
            assert_eq!(weakness(text), None, "{text}: {}", bits(text));
        }
    }

    proptest! {
        #[test]
        fn an_estimate_never_exceeds_what_the_printable_characters_could_hold(text in "[!-~]{1,200}") {
            prop_assert!(f64::from(bits(&text)) <= text.len() as f64 * 94f64.log2());
        }

        #[test]
        fn random_keys_of_256_bits_pass(key: [u8; 32]) {
            let hex: String = key.iter().map(|b| format!("{b:02x}")).collect();
            prop_assume!(key.iter().collect::<std::collections::HashSet<_>>().len() > 20); // proptest shrinks and favours zeros
            prop_assert_eq!(weakness(&hex), None);
        }
    }
}
