//! A reply that has been read to its end.

use super::fields::Fields;
use serde_json::{Value, json};

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) fields: Fields,
    pub(crate) body: Vec<u8>,
    /// False when the body was cut so that nobody can take it for whole.
    pub(crate) whole: bool,
}

impl Reply {
    /// Fails with everything that came unless the reply is whole and has this status.
    #[track_caller]
    pub(crate) fn with(self, status: u16) -> Self {
        assert_eq!((self.status, self.whole), (status, true), "{:?}\n{}", self.fields, self.text());
        self
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.text()))
    }

    /// Fails unless this is a refusal by a limit, which says when to try again, in head and body alike. Gives the sentence and
    /// the seconds.
    #[track_caller]
    pub(crate) fn limits(&self, id: impl Into<Value>) -> (String, u64) {
        let mut plain = self.clone();
        let mut body = self.json();
        let data = body["error"].as_object_mut().and_then(|error| error.remove("data"));
        plain.body = body.to_string().into_bytes();
        let sentence = plain.refuses(429, -32008, id);
        let data = data.unwrap_or_else(|| panic!("no data: {}", self.text()));
        let millis = data["retry_after_ms"].as_u64().unwrap_or_else(|| panic!("{data}"));
        assert_eq!(data, json!({"retry_after_ms": millis}));
        let seconds: u64 = self.fields.one("retry-after").expect("retry-after").parse().expect("seconds");
        assert_eq!(seconds, millis.div_ceil(1000).max(1));
        (sentence, seconds)
    }

    /// Fails unless this is the gateway's own refusal: status, JSON-RPC code and the caller's id in the body that both
    /// worlds read, with the headers that every refusal has. Gives the sentence.
    #[track_caller]
    pub(crate) fn refuses(&self, status: u16, code: i32, id: impl Into<Value>) -> String {
        assert_eq!((self.status, self.whole), (status, true), "{:?}\n{}", self.fields, self.text());
        let body = self.json();
        let sentence = body["detail"].as_str().unwrap_or_else(|| panic!("no detail: {body}")).to_owned();
        let error = json!({"code": code, "message": sentence});
        assert_eq!(body, json!({"jsonrpc": "2.0", "id": id.into(), "error": error, "detail": sentence}));
        assert_eq!(self.fields.one("content-type"), Some("application/json"));
        assert_eq!(self.fields.one("cache-control"), Some("no-store"));
        assert_eq!(self.fields.one("x-content-type-options"), Some("nosniff"));
        assert_eq!(self.fields.one("x-request-id").map(str::len), Some(32));
        let challenge = (status == 401).then_some("ApiKey realm=\"API\"");
        assert_eq!(self.fields.one("www-authenticate"), challenge);
        sentence
    }
}
