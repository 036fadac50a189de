//! A request as a test writes it, for HTTP/1.1 and h2 alike.

use super::fields::Fields;
use super::secrets;
use bytes::Bytes;
use serde_json::{Value, json};

/// A request: what is written here is what goes out, and nothing else but `Host` and the body's length.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) fields: Fields,
    pub(crate) body: Option<Bytes>,
    /// Whether the body's length is told beforehand.
    told: bool,
}

impl Ask {
    pub(crate) fn new(method: &str, target: &str) -> Self {
        Self { method: method.to_owned(), target: target.to_owned(), fields: Fields::default(), body: None, told: true }
    }

    pub(crate) fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// A JSON body to `/mcp`, as MCP clients send it.
    pub(crate) fn post(body: impl Into<Bytes>) -> Self {
        Self::new("POST", "/mcp")
            .field("content-type", "application/json")
            .field("accept", "application/json, text/event-stream")
            .body(body)
    }

    /// A message of JSON-RPC.
    pub(crate) fn message(message: &Value) -> Self {
        Self::post(message.to_string())
    }

    /// The shortest message that there is.
    pub(crate) fn ping() -> Self {
        Self::message(&json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}))
    }

    /// A call of a tool, as a client of 2025-11-25 makes it.
    pub(crate) fn call(id: impl Into<Value>, tool: &str, arguments: Value) -> Self {
        let params = json!({"name": tool, "arguments": arguments});
        Self::message(&json!({"jsonrpc": "2.0", "id": id.into(), "method": "tools/call", "params": params}))
            .field("mcp-protocol-version", "2025-11-25")
    }

    /// The same for another target.
    pub(crate) fn at(mut self, target: impl Into<String>) -> Self {
        self.target = target.into();
        self
    }

    /// One field more, behind the others.
    pub(crate) fn field(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        if ["x-api-key", "authorization", "cookie"].iter().any(|secret| name.eq_ignore_ascii_case(secret)) {
            secrets::remember(value.as_ref());
        }
        self.fields.push(name, value);
        self
    }

    /// The key, where it belongs.
    pub(crate) fn key(self, secret: impl AsRef<[u8]>) -> Self {
        self.field("X-API-Key", secret)
    }

    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// The body's length is not told beforehand: over HTTP/1.1 it is one chunk, over h2 there is no `content-length`.
    pub(crate) fn untold(mut self) -> Self {
        self.told = false;
        self
    }

    fn length(&self) -> Option<String> {
        let framed = self.fields.has("content-length") || self.fields.has("transfer-encoding");
        self.body.as_ref().filter(|_| self.told && !framed).map(|body| body.len().to_string())
    }

    /// All of it over HTTP/1.1.
    pub(crate) fn bytes(&self, authority: &str) -> Vec<u8> {
        let mut bytes = self.head(authority);
        match &self.body {
            Some(body) if !self.told => {
                if !body.is_empty() {
                    bytes.extend(format!("{:x}\r\n", body.len()).as_bytes());
                    bytes.extend_from_slice(body);
                    bytes.extend(b"\r\n");
                }
                bytes.extend(b"0\r\n\r\n");
            }
            Some(body) => bytes.extend_from_slice(body),
            None => {}
        }
        bytes
    }

    /// The head over HTTP/1.1. `Host` is `authority` unless the test wrote one, and a body has its length unless the
    /// test wrote how it is framed.
    pub(crate) fn head(&self, authority: &str) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target).into_bytes();
        let mut put = |name: &str, value: &[u8]| {
            head.extend_from_slice(name.as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value);
            head.extend_from_slice(b"\r\n");
        };
        if !self.fields.has("host") {
            put("Host", authority.as_bytes());
        }
        self.fields.0.iter().for_each(|(name, value)| put(name, value));
        match self.length() {
            Some(length) => put("Content-Length", length.as_bytes()),
            None if self.body.is_some() && !self.told => put("Transfer-Encoding", b"chunked"),
            None => {}
        }
        head.extend_from_slice(b"\r\n");
        head
    }

    /// The head for h2, to `https://authority`.
    pub(crate) fn request(&self, authority: &str) -> http::Request<()> {
        let uri = format!("https://{authority}{}", self.target);
        let mut request = http::Request::builder().method(&*self.method).uri(uri);
        for (name, value) in &self.fields.0 {
            request = request.header(name.to_ascii_lowercase(), &value[..]);
        }
        if let Some(length) = self.length() {
            request = request.header("content-length", length);
        }
        request.body(()).expect("a request that h2 can carry")
    }
}
