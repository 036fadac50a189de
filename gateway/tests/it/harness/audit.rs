//! What an audit line has to be, whatever it is about.

use gateway::record::audit::Field;
use serde_json::Value;

const EVENTS: [&str; 14] = [
    "request",
    "stream_start",
    "stream_end",
    "started",
    "stopping",
    "stopped",
    "keys_changed",
    "keys_refused",
    "key_ended",
    "certificate_changed",
    "certificate_refused",
    "authorities_changed",
    "authorities_refused",
    "torn",
];

/// The line, if it is one: an object with a time, an event that is known, members that are known, and nothing in it that
/// could move a terminal. A test fails by a request that crashed, whatever it looks at.
pub(crate) fn line(text: &str) -> Value {
    let line: Value = serde_json::from_str(text).unwrap_or_else(|_| panic!("no line of the audit: {text}"));
    assert!(!text.chars().any(char::is_control), "{text:?}");
    let members = line.as_object().unwrap_or_else(|| panic!("no object: {text}"));
    let known = |name: &String| Field::ALL.iter().any(|field| field.name() == name);
    assert!(members.keys().all(known), "{text}");
    assert!(humantime::parse_rfc3339(line["time"].as_str().unwrap()).is_ok(), "{text}");
    assert!(EVENTS.contains(&line["event"].as_str().unwrap()), "{text}");
    assert_ne!(line["outcome"], "crashed", "{text}");
    line
}
