//! Who loses and who gains access when one keys file takes another's place.

use crate::access::policy::{Loss, Scope};
use crate::access::{ClientId, ClientRow, KeyDigest, KeyRow, KeyState, Policy};
use crate::cli::Failure;
use crate::config::keys_file::Written;
use crate::config::moment;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::SystemTime;

/// One difference that somebody would notice.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Change {
    effect: Effect,
    client: String,
    key: Option<String>,
    why: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    Loses,
    Gains,
    Changes,
}

impl Effect {
    fn word(self) -> &'static str {
        match self {
            Effect::Loses => "loses",
            Effect::Gains => "gains",
            Effect::Changes => "changes",
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.effect {
            Effect::Loses => '-',
            Effect::Gains => '+',
            Effect::Changes => '~',
        };
        write!(f, "{sign} client {}", self.client)?;
        if let Some(key) = &self.key {
            write!(f, ", key {key}")?;
        }
        write!(f, ": {}", self.why)
    }
}

impl Change {
    pub(super) fn json(&self) -> Value {
        json!({ "effect": self.effect.word(), "client": self.client, "key": self.key, "why": self.why })
    }
}

/// What changes when `new` takes the place of the file `old`, judged at `now`.
pub(super) fn changes(old: &Path, new: &[ClientRow], now: SystemTime) -> Result<Vec<Change>, Failure> {
    Ok(between(&Written::read(old)?.clients, new, now))
}

fn between(old: &[ClientRow], new: &[ClientRow], now: SystemTime) -> Vec<Change> {
    let mut changes = Vec::new();
    clients(&mut changes, old, new);
    let (old, new) = (keys(old), keys(new));
    for (digest, was) in &old {
        match new.get(digest) {
            Some(is) => key_changes(&mut changes, was, is, now),
            None if was.state(now) == KeyState::Active => was.change(&mut changes, Effect::Loses, "the key is removed"),
            None => {}
        }
    }
    for (_, is) in new.iter().filter(|(digest, _)| !old.contains_key(*digest)) {
        match is.state(now) {
            KeyState::Active => is.change(&mut changes, Effect::Gains, "the key is new"),
            KeyState::NotYetValid => is.change(&mut changes, Effect::Changes, "the key is new and not yet valid"),
            KeyState::Expired | KeyState::Disabled => {}
        }
    }
    changes
}

/// A key with its client.
struct Owned<'a> {
    client: &'a ClientId,
    row: &'a KeyRow,
}

impl Owned<'_> {
    fn state(&self, now: SystemTime) -> KeyState {
        self.row.state(now)
    }

    fn change(&self, changes: &mut Vec<Change>, effect: Effect, why: impl Into<String>) {
        let (client, key) = (self.client.to_string(), Some(self.row.id.to_string()));
        changes.push(Change { effect, client, key, why: why.into() });
    }
}

/// All keys by digest: a key is its secret, whatever it is called.
fn keys(clients: &[ClientRow]) -> BTreeMap<String, Owned<'_>> {
    let keys = clients.iter().flat_map(|client| client.keys.iter().map(|row| Owned { client: &client.id, row }));
    keys.map(|key| (KeyDigest::to_string(&key.row.digest), key)).collect()
}

fn key_changes(changes: &mut Vec<Change>, was: &Owned<'_>, is: &Owned<'_>, now: SystemTime) {
    let why = |state| match state {
        KeyState::Active => "the key works now",
        KeyState::NotYetValid => "the key is not yet valid",
        KeyState::Expired => "the key has expired",
        KeyState::Disabled => "the key is disabled",
    };
    match (was.state(now) == KeyState::Active, is.state(now)) {
        (true, KeyState::Active) if was.client != is.client => {
            was.change(changes, Effect::Loses, format!("the key is now of client {}", is.client));
            is.change(changes, Effect::Gains, format!("the key was of client {}", was.client));
        }
        (true, KeyState::Active) => {}
        (true, state) => return was.change(changes, Effect::Loses, why(state)),
        (false, KeyState::Active) => is.change(changes, Effect::Gains, why(KeyState::Active)),
        (false, _) => return,
    }
    let text = |end: Option<SystemTime>| end.map_or_else(|| "never".to_owned(), moment::text);
    if was.row.expires_at != is.row.expires_at {
        let why = format!("the key's end was {} and is {}", text(was.row.expires_at), text(is.row.expires_at));
        is.change(changes, Effect::Changes, why);
    }
}

fn clients(changes: &mut Vec<Change>, old: &[ClientRow], new: &[ClientRow]) {
    let by_id = |rows: &[ClientRow]| -> BTreeMap<String, Policy> {
        rows.iter().map(|row| (row.id.to_string(), row.policy.clone())).collect()
    };
    let (was, is) = (by_id(old), by_id(new));
    for row in new {
        let before = old.iter().find(|before| before.id == row.id);
        if before.is_some_and(|before| before.limits != row.limits) {
            let why = "its limits are other than they were".to_owned();
            changes.push(Change { effect: Effect::Changes, client: row.id.to_string(), key: None, why });
        }
        if before.is_some_and(|before| before.allow_from != row.allow_from) {
            let why = "the addresses it may come from are other than they were".to_owned();
            changes.push(Change { effect: Effect::Changes, client: row.id.to_string(), key: None, why });
        }
    }
    let mut change =
        |effect, client: &str, why: String| changes.push(Change { effect, client: client.to_owned(), key: None, why });
    for (client, before) in &was {
        match is.get(client) {
            None => change(Effect::Loses, client, "the client is removed".to_owned()),
            Some(now) => {
                lost(before, now, " denied:").into_iter().for_each(|why| change(Effect::Loses, client, why));
                lost(now, before, " no longer denied:").into_iter().for_each(|why| change(Effect::Gains, client, why));
            }
        }
    }
    for client in is.keys().filter(|client| !was.contains_key(*client)) {
        change(Effect::Gains, client, "the client is new".to_owned());
    }
}

/// What `a` allows and `b` does not, as a phrase; what `b` denies is `denied`.
fn lost(a: &Policy, b: &Policy, denied: &str) -> Option<String> {
    let nothing = Policy::default();
    let (all, kept) = match (a, b) {
        (_, Policy::All) => return None,
        (Policy::Roles(_), Policy::Roles(_)) => (false, a.lost(b)),
        (Policy::All, Policy::Roles(_)) => (true, b.lost(&nothing)),
    };
    let only_tools = kept.iter().all(|(_, scope, _)| *scope == Scope::Tools);
    let listed = phrase(&kept, denied);
    match (all, kept.is_empty()) {
        (false, true) => None,
        (false, false) => Some(listed),
        (true, true) => Some("all tools".to_owned()),
        (true, false) if only_tools => Some(format!("all {}", listed.replacen("tools", "tools but", 1))),
        (true, false) => Some(format!("everything but {listed}")),
    }
}

fn phrase(lost: &[(Loss, Scope, &str)], denied: &str) -> String {
    let of = |wanted: Loss, scope: Scope, verb: &str| {
        let its = lost.iter().filter(|(loss, its, _)| (*loss, *its) == (wanted, scope));
        let patterns = its.map(|(.., pattern)| *pattern).collect::<Vec<_>>().join(", ");
        (!patterns.is_empty()).then(|| format!("{}{verb} {patterns}", scope.word()))
    };
    let gone = Scope::ALL.into_iter().filter_map(|scope| of(Loss::NotAllowed, scope, ""));
    let denied = Scope::ALL.into_iter().filter_map(|scope| of(Loss::Denied, scope, denied));
    gone.chain(denied).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests;
