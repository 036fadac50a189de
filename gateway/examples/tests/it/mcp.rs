//! A scripted MCP server of either era, with the two weather tools. What a call returns is up to the test.

use serde_json::{Value, json};

use crate::origin::{Origin, Reply, Request};

/// A server whose tools do what `call` says.
pub(crate) fn server(call: impl Fn(&Request, &mut Reply<'_>) + Send + Sync + 'static) -> Origin {
    Origin::start(move |request, reply| answer(request, reply, &[], &call))
}

/// Replies as an MCP server does, with `headers` on every response.
pub(crate) fn answer(
    request: &Request,
    reply: &mut Reply<'_>,
    headers: &[&str],
    call: &dyn Fn(&Request, &mut Reply<'_>),
) {
    let headers = [headers, &["content-type: application/json"]].concat();
    let mut result = |value: Value| reply.whole(200, &headers, &result_for(request, &value).to_string());
    match request.rpc().as_str() {
        "server/discover" => result(json!({
            "supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}, "ttlMs": 0, "cacheScope": "private"
        })),
        "initialize" => result(json!({
            "protocolVersion": "2025-11-25", "capabilities": {"tools": {}},
            "serverInfo": {"name": "scripted", "version": "1"}
        })),
        "tools/list" => result(json!({"tools": tools(), "ttlMs": 0, "cacheScope": "private"})),
        "tools/call" => call(request, reply),
        _ => reply.whole(202, &headers, ""),
    }
}

pub(crate) fn tools() -> Value {
    json!([
        {"name": "get_alerts", "description": "Active weather alerts of a state.", "inputSchema": {
            "type": "object", "properties": {"state": {"type": "string"}}, "required": ["state"]}},
        {"name": "get_forecast", "description": "The forecast for a place.", "inputSchema": {
            "type": "object", "properties": {"latitude": {"type": "number"}, "longitude": {"type": "number"}},
            "required": ["latitude", "longitude"]}},
    ])
}

/// The JSON-RPC response to `request`.
pub(crate) fn result_for(request: &Request, result: &Value) -> Value {
    let mut result = result.clone();
    result["resultType"] = json!("complete");
    json!({"jsonrpc": "2.0", "id": request.json()["id"], "result": result})
}

/// A tool's result that is one text.
pub(crate) fn text(request: &Request, text: &str) -> Value {
    result_for(request, &json!({"content": [{"type": "text", "text": text}]}))
}

/// A tool's failure.
pub(crate) fn tool_error(request: &Request, text: &str) -> Value {
    result_for(request, &json!({"content": [{"type": "text", "text": text}], "isError": true}))
}

/// Progress of the call in `request`.
pub(crate) fn progress(request: &Request, done: u32, message: &str) -> Value {
    let token = &request.json()["params"]["_meta"]["progressToken"];
    json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {
        "progressToken": token, "progress": done, "total": 2, "message": message}})
}

/// The refusal that clients of the gateway get, as its design writes it.
pub(crate) fn refuse(reply: &mut Reply<'_>, status: u16, headers: &[&str], code: i32, detail: &str) {
    let body = json!({"jsonrpc": "2.0", "id": null, "error": {"code": code, "message": detail}, "detail": detail});
    reply.whole(status, &[headers, &["content-type: application/json"]].concat(), &body.to_string());
}

/// 401 as the gateway answers it.
pub(crate) fn unauthorized(reply: &mut Reply<'_>, detail: &str) {
    refuse(reply, 401, &["www-authenticate: ApiKey realm=\"API\""], -32001, detail);
}
