//! Header fields as they came, in order, names in the case they had.

use std::fmt;

/// Header or trailer fields.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Fields(pub(crate) Vec<(String, Vec<u8>)>);

impl Fields {
    /// The one value of `name`; fails when there are several.
    #[track_caller]
    pub(crate) fn one(&self, name: &str) -> Option<&str> {
        let all = self.all(name);
        assert!(all.len() <= 1, "`{name}` stands {} times in {self:?}", all.len());
        all.first().copied()
    }

    /// All values of `name`, in order.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let named = self.0.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name));
        named.map(|(_, value)| std::str::from_utf8(value).expect("looked at as text")).collect()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(field, _)| field.eq_ignore_ascii_case(name))
    }

    /// Every field as `name: value` with the name in lower case, sorted: for comparing two sets.
    pub(crate) fn sorted(&self) -> Vec<String> {
        let line = |(name, value): &(String, Vec<u8>)| {
            format!("{}: {}", name.to_ascii_lowercase(), String::from_utf8_lossy(value))
        };
        let mut lines: Vec<_> = self.0.iter().map(line).collect();
        lines.sort();
        lines
    }

    pub(crate) fn push(&mut self, name: &str, value: impl AsRef<[u8]>) {
        self.0.push((name.to_owned(), value.as_ref().to_vec()));
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.iter().map(|(name, value)| (name, String::from_utf8_lossy(value)))).finish()
    }
}

/// The head of a request or a reply over HTTP/1.1.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    /// All of it, to the empty line.
    pub(crate) raw: Vec<u8>,
    /// The first line.
    pub(crate) start: String,
    pub(crate) fields: Fields,
}

impl Head {
    /// Takes a head apart; fails on anything that is not one.
    #[track_caller]
    pub(crate) fn parse(raw: Vec<u8>) -> Self {
        let text = raw.strip_suffix(b"\r\n\r\n").expect("a head ends with an empty line");
        let mut lines = text.split(|b| *b == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let start = String::from_utf8(lines.next().unwrap().to_vec()).expect("a first line is text");
        let mut fields = Fields::default();
        for line in lines {
            let colon = line.iter().position(|b| *b == b':').unwrap_or_else(|| panic!("no field: {line:?}"));
            let name = std::str::from_utf8(&line[..colon]).expect("a field name is text");
            fields.push(name, line[colon + 1..].trim_ascii());
        }
        Self { raw, start, fields }
    }

    /// The status of a reply.
    pub(crate) fn status(&self) -> u16 {
        self.start.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_else(|| panic!("{}", self.start))
    }
}
