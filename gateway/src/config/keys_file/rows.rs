//! From `keys.toml` as written to rows as meant: every member and its rule.

use super::limits::{limits, networks};
use super::{Remark, Written};
use crate::access::{BuildError, ClientId, ClientRow, KeyDigest, KeyId, KeyRing, KeyRow, ToolSet};
use crate::config::error::ConfigError;
use crate::config::reader::{Members, Source, Table, Value};
use std::collections::{BTreeSet, HashSet};
use std::path::Path;

pub(super) const MEMBERS: Members = &[
    ("", &["client"]),
    (
        "client",
        &[
            "id",
            "tools",
            "rate",
            "burst",
            "tool",
            "cost",
            "method_cost",
            "max_streams",
            "max_in_flight",
            "allow_from",
            "key",
        ],
    ),
    ("client.tool", &["rate", "burst"]),
    (
        "client.key",
        &["id", "digest", "created_at", "not_before", "expires_at", "disabled", "disabled_at", "reason", "note"],
    ),
];

/// Names under which people write a secret.
const SECRETS: [&str; 7] = ["key", "secret", "value", "api_key", "apikey", "token", "password"];

const NO_SECRETS: &str = "a key itself never stands in this file, only its digest: \
    `gateway keys hash CLIENT` reads a key on stdin and writes the digest here; a key that others could read here is no secret any more";

pub(super) fn written(text: &str, file: &Path) -> Result<Written, ConfigError> {
    let mut root = Source::new(file, text, MEMBERS).advised(advice).root()?;
    let mut written = Written::default();
    let mut seen = Seen::default();
    for (slot, mut table) in root.tables("client", "client")?.into_iter().enumerate() {
        let id = table.required("id")?;
        let mut row = ClientRow {
            id: client_id(&id)?,
            tools: table.read("tools", ToolSet::default(), tools)?,
            limits: limits(&mut table)?,
            allow_from: table.read_optional("allow_from", networks)?,
            keys: Vec::new(),
        };
        seen.client(&row.id).map_err(|e| id.complaint(e))?;
        if let Some(value) = table.peek_text("key") {
            return Err(value.complaint(NO_SECRETS));
        }
        for mut table in table.tables("key", "client.key")? {
            let (key, remark) = key(&mut table, |row| seen.ring.insert(slot, row))?;
            row.keys.push(key);
            written.remarks.push(remark);
        }
        written.clients.push(row);
    }
    Ok(written)
}

/// What was read so far. The ring is the one that requests are judged by, so what it refuses is refused here, where
/// the place is known.
#[derive(Default)]
struct Seen {
    clients: HashSet<ClientId>,
    ring: KeyRing,
}

impl Seen {
    fn client(&mut self, id: &ClientId) -> Result<(), BuildError> {
        if self.clients.insert(id.clone()) { Ok(()) } else { Err(BuildError::ClientTwice(id.clone())) }
    }
}

fn key(
    table: &mut Table<'_>,
    insert: impl FnOnce(KeyRow) -> Result<(), BuildError>,
) -> Result<(KeyRow, Remark), ConfigError> {
    let id = table.required("id")?;
    let digest = table.required("digest")?;
    let row = KeyRow {
        id: KeyId::parse(id.text()?).map_err(|e| id.complaint(e))?,
        digest: key_digest(&digest)?,
        not_before: table.read_optional("not_before", Value::time)?,
        expires_at: table.read_optional("expires_at", Value::time)?,
        disabled: table.read("disabled", false, Value::flag)?,
    };
    insert(row.clone()).map_err(|e| match e {
        BuildError::DigestTwice(..) => digest.complaint(e),
        BuildError::KeyIdTwice(_) | BuildError::ClientTwice(_) => id.complaint(e),
    })?;
    let text = |value: &Value<'_>| value.text().map(str::to_owned);
    let remark = Remark {
        id: row.id.clone(),
        created_at: table.read_optional("created_at", Value::time)?,
        disabled_at: table.read_optional("disabled_at", Value::time)?,
        reason: table.read_optional("reason", text)?,
        note: table.read_optional("note", text)?,
    };
    Ok((row, remark))
}

fn client_id(value: &Value<'_>) -> Result<ClientId, ConfigError> {
    ClientId::parse(value.text()?).map_err(|e| value.complaint(e))
}

fn key_digest(value: &Value<'_>) -> Result<KeyDigest, ConfigError> {
    let text = value.text()?;
    KeyDigest::parse(text).map_err(|e| value.complaint(format!("{e}; {NO_SECRETS}")))
}

fn tools(value: &Value<'_>) -> Result<ToolSet, ConfigError> {
    let form = "`tools` is \"all\", or a list of tool names such as [\"get_alerts\"]";
    if value.is_text() {
        return if value.text()? == "all" { Ok(ToolSet::All) } else { Err(value.complaint(form)) };
    }
    let name = |item: Value<'_>| {
        item.parsed("a list of tool names of 1 to 128 visible ASCII characters", |text| {
            let sane = (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
            sane.then(|| Box::<str>::from(text))
        })
    };
    let names: BTreeSet<_> = value.list()?.into_iter().map(name).collect::<Result<_, _>>()?;
    Ok(ToolSet::Only(names))
}

fn advice(table: &str, member: &str) -> Option<&'static str> {
    let member = member.to_ascii_lowercase();
    (!table.is_empty() && SECRETS.contains(&&*member)).then_some(NO_SECRETS)
}
