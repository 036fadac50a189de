//! Writes JSON in all the ways it may be written.

use proptest::prelude::*;
use serde_json::Value;

/// Choices for a writer, used over and over.
pub(super) fn noise() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![Just(vec![0]), prop::collection::vec(any::<u8>(), 1..40)]
}

/// Any JSON value, with names and texts that hold what is hard to write.
pub(super) fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        // Numbers that survive any way of reading them.
        (-4_000_000..4_000_000).prop_map(|quarters| Value::from(f64::from(quarters) / 4.0)),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((text(), inner), 0..5).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

/// Members that have a meaning somewhere, and so may stand where they have none.
const MEMBERS: &[&str] = &[
    "jsonrpc",
    "id",
    "name",
    "uri",
    "taskId",
    "arguments",
    "_meta",
    "ref",
    "type",
    "protocolVersion",
    "notifications",
    "cacheScope",
    "uriTemplate",
    "Uri",
];

pub(super) fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-e]{0,3}",
        prop::sample::select(MEMBERS).prop_map(str::to_owned),
        "[ -~]{0,20}",
        r#"["\\/\n\t\u{8}\u{1}\u{7f}é世😀{}\[\],: ]{0,6}"#,
        "[a-z]{9,70}",
    ]
}

/// A value as text: white space and escapes as `noise` has it.
pub(super) fn write(value: &Value, noise: &[u8]) -> String {
    let mut writer = Writer { noise: noise.iter().cycle().copied(), text: String::new() };
    writer.value(value);
    writer.text
}

struct Writer<N> {
    noise: N,
    text: String,
}

impl<N: Iterator<Item = u8>> Writer<N> {
    fn value(&mut self, value: &Value) {
        match value {
            Value::Object(members) => {
                self.text.push('{');
                for (at, (name, value)) in members.iter().enumerate() {
                    self.comma(at);
                    self.string(name);
                    self.space();
                    self.text.push(':');
                    self.space();
                    self.value(value);
                }
                self.space();
                self.text.push('}');
            }
            Value::Array(values) => {
                self.text.push('[');
                for (at, value) in values.iter().enumerate() {
                    self.comma(at);
                    self.value(value);
                }
                self.space();
                self.text.push(']');
            }
            Value::String(text) => self.string(text),
            Value::Null | Value::Bool(_) | Value::Number(_) => self.text.push_str(&value.to_string()),
        }
    }

    fn comma(&mut self, at: usize) {
        self.space();
        if at > 0 {
            self.text.push(',');
            self.space();
        }
    }

    fn space(&mut self) {
        self.text.push_str(match self.noise.next() {
            Some(200..=210) => " ",
            Some(211..=220) => "\n\t",
            Some(221..=230) => "\r\n  ",
            _ => "",
        });
    }

    fn string(&mut self, text: &str) {
        self.text.push('"');
        for letter in text.chars() {
            let escape = self.noise.next() > Some(240);
            match letter {
                '"' | '\\' => self.text.extend(['\\', letter]),
                '/' if escape => self.text.push_str("\\/"),
                '\n' if escape => self.text.push_str("\\n"),
                _ if escape || letter < ' ' => {
                    for unit in letter.encode_utf16(&mut [0; 2]) {
                        self.text.push_str(&format!("\\u{unit:04x}"));
                    }
                }
                _ => self.text.push(letter),
            }
        }
        self.text.push('"');
    }
}
