//! Every way the gateway says no. One row each: HTTP status, JSON-RPC code, the word that metrics and audit use, and the
//! sentence the caller reads.
//!
//! The sentence is theirs, the word is ours: a caller must not learn from it whether a key is unknown, expired or
//! disabled, while the operator sees the word in every line and counter.

use crate::stock::Full;
use http::StatusCode;

/// A refusal of the gateway's own. What the upstream answers is never one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reject {
    /// The request target is not a plain origin-form path.
    Target,
    /// A header name stands for one of the gateway's own once `_` and `.` are read as `-`.
    HeaderName,
    /// `Connection` lists a field that decides something here, as if it were for this hop only.
    Nominated,
    /// A `Transfer-Encoding` that is anything but one `chunked`.
    Coding,
    /// More header fields than a request may have.
    TooManyFields,
    /// A list of header fields that is larger than it may be over h2.
    HeaderList,
    /// A message that a policy cannot judge.
    Envelope,
    /// A 2026-07-28 header says other than the body (MCP 2026-07-28, transports/streamable-http).
    HeaderMismatch,
    /// No `X-API-Key`.
    KeyMissing,
    /// More than one `X-API-Key`, or one that cannot be a key: empty, oversized, not visible ASCII.
    KeyMalformed,
    /// No client has this key, and by its checksum none ever had: it began like one of ours and was mistyped or cut.
    KeyMistyped,
    /// No client has this key.
    KeyUnknown,
    /// The key's `expires_at` has passed.
    KeyExpired,
    /// The key's `not_before` has not come yet.
    KeyNotYetValid,
    /// The key is `disabled`.
    KeyDisabled,
    /// The key may not be used from this address.
    KeyAddress,
    /// `Origin` is not in `allowed_origins`.
    Origin,
    /// The client may not make this call.
    Denied,
    /// No route has this path.
    Path,
    /// The session belongs to another client.
    Session,
    /// The client has used up its rate.
    RateLimited,
    /// The client has used up its rate for this tool.
    ToolRateLimited,
    /// The client has as many streams open as it may.
    StreamsLimited,
    /// The client has as many requests under way as it may.
    InFlightLimited,
    /// Too many keys from this address were refused. A good key is never refused with this.
    FailuresLimited,
    /// The request body is larger than allowed.
    BodyTooLarge,
    /// A media type or content coding that a policy cannot judge.
    MediaType,
    /// `Host` is not one of the gateway's names.
    Host,
    /// `Upgrade` on a protected path.
    Upgrade,
    /// CONNECT, in any form.
    Connect,
    /// The upstream cannot be reached.
    UpstreamUnreachable,
    /// The upstream could not be reached a moment ago, and the worker tries again.
    UpstreamDown,
    /// The upstream closed or broke the connection before its answer began.
    UpstreamClosed,
    /// The upstream's answer breaks the rules of HTTP/1.1.
    UpstreamInvalid,
    /// The upstream's answer may be a list, and cannot be cut down to what its reader may use.
    ListUnreadable,
    /// The upstream's list is larger than `limits.max_list`.
    ListTooLarge,
    /// The gateway is at its limit of requests in flight.
    Overload,
    /// The gateway holds as many bytes as it may.
    Full,
    /// The upstream sent no response head within `upstream.head_timeout`.
    HeadTimeout,
    /// The process had to end before the upstream had answered. No `Retry-After`: what has left may have been done.
    Drained,
    /// The client stopped sending its request body, or broke it off.
    BodyIncomplete,
}

/// What stands behind one [`Reject`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// HTTP status of the answer.
    pub status: StatusCode,
    /// JSON-RPC error code; -32000..-32019 are ours, -32020 and below are MCP's.
    pub code: i32,
    /// The word in metrics and audit.
    pub word: &'static str,
    /// What the caller is told.
    pub sentence: &'static str,
}

const INVALID_KEY: &str = "Invalid API key";

impl Reject {
    /// All refusals, in the order of their declaration; a metric has a slot for each.
    pub const ALL: [Reject; 41] = [
        Reject::Target,
        Reject::HeaderName,
        Reject::Nominated,
        Reject::Coding,
        Reject::TooManyFields,
        Reject::HeaderList,
        Reject::Envelope,
        Reject::HeaderMismatch,
        Reject::KeyMissing,
        Reject::KeyMalformed,
        Reject::KeyMistyped,
        Reject::KeyUnknown,
        Reject::KeyExpired,
        Reject::KeyNotYetValid,
        Reject::KeyDisabled,
        Reject::KeyAddress,
        Reject::Origin,
        Reject::Denied,
        Reject::Path,
        Reject::Session,
        Reject::RateLimited,
        Reject::ToolRateLimited,
        Reject::StreamsLimited,
        Reject::InFlightLimited,
        Reject::FailuresLimited,
        Reject::BodyTooLarge,
        Reject::MediaType,
        Reject::Host,
        Reject::Upgrade,
        Reject::Connect,
        Reject::UpstreamUnreachable,
        Reject::UpstreamDown,
        Reject::UpstreamClosed,
        Reject::UpstreamInvalid,
        Reject::ListUnreadable,
        Reject::ListTooLarge,
        Reject::Overload,
        Reject::Full,
        Reject::HeadTimeout,
        Reject::Drained,
        Reject::BodyIncomplete,
    ];

