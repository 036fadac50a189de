//! Who may do what: one immutable snapshot that every decision reads.
//!
//! [`Access::build`] makes it whole from the rows of the keys file; a reload builds the next one and swaps it in, so a
//! request sees either all of the old file or all of the new.

mod client;
mod credential;
mod keyring;
pub mod secret;
mod tools;

pub use client::{Client, ClientId, ClientRow, Permit, Principal};
pub use credential::{Credential, Shown, Sole};
pub use keyring::{Key, KeyDigest, KeyId, KeyRing, KeyRow, KeyState};
pub use tools::ToolSet;

use crate::reject::Reject;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

/// The snapshot that all decisions read. Built whole, swapped whole, never changed.
#[derive(Debug, Default)]
pub struct Access {
    keys: KeyRing,
    clients: Vec<Arc<Client>>,
}

/// Why rows of a keys file cannot become an [`Access`]. The reader of the file adds file, line and column.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// Two `[[client]]` tables with one id.
    #[error("client `{0}` is written twice; give each client one [[client]] table with all its keys")]
    ClientTwice(ClientId),
    /// Two keys with one public id.
    #[error("key id `{0}` is written twice; key ids are unique in the whole file")]
    KeyIdTwice(KeyId),
    /// Two keys with one digest: nobody could say whose request it was.
    #[error("keys `{0}` and `{1}` have the same digest; a secret belongs to one key")]
    DigestTwice(KeyId, KeyId),
}

impl Access {
    /// Makes the snapshot of `rows`.
    ///
    /// # Errors
    /// Rows that contradict each other; the first is named.
    pub fn build(rows: Vec<ClientRow>) -> Result<Self, BuildError> {
        let mut keys = KeyRing::default();
        let mut clients = Vec::with_capacity(rows.len());
        let mut ids = HashMap::with_capacity(rows.len());
        for row in rows {
            if ids.insert(row.id.clone(), ()).is_some() {
                return Err(BuildError::ClientTwice(row.id));
            }
            let slot = clients.len();
            for key in row.keys {
                keys.insert(slot, key)?;
            }
            clients.push(Arc::new(Client::new(slot, row.id, row.tools)));
        }
        Ok(Self { keys, clients })
    }

    /// Who shows this credential. The one place that makes a [`Principal`].
    ///
    /// # Errors
    /// The 401 refusals, each with its own word.
    pub fn authenticate(&self, shown: &Shown<'_>, now: SystemTime) -> Result<Principal<'_>, Reject> {
        let Credential::ApiKey(secret) = shown.credential()?;
        let key = self.keys.find(&KeyDigest::of(secret)).ok_or(Reject::KeyUnknown)?;
        key.usable(now)?;
        let client = self.clients.get(key.client()).ok_or(Reject::KeyUnknown)?;
        Ok(Principal::new(client, key))
    }

    /// All clients, in the order of the file. A client's place is its [`Client::slot`].
    pub fn clients(&self) -> &[Arc<Client>] {
        &self.clients
    }

    /// The key in a slot.
    pub fn key(&self, slot: usize) -> Option<&Key> {
        self.keys.get(slot)
    }

    /// All keys, each with the client that it belongs to.
    pub fn keys(&self) -> impl Iterator<Item = (&Client, &Key)> {
        self.keys.iter().filter_map(|key| Some((&**self.clients.get(key.client())?, key)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn key(id: &str, secret: &str) -> KeyRow {
        KeyRow {
            id: KeyId::parse(id).unwrap(),
            digest: KeyDigest::of(secret.as_bytes()),
            not_before: None,
            expires_at: None,
            disabled: false,
        }
    }

    fn client(id: &str, keys: Vec<KeyRow>) -> ClientRow {
        ClientRow { id: ClientId::parse(id).unwrap(), tools: ToolSet::All, keys }
    }

    fn who(access: &Access, keys: &[&[u8]], now: SystemTime) -> Result<String, Reject> {
        let mut api_key = Sole::Absent;
        keys.iter().for_each(|key| api_key.add(key));
        access.authenticate(&Shown { api_key }, now).map(|p| format!("{}/{}", p.client().id(), p.key().id()))
    }

    #[test]
    fn one_good_key_is_its_clients() {
        let rows = vec![
            client("a", vec![key("aaaaaaaa", "s1"), key("bbbbbbbb", "s2")]),
            client("b", vec![key("cccccccc", "s3")]),
        ];
        let access = Access::build(rows).unwrap();
        let now = SystemTime::now();
        assert_eq!(who(&access, &[b"s2"], now).unwrap(), "a/bbbbbbbb");
        assert_eq!(who(&access, &[b"s3"], now).unwrap(), "b/cccccccc");
        assert_eq!(access.keys().count(), 3);
    }

    #[test]
    fn anything_but_exactly_one_key_is_refused() {
        let access = Access::build(vec![client("a", vec![key("aaaaaaaa", "s1")])]).unwrap();
        let now = SystemTime::now();
        for (shown, why) in [
            (&[][..], Reject::KeyMissing),
            (&[&b""[..]][..], Reject::KeyMalformed),
            (&[&b"s1"[..], b"s1"][..], Reject::KeyMalformed),
            (&[&b"s1"[..], b"other"][..], Reject::KeyMalformed),
            (&[&b"s1, s1"[..]][..], Reject::KeyMalformed),
            (&[&b"\xffs1"[..]][..], Reject::KeyMalformed),
            (&[&[b'x'; 4096][..]][..], Reject::KeyMalformed),
            (&[&b"S1"[..]][..], Reject::KeyUnknown),
        ] {
            assert_eq!(who(&access, shown, now), Err(why), "{shown:?}");
        }
    }

    #[test]
    fn time_and_the_switch_decide() {
        let at = |s| SystemTime::UNIX_EPOCH + Duration::from_secs(s);
        let timed = KeyRow { not_before: Some(at(100)), expires_at: Some(at(200)), ..key("aaaaaaaa", "timed") };
        let off = KeyRow { disabled: true, ..key("bbbbbbbb", "off") };
        let access = Access::build(vec![client("a", vec![timed, off])]).unwrap();
        let timed = |s| who(&access, &[b"timed"], at(s)).map(|_| ());
        assert_eq!(timed(99), Err(Reject::KeyNotYetValid));
        assert_eq!(timed(100), Ok(()));
        assert_eq!(timed(199), Ok(()));
        assert_eq!(timed(200), Err(Reject::KeyExpired), "the end is not part of the key's life");
        assert_eq!(who(&access, &[b"off"], at(150)), Err(Reject::KeyDisabled));
    }

    #[test]
    fn rows_that_contradict_each_other_refuse_the_file() {
        let build = |rows| Access::build(rows).map(|_| ()).unwrap_err().to_string();
        assert!(build(vec![client("a", vec![]), client("a", vec![])]).contains("client `a` is written twice"));
        assert!(
            build(vec![client("a", vec![key("aaaaaaaa", "1"), key("aaaaaaaa", "2")])]).contains("key id `aaaaaaaa`")
        );
        let twice = vec![client("a", vec![key("aaaaaaaa", "1")]), client("b", vec![key("bbbbbbbb", "1")])];
        assert!(build(twice).contains("`aaaaaaaa` and `bbbbbbbb` have the same digest"));
    }
}
