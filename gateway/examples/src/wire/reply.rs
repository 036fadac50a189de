//! What an HTTP response means to an MCP client.

use std::io;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use http::{HeaderMap, HeaderName, StatusCode};
use reqwest::Response;
use rmcp::model::{ClientJsonRpcMessage, ClientRequest, ErrorData, JsonRpcMessage, RequestId, ServerJsonRpcMessage};
use rmcp::transport::streamable_http_client::{SseError, StreamableHttpPostResponse};
use serde_json::Value;
use sse_stream::{Sse, SseStream};

use super::Wire;
use crate::{Failure, terminal};

/// Bytes of one reply, be it JSON or a whole event stream. A server cannot fill the memory of its client.
const LARGEST_REPLY: usize = 16 * 1024 * 1024;
/// Bytes of a refusal that are read to find its reason.
const LARGEST_REFUSAL: usize = 64 * 1024;

/// The reply to a message that was posted.
pub(super) async fn read(
    wire: &Wire,
    response: Response,
    message: &ClientJsonRpcMessage,
) -> Result<StreamableHttpPostResponse, Failure> {
    let status = response.status();
    if let Some(probe) = probe(message)
        && says_legacy(status)
    {
        return Ok(StreamableHttpPostResponse::Json(legacy(response, probe).await, None));
    }
    if !status.is_success() {
        return Err(refusal(wire, response).await);
    }
    if !matches!(message, JsonRpcMessage::Request(_)) {
        return Ok(StreamableHttpPostResponse::Accepted);
    }
    let session = text(response.headers(), &HeaderName::from_static("mcp-session-id"));
    match media_type(response.headers()).as_str() {
        "text/event-stream" => Ok(StreamableHttpPostResponse::Sse(events(response), session)),
        "application/json" => Ok(StreamableHttpPostResponse::Json(answer(wire, response).await?, session)),
        other => Err(Failure::Broken(format!(
            "{} does not answer as an MCP server does (HTTP {status}, content type {other:?}): is the path right?",
            wire.url
        ))),
    }
}

/// The events of a reply, as they come.
pub(super) fn events(response: Response) -> BoxStream<'static, Result<Sse, SseError>> {
    let mut left = LARGEST_REPLY;
    let bytes = response.bytes_stream().map(move |chunk| {
        let chunk = chunk.map_err(io::Error::other)?;
        left = left.checked_sub(chunk.len()).ok_or_else(|| io::Error::other("the reply is too large"))?;
        Ok::<_, io::Error>(chunk)
    });
    SseStream::from_bytes_stream(bytes).boxed()
}

/// One sentence on a response that is not a success, with the reason that its body gives.
pub(super) async fn refusal(wire: &Wire, response: Response) -> Failure {
    let url = &wire.url;
    let status = response.status();
    let headers = response.headers().clone();
    let (body, _) = body(response, LARGEST_REFUSAL).await;
    let reason = reason(&headers, &body)
        .map(|reason| format!(": {}", terminal::excerpt(&wire.key.redact(&reason), 300)))
        .unwrap_or_default();
    if status == StatusCode::UNAUTHORIZED {
        return Failure::Unauthorized(format!("{url} refused the API key (HTTP 401){reason}"));
    }
    if status.is_redirection() {
        let target = text(&headers, &LOCATION).unwrap_or_default();
        return Failure::Broken(format!(
            "{url} redirects to {:?} (HTTP {}), which is not followed because the key would travel along: correct --url.",
            terminal::excerpt(&target, 200),
            status.as_u16()
        ));
    }
    let again = text(&headers, &RETRY_AFTER)
        .map(|wait| format!(" (try again after {})", terminal::excerpt(&wait, 40)))
        .unwrap_or_default();
    let sentence = format!("{url} refused the request (HTTP {}){reason}{again}", status.as_u16());
    match status {
        StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS => Failure::Refused(sentence),
        _ => Failure::Broken(sentence),
    }
}

/// The id of a `server/discover`, by which a client finds out how old the server is.
fn probe(message: &ClientJsonRpcMessage) -> Option<RequestId> {
    let JsonRpcMessage::Request(request) = message else { return None };
    matches!(request.request, ClientRequest::DiscoverRequest(_)).then(|| request.id.clone())
}

/// Whether a status can mean "I do not know this method"; the others are meant for any revision of MCP.
fn says_legacy(status: StatusCode) -> bool {
    let for_any_revision = [
        StatusCode::UNAUTHORIZED,
        StatusCode::FORBIDDEN,
        StatusCode::PAYLOAD_TOO_LARGE,
        StatusCode::MISDIRECTED_REQUEST,
        StatusCode::TOO_MANY_REQUESTS,
    ];
    status.is_client_error() && !for_any_revision.contains(&status)
}

/// The refusal of a probe as the JSON-RPC error from which rmcp decides what to try next. A server that did not
/// understand the request cannot repeat its id, so it is put back.
async fn legacy(response: Response, id: RequestId) -> ServerJsonRpcMessage {
    let status = response.status();
    let (body, _) = body(response, LARGEST_REFUSAL).await;
    let error = match serde_json::from_slice(&body) {
        Ok(ServerJsonRpcMessage::Error(error)) => error.error,
        _ => ErrorData::invalid_request(format!("server/discover was refused (HTTP {})", status.as_u16()), None),
    };
    ServerJsonRpcMessage::error(error, Some(id))
}

async fn answer(wire: &Wire, response: Response) -> Result<ServerJsonRpcMessage, Failure> {
    let (body, whole) = body(response, LARGEST_REPLY).await;
    if !whole {
        return Err(Failure::Broken(format!("the answer of {} broke off or is larger than 16 MiB.", wire.url)));
    }
    match serde_json::from_slice(&body) {
        // rmcp finds the waiting caller by the id; without one the caller would wait for ever.
        Ok(ServerJsonRpcMessage::Error(error)) if error.id.is_none() => Err(Failure::Refused(format!(
            "{} refused the request: {}",
            wire.url,
            terminal::excerpt(&error.error.message, 300)
        ))),
        Ok(message) => Ok(message),
        Err(error) => Err(Failure::Broken(format!("the answer of {} is not MCP: {error}.", wire.url))),
    }
}

/// Up to `limit` bytes of the body, and whether that is all of it.
async fn body(mut response: Response, limit: usize) -> (Vec<u8>, bool) {
    let mut bytes = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if bytes.len() + chunk.len() <= limit => bytes.extend_from_slice(&chunk),
            Ok(None) => return (bytes, true),
            Ok(Some(_)) | Err(_) => return (bytes, false),
        }
    }
}

/// The sentence in a refusal: `detail` of the gateway and of problem+json, or JSON-RPC's `error.message`, or plain text.
fn reason(headers: &HeaderMap, body: &[u8]) -> Option<String> {
    let sentence = match serde_json::from_slice::<Value>(body) {
        Ok(json) => json.get("detail").or_else(|| json.pointer("/error/message")).and_then(Value::as_str)?.to_owned(),
        Err(_) if media_type(headers) == "text/plain" => String::from_utf8_lossy(body).into_owned(),
        Err(_) => return None,
    };
    (!sentence.trim().is_empty()).then_some(sentence)
}

/// The media type without parameters, in lower case (RFC 9110, section 8.3.1).
fn media_type(headers: &HeaderMap) -> String {
    let value = text(headers, &CONTENT_TYPE).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}
