//! What a client with limits is told of them: `RateLimit` and `RateLimit-Policy`
//! (draft-ietf-httpapi-ratelimit-headers-11), on refusals and on all its other replies.

use crate::access::{Client, Hold, Standing, Uptime};
use crate::record::decimal;
use crate::reject::Reject;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use std::time::Duration;

const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// The two fields, as text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RateLimit {
    policy: Vec<u8>,
    state: Vec<u8>,
}

impl RateLimit {
    /// How much `client` has left, of its rate and of that for `tool`; of its slots only where they are what `refused`.
    /// Nothing for a client without limits.
    pub(super) fn of(client: &Client, tool: Option<&str>, refused: Option<Reject>) -> Option<Box<Self>> {
        let allowance = client.allowance()?;
        let mut fields = Self::new();
        allowance.standings(tool, Uptime::now()).for_each(|standing| fields.rate(&standing));
        for (reject, name, hold) in
            [(Reject::StreamsLimited, "streams", Hold::Stream), (Reject::InFlightLimited, "in-flight", Hold::Flight)]
        {
            if let Some(most) = allowance.most(hold).filter(|_| refused == Some(reject)) {
                fields.item(name, None);
                put(&mut fields.policy, ";q=", u64::from(most.get()));
                fields.policy.extend_from_slice(b";qu=\"concurrent-requests\"");
                put(&mut fields.state, ";r=", 0);
            }
        }
        (!fields.policy.is_empty()).then(|| Box::new(fields))
    }

    /// The quota is the burst, and its window the time in which that much comes again. The effective window ends when
    /// there is one unit more.
    fn rate(&mut self, standing: &Standing<'_>) {
        let Standing { tool, quota, level } = standing;
        self.item(if tool.is_some() { "tool:" } else { "client" }, *tool);
        put(&mut self.policy, ";q=", u64::from(quota.burst()));
        put(&mut self.policy, ";w=", seconds(quota.window()).max(1));
        put(&mut self.state, ";r=", u64::from(level.units));
        put(&mut self.state, ";t=", seconds(level.next));
    }

    /// Begins an item of both lists, named by a string (RFC 9651, section 3.3.3).
    fn item(&mut self, name: &str, tool: Option<&str>) {
        for text in [&mut self.policy, &mut self.state] {
            if !text.is_empty() {
                text.extend_from_slice(b", ");
            }
            text.push(b'"');
            text.extend_from_slice(name.as_bytes());
            for byte in tool.unwrap_or_default().bytes() {
                if matches!(byte, b'"' | b'\\') {
                    text.push(b'\\');
                }
                text.push(byte); // limits name visible ASCII only
            }
            text.push(b'"');
        }
    }

    fn new() -> Self {
        Self { policy: Vec::with_capacity(64), state: Vec::with_capacity(64) }
    }

    pub(super) fn on(self, headers: &mut HeaderMap) {
        if let (Ok(policy), Ok(mut state)) = (HeaderValue::try_from(self.policy), HeaderValue::try_from(self.state)) {
            state.set_sensitive(true); // it never comes again: h2 need not remember it
            headers.insert(RATELIMIT_POLICY, policy);
            headers.insert(RATELIMIT, state);
        }
    }
}

fn put(text: &mut Vec<u8>, parameter: &str, value: u64) {
    text.extend_from_slice(parameter.as_bytes());
    text.extend_from_slice(decimal(value, &mut [0; 20]));
}

/// Whole seconds, never fewer than it takes.
pub(super) fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

/// Whole milliseconds, never fewer than it takes.
pub(super) fn millis(wait: Duration) -> u128 {
    wait.as_nanos().div_ceil(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{Level, Rate};

    fn rates(standings: &[(Option<&str>, &str, u32, Level)]) -> (String, String) {
        let mut fields = RateLimit::new();
        for (tool, rate, burst, level) in standings {
            let quota = Rate::parse(rate).unwrap().burst(*burst);
            fields.rate(&Standing { tool: *tool, quota, level: *level });
        }
        (String::from_utf8(fields.policy).unwrap(), String::from_utf8(fields.state).unwrap())
    }

    #[test]
    fn fields_are_lists_of_strings_with_parameters() {
        let level = |units, millis| Level { units, next: Duration::from_millis(millis) };
        let client = (None, "60/min", 60, level(59, 1000));
        let tool = (Some("a\"b\\"), "100/s", 10, level(0, 1));
        let (policy, state) = rates(&[client, tool]);
        assert_eq!(policy, r#""client";q=60;w=60, "tool:a\"b\\";q=10;w=1"#);
        assert_eq!(state, r#""client";r=59;t=1, "tool:a\"b\\";r=0;t=1"#);
        assert_eq!(rates(&[(None, "1/day", 3, level(3, 0))]).1, r#""client";r=3;t=0"#);
    }

    #[test]
    fn nobody_is_told_to_come_too_early() {
        for (wait, whole, thousandths) in [(0, 0, 0), (1, 1, 1), (999_999_999, 1, 1000), (1_000_000_001, 2, 1001)] {
            let wait = Duration::from_nanos(wait);
            assert_eq!((seconds(wait), millis(wait)), (whole, thousandths));
        }
    }
}
