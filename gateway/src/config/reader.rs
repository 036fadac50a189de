//! A small strict reader of TOML: members by name, values by type, and a place for every complaint.
//!
//! A table knows all its members before the first is read, so that a misspelt one is reported as such and not as the
//! absence of the right one.

mod text;
mod value;

pub(super) use text::{text_of, unreadable};
pub(super) use value::Value;

use super::error::{ConfigError, Place};
use std::ops::Range;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The members of each table, as `(table, members)`; the root is `""`.
pub(super) type Members = &'static [(&'static str, &'static [&'static str])];

/// A file's name and text: what every complaint needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'a> {
    file: &'a Path,
    text: &'a str,
    members: Members,
    advice: Advice,
}

/// A better sentence about an unknown member, by table and member, where the file's owner has one.
pub(super) type Advice = fn(&str, &str) -> Option<&'static str>;

impl<'a> Source<'a> {
    /// The text of `file`, whose tables have `members`.
    pub(super) fn new(file: &'a Path, text: &'a str, members: Members) -> Self {
        Self { file, text: text.strip_prefix('\u{feff}').unwrap_or(text), members, advice: |_, _| None }
    }

    /// The same source with sentences of its own about some unknown members.
    pub(super) fn advised(self, advice: Advice) -> Self {
        Self { advice, ..self }
    }

    /// The text that places are counted in: without a byte order mark.
    pub(super) fn text(self) -> &'a str {
        self.text
    }

    /// Reads the text as TOML; the result is the root table.
    pub(super) fn root(self) -> Result<Table<'a>, ConfigError> {
        let root = DeTable::parse(self.text).map_err(|e| self.error(&e.span().unwrap_or_default(), e.message()))?;
        Table::open(self, "", root.span(), root.into_inner())
    }

    /// A complaint about the bytes in `span`.
    pub(super) fn error(self, span: &Range<usize>, sentence: impl std::fmt::Display) -> ConfigError {
        ConfigError::at(self.file, Place::of_span(self.text, span), sentence)
    }

    fn members_of(self, table: &str) -> &'static [&'static str] {
        self.members.iter().find(|(name, _)| *name == table).map_or(&[], |(_, members)| members)
    }

    /// What to say of a member that `table` does not have.
    fn unknown(self, table: &str, member: &str) -> String {
        if let Some(sentence) = (self.advice)(table, member) {
            return sentence.to_owned();
        }
        let place = if table.is_empty() { String::new() } else { format!(" in [{table}]") };
        let Some(shown) = quotable(member) else {
            return format!("unknown member{place}; its name is not repeated here, in case it is a secret");
        };
        let near = self.members_of(table).iter().map(|known| (strsim::damerau_levenshtein(known, member), known)).min();
        let home = self.members.iter().find(|(name, members)| !name.is_empty() && members.contains(&member));
        let advice = match (near, home) {
            (Some((distance, known)), _) if distance <= 1 + known.len() / 4 => format!("did you mean `{known}`?"),
            (_, Some((home, _))) => format!("it belongs in [{home}]"),
            _ => format!("known are {}", listed(self.members_of(table))),
        };
        format!("unknown member `{shown}`{place}; {advice}")
    }
}

/// A table whose members all have known names.
#[derive(Debug)]
pub(super) struct Table<'a> {
    source: Source<'a>,
    name: &'static str,
    span: Range<usize>,
    members: DeTable<'a>,
}

impl<'a> Table<'a> {
    fn open(
        source: Source<'a>,
        name: &'static str,
        span: Range<usize>,
        members: DeTable<'a>,
    ) -> Result<Self, ConfigError> {
        let known = source.members_of(name);
        let stranger =
            members.keys().filter(|key| !known.contains(&&**key.get_ref())).min_by_key(|key| key.span().start);
        match stranger {
            Some(key) => Err(source.error(&key.span(), source.unknown(name, key.get_ref()))),
            None => Ok(Self { source, name, span, members }),
        }
    }

