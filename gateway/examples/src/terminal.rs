//! What a person sees: the answer on stdout, everything about the way to it on stderr.

use std::io::{self, Write};

use crate::Failure;

/// A line on stderr. Nobody is told when stderr is closed: there is nowhere left to tell it.
pub fn note(line: &str) {
    let _ = writeln!(io::stderr(), "{}", plain(line));
}

/// Writes a piece of the answer to stdout at once.
///
/// # Errors
///
/// [`Failure::Broken`] when stdout is closed or full.
pub fn say(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(plain(text).as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(|error| Failure::Broken(format!("the answer cannot be written to stdout: {error}")))
}

/// `text` without control characters other than newline and tab, so that no server can move the cursor, change the
/// title or fake a prompt of the terminal it is shown on.
#[must_use]
pub fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}

/// At most `limit` characters of `text` on one line, for a sentence that quotes what a peer sent.
#[must_use]
pub fn excerpt(text: &str, limit: usize) -> String {
    let mut words = plain(text).split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = words.char_indices().nth(limit) {
        words.truncate(end);
        words.push_str("...");
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_do_not_reach_the_terminal() {
        assert_eq!(plain("a\x1b]0;title\x07b\r\n\tc\u{9b}2Jd"), "a]0;titleb\n\tc2Jd");
    }

    #[test]
    fn an_excerpt_is_one_short_line() {
        assert_eq!(excerpt("  one\n two ", 20), "one two");
        assert_eq!(excerpt("äöü", 2), "äö...");
        assert_eq!(excerpt("äö", 2), "äö");
    }
}
