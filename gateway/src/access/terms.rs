//! How replies tell a client of a rate (draft-ietf-httpapi-ratelimit-headers-11): what does not change is rendered once.

use super::Quota;
use http::HeaderValue;
use std::time::Duration;

/// What a reply says of a rate, whatever is left of it.
#[derive(Debug)]
pub(super) struct Terms {
    /// Its name, as a string of RFC 9651, section 3.3.3.
    pub(super) name: Box<str>,
    /// The policy of this rate, behind those that hold beside it: the whole `RateLimit-Policy`.
    pub(super) policy: HeaderValue,
}

impl Terms {
    /// Of a client's rate.
    pub(super) fn client(quota: &Quota) -> Self {
        Self::new("client", quota, None)
    }

    /// Of the rate of its calls of a tool, which holds beside that of all its calls, if there is one.
    pub(super) fn tool(tool: &str, quota: &Quota, client: Option<&Terms>) -> Self {
        Self::new(&format!("tool:{tool}"), quota, client)
    }

    /// The quota is the burst, and its window the time in which that much comes again.
    fn new(name: &str, quota: &Quota, beside: Option<&Terms>) -> Self {
        let name = format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\"")); // limits name visible ASCII only
        let item = format!("{name};q={};w={}", quota.burst(), seconds(quota.window()).max(1)).into_bytes();
        let policy = match beside {
            None => item,
            Some(terms) => [terms.policy.as_bytes(), b", ", &item].concat(),
        };
        let policy = HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("\"\""));
        Self { name: name.into(), policy }
    }
}

/// Whole seconds, never fewer than it takes.
pub fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}
