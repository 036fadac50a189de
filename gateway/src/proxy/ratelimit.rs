//! What a client with limits is told of them: `RateLimit` and `RateLimit-Policy`
//! (draft-ietf-httpapi-ratelimit-headers-11), on refusals and on all its other replies.

use crate::access::{Client, Hold, Standing, Uptime, seconds};
use crate::record::decimal;
use crate::reject::Reject;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use std::time::Duration;

const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// The two fields.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RateLimit {
    policy: HeaderValue,
    state: Vec<u8>,
}

impl RateLimit {
    /// How much `client` has left, of its rate and of that for `tool`; of its slots only where they are what `refused`.
    /// Nothing for a client without limits.
    pub(super) fn of(client: &Client, tool: Option<&str>, refused: Option<Reject>) -> Option<Box<Self>> {
        let allowance = client.allowance()?;
        let (mut policy, mut state) = (None, Vec::with_capacity(64));
        for standing in allowance.standings(tool, Uptime::now()) {
            policy = Some(standing.policy);
            rate(&standing, &mut state);
        }
        let full = match refused {
            Some(Reject::StreamsLimited) => allowance.most(Hold::Stream).map(|most| ("\"streams\"", most)),
            Some(Reject::InFlightLimited) => allowance.most(Hold::Flight).map(|most| ("\"in-flight\"", most)),
            _ => None,
        };
        let policy = match full {
            None => policy.cloned(),
            Some((name, most)) => {
                item(name, &mut state);
                put(&mut state, ";r=", 0);
                slots(policy, name, most.get())
            }
        };
        policy.map(|policy| Box::new(Self { policy, state }))
    }

    pub(super) fn on(self, headers: &mut HeaderMap) {
        if let Ok(mut state) = HeaderValue::try_from(self.state) {
            state.set_sensitive(true); // it never comes again: h2 need not remember it
            headers.insert(RATELIMIT_POLICY, self.policy);
            headers.insert(RATELIMIT, state);
        }
    }
}

/// The policies of the rates, and that of the slots of which there are so many.
#[cold]
fn slots(rates: Option<&HeaderValue>, name: &str, most: u32) -> Option<HeaderValue> {
    let mut text = rates.map(|rates| rates.as_bytes().to_vec()).unwrap_or_default();
    item(name, &mut text);
    put(&mut text, ";q=", most.into());
    text.extend_from_slice(b";qu=\"concurrent-requests\"");
    HeaderValue::try_from(text).ok()
}

/// What is left of a rate. The effective window ends when there is one unit more.
fn rate(standing: &Standing<'_>, state: &mut Vec<u8>) {
    item(standing.name, state);
    put(state, ";r=", u64::from(standing.level.units));
    put(state, ";t=", seconds(standing.level.next));
}

/// Begins an item of a list, which is named by a string.
fn item(name: &str, list: &mut Vec<u8>) {
    if !list.is_empty() {
        list.extend_from_slice(b", ");
    }
    list.extend_from_slice(name.as_bytes());
}

fn put(text: &mut Vec<u8>, parameter: &str, value: u64) {
    text.extend_from_slice(parameter.as_bytes());
    text.extend_from_slice(decimal(value, &mut [0; 20]));
}

/// Whole milliseconds, never fewer than it takes.
pub(super) fn millis(wait: Duration) -> u128 {
    wait.as_nanos().div_ceil(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{Access, ClientId, ClientRow, Level, Limits, Rate};
    use std::num::NonZeroU32;

    fn limits() -> Limits {
        let tool = Rate::parse("100/s").unwrap().burst(10);
        Limits {
            quota: Some(Rate::parse("60/min").unwrap().burst(60)),
            tools: [("a\"b\\".into(), tool)].into(),
            max_streams: NonZeroU32::new(3),
            ..Limits::default()
        }
    }

    fn fields(limits: Limits, tool: Option<&str>, refused: Option<Reject>) -> Option<(String, String)> {
        let row = ClientRow { limits, ..ClientRow::new(ClientId::parse("a").unwrap()) };
        let access = Access::build(vec![row]).unwrap();
        let RateLimit { policy, state } = *RateLimit::of(&access.clients()[0], tool, refused)?;
        Some((policy.to_str().unwrap().to_owned(), String::from_utf8(state).unwrap()))
    }

    #[test]
    fn fields_are_lists_of_strings_with_parameters() {
        let both = |policy: &str, state: &str| Some((policy.to_owned(), state.to_owned()));
        let client = (r#""client";q=60;w=60"#, r#""client";r=60;t=0"#);
        assert_eq!(fields(limits(), None, None), both(client.0, client.1));
        assert_eq!(fields(limits(), Some("other"), None), both(client.0, client.1));
        let (policy, state) = fields(limits(), Some("a\"b\\"), None).unwrap();
        assert_eq!(policy, format!(r#"{}, "tool:a\"b\\";q=10;w=1"#, client.0));
        assert_eq!(state, format!(r#"{}, "tool:a\"b\\";r=10;t=0"#, client.1));
        let (policy, state) = fields(limits(), None, Some(Reject::StreamsLimited)).unwrap();
        assert_eq!(policy, format!(r#"{}, "streams";q=3;qu="concurrent-requests""#, client.0));
        assert_eq!(state, format!(r#"{}, "streams";r=0"#, client.1));
        let alone = Limits { max_streams: NonZeroU32::new(3), ..Limits::default() };
        assert_eq!(fields(alone.clone(), None, None), None, "nothing is said of slots that are free");
        let streams = both(r#""streams";q=3;qu="concurrent-requests""#, r#""streams";r=0"#);
        assert_eq!(fields(alone, None, Some(Reject::StreamsLimited)), streams);
    }

    #[test]
    fn what_is_left_is_told() {
        let policy = HeaderValue::from_static("");
        let quota = Rate::parse("60/min").unwrap().at_once();
        let told = |units, millis| {
            let level = Level { units, next: Duration::from_millis(millis) };
            let mut state = Vec::new();
            rate(&Standing { name: "\"client\"", policy: &policy, quota, level }, &mut state);
            String::from_utf8(state).unwrap()
        };
        assert_eq!(
            [told(59, 1000), told(0, 1), told(3, 0)].join(" "),
            r#""client";r=59;t=1 "client";r=0;t=1 "client";r=3;t=0"#
        );
    }

    #[test]
    fn nobody_is_told_to_come_too_early() {
        for (wait, whole, thousandths) in [(0, 0, 0), (1, 1, 1), (999_999_999, 1, 1000), (1_000_000_001, 2, 1001)] {
            let wait = Duration::from_nanos(wait);
            assert_eq!((seconds(wait), millis(wait)), (whole, thousandths));
        }
    }
}
