//! One turn of the model, put together from the pieces in which it is streamed.

use gateway_examples::Failure;
use serde::Deserialize;

/// Bytes of text and arguments in one turn; no model writes as much, but a broken one might not stop.
const LARGEST_TURN: usize = 4 * 1024 * 1024;

/// One event of a streamed chat completion, as far as we read it. Servers that call themselves compatible leave out
/// much of what OpenAI sends, so nothing is required.
#[derive(Deserialize)]
pub(crate) struct Chunk {
    #[serde(default)]
    choices: Vec<Choice>,
    error: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    delta: Delta,
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct Delta {
    content: Option<String>,
    refusal: Option<String>,
    tool_calls: Option<Vec<Piece>>,
}

#[derive(Deserialize)]
struct Piece {
    index: Option<u32>,
    id: Option<String>,
    function: Option<Function>,
}

#[derive(Default, Deserialize)]
struct Function {
    name: Option<String>,
    arguments: Option<String>,
}

/// A tool that the model wants called.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ToolCall {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) arguments: String,
}

/// What the model said in one go.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    pub(crate) text: String,
    pub(crate) calls: Vec<ToolCall>,
    /// The index that the server gave each of `calls`.
    indices: Vec<Option<u32>>,
    finish: Option<String>,
    size: usize,
}

impl Turn {
    /// Takes in one event and returns the text that it adds.
    ///
    /// # Errors
    ///
    /// [`Failure::Broken`] when the event reports an error or the turn grows out of bounds.
    pub(crate) fn add(&mut self, chunk: Chunk) -> Result<String, Failure> {
        if let Some(error) = chunk.error {
            let message = error.get("message").and_then(|message| message.as_str()).unwrap_or("no reason given");
            return Err(Failure::Broken(format!("the model gave up: {message}")));
        }
        let before = self.text.len();
        // We ask for one choice; with `n = 1` a server has no reason to send another.
        for Choice { delta, finish_reason } in chunk.choices.into_iter().take(1) {
            self.text.extend([delta.content, delta.refusal].into_iter().flatten());
            for piece in delta.tool_calls.into_iter().flatten() {
                self.piece(piece);
            }
            self.finish = finish_reason.or(self.finish.take());
        }
        let added = self.text.get(before..).unwrap_or_default().to_owned();
        self.size += added.len();
        if self.size > LARGEST_TURN {
            return Err(Failure::Broken("the model does not stop writing and was given up.".to_owned()));
        }
        Ok(added)
    }

    /// Whether a turn without tool calls is a whole answer.
    ///
    /// # Errors
    ///
    /// [`Failure::Broken`] with what is missing.
    pub(crate) fn finished(&self) -> Result<(), Failure> {
        let missing = match self.finish.as_deref() {
            None => "the model's answer broke off.",
            Some("length") => "the model's answer was cut off at its length limit.",
            Some("content_filter") => "the model's answer was cut off by the provider's content filter.",
            Some(_) if self.text.trim().is_empty() => "the model gave an empty answer.",
            Some(_) => return Ok(()),
        };
        Err(Failure::Broken(missing.to_owned()))
    }

    /// A call comes in pieces: first its id and name, then its arguments bit by bit, all under one index. Some servers
    /// give no index and send each call whole.
    fn piece(&mut self, piece: Piece) {
        let Function { name, arguments } = piece.function.unwrap_or_default();
        let known = match piece.index {
            Some(_) => self.indices.iter().position(|index| *index == piece.index),
            None if piece.id.is_none() => self.calls.len().checked_sub(1),
            None => None,
        };
        if known.is_none() {
            self.indices.push(piece.index);
            self.calls.push(ToolCall { id: format!("call_{}", self.calls.len()), ..ToolCall::default() });
        }
        let place = known.unwrap_or(self.calls.len() - 1);
        let Some(call) = self.calls.get_mut(place) else { return };
        if let Some(id) = piece.id.filter(|id| !id.is_empty()) {
            call.id = id;
        }
        // A name never comes in bits, but some servers repeat it.
        if let Some(name) = name.filter(|name| !name.is_empty()) {
            call.name = name;
        }
        let arguments = arguments.unwrap_or_default();
        call.arguments.push_str(&arguments);
        self.size += arguments.len() + 64;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn turn(deltas: &[Value]) -> Turn {
        let mut turn = Turn::default();
        for delta in deltas {
            turn.add(serde_json::from_value(json!({"choices": [{"delta": delta}]})).unwrap()).unwrap();
        }
        turn
    }

    fn call(id: &str, name: &str, arguments: &str) -> ToolCall {
        ToolCall { id: id.into(), name: name.into(), arguments: arguments.into() }
    }

    #[test]
    fn interleaved_pieces_find_their_call() {
        let turn = turn(&[
            json!({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": ""}}]}),
            json!({"tool_calls": [{"index": 1, "id": "b", "function": {"name": "g"}}]}),
            json!({"tool_calls": [{"index": 0, "function": {"arguments": "{\"x\""}}]}),
            json!({"tool_calls": [{"index": 1, "function": {"arguments": "{}"}}]}),
            json!({"tool_calls": [{"index": 0, "id": "", "function": {"arguments": ":1}"}}]}),
        ]);
        assert_eq!(turn.calls, [call("a", "f", "{\"x\":1}"), call("b", "g", "{}")]);
    }

    #[test]
    fn calls_without_index_or_id_are_taken_as_they_come() {
        let whole = json!({"tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{}"}}, {"id": "b", "function": {"name": "g", "arguments": "{}"}}]});
        assert_eq!(turn(&[whole]).calls, [call("a", "f", "{}"), call("b", "g", "{}")]);
        let bare = [
            json!({"tool_calls": [{"function": {"name": "f"}}]}),
            json!({"tool_calls": [{"function": {"arguments": "{}"}}]}),
        ];
        assert_eq!(turn(&bare).calls, [call("call_0", "f", "{}")]);
    }

    #[test]
    fn an_answer_is_whole_or_says_what_is_missing() {
        let mut turn = turn(&[json!({"role": "assistant", "content": "It "}), json!({"content": "rains."})]);
        assert_eq!(turn.text, "It rains.");
        assert!(turn.finished().unwrap_err().to_string().contains("broke off"));
        for (reason, whole) in [("length", false), ("content_filter", false), ("stop", true), ("eos", true)] {
            turn.add(serde_json::from_value(json!({"choices": [{"finish_reason": reason}]})).unwrap()).unwrap();
            assert_eq!(turn.finished().is_ok(), whole, "{reason}");
        }
    }

    #[test]
    fn a_model_that_does_not_stop_is_given_up() {
        let mut turn = Turn::default();
        let endless = (0..5).find_map(|_| {
            let chunk = json!({"choices": [{"delta": {"content": "x".repeat(1 << 20)}}]});
            turn.add(serde_json::from_value(chunk).unwrap()).err()
        });
        assert!(endless.unwrap().to_string().contains("does not stop"));
    }

    #[test]
    fn an_error_in_the_stream_is_told() {
        let chunk = serde_json::from_value(json!({"error": {"message": "overloaded"}})).unwrap();
        assert!(Turn::default().add(chunk).unwrap_err().to_string().contains("overloaded"));
    }
}
