//! `gateway keys list`.

use crate::access::{ClientRow, KeyRow, KeyState};
use crate::cli::failure::{Failure, print};
use crate::cli::when;
use crate::config::keys_file::{Remark, Written};
use crate::config::moment;
use serde_json::{Value, json};
use std::path::Path;
use std::time::SystemTime;

pub(super) fn run(file: &Path, as_json: bool, now: SystemTime) -> Result<(), Failure> {
    let written = Written::read(file)?;
    let keys = written.clients.iter().flat_map(|client| client.keys.iter().map(move |key| (client, key)));
    let rows = keys.zip(&written.remarks).map(|((client, key), remark)| Row { client, key, remark, now });
    if as_json {
        return print(format_args!("{:#}", Value::Array(rows.map(|row| row.json()).collect())));
    }
    let header = ["ID", "CLIENT", "STATE", "AGE", "ENDS", "NOTE"].map(str::to_owned);
    let lines: Vec<_> = std::iter::once(header).chain(rows.map(|row| row.cells())).collect();
    let widths: Vec<_> =
        (0..6).map(|i| lines.iter().filter_map(|line| line.get(i)).map(|cell| cell.chars().count()).max()).collect();
    for line in &lines {
        let padded = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<0$}", width.unwrap_or_default()));
        print(padded.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

struct Row<'a> {
    client: &'a ClientRow,
    key: &'a KeyRow,
    remark: &'a Remark,
    now: SystemTime,
}

impl Row<'_> {
    fn cells(&self) -> [String; 6] {
        let none = || "-".to_owned();
        let since = |moment: SystemTime| when::span(self.now.duration_since(moment).unwrap_or_default());
        let remarks = [self.remark.reason.as_deref(), self.remark.note.as_deref()];
        [
            self.key.id.to_string(),
            self.client.id.to_string(),
            state(self.key.state(self.now)).to_owned(),
            self.remark.created_at.map_or_else(none, since),
            self.key.expires_at.map_or_else(|| "never".to_owned(), |end| when::relative(end, self.now)),
            remarks.into_iter().flatten().map(printable).collect::<Vec<_>>().join("; "),
        ]
    }

    fn json(&self) -> Value {
        let text = |moment: Option<SystemTime>| moment.map(moment::text);
        json!({
            "id": self.key.id.as_str(),
            "client": self.client.id.as_str(),
            "state": state(self.key.state(self.now)),
            "created_at": text(self.remark.created_at),
            "not_before": text(self.key.not_before),
            "expires_at": text(self.key.expires_at),
            "disabled_at": text(self.remark.disabled_at),
            "reason": self.remark.reason,
            "note": self.remark.note,
            "limits": limits(self.client),
        })
    }
}

/// What limits a client, by the members of its row.
fn limits(client: &ClientRow) -> Value {
    let mut members = client.limits.members();
    if let Some(networks) = &client.allow_from {
        members.insert("allow_from".to_owned(), networks.iter().map(ToString::to_string).collect());
    }
    members.into()
}

/// The word for a state, as metrics and audit have it.
pub(super) fn state(state: KeyState) -> &'static str {
    match state {
        KeyState::Active => "active",
        KeyState::NotYetValid => "not_yet_valid",
        KeyState::Expired => "expired",
        KeyState::Disabled => "disabled",
    }
}

/// A note on one line, without what would command a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
