//! What is wrong with a file of the operator's, and where.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Why a file cannot be used: which file, where in it, and a sentence that says what to do.
///
/// The sentence never quotes a value or a line of the file, because either may hold a secret in the wrong place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    file: PathBuf,
    place: Option<Place>,
    sentence: String,
}

/// A place in a text file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Line, counted from 1.
    pub line: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
}

impl ConfigError {
    /// An error that concerns the whole file, or one that cannot be read at all.
    pub fn of_file(file: &Path, sentence: impl fmt::Display) -> Self {
        Self { file: file.to_owned(), place: None, sentence: sentence.to_string() }
    }

    /// An error at a place in the file.
    pub fn at(file: &Path, place: Place, sentence: impl fmt::Display) -> Self {
        Self { place: Some(place), ..Self::of_file(file, sentence) }
    }

    /// The file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Where in the file.
    pub fn place(&self) -> Option<Place> {
        self.place
    }

    /// What is wrong and what to do.
    pub fn sentence(&self) -> &str {
        &self.sentence
    }
}

impl fmt::Display for ConfigError {
    /// `config/gateway.toml:3:7: unknown member ..`: the form that editors and terminals turn into a link.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(Place { line, column }) = self.place {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.sentence)
    }
}

impl std::error::Error for ConfigError {}

impl Place {
    /// The place of byte `offset` of `text`. Bytes that are no UTF-8 count as one character each.
    pub fn of(text: &[u8], offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let begin = memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
        let line = 1 + memchr::memchr_iter(b'\n', before).count();
        let column = 1 + String::from_utf8_lossy(before.get(begin..).unwrap_or_default()).chars().count();
        Self { line, column }
    }

    /// The place where `span` of `text` begins.
    pub fn of_span(text: &str, span: &Range<usize>) -> Self {
        Self::of(text.as_bytes(), span.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_are_counted_as_editors_count_them() {
        let text = "a\nläng = 1\r\n\nz";
        for (offset, line, column) in
            [(0, 1, 1), (1, 1, 2), (2, 2, 1), (5, 2, 3), (6, 2, 4), (13, 3, 1), (14, 4, 1), (99, 4, 2)]
        {
            assert_eq!(Place::of(text.as_bytes(), offset), Place { line, column }, "{offset}");
        }
    }

    #[test]
    fn an_error_reads_as_file_line_column_sentence() {
        let file = Path::new("config/gateway.toml");
        let error = ConfigError::at(file, Place { line: 3, column: 7 }, "no");
        assert_eq!(error.to_string(), "config/gateway.toml:3:7: no");
        assert_eq!(ConfigError::of_file(file, "no").to_string(), "config/gateway.toml: no");
    }
}