    /// Takes a member out; it can be taken once.
    pub(super) fn take(&mut self, member: &'static str) -> Option<Value<'a>> {
        debug_assert!(self.source.members_of(self.name).contains(&member), "{member} is not declared");
        let value = self.members.remove(member)?;
        let name = if self.name.is_empty() { member.to_owned() } else { format!("{}.{member}", self.name) };
        Some(Value::new(self.source, name, value))
    }

    /// A member that is text, left in its place.
    pub(super) fn peek_text(&self, member: &'static str) -> Option<Value<'a>> {
        let value = self.members.get(member).filter(|value| value.get_ref().is_str())?;
        Some(Value::new(self.source, member.to_owned(), value.clone()))
    }

    /// A member as `read` reads it, or `default` where it is not written.
    pub(super) fn read<T>(
        &mut self,
        member: &'static str,
        default: T,
        read: impl FnOnce(&Value<'a>) -> Result<T, ConfigError>,
    ) -> Result<T, ConfigError> {
        self.take(member).map_or(Ok(default), |value| read(&value))
    }

    /// A member as `read` reads it, if it is written.
    pub(super) fn read_optional<T>(
        &mut self,
        member: &'static str,
        read: impl FnOnce(&Value<'a>) -> Result<T, ConfigError>,
    ) -> Result<Option<T>, ConfigError> {
        self.take(member).map(|value| read(&value)).transpose()
    }

    /// A member that must be written.
    pub(super) fn required(&mut self, member: &'static str) -> Result<Value<'a>, ConfigError> {
        self.take(member).ok_or_else(|| self.error(format!("[{}] has no `{member}`", self.name)))
    }

    /// A table in this one, empty where it is not written.
    pub(super) fn table(&mut self, member: &'static str) -> Result<Table<'a>, ConfigError> {
        match self.members.remove(member).map(|value| (value.span(), value.into_inner())) {
            None => Table::open(self.source, member, 0..0, DeTable::new()),
            Some((span, DeValue::Table(members))) => Table::open(self.source, member, span, members),
            Some((span, _)) => Err(self.source.error(&span, format!("`{member}` is a table, written [{member}]"))),
        }
    }

    /// The tables of an array such as `[[client]]`, called `name` in complaints and in the list of members.
    pub(super) fn tables(&mut self, member: &'static str, name: &'static str) -> Result<Vec<Table<'a>>, ConfigError> {
        let form = || format!("`{name}` is a list of tables, each written [[{name}]]");
        let items = match self.members.remove(member).map(|value| (value.span(), value.into_inner())) {
            None => return Ok(Vec::new()),
            Some((_, DeValue::Array(items))) => items,
            Some((span, _)) => return Err(self.source.error(&span, form())),
        };
        let table = |item: Spanned<DeValue<'a>>| match (item.span(), item.into_inner()) {
            (span, DeValue::Table(members)) => Table::open(self.source, name, span, members),
            (span, _) => Err(self.source.error(&span, form())),
        };
        items.into_iter().map(table).collect()
    }

    /// The members of the table `member`, whose names are the file's own, each with its value, in the order of the file.
    /// `form` says how one is written.
    pub(super) fn entries(
        &mut self,
        member: &'static str,
        form: &str,
    ) -> Result<Vec<(Value<'a>, Value<'a>)>, ConfigError> {
        let members = match self.members.remove(member).map(|value| (value.span(), value.into_inner())) {
            None => return Ok(Vec::new()),
            Some((_, DeValue::Table(members))) => members,
            Some((span, _)) => return Err(self.source.error(&span, format!("`{member}` is a table, written {form}"))),
        };
        let mut members: Vec<_> = members.into_iter().collect();
        members.sort_by_key(|(name, _)| name.span().start);
        let value = |value| Value::new(self.source, member.to_owned(), value);
        let text = |name: Spanned<_>| Spanned::new(name.span(), DeValue::String(name.into_inner()));
        Ok(members.into_iter().map(|(name, entry)| (value(text(name)), value(entry))).collect())
    }

    /// Where the table begins in the text, in bytes.
    pub(super) fn offset(&self) -> usize {
        self.span.start
    }

    /// A complaint about the whole table.
    pub(super) fn error(&self, sentence: impl std::fmt::Display) -> ConfigError {
        self.source.error(&self.span, sentence)
    }
}

/// The name of an unknown member, unless it might be a secret that was pasted in the wrong place: generated keys
/// practically always have a digit or a capital.
fn quotable(name: &str) -> Option<&str> {
    let plain = |b: u8| b.is_ascii_lowercase() || b == b'_' || b == b'-';
    (name.len() <= 32 && name.bytes().all(plain)).then_some(name)
}

fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MEMBERS: Members = &[("", &["tls", "log"]), ("tls", &["certificate", "private_key"]), ("log", &["level"])];

    fn complaint(text: &str) -> String {
        let read = || {
            let mut root = Source::new(Path::new("f.toml"), text, MEMBERS).root()?;
            root.table("tls").and(root.table("log"))
        };
        read().map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn a_misspelt_member_is_named_with_the_right_one() {
        for (text, sentence) in [
            (
                "[tls]\ncertficate = \"a\"",
                "f.toml:2:1: unknown member `certficate` in [tls]; did you mean `certificate`?",
            ),
            ("[lgo]", "f.toml:1:2: unknown member `lgo`; did you mean `log`?"),
            ("[tls]\nlevel = 1", "f.toml:2:1: unknown member `level` in [tls]; it belongs in [log]"),
            ("\n  colour = 1", "f.toml:2:3: unknown member `colour`; known are `tls`, `log`"),
            (
                "tls.certificate = 1\ntls.b = 2",
                "f.toml:2:5: unknown member `b` in [tls]; known are `certificate`, `private_key`",
            ),
            ("tls = 1", "f.toml:1:7: `tls` is a table, written [tls]"),
            ("\u{feff}tls = 1", "f.toml:1:7: `tls` is a table, written [tls]"),
            ("[tls]\r\nx = 1\r\n", "f.toml:2:1: unknown member `x` in [tls]; known are `certificate`, `private_key`"),
        ] {
            assert_eq!(complaint(text), sentence);
        }
    }

    #[test]
    fn the_first_of_several_strangers_is_reported() {
        assert!(complaint("zzz = 1\naaa = 2").starts_with("f.toml:1:1: unknown member `zzz`"));
    }

    #[test]
    fn what_may_be_a_secret_is_not_repeated() {
        for text in [
            "mcpgw_abcdefgh_S3cr3t = 1",
            "[tls]\n\"S3cr3t value\" = 1",
            "S3cr3t",
            "= S3cr3t",
            "tls = S3cr3t",
            "tls = \"S3cr3t",
        ] {
            let complaint = complaint(text);
            assert!(complaint.starts_with("f.toml:") && !complaint.contains("S3cr3t"), "{complaint}");
        }
    }

    proptest! {
        #[test]
        fn any_text_gives_a_table_or_a_sentence_with_a_place(text in "(?s).{0,60}") {
            if let Err(error) = Source::new(Path::new("f"), &text, MEMBERS).root() {
                prop_assert!(error.place().is_some() && !error.sentence().is_empty());
            }
        }
    }
}
