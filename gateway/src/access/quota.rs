//! How much somebody may use: a rate, and how much of it at once.

use std::fmt;
use std::time::Duration;

/// So many units in a second, minute, hour or day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    count: u32,
    per: Per,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Per {
    Second,
    Minute,
    Hour,
    Day,
}

/// Why a text is no [`Rate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a rate is a number from 1 to 1000000 in a unit of time (s, min, h or day), such as \"60/min\"")]
pub struct RateError;

impl Per {
    const fn word(self) -> &'static str {
        match self {
            Per::Second => "s",
            Per::Minute => "min",
            Per::Hour => "h",
            Per::Day => "day",
        }
    }

    const fn nanos(self) -> u64 {
        let seconds = match self {
            Per::Second => 1,
            Per::Minute => 60,
            Per::Hour => 3600,
            Per::Day => 86_400,
        };
        seconds * 1_000_000_000
    }
}

impl Rate {
    const MOST: u32 = 1_000_000;

    /// Reads `60/min`.
    ///
    /// # Errors
    /// Any other text, and a number that is zero or larger than a million.
    pub fn parse(text: &str) -> Result<Self, RateError> {
        let (count, unit) = text.split_once('/').ok_or(RateError)?;
        let units = [Per::Second, Per::Minute, Per::Hour, Per::Day];
        let per = units.into_iter().find(|per| per.word() == unit).ok_or(RateError)?;
        let digits = !count.is_empty() && count.bytes().all(|b| b.is_ascii_digit()) && !count.starts_with('0');
        let count = count.parse().ok().filter(|count| digits && *count <= Self::MOST).ok_or(RateError)?;
        Ok(Self { count, per })
    }

    /// The rate, of which `burst` units may be used at once.
    pub fn burst(self, burst: u32) -> Quota {
        let interval = self.per.nanos().div_ceil(u64::from(self.count)); // rounded so that it is never more than was written
        Quota { rate: self, burst: burst.max(1), interval }
    }

    /// The rate, all of which may be used at once.
    pub fn at_once(self) -> Quota {
        self.burst(self.count)
    }
}

impl fmt::Display for Rate {
    /// The form of the files.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.count, self.per.word())
    }
}

/// A bucket's size and how fast it fills: `burst` units at once, and from then on one after each interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    rate: Rate,
    burst: u32,
    interval: u64,
}

impl Quota {
    /// How fast the bucket fills.
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// Most units at once; no call may cost more.
    pub fn burst(&self) -> u32 {
        self.burst
    }

    /// How long an empty bucket takes to be full.
    pub fn window(&self) -> Duration {
        Duration::from_nanos(self.capacity())
    }

    /// Nanoseconds after which one more unit may be used.
    pub(super) const fn interval(&self) -> u64 {
        self.interval
    }

    /// The whole bucket in nanoseconds: at most 2^32 intervals of a day, which is why it is cut off at 146 years.
    pub(super) fn capacity(&self) -> u64 {
        self.interval.saturating_mul(u64::from(self.burst)).min(1 << 62)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_in_a_unit_of_time() {
        for (text, interval) in [
            ("1/s", 1_000_000_000),
            ("1000000/s", 1_000),
            ("3/s", 333_333_334),
            ("60/min", 1_000_000_000),
            ("5/h", 720_000_000_000),
            ("1/day", 86_400_000_000_000),
        ] {
            let rate = Rate::parse(text).unwrap();
            assert_eq!((rate.to_string().as_str(), rate.burst(7).interval()), (text, interval));
            assert_eq!(rate.burst(7).capacity(), 7 * interval);
        }
        for text in [
            "",
            "/",
            "60",
            "60/",
            "/min",
            "0/s",
            "01/s",
            "+1/s",
            "-1/s",
            "1.5/s",
            " 1/s",
            "1/ s",
            "1/minute",
            "1000001/s",
            "1/s/s",
        ] {
            assert_eq!(Rate::parse(text), Err(RateError), "{text}");
        }
        assert_eq!(Rate::parse("60/min").unwrap().at_once().burst(), 60);
    }
}
