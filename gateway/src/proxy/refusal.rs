//! What a caller gets who is refused: a body that both HTTP and JSON-RPC clients read, and headers that say no more.

use super::ratelimit::millis;
use crate::access::{Limited, seconds};
use crate::mcp::Call;
use crate::reject::Reject;
use crate::upstream::Failure;
use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use std::time::Duration;

/// A refusal with what is known of the request.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The row.
    pub reject: Reject,
    /// The JSON text of the caller's request id, to be echoed.
    pub id: Option<Box<str>>,
    /// A sentence that replaces the row's, where the row cannot know enough.
    pub detail: Option<Bytes>,
    /// When to try again, if that is known.
    pub wait: Option<Duration>,
}

impl From<Reject> for Refusal {
    fn from(reject: Reject) -> Self {
        Self { reject, id: None, detail: None, wait: None }
    }
}

impl From<Limited> for Refusal {
    fn from(limited: Limited) -> Self {
        Self { wait: Some(limited.wait), ..limited.reject.into() }
    }
}

impl From<&Failure> for Refusal {
    /// What the client is told of an upstream that failed; the operator is told more.
    fn from(failure: &Failure) -> Self {
        let reject = match failure {
            Failure::Unreachable(_) => Reject::UpstreamUnreachable,
            Failure::Down => Reject::UpstreamDown,
            Failure::Closed => Reject::UpstreamClosed,
            Failure::Invalid(_) => Reject::UpstreamInvalid,
            Failure::Timeout => Reject::HeadTimeout,
            Failure::BodyIncomplete => Reject::BodyIncomplete,
            Failure::BodyTooLarge => Reject::BodyTooLarge,
        };
        match failure {
            Failure::BodyIncomplete | Failure::BodyTooLarge => {}
            Failure::Down => tracing::debug!(word = reject.word(), "{failure}"), // said once, by the worker
            Failure::Unreachable(_) | Failure::Closed | Failure::Invalid(_) | Failure::Timeout => {
                tracing::warn!(word = reject.word(), "{failure}");
            }
        }
        reject.into()
    }
}

impl Refusal {
    /// Whether one that the head brought about waits for a short body, to repeat its id: the sender is known, and would else
    /// wonder which of its calls it is.
    pub(super) fn echoes(&self) -> bool {
        matches!(self.reject, Reject::StreamsLimited | Reject::InFlightLimited)
    }

    /// The same, with the id in as much of the body as came.
    pub(super) fn echoing(self, body: &[u8]) -> Self {
        let id = Call::observe(body).filter(|_| self.echoes()).and_then(|call| call.id().map(Into::into));
        Self { id, ..self }
    }

    /// The answer: `{"jsonrpc":"2.0","id":..,"error":{"code":..,"message":..},"detail":..}`. Where it is known when to try
    /// again, the error has that as `"data":{"retry_after_ms":..}` and the head as `Retry-After`.
    pub fn response(&self) -> Response<Bytes> {
        let row = self.reject.row();
        let mut response = Response::new(self.body(row.code, row.sentence));
        *response.status_mut() = row.status;
        let headers = response.headers_mut();
        headers.reserve(8);
        if row.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("ApiKey realm=\"API\""));
        }
        if row.status == StatusCode::SERVICE_UNAVAILABLE && self.reject != Reject::Drained {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if let Some(wait) = self.wait {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds(wait).max(1)));
        }
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }

    fn body(&self, code: i32, sentence: &'static str) -> Bytes {
        let sentence = self.detail.as_deref().map_or(sentence, |text| std::str::from_utf8(text).unwrap_or(sentence));
        let sentence = sentence.replace('\\', "\\\\").replace('"', "\\\""); // routes and sentences hold no control character
        let id = self.id.as_deref().unwrap_or("null");
        let data =
            self.wait.map(|wait| format!(",\"data\":{{\"retry_after_ms\":{}}}", millis(wait))).unwrap_or_default();
        format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"error\":{{\"code\":{code},\"message\":\"{sentence}\"{data}}},\"detail\":\"{sentence}\"}}"
        )
        .into()
    }
}

/// The header that names a request in every reply.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn every_refusal_is_json_that_both_worlds_read() {
        for reject in Reject::ALL {
            let refusal = Refusal { id: Some("\"a\\\"b\"".into()), ..reject.into() };
            let response = refusal.response();
            let body: Value = serde_json::from_slice(response.body()).unwrap();
            let row = reject.row();
            assert_eq!(response.status(), row.status);
            assert_eq!(body["id"], "a\"b");
            assert_eq!(body["error"]["code"], row.code);
            assert_eq!(body["error"]["message"], row.sentence);
            assert_eq!(body["detail"], row.sentence);
            assert_eq!(response.headers().contains_key("www-authenticate"), row.status == 401);
            let again = row.status == 503 && reject != Reject::Drained;
            assert_eq!(response.headers().contains_key("retry-after"), again, "{reject:?}");
        }
    }

    #[test]
    fn the_body_of_a_missing_key_is_the_one_that_clients_know() {
        let body = Refusal::from(Reject::KeyMissing).response().into_body();
        let text = r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"Missing API key. Provide 'X-API-Key' header."},"detail":"Missing API key. Provide 'X-API-Key' header."}"#;
        assert_eq!(&body[..], text.as_bytes());
    }

    #[test]
    fn a_limit_says_when_to_try_again() {
        for (nanos, header, data) in [(1, "1", 1), (999_999_999, "1", 1000), (1_000_000_001, "2", 1001)] {
            let limited = Limited { reject: Reject::RateLimited, wait: Duration::from_nanos(nanos) };
            let response = Refusal::from(limited).response();
            assert_eq!(response.headers()["retry-after"], header);
            let body: Value = serde_json::from_slice(response.body()).unwrap();
            assert_eq!(body["error"]["data"], serde_json::json!({"retry_after_ms": data}));
            assert_eq!(body["error"]["message"], Reject::RateLimited.row().sentence);
        }
    }

    #[test]
    fn a_detail_replaces_the_sentence() {
        let refusal = Refusal { detail: Some("see \"/mcp\"".into()), ..Reject::Path.into() };
        let body: Value = serde_json::from_slice(refusal.response().body()).unwrap();
        assert_eq!((&body["id"], &body["detail"]), (&Value::Null, &"see \"/mcp\"".into()));
    }
}
