//! What a new keys file changed, by id.

use crate::access::{Access, Allowance, Client, ClientId, KeyRow, Limits, Network, Policy};
use std::collections::HashMap;
use std::hash::Hash;
use std::path::Path;
use tracing::info;

/// Most ids in one log line of each kind.
const MOST: usize = 20;

/// Clients and keys that are new, gone, or not what they were.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::serve) struct Changes {
    pub(in crate::serve) clients: Kinds,
    pub(in crate::serve) keys: Kinds,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::serve) struct Kinds {
    pub(in crate::serve) added: Vec<String>,
    pub(in crate::serve) removed: Vec<String>,
    pub(in crate::serve) changed: Vec<String>,
}

impl Changes {
    pub(super) fn between(old: &Access, new: &Access) -> Self {
        fn clients(access: &Access) -> HashMap<&str, Rights<'_>> {
            access.clients().iter().map(|client| (client.id().as_str(), rights(client))).collect()
        }
        fn keys(access: &Access) -> HashMap<&str, (&ClientId, &KeyRow)> {
            access.keys().map(|(client, key)| (key.id().as_str(), (client.id(), key.row()))).collect()
        }
        Self {
            clients: Kinds::between(&clients(old), &clients(new), PartialEq::eq),
            keys: Kinds::between(&keys(old), &keys(new), PartialEq::eq),
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

/// What a client may do, how much of it, and from where.
type Rights<'a> = (&'a Policy, Option<&'a Limits>, Option<&'a [Network]>);

fn rights(client: &Client) -> Rights<'_> {
    (client.policy(), client.allowance().map(Allowance::limits), client.allow_from())
}

impl Kinds {
    fn between<I: Eq + Hash + ToString, V>(
        old: &HashMap<I, V>,
        new: &HashMap<I, V>,
        same: impl Fn(&V, &V) -> bool,
    ) -> Self {
        let differs = |(id, now): &(&I, &V)| old.get(id).is_some_and(|before| !same(before, now));
        Self {
            added: sorted(new.keys().filter(|id| !old.contains_key(id))),
            removed: sorted(old.keys().filter(|id| !new.contains_key(id))),
            changed: sorted(new.iter().filter(differs).map(|(id, _)| id)),
        }
    }
}

fn sorted<'a, I: ToString + 'a>(ids: impl Iterator<Item = &'a I>) -> Vec<String> {
    let mut ids: Vec<_> = ids.map(|id| id.to_string()).collect();
    ids.sort();
    ids
}

fn named(ids: &[String]) -> Option<String> {
    let more = ids.len().saturating_sub(MOST);
    let text = ids.iter().take(MOST).map(String::as_str).collect::<Vec<_>>().join(" ");
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!ids.is_empty()).then(|| text + &more)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys_file;

    fn access(text: &str) -> Access {
        Access::build(keys_file::parse(text, Path::new("keys.toml")).unwrap()).unwrap()
    }

    #[test]
    fn each_change_is_named_once() {
        let key = |id: &str, digest: char, more: &str| {
            let digest = digest.to_string().repeat(64);
            format!("[[client.key]]\nid = \"{id}\"\ndigest = \"sha256:{digest}\"\n{more}\n")
        };
        let client = |id: &str, tools: &str, keys: &[String]| {
            format!("[[client]]\nid = \"{id}\"\ntools = {tools}\n{}", keys.concat())
        };
        let old = access(
            &[
                client("a", "[]", &[key("aaaaaaaa", 'a', ""), key("bbbbbbbb", 'b', ""), key("cccccccc", 'c', "")]),
                client("b", "[]", &[key("dddddddd", 'd', "")]),
                client("c", "[]", &[]),
            ]
            .concat(),
        );
        let new = access(
            &[
                client("a", "\"all\"", &[key("aaaaaaaa", 'a', ""), key("bbbbbbbb", 'b', "disabled = true")]),
                client("c", "[]\nmax_streams = 1", &[key("dddddddd", 'd', ""), key("eeeeeeee", 'e', "")]),
                client("d", "[]", &[]),
            ]
            .concat(),
        );
        let texts = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
        let expected = Changes {
            clients: Kinds { added: texts(&["d"]), removed: texts(&["b"]), changed: texts(&["a", "c"]) },
            keys: Kinds {
                added: texts(&["eeeeeeee"]),
                removed: texts(&["cccccccc"]),
                changed: texts(&["bbbbbbbb", "dddddddd"]),
            },
        };
        assert_eq!(Changes::between(&old, &new), expected);
        assert_eq!(Changes::between(&new, &new), Changes::default());
    }

    #[test]
    fn a_line_has_an_end() {
        let ids: Vec<_> = (0..30).map(|n| n.to_string()).collect();
        assert_eq!(named(&ids[..0]), None);
        assert_eq!(named(&ids[..2]).as_deref(), Some("0 1"));
        assert!(named(&ids).unwrap().ends_with(" 18 19 and 10 more"));
    }
}
