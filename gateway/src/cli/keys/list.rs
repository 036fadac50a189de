//! `gateway keys list`.

use crate::access::{ClientRow, KeyId, KeyRow, KeyState};
use crate::cli::admin;
use crate::cli::failure::{Failure, print};
use crate::cli::when;
use crate::config::keys_file::{Remark, Written};
use crate::config::moment;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::SystemTime;

/// Lists the keys in `file`. When they were used last is told if a gateway answers on `admin`.
pub(super) fn run(file: &Path, admin: Option<SocketAddr>, as_json: bool, now: SystemTime) -> Result<(), Failure> {
    let written = Written::read(file)?;
    let uses = admin.and_then(Uses::ask);
    let keys = written.clients.iter().flat_map(|client| client.keys.iter().map(move |key| (client, key)));
    let row = |((client, key), remark)| Row { client, key, remark, uses: uses.as_ref(), now };
    let rows = keys.zip(&written.remarks).map(row);
    if as_json {
        return print(format_args!("{:#}", Value::Array(rows.map(|row| row.json()).collect())));
    }
    let used = uses.as_ref().map(|_| "LAST USED");
    let header = ["ID", "CLIENT", "STATE", "AGE", "ENDS"].into_iter().chain(used).chain(["NOTE"]);
    let lines: Vec<_> =
        std::iter::once(header.map(str::to_owned).collect()).chain(rows.map(|row| row.cells())).collect();
    let widths: Vec<_> =
        (0..7).map(|i| lines.iter().filter_map(|line| line.get(i)).map(|cell| cell.chars().count()).max()).collect();
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
    uses: Option<&'a Uses>,
    now: SystemTime,
}

impl Row<'_> {
    fn cells(&self) -> Vec<String> {
        let none = || "-".to_owned();
        let since = |moment: SystemTime| when::span(self.now.duration_since(moment).unwrap_or_default());
        let used = self.uses.map(|uses| uses.of(&self.key.id).map_or_else(none, |last| when::relative(last, self.now)));
        let remarks = [self.remark.reason.as_deref(), self.remark.note.as_deref()];
        let mut cells = vec![
            self.key.id.to_string(),
            self.client.id.to_string(),
            state(self.key.state(self.now)).to_owned(),
            self.remark.created_at.map_or_else(none, since),
            self.key.expires_at.map_or_else(|| "never".to_owned(), |end| when::relative(end, self.now)),
        ];
        cells.extend(used);
        cells.push(remarks.into_iter().flatten().map(printable).collect::<Vec<_>>().join("; "));
        cells
    }

    fn json(&self) -> Value {
        let text = |moment: Option<SystemTime>| moment.map(moment::text);
        let mut row = json!({
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
        });
        if let (Some(uses), Some(row)) = (self.uses, row.as_object_mut()) {
            row.insert("last_used_at".to_owned(), text(uses.of(&self.key.id)).into());
        }
        row
    }
}

/// When keys were used last, since the gateway that tells so was started.
struct Uses(HashMap<String, SystemTime>);

impl Uses {
    /// Nothing, if nobody answers there as a gateway does.
    fn ask(address: SocketAddr) -> Option<Self> {
        let answer = admin::get(admin::reachable(address), "/status.json").ok()?;
        let status: Value = serde_json::from_slice(&answer.body).ok().filter(|_| answer.status == "200")?;
        let used = |key: &Value| {
            Some((key.get("id")?.as_str()?.to_owned(), moment::parse(key.get("last_used_at")?.as_str()?)?))
        };
        Some(Self(status.get("keys")?.as_array()?.iter().filter_map(used).collect()))
    }

    fn of(&self, key: &KeyId) -> Option<SystemTime> {
        self.0.get(key.as_str()).copied()
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
