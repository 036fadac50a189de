//! The MCP server's tools, in the form a chat model takes and asks for them.

use async_openai::types::chat::{ChatCompletionTool, ChatCompletionTools, FunctionObject};
use gateway_examples::{Connection, Failure, spoken, terminal};
use rmcp::model::{JsonObject, Tool};
use serde_json::Value;

use crate::turn::ToolCall;

/// Characters of a tool's result that the model gets to read.
const LONGEST_RESULT: usize = 64 * 1024;

/// The tools on offer and the connection over which they are called.
pub(crate) struct Toolbox {
    connection: Connection,
    offered: Vec<ChatCompletionTools>,
    names: Vec<String>,
}

impl Toolbox {
    /// Asks the server for its tools.
    pub(crate) async fn open(connection: Connection) -> Result<Self, Failure> {
        let (tools, odd): (Vec<Tool>, Vec<Tool>) =
            connection.tools().await?.into_iter().partition(|tool| a_model_can_say(&tool.name));
        for tool in odd {
            terminal::note(&format!("warning: no chat model can call a tool of the name {:?}; left out.", tool.name));
        }
        let names: Vec<String> = tools.iter().map(|tool| tool.name.to_string()).collect();
        terminal::note(&format!("tools: {}", if names.is_empty() { "none".to_owned() } else { names.join(", ") }));
        Ok(Self { connection, offered: tools.into_iter().map(offer).collect(), names })
    }

    pub(crate) fn offered(&self) -> &[ChatCompletionTools] {
        &self.offered
    }

    /// What the tool says to the model; a call that cannot be made or that fails is an answer too.
    ///
    /// # Errors
    ///
    /// Only when no further call can succeed either: a refused key, a lost connection.
    pub(crate) async fn call(&self, call: &ToolCall) -> Result<String, Failure> {
        terminal::note(&format!("calling {} {}", call.name, terminal::excerpt(&call.arguments, 200)));
        if !self.names.contains(&call.name) {
            return Ok(format!("Error: there is no tool {:?}, only: {}.", call.name, self.names.join(", ")));
        }
        let arguments = match arguments(&call.arguments) {
            Ok(arguments) => arguments,
            Err(sentence) => return Ok(sentence),
        };
        match self.connection.call(&call.name, arguments).await {
            Ok(result) if result.is_error == Some(true) => Ok(shortened(format!("Error: {}", spoken(&result)))),
            Ok(result) => Ok(shortened(spoken(&result))),
            Err(Failure::Refused(sentence)) => {
                terminal::note(&sentence);
                Ok(format!("Error: {sentence}"))
            }
            Err(failure) => Err(failure),
        }
    }

    pub(crate) async fn close(self) {
        self.connection.close().await;
    }
}

/// MCP allows names that the chat completions API does not (`^[a-zA-Z0-9_-]{1,64}$`).
fn a_model_can_say(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

fn offer(tool: Tool) -> ChatCompletionTools {
    ChatCompletionTools::Function(ChatCompletionTool {
        function: FunctionObject {
            name: tool.name.into_owned(),
            description: tool.description.map(std::borrow::Cow::into_owned),
            parameters: Some(Value::Object(tool.input_schema.as_ref().clone())),
            strict: None,
        },
    })
}

/// Models write nothing at all when a tool takes no arguments.
fn arguments(written: &str) -> Result<JsonObject, String> {
    if written.trim().is_empty() {
        return Ok(JsonObject::new());
    }
    serde_json::from_str(written).map_err(|error| format!("Error: the arguments are not a JSON object: {error}."))
}

fn shortened(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(LONGEST_RESULT) {
        text.truncate(end);
        text.push_str("\n(cut off here)");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_the_chat_api_refuses_are_known() {
        assert!(a_model_can_say("get_forecast-2"));
        for odd in ["", "weather.forecast", "a b", "ü", &"x".repeat(65)] {
            assert!(!a_model_can_say(odd), "{odd}");
        }
    }

    #[test]
    fn arguments_are_an_object_or_a_sentence() {
        assert!(arguments(" ").unwrap().is_empty());
        assert_eq!(arguments(r#"{"state":"CA"}"#).unwrap().len(), 1);
        for bad in ["[]", "{", "null", "\"CA\""] {
            assert!(arguments(bad).unwrap_err().contains("not a JSON object"), "{bad}");
        }
    }

    #[test]
    fn a_long_result_says_that_it_is_cut() {
        assert_eq!(shortened("ü".into()), "ü");
        assert!(shortened("ü".repeat(LONGEST_RESULT + 1)).ends_with("ü\n(cut off here)"));
    }
}
