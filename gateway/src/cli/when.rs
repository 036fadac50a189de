//! Moments and spans of time as people type and read them.

use super::Failure;
use crate::config::moment;
use std::time::{Duration, SystemTime};

/// The moment that `text` names: `90d` from `now`, or RFC 3339, where a day alone is its beginning in UTC.
pub(super) fn moment(option: &str, text: &str, now: SystemTime) -> Result<SystemTime, Failure> {
    let date = || moment::parse(text).or_else(|| moment::parse(&format!("{text}T00:00:00Z")));
    let moment = match humantime::parse_duration(text) {
        Ok(span) => now.checked_add(span),
        Err(_) => date(),
    };
    let last = moment::parse("9999-12-31T23:59:59Z");
    moment.filter(|moment| Some(*moment) <= last).ok_or_else(|| {
        Failure::configuration(format!(
            "{option} must be a length of time from now such as 90d, 12h or \"1month 15d\", \
            or a date such as 2027-01-31 or 2027-01-31T12:00:00Z, no later than the year 9999"
        ))
    })
}

/// A span in its largest unit: enough to decide whether to act.
pub(super) fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    let (count, unit) = match seconds {
        0..120 => (seconds, 's'),
        120..7_200 => (seconds / 60, 'm'),
        7_200..172_800 => (seconds / 3_600, 'h'),
        _ => (seconds / 86_400, 'd'),
    };
    format!("{count}{unit}")
}

/// When something ends: `in 12d`, or `3h ago`.
pub(super) fn relative(moment: SystemTime, now: SystemTime) -> String {
    match moment.duration_since(now) {
        Ok(ahead) => format!("in {}", span(ahead)),
        Err(past) => format!("{} ago", span(past.duration())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn spans_count_from_now_and_dates_do_not() {
        let now = at(1_800_000_000);
        for (text, seconds) in [
            ("90d", Some(1_800_000_000 + 90 * 86_400)),
            ("1h 30m", Some(1_800_000_000 + 5_400)),
            ("0s", Some(1_800_000_000)),
            ("2027-01-16", Some(1_800_057_600)),
            ("2027-01-15T08:00:00Z", Some(1_800_000_000)),
            ("2027-01-15T10:00:00+02:00", Some(1_800_000_000)),
            ("2027-01-15T08:00:00", None),
            ("tomorrow", None),
            ("-1d", None),
            ("", None),
            ("9000y", None),
            ("99999999999999y", None),
        ] {
            assert_eq!(moment("--expires", text, now).ok(), seconds.map(at), "{text}");
        }
    }

    #[test]
    fn a_span_reads_in_its_largest_unit() {
        for (seconds, text) in
            [(0, "0s"), (119, "119s"), (120, "2m"), (7_200, "2h"), (172_800, "2d"), (90 * 86_400, "90d")]
        {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
        assert_eq!(relative(at(100), at(40)), "in 60s");
        assert_eq!(relative(at(40), at(100)), "60s ago");
    }
}
