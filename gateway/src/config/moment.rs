//! Moments as files and people write them: RFC 3339, always with an offset.

use std::time::SystemTime;
use toml_edit::{Date, Datetime, Offset, Time};

/// Reads an RFC 3339 date and time with its offset, from 1970 on.
pub fn parse(text: &str) -> Option<SystemTime> {
    instant(&text.parse().ok()?)
}

/// A moment in UTC and whole seconds, such as `2027-01-31T12:00:00Z`. What lies before 1970 or after 9999 is written as
/// the nearest moment that can be.
pub fn text(moment: SystemTime) -> String {
    let last = 253_402_300_799; // the last second of 9999
    let seconds = moment.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs()).min(last);
    let nearest = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
    datetime(nearest).map(|written| written.to_string()).unwrap_or_default()
}

/// The moment that an offset date-time names, from 1970 on. A leap second is the second before it.
pub(super) fn instant(written: &Datetime) -> Option<SystemTime> {
    let (date, clock, offset) = (written.date?, written.time?, written.offset?);
    let month = time::Month::try_from(date.month).ok()?;
    let date = time::Date::from_calendar_date(date.year.into(), month, date.day).ok()?;
    let (second, nanosecond) = (clock.second.unwrap_or_default().min(59), clock.nanosecond.unwrap_or_default());
    let clock = time::Time::from_hms_nano(clock.hour, clock.minute, second, nanosecond).ok()?;
    let minutes = match offset {
        Offset::Z => 0,
        Offset::Custom { minutes } => i64::from(minutes),
    };
    let local = time::PrimitiveDateTime::new(date, clock).assume_utc();
    let moment = SystemTime::from(local.checked_sub(time::Duration::minutes(minutes))?);
    (moment >= SystemTime::UNIX_EPOCH).then_some(moment)
}

/// A moment in UTC and whole seconds, as TOML has it; none before 1970 or after 9999.
pub(super) fn datetime(moment: SystemTime) -> Option<Datetime> {
    let seconds = moment.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs();
    let moment = time::OffsetDateTime::from_unix_timestamp(seconds.try_into().ok()?).ok()?;
    let year = u16::try_from(moment.year()).ok().filter(|year| *year <= 9999)?;
    let (month, day) = (moment.month().into(), moment.day());
    let (hour, minute, second) = (moment.hour(), moment.minute(), moment.second());
    Some(Datetime {
        date: Some(Date { year, month, day }),
        time: Some(Time { hour, minute, second: Some(second), nanosecond: None }),
        offset: Some(Offset::Z),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn rfc_3339_is_read_with_any_offset() {
        for (text, seconds) in [
            ("2027-01-15T08:00:00Z", Some(1_800_000_000)),
            ("2027-01-15T10:00:00+02:00", Some(1_800_000_000)),
            ("2027-01-15 07:30:00-00:30", Some(1_800_000_000)),
            ("2016-12-31T23:59:60Z", Some(1_483_228_799)),
            ("1970-01-01T00:00:00Z", Some(0)),
            ("1970-01-01T00:00:00+00:01", None),
            ("2027-01-15T08:00:00", None),
            ("2027-01-15", None),
            ("2027-02-30T00:00:00Z", None),
            ("tomorrow", None),
        ] {
            assert_eq!(parse(text), seconds.map(at), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_written_is_written_as_the_nearest() {
        assert_eq!(text(at(1_800_000_000)), "2027-01-15T08:00:00Z");
        assert_eq!(text(at(999_999_999_999)), "9999-12-31T23:59:59Z");
        assert_eq!(text(SystemTime::UNIX_EPOCH - Duration::from_secs(1)), "1970-01-01T00:00:00Z");
        assert_eq!(datetime(at(999_999_999_999)), None);
    }

    proptest! {
        #[test]
        fn moments_survive_their_text(seconds in 0u64..253_402_300_800) {
            prop_assert_eq!(parse(&text(at(seconds))), Some(at(seconds)));
        }
    }
}
