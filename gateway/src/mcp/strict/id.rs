//! What a message is called by whoever sent it.

use super::Walk;

/// The text of the JSON-RPC id that `bytes` begins with: a string, a number or `null`, and then the end of a member.
pub(in crate::mcp) fn id(bytes: &[u8]) -> Option<&str> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(flaw) => std::str::from_utf8(bytes.get(..flaw.valid_up_to())?).ok()?,
    };
    let mut walk = Walk { text, at: 0, depth: 0 };
    match walk.peek()? {
        b'"' | b'-' | b'0'..=b'9' | b'n' => walk.value().ok()?,
        _ => return None,
    }
    matches!(walk.peek(), Some(b',' | b'}' | b' ' | b'\t' | b'\n' | b'\r')).then_some(walk.since(0))
}
