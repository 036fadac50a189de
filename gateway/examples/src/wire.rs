//! How an MCP message travels: one HTTP request each, over `reqwest`.
//!
//! rmcp has such a backend of its own. This one exists because a user of the gateway wants to read two things that rmcp
//! drops: the body of a refusal, which says why, and the header `X-API-Key-Expires`, which says until when.

mod reply;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::stream::BoxStream;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use reqwest::{Client, RequestBuilder, Response, Url};
use rmcp::model::ClientJsonRpcMessage;
use rmcp::transport::streamable_http_client::{
    AuthRequiredError, SseError, StreamableHttpClient, StreamableHttpError, StreamableHttpPostResponse,
};
use sse_stream::Sse;

use crate::{Advice, Failure, Key, Trust, reach, terminal};

const ADVICE: Advice<'_> = Advice {
    absent: "is the gateway running? --url names another address.",
    stranger: "name a private CA with --ca FILE.",
};

type Error = StreamableHttpError<Failure>;

/// The connection to one MCP server.
#[derive(Clone)]
pub(crate) struct Wire {
    http: Client,
    url: Url,
    key: Key,
    trust: Trust,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// Why the last exchange failed; rmcp wraps, replaces or loses an error on its way up, depending on the moment.
    failure: Mutex<Option<Failure>>,
    expiry_shown: AtomicBool,
}

impl Wire {
    pub(crate) fn new(http: Client, url: Url, key: Key, trust: Trust) -> Self {
        Self { http, url, key, trust, state: Arc::default() }
    }

    /// Why the last exchange failed, if it did.
    pub(crate) fn failure(&self) -> Option<Failure> {
        self.state.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn record(&self, failure: Option<Failure>) {
        *self.state.failure.lock().unwrap_or_else(PoisonError::into_inner) = failure;
    }

    fn fail(&self, failure: Failure) -> Error {
        self.record(Some(failure.clone()));
        StreamableHttpError::Client(failure)
    }

    /// Sends a request with the key and whatever headers MCP wants, and returns the response whatever its status.
    async fn send(
        &self,
        request: RequestBuilder,
        session: Option<&str>,
        headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<Response, Error> {
        let mut headers: HeaderMap = headers.into_iter().collect();
        headers.insert("x-api-key", self.key.header(""));
        if let Some(session) = session.and_then(|id| HeaderValue::from_str(id).ok()) {
            headers.insert("mcp-session-id", session);
        }
        let response = request
            .headers(headers)
            .send()
            .await
            .map_err(|error| self.fail(Failure::Broken(reach::trouble(&self.url, &self.trust, &error, ADVICE))))?;
        self.show_expiry(response.headers());
        Ok(response)
    }

    /// The gateway announces the end of a key some days ahead (`X-API-Key-Expires: <RFC 3339>`); once is enough.
    fn show_expiry(&self, headers: &HeaderMap) {
        let Some(end) = headers.get("x-api-key-expires") else { return };
        if !self.state.expiry_shown.swap(true, Ordering::Relaxed) {
            let end = terminal::excerpt(&String::from_utf8_lossy(end.as_bytes()), 40);
            terminal::note(&format!("warning: this API key expires at {end}; ask for a new one before then."));
        }
    }
}

impl StreamableHttpClient for Wire {
    type Error = Failure;

    async fn post_message(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session: Option<Arc<str>>,
        _bearer: Option<String>,
        headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<StreamableHttpPostResponse, Error> {
        let request = self
            .http
            .post(uri.as_ref())
            .header(ACCEPT, "application/json, text/event-stream")
            .header(CONTENT_TYPE, "application/json")
            .body(serde_json::to_vec(&message)?);
        let response = self.send(request, session.as_deref(), headers).await?;
        if response.status() == StatusCode::NOT_FOUND && session.is_some() {
            return Err(StreamableHttpError::SessionExpired);
        }
        match reply::read(self, response, &message).await {
            Ok(reply) => {
                self.record(None);
                Ok(reply)
            }
            Err(failure) => Err(self.fail(failure)),
        }
    }

    async fn delete_session(
        &self,
        uri: Arc<str>,
        session: Arc<str>,
        _bearer: Option<String>,
        headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<(), Error> {
        // Whatever the answer, the session is not used again.
        self.send(self.http.delete(uri.as_ref()), Some(&session), headers).await.map(drop)
    }

    async fn get_stream(
        &self,
        uri: Arc<str>,
        session: Option<Arc<str>>,
        last_event: Option<String>,
        _bearer: Option<String>,
        headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<BoxStream<'static, Result<Sse, SseError>>, Error> {
        let mut request = self.http.get(uri.as_ref()).header(ACCEPT, "text/event-stream");
        if let Some(id) = last_event {
            request = request.header("last-event-id", id);
        }
        let response = self.send(request, session.as_deref(), headers).await?;
        match response.status() {
            StatusCode::OK => Ok(reply::events(response)),
            // The two that rmcp does not try again.
            StatusCode::METHOD_NOT_ALLOWED => Err(StreamableHttpError::ServerDoesNotSupportSse),
            StatusCode::UNAUTHORIZED => {
                self.record(Some(reply::refusal(self, response).await));
                Err(StreamableHttpError::AuthRequired(AuthRequiredError::new(String::new())))
            }
            _ => Err(StreamableHttpError::Client(reply::refusal(self, response).await)),
        }
    }
}
