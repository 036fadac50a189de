use super::*;
use proptest::prelude::*;
use std::collections::HashSet;

fn id(text: &str) -> KeyId {
    KeyId::parse(text).unwrap()
}

fn is_ours(bytes: &[u8]) -> bool {
    matches!(Secret::read(bytes), Form::Ours { .. })
}

#[test]
fn crc_is_the_one_that_everybody_has() {
    assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
}

#[test]
fn a_made_key_has_the_form_that_scanners_look_for() {
    let secret = Secret::make(&id("abcdef012345")).unwrap();
    let rest = secret.expose().strip_prefix("mcpgw_abcdef012345_").unwrap();
    assert!(rest.len() == 49 && rest.bytes().all(|b| b.is_ascii_alphanumeric()));
    assert_eq!(secret.digest(), KeyDigest::of(secret.expose().as_bytes()));
}

#[test]
fn no_two_are_alike_and_every_character_is_used() {
    let keys: Vec<_> = (0..200).map(|_| Secret::make(&id("aaaaaaaa")).unwrap()).collect();
    let texts: HashSet<_> = keys.iter().map(Secret::expose).collect();
    assert_eq!(texts.len(), 200);
    let used: HashSet<_> = texts.iter().flat_map(|text| text["mcpgw_aaaaaaaa_".len()..].bytes().take(RANDOM)).collect();
    assert_eq!(used.len(), 62);
    let ids: HashSet<_> = (0..200).map(|_| fresh_id().unwrap()).collect();
    assert_eq!(ids.len(), 200);
}

#[test]
fn debug_does_not_speak() {
    let secret = Secret::make(&id("aaaaaaaa")).unwrap();
    assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "Secret(..) Some(Secret(..))");
}

#[test]
fn what_cannot_be_a_key_is_refused_with_a_reason() {
    let made = Secret::make(&id("aaaaaaaa")).unwrap();
    let mistyped = made.expose().replace("_aaaaaaaa", "_aaaaaaab");
    let long = "x".repeat(513);
    for (text, error) in [
        ("", ImportError::Empty),
        ("\r\n", ImportError::Empty),
        ("two words of it", ImportError::Character(4)),
        ("two\nlines\n", ImportError::Character(4)),
        ("schlüssel", ImportError::Character(5)),
        (&long, ImportError::TooLong),
        (&mistyped, ImportError::Typo),
        (&made.expose()[..60], ImportError::Typo),
        ("your-secure-api-key-change-this", ImportError::Published),
    ] {
        assert_eq!(Secret::import(text.as_bytes()).unwrap_err(), error, "{text}");
    }
    assert!(matches!(Secret::import(b"hunter2"), Err(ImportError::Weak(bits)) if bits < 40));
    let with_line_end = format!("{}\r\n", made.expose());
    assert_eq!(Secret::import(with_line_end.as_bytes()).unwrap().expose(), made.expose());
}

proptest! {
    #[test]
    fn a_made_key_reads_back(name in "[a-z0-9]{8,16}") {
        let secret = Secret::make(&id(&name)).unwrap();
        prop_assert_eq!(Secret::read(secret.expose().as_bytes()), Form::Ours { id: &name });
    }

    #[test]
    fn every_single_character_typo_is_found(name in "[a-z0-9]{8,16}", at: prop::sample::Index, other in 0x21u8..0x7f) {
        let secret = Secret::make(&id(&name)).unwrap();
        let text = secret.expose().as_bytes();
        let at = at.index(text.len());
        let mut mistyped = text.to_vec();
        mistyped[at] = other;
        let expected = if at < PREFIX.len() { Form::Foreign } else { Form::Typo };
        prop_assert!(other == text[at] || Secret::read(&mistyped) == expected);
        let mut missing = text.to_vec();
        missing.remove(at);
        prop_assert!(!is_ours(&missing));
        let mut extra = text.to_vec();
        extra.insert(at, other);
        prop_assert!(!is_ours(&extra));
    }

    #[test]
    fn any_bytes_have_a_form(bytes: Vec<u8>) {
        prop_assert!(!is_ours(&bytes));
        prop_assert!(!is_ours(&[PREFIX.as_bytes(), &bytes].concat()));
    }
}
