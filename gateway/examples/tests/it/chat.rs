//! A scripted chat model that speaks OpenAI's streamed chat completions.

use std::process::Command;

use serde_json::{Value, json};

use crate::binary::agent;
use crate::origin::{Origin, Reply, Request};

/// The key that the tests send to the model.
pub(crate) const MODEL_KEY: &str = "sk-test-model-key";

/// `weather-agent` between an MCP server and a model.
pub(crate) fn agent_with(mcp: &Origin, model: &Origin, question: &[&str]) -> Command {
    let mut command = agent(&mcp.url("/mcp"), question);
    command.env("OPENAI_BASE_URL", model.url("/v1")).env("OPENAI_API_KEY", MODEL_KEY).env("OPENAI_MODEL", "scripted-1");
    command
}

/// The messages of a chat request.
pub(crate) fn messages(request: &Request) -> Vec<Value> {
    request.json()["messages"].as_array().unwrap().clone()
}

/// What the tools said so far.
pub(crate) fn heard(request: &Request) -> Vec<String> {
    let messages = messages(request);
    let tools = messages.iter().filter(|message| message["role"] == "tool");
    tools.map(|message| message["content"].as_str().unwrap().to_owned()).collect()
}

/// One event of a streamed completion.
pub(crate) fn chunk(delta: &Value, finish: Option<&str>) -> Value {
    json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "scripted-1",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
}

/// A model that wants one tool called, the arguments in two pieces.
pub(crate) fn ask_for(reply: &mut Reply<'_>, tool: &str, arguments: &str) {
    let (first, second) = arguments.split_at(arguments.len() / 2);
    let piece = |function: Value| json!({"tool_calls": [{"index": 0, "function": function}]});
    reply.stream(&[]);
    reply.event(&chunk(
        &json!({"role": "assistant", "content": null, "tool_calls": [
            {"index": 0, "id": "call_abc", "type": "function", "function": {"name": tool, "arguments": ""}}]}),
        None,
    ));
    reply.event(&chunk(&piece(json!({"arguments": first})), None));
    reply.event(&chunk(&piece(json!({"arguments": second})), None));
    reply.event(&chunk(&json!({}), Some("tool_calls")));
    done(reply);
}

/// A model that answers.
pub(crate) fn say(reply: &mut Reply<'_>, words: &[&str]) {
    reply.stream(&[]);
    for word in words {
        reply.event(&chunk(&json!({"content": word}), None));
    }
    reply.event(&chunk(&json!({}), Some("stop")));
    done(reply);
}

pub(crate) fn done(reply: &mut Reply<'_>) {
    reply.chunk("data: [DONE]\n\n");
    reply.end();
}