    /// The row of this refusal.
    #[rustfmt::skip] // a table reads as a table
    pub const fn row(self) -> Row {
        use StatusCode as S;
        match self {
            Reject::Target => row(S::BAD_REQUEST, -32600, "bad_target", "The request target must be a plain path such as /mcp, without dot segments, empty segments, or encoded separators."),
            Reject::HeaderName => row(S::BAD_REQUEST, -32600, "bad_header_name", "A header name uses '_' or '.' where this gateway's own header has '-'."),
            Reject::Nominated => row(S::BAD_REQUEST, -32600, "bad_connection", "Connection lists a field that is not for this connection only, such as Content-Type. Do not list it there."),
            Reject::Coding => row(S::BAD_REQUEST, -32600, "bad_coding", "Transfer-Encoding must be chunked, once, or absent."),
            Reject::TooManyFields => row(S::REQUEST_HEADER_FIELDS_TOO_LARGE, -32600, "too_many_fields", "The request has too many header fields."),
            Reject::HeaderList => row(S::REQUEST_HEADER_FIELDS_TOO_LARGE, -32600, "header_list_too_large", "The header fields of the request are too large."),
            Reject::Envelope => row(S::BAD_REQUEST, -32600, "bad_envelope", "The body is not one well-formed JSON-RPC message."),
            Reject::HeaderMismatch => row(S::BAD_REQUEST, -32020, "header_mismatch", "Mcp-Method or Mcp-Name does not match the body."),
            Reject::KeyMissing => row(S::UNAUTHORIZED, -32001, "key_missing", "Missing API key. Provide 'X-API-Key' header."),
            Reject::KeyMalformed => row(S::UNAUTHORIZED, -32001, "key_malformed", INVALID_KEY),
            Reject::KeyMistyped => row(S::UNAUTHORIZED, -32001, "key_mistyped", INVALID_KEY),
            Reject::KeyUnknown => row(S::UNAUTHORIZED, -32001, "key_unknown", INVALID_KEY),
            Reject::KeyExpired => row(S::UNAUTHORIZED, -32001, "key_expired", INVALID_KEY),
            Reject::KeyNotYetValid => row(S::UNAUTHORIZED, -32001, "key_not_yet_valid", INVALID_KEY),
            Reject::KeyDisabled => row(S::UNAUTHORIZED, -32001, "key_disabled", INVALID_KEY),
            Reject::KeyAddress => row(S::UNAUTHORIZED, -32001, "key_address", INVALID_KEY),
            Reject::Origin => row(S::FORBIDDEN, -32003, "origin_denied", "This Origin is not allowed. Add it to listen.allowed_origins if it is yours."),
            Reject::Denied => row(S::FORBIDDEN, -32003, "denied", "This client may not make this call, or there is no such tool."),
            Reject::Path => row(S::NOT_FOUND, -32004, "unknown_path", "Not found."),
            Reject::Session => row(S::NOT_FOUND, -32004, "unknown_session", "Session not found."),
            Reject::RateLimited => row(S::TOO_MANY_REQUESTS, -32008, "rate_limited", "This client has used up its rate. Try again after the time in Retry-After."),
            Reject::ToolRateLimited => row(S::TOO_MANY_REQUESTS, -32008, "tool_rate_limited", "This client has used up its rate for this tool. Try again after the time in Retry-After."),
            Reject::StreamsLimited => row(S::TOO_MANY_REQUESTS, -32008, "too_many_streams", "This client has as many streams open as it may. Close one, or try again later."),
            Reject::InFlightLimited => row(S::TOO_MANY_REQUESTS, -32008, "too_many_in_flight", "This client has as many requests under way as it may. Wait for one to end."),
            Reject::FailuresLimited => row(S::TOO_MANY_REQUESTS, -32008, "too_many_failures", "Too many keys from this address were refused. Try again after the time in Retry-After."),
            Reject::BodyTooLarge => row(S::PAYLOAD_TOO_LARGE, -32005, "body_too_large", "The request body is too large."),
            Reject::MediaType => row(S::UNSUPPORTED_MEDIA_TYPE, -32006, "media_type", "Send application/json without a content coding."),
            Reject::Host => row(S::MISDIRECTED_REQUEST, -32007, "unknown_host", "This host name is not served here. Add it to listen.public_hosts if it is yours."),
            Reject::Upgrade => row(S::NOT_IMPLEMENTED, -32009, "upgrade", "Upgrade is not supported."),
            Reject::Connect => row(S::NOT_IMPLEMENTED, -32009, "connect", "CONNECT is not supported."),
            Reject::UpstreamUnreachable => row(S::BAD_GATEWAY, -32010, "upstream_unreachable", "The MCP server behind this gateway cannot be reached."),
            Reject::UpstreamDown => row(S::SERVICE_UNAVAILABLE, -32011, "upstream_down", "The MCP server behind this gateway cannot be reached. Try again."),
            Reject::UpstreamClosed => row(S::BAD_GATEWAY, -32010, "upstream_closed", "The MCP server behind this gateway closed the connection before it answered."),
            Reject::UpstreamInvalid => row(S::BAD_GATEWAY, -32010, "upstream_invalid", "The MCP server behind this gateway sent an invalid answer."),
            Reject::ListUnreadable => row(S::BAD_GATEWAY, -32010, "list_unreadable", "The MCP server behind this gateway sent a list that cannot be cut down to what this client may use."),
            Reject::ListTooLarge => row(S::BAD_GATEWAY, -32010, "list_too_large", "The MCP server behind this gateway sent a list that is too large to be cut down to what this client may use."),
            Reject::Overload => row(S::SERVICE_UNAVAILABLE, -32011, "overload", "The gateway has too many requests in flight. Try again."),
            Reject::Full => row(S::SERVICE_UNAVAILABLE, -32011, "full", "The gateway holds as many bytes of bodies and lists as it may. Try again."),
            Reject::HeadTimeout => row(S::GATEWAY_TIMEOUT, -32012, "head_timeout", "The MCP server behind this gateway did not answer in time."),
            Reject::Drained => row(S::SERVICE_UNAVAILABLE, -32011, "drained", "This gateway had to end before the MCP server behind it answered."),
            Reject::BodyIncomplete => row(S::BAD_REQUEST, -32600, "body_incomplete", "The request body ended before it was complete."),
        }
    }

