//! From `keys.toml` as written to rows as meant: every member and its rule.

use super::limits::{limits, networks};
use super::roles::{self, Lines};
use super::{Remark, Written};
use crate::access::{BuildError, ClientId, ClientRow, KeyDigest, KeyId, KeyRing, KeyRow};
use crate::config::error::ConfigError;
use crate::config::reader::{Members, Source, Table, Value};
use std::collections::HashSet;
use std::path::Path;

pub(super) const MEMBERS: Members = &[
    ("", &["role", "client"]),
    ("role", &["tools", "resources", "prompts", "methods"]),
    ("role.tools", &["allow", "deny"]),
    ("role.resources", &["allow", "deny"]),
    ("role.prompts", &["allow", "deny"]),
    ("role.methods", &["allow", "deny"]),
    (
        "client",
        &[
            "id",
            "roles",
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
    let source = Source::new(file, text, MEMBERS).advised(advice);
    let lines = Lines::of(source);
    let mut root = source.root()?;
    let mut written = Written { roles: roles::roles(&mut root, &lines)?, ..Written::default() };
    let mut seen = Seen::default();
    for (slot, mut table) in root.tables("client", "client")?.into_iter().enumerate() {
        let id = table.required("id")?;
        written.lines.push(lines.line(table.offset()));
        let mut row = ClientRow {
            id: client_id(&id)?,
            policy: roles::policy(&mut table, &written.roles, &lines)?,
            limits: limits(&mut table)?,
            allow_from: table.read_optional("allow_from", networks)?,
            keys: Vec::new(),
        };
        seen.client(&row.id).map_err(|e| id.complaint(e))?;
        if let Some(value) = table.peek_text("key") {
            return Err(value.complaint(NO_SECRETS));
        }
        for mut table in table.tables("key", "client.key")? {
            let (key, remark) = key(&mut table, &lines, |row| seen.ring.insert(slot, row))?;
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
    lines: &Lines,
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
        BuildError::DigestTwice(..) | BuildError::DigestMadeUp(_) => digest.complaint(e),
        BuildError::KeyIdTwice(_) | BuildError::ClientTwice(_) => id.complaint(e),
    })?;
    let text = |value: &Value<'_>| value.text().map(str::to_owned);
    let remark = Remark {
        id: row.id.clone(),
        line: lines.line(table.offset()),
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

fn advice(table: &str, member: &str) -> Option<&'static str> {
    let member = member.to_ascii_lowercase();
    (!table.is_empty() && SECRETS.contains(&&*member)).then_some(NO_SECRETS)
}
