//! Which failures are tried again, and after how long.

use std::{
    hash::{BuildHasher, RandomState},
    time::{Duration, SystemTime},
};

use http::{HeaderMap, header};

use super::{Reply, text};
use crate::source::Trouble;

/// Tries after the first one.
const RETRIES: u32 = 2;

/// The Service throttles without saying for how long; it "clears within 5 seconds" in practice.
const THROTTLED: u32 = 6;

/// When to try again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Retries {
    first_wait: Duration,
}

impl Retries {
    pub(super) fn new(first_wait: Duration) -> Self {
        Self { first_wait }
    }

    /// How long to wait before trying again after try number `attempt` (from 0); `None` if there is no point in it.
    ///
    /// Only what passes by itself is tried again: no connection, 429, 502, 503 and 504. A `Retry-After` is a lower bound.
    /// The wait varies at random, so that clients that failed together do not come back together.
    pub(super) fn wait(self, attempt: u32, sent: &Result<Reply, Trouble>) -> Option<Duration> {
        if attempt >= RETRIES {
            return None;
        }
        let (asked, unhurried) = match sent {
            Ok(reply) => match reply.status.as_u16() {
                429 => (asked_wait(&reply.headers, SystemTime::now()), THROTTLED),
                502..=504 => (asked_wait(&reply.headers, SystemTime::now()), 1),
                _ => return None,
            },
            Err(Trouble::Unreachable) => (None, 1),
            Err(_) => return None,
        };
        let usual = self.first_wait * unhurried * 2_u32.pow(attempt);
        Some(match asked {
            Some(asked) => asked + self.first_wait.mul_f64(random()),
            None => usual.mul_f64(0.5 + random()),
        })
    }
}

/// The wait that `Retry-After` asks for, in seconds or as a date (RFC 9110, section 10.2.3).
pub(super) fn asked_wait(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let asked = text(headers, header::RETRY_AFTER)?.trim();
    if let Ok(seconds) = asked.parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    let date = httpdate::parse_http_date(asked).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

/// A number from 0 up to 1. It need not be hard to guess, so the seed of the standard library's maps will do.
fn random() -> f64 {
    f64::from(RandomState::new().hash_one(()) as u32) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use bytes::Bytes;
    use http::StatusCode;
    use proptest::prelude::*;

    use super::*;

    fn reply(status: u16, retry_after: Option<&str>) -> Result<Reply, Trouble> {
        let mut headers = HeaderMap::new();
        if let Some(value) = retry_after {
            headers.insert(header::RETRY_AFTER, value.parse().unwrap());
        }
        Ok(Reply { status: StatusCode::from_u16(status).unwrap(), headers, body: Bytes::new() })
    }

    fn wait(attempt: u32, sent: &Result<Reply, Trouble>) -> Option<Duration> {
        Retries::new(Duration::from_millis(100)).wait(attempt, sent)
    }

    #[test]
    fn only_what_passes_by_itself_is_tried_again() {
        for status in 100..600 {
            let again = matches!(status, 429 | 502 | 503 | 504);
            assert_eq!(wait(0, &reply(status, None)).is_some(), again, "{status}");
        }
        assert!(wait(0, &Err(Trouble::Unreachable)).is_some());
        for trouble in
            [Trouble::BrokeOff, Trouble::TooLarge { limit_mib: 1 }, Trouble::Elsewhere, Trouble::InvalidPoint]
        {
            assert_eq!(wait(0, &Err(trouble)), None);
        }
    }

    #[test]
    fn there_are_two_retries() {
        assert!(wait(1, &reply(503, None)).is_some());
        assert_eq!(wait(2, &reply(503, None)), None);
    }

    #[test]
    fn those_that_failed_together_do_not_come_back_together() {
        for asked in [None, Some("1")] {
            let waits: Vec<_> = (0..50).map(|_| wait(0, &reply(503, asked))).collect();
            let different: HashSet<_> = waits.iter().collect();
            assert!(different.len() > 40, "{waits:?}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        for (value, seconds) in [
            ("7", Some(7)),
            ("0", Some(0)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("-1", None),
            ("soon", None),
            ("99999999999999999999", None),
        ] {
            let headers = reply(429, Some(value)).unwrap().headers;
            assert_eq!(asked_wait(&headers, now), seconds.map(Duration::from_secs), "{value}");
        }
    }

    proptest! {
        #[test]
        fn waits_grow_vary_and_keep_to_retry_after(attempt in 0u32..2, asked in proptest::option::of(0u32..100)) {
            let value = asked.map(|seconds| seconds.to_string());
            let waited = wait(attempt, &reply(503, value.as_deref())).unwrap();
            match asked {
                Some(seconds) => prop_assert!(waited >= Duration::from_secs(seconds.into())),
                None => {
                    let usual = Duration::from_millis(100) * 2_u32.pow(attempt);
                    prop_assert!(waited >= usual / 2 && waited <= usual * 3 / 2, "{:?}", waited);
                }
            }
        }
    }
}