    /// HTTP status of the answer.
    pub const fn status(self) -> StatusCode {
        self.row().status
    }

    /// The word in metrics and audit.
    pub const fn word(self) -> &'static str {
        self.row().word
    }

    /// For the refusals of a credential: why, as the metric of decisions has it.
    pub fn credential_reason(self) -> Option<&'static str> {
        let word = self.row().word;
        let refused = self.status() == StatusCode::UNAUTHORIZED || self == Reject::FailuresLimited;
        refused.then(|| word.strip_prefix("key_").unwrap_or(word))
    }

    /// Whether a request that was refused like this casts doubt on what follows it on its connection, which is then closed:
    /// its sender may read requests in another way than we do, or want us to.
    pub const fn ends_connection(self) -> bool {
        matches!(self, Reject::Target | Reject::HeaderName | Reject::Nominated | Reject::Coding)
    }

    /// Its place in [`Reject::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl From<Full> for Reject {
    fn from(_: Full) -> Self {
        Reject::Full
    }
}

const fn row(status: StatusCode, code: i32, word: &'static str, sentence: &'static str) -> Row {
    Row { status, code, word, sentence }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn all_lists_each_refusal_once_at_its_index() {
        for (i, reject) in Reject::ALL.into_iter().enumerate() {
            assert_eq!(reject.index(), i);
        }
        let words: HashSet<_> = Reject::ALL.into_iter().map(Reject::word).collect();
        assert_eq!(words.len(), Reject::ALL.len());
    }

    #[test]
    fn a_caller_cannot_tell_one_bad_key_from_another() {
        let rows = [
            Reject::KeyMalformed,
            Reject::KeyMistyped,
            Reject::KeyUnknown,
            Reject::KeyExpired,
            Reject::KeyNotYetValid,
            Reject::KeyDisabled,
            Reject::KeyAddress,
        ];
        for reject in rows {
            let (a, b) = (reject.row(), Reject::KeyUnknown.row());
            assert_eq!((a.status, a.code, a.sentence), (b.status, b.code, b.sentence));
        }
    }

    #[test]
    fn codes_stay_out_of_the_range_that_the_specification_keeps() {
        for reject in Reject::ALL {
            let code = reject.row().code;
            assert!(
                (-32019..=-32000).contains(&code) || code == -32600 || reject == Reject::HeaderMismatch,
                "{reject:?}"
            );
        }
    }
}
