//! One value of a TOML file, read as what it should be.

use super::{Source, Table};
use crate::config::error::ConfigError;
use crate::config::moment::instant;
use std::time::{Duration, SystemTime};
use toml::Spanned;
use toml::de::DeValue;

/// A tick of the clock that nearly all waits are counted by.
const SHORTEST: Duration = Duration::from_millis(100);
/// Ten years.
const LONGEST: Duration = Duration::from_secs(3650 * 86_400);

/// A member's value, which knows its name and place.
#[derive(Debug)]
pub(in crate::config) struct Value<'a> {
    source: Source<'a>,
    name: String,
    value: Spanned<DeValue<'a>>,
}

impl<'a> Value<'a> {
    pub(super) fn new(source: Source<'a>, name: String, value: Spanned<DeValue<'a>>) -> Self {
        Self { source, name, value }
    }

    /// A complaint about this value: its name, then `what`.
    pub(in crate::config) fn error(&self, what: impl std::fmt::Display) -> ConfigError {
        self.source.error(&self.value.span(), format!("`{}` {what}", self.name))
    }

    /// A complaint that does not begin with the value's name.
    pub(in crate::config) fn complaint(&self, sentence: impl std::fmt::Display) -> ConfigError {
        self.source.error(&self.value.span(), sentence)
    }

    /// A string.
    pub(in crate::config) fn text(&self) -> Result<&str, ConfigError> {
        self.value.get_ref().as_str().ok_or_else(|| self.not("text in quotes"))
    }

    /// `true` or `false`.
    pub(in crate::config) fn flag(&self) -> Result<bool, ConfigError> {
        self.value.get_ref().as_bool().ok_or_else(|| self.not("`true` or `false`"))
    }

    /// A string that `read` can read; `form` says what it should be.
    pub(in crate::config) fn parsed<T>(
        &self,
        form: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, ConfigError> {
        read(self.text()?).ok_or_else(|| self.error(format!("is not {form}")))
    }

    /// A list of values.
    pub(in crate::config) fn list(&self) -> Result<Vec<Value<'a>>, ConfigError> {
        let items = self.value.get_ref().as_array().ok_or_else(|| self.not("a list in brackets"))?;
        Ok(items.iter().map(|item| Value::new(self.source, self.name.clone(), item.clone())).collect())
    }

    /// A table, called `name` in complaints and in the list of members.
    pub(in crate::config) fn table(self, name: &'static str) -> Result<Table<'a>, ConfigError> {
        match (self.value.span(), self.value.into_inner()) {
            (span, DeValue::Table(members)) => Table::open(self.source, name, span, members),
            (span, _) => {
                Err(self.source.error(&span, format!("`{}` holds tables, each written [{name}.NAME]", self.name)))
            }
        }
    }

    /// A table, called `name` in complaints and in the list of members; nothing if this is another thing.
    pub(in crate::config) fn as_table(&self, name: &'static str) -> Option<Result<Table<'a>, ConfigError>> {
        let members = self.value.get_ref().as_table()?;
        Some(Table::open(self.source, name, self.value.span(), members.clone()))
    }

    /// Where it begins in the text, in bytes.
    pub(in crate::config) fn offset(&self) -> usize {
        self.value.span().start
    }

    /// Whether this is a string.
    pub(in crate::config) fn is_text(&self) -> bool {
        self.value.get_ref().is_str()
    }

    /// A whole number that is not negative.
    pub(in crate::config) fn number(&self) -> Result<u64, ConfigError> {
        let number = self.value.get_ref().as_integer().ok_or_else(|| self.not("a whole number"))?;
        let digits = number.as_str().trim_start_matches('+');
        u64::from_str_radix(digits, number.radix())
            .map_err(|_| self.error("is out of range: it must be 0 or more, and fit 64 bits"))
    }

    /// A whole number from `least` on that fits 32 bits.
    pub(in crate::config) fn count(&self, least: u32) -> Result<u32, ConfigError> {
        let count = u32::try_from(self.number()?).ok().filter(|count| *count >= least);
        count.ok_or_else(|| self.error(format!("must be {least} or more, and fit 32 bits")))
    }

    /// A length of time with its unit, such as `"75s"` or `"1m 30s"`.
    fn duration(&self) -> Result<Duration, ConfigError> {
        let form = "a length of time with its unit, such as \"75s\", \"500ms\" or \"1m 30s\"";
        if !self.is_text() {
            return Err(self.not(form));
        }
        self.parsed(form, |text| humantime::parse_duration(text).ok())
    }

    /// A length of time that can be waited for: not so short that waiting for it is all that is done, nor so long that a
    /// clock cannot count it.
    pub(in crate::config) fn wait(&self) -> Result<Duration, ConfigError> {
        let duration = self.duration()?;
        if (SHORTEST..=LONGEST).contains(&duration) {
            return Ok(duration);
        }
        Err(self.error("must be longer than zero: from \"100ms\" to \"3650d\""))
    }

    /// As [`Value::wait`], or zero.
    pub(in crate::config) fn wait_or_zero(&self) -> Result<Duration, ConfigError> {
        match self.duration()? {
            Duration::ZERO => Ok(Duration::ZERO),
            duration if (SHORTEST..=LONGEST).contains(&duration) => Ok(duration),
            _ => Err(self.error("must be \"0s\", or from \"100ms\" to \"3650d\"")),
        }
    }

    /// A number of bytes: a whole number, or text such as `"4MiB"`.
    pub(in crate::config) fn size(&self) -> Result<u64, ConfigError> {
        if self.is_text() {
            return self.parsed("a size such as 65536, \"64KiB\", \"4MiB\" or \"1GiB\"", bytes_of);
        }
        self.number()
    }

    /// A moment: a TOML offset date-time.
    pub(in crate::config) fn time(&self) -> Result<SystemTime, ConfigError> {
        let form = "a date and time with its offset, without quotes, such as 2027-01-31T12:00:00Z";
        let time = self.value.get_ref().as_datetime().ok_or_else(|| self.not(form))?;
        if time.date.is_none() || time.time.is_none() || time.offset.is_none() {
            return Err(self.error(
                "says no offset, so it is another moment on another machine; add Z (UTC) or one such as +02:00",
            ));
        }
        instant(time).ok_or_else(|| self.error("is not a date from 1970 to 9999"))
    }

    fn not(&self, form: &str) -> ConfigError {
        let article = if matches!(self.value.get_ref(), DeValue::Array(_) | DeValue::Integer(_)) { "an" } else { "a" };
        self.error(format!("is {article} {}; write {form}", self.value.get_ref().type_str()))
    }
}

fn bytes_of(text: &str) -> Option<u64> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at_checked(digits)?;
    let shift = match unit.trim_start() {
        "" | "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(1 << shift)
}
