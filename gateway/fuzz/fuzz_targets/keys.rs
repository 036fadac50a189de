//! A keys file as somebody wrote it: what is read can be taken up, with all its keys, and what is refused is refused with a
//! sentence that begins with the file.
#![no_main]

use gateway::access::Access;
use gateway::config::keys_file;
use libfuzzer_sys::fuzz_target;
use std::path::Path;

fuzz_target!(|text: &str| {
    let file = Path::new("keys.toml");
    match keys_file::parse(text, file) {
        Ok(rows) => {
            assert!(!rows.is_empty(), "a file that lets nobody in is refused");
            let keys: usize = rows.iter().map(|row| row.keys.len()).sum();
            if let Ok(access) = Access::build(rows) {
                assert_eq!(access.keys().count(), keys);
                assert!(!access.clients().is_empty());
            }
        }
        Err(error) => {
            let sentence = error.to_string();
            assert!(sentence.starts_with("keys.toml"), "{sentence}");
        }
    }
});
