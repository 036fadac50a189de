//! What a new keys file changed, by id.

use crate::access::{Access, Client, ClientId, Key, KeyId};
use std::collections::HashMap;
use std::path::Path;
use tracing::info;

/// Most ids in one log line of each kind.
const MOST: usize = 20;

/// Clients and keys that are new, gone, or not what they were.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    clients: Kinds,
    keys: Kinds,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Kinds {
    added: Vec<String>,
    removed: Vec<String>,
    changed: Vec<String>,
}

impl Changes {
    pub(super) fn between(old: &Access, new: &Access) -> Self {
        let clients = |access| Access::clients(access).iter().map(|client| (client.id(), &**client)).collect();
        Self {
            clients: Kinds::between(&clients(old), &clients(new), |a, b| a.tools() == b.tools()),
            keys: Kinds::between(&keys(old), &keys(new), same_key),
        }
    }

    /// One line, which names what changed and nothing else.
    pub(super) fn log(&self, file: &Path) {
        let Self { clients, keys } = self;
        info!(
            file = %file.display(),
            clients_added = named(&clients.added),
            clients_removed = named(&clients.removed),
            clients_changed = named(&clients.changed),
            keys_added = named(&keys.added),
            keys_removed = named(&keys.removed),
            keys_changed = named(&keys.changed),
            "reloaded"
        );
    }
}

impl Kinds {
    fn between<I, V>(old: &HashMap<I, V>, new: &HashMap<I, V>, same: impl Fn(&V, &V) -> bool) -> Self
    where
        I: std::hash::Hash + Eq + ToString,
    {
        let sorted = |ids: Vec<&I>| {
            let mut ids: Vec<_> = ids.into_iter().map(ToString::to_string).collect();
            ids.sort();
            ids
        };
        Self {
            added: sorted(new.keys().filter(|id| !old.contains_key(id)).collect()),
            removed: sorted(old.keys().filter(|id| !new.contains_key(id)).collect()),
            changed: sorted(
                new.iter().filter(|(id, v)| old.get(id).is_some_and(|o| !same(o, v))).map(|(id, _)| id).collect(),
            ),
        }
    }
}

fn keys(access: &Access) -> HashMap<&KeyId, (&ClientId, &Key)> {
    let row = |(client, key): (&Client, &Key)| (client.id(), key);
    todo!()
}
