//! Who may do what: one immutable snapshot that every decision reads.
//!
//! [`Access::build`] makes it whole from the rows of the keys file; a reload builds the next one and swaps it in, so a
//! request sees either all of the old file or all of the new.

mod bucket;
mod client;
mod credential;
mod keyring;
mod lease;
mod limits;
mod memory;
mod network;
pub mod policy;
mod quota;
pub mod secret;
mod session;
mod stranger;
mod terms;
mod tools;
mod usage;

pub use bucket::{Bucket, Level, Taken, Uptime};
pub use client::{Client, ClientId, ClientRow, Paid, Permit, Principal, Proof};
pub use credential::{Credential, Shown, Sole};
pub use keyring::{Key, KeyDigest, KeyId, KeyRing, KeyRow, KeyState};
pub use lease::{Lease, LeaseEnd};
pub use limits::Limits;
pub use memory::Memory;
pub use network::{Network, NetworkError};
pub use policy::{Decision, Policy};
pub use quota::{Quota, Rate, RateError};
pub use session::{RecentSessions, SessionSecret, SessionSecretError, Sessions};
pub use stranger::{Excess, PerSource, Source, Strangers, Visit};
pub use terms::seconds;
pub use tools::ToolSet;
pub use usage::{Allowance, Hold, Limited, Slot, Standing};

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
    /// Digests that begin like those of too many others.
    #[error("the digest of key `{0}` begins like those of more keys than chance ever makes; somebody made it up")]
    DigestMadeUp(KeyId),
}

impl Access {
    /// Makes the first snapshot, of `rows` as they stand now.
    ///
    /// # Errors
    /// Rows that contradict each other; the first is named.
    pub fn build(rows: Vec<ClientRow>) -> Result<Self, BuildError> {
        Self::default().rebuild(rows, SystemTime::now())
    }

    /// Makes the snapshot that comes after this one, of `rows` as they stand at `now`. Keys that stay what they are keep
    /// their leases; once it has been swapped in, [`Access::end_leases`] ends those of the others. What clients have used
    /// of their limits stays used.
    ///
    /// # Errors
    /// Rows that contradict each other; the first is named.
    pub fn rebuild(&self, rows: Vec<ClientRow>, now: SystemTime) -> Result<Self, BuildError> {
        let known: HashMap<_, _> = self.clients.iter().map(|client| (client.id(), client)).collect();
        let mut keys = KeyRing::default();
        let mut clients = Vec::with_capacity(rows.len());
        let mut ids = HashMap::with_capacity(rows.len());
        for row in rows {
            if ids.insert(row.id.clone(), ()).is_some() {
                return Err(BuildError::ClientTwice(row.id));
            }
            let slot = clients.len();
            for key in &row.keys {
                let lease = self.lease(&row.id, key, now);
                keys.lease(slot, key.clone(), lease, now)?;
            }
            let previous = known.get(&row.id).and_then(|client| client.allowance());
            clients.push(Arc::new(Client::new(slot, row, previous)));
        }
        Ok(Self { keys, clients })
    }

    /// Whether time alone has made a key usable or unusable since the snapshot was made: [`Access::renew`] it then.
    pub fn is_stale(&self, now: SystemTime) -> bool {
        self.keys.iter().any(|key| key.row().state(now) != key.state())
    }

    /// Makes the snapshot of the same clients and keys as they stand at `now`; see [`Access::rebuild`].
    pub fn renew(&self, now: SystemTime) -> Self {
        let lease = |key: &Key| match self.clients.get(key.client()) {
            Some(client) => self.lease(client.id(), key.row(), now),
            None => Arc::default(),
        };
        Self { keys: self.keys.renew(now, lease), clients: self.clients.clone() }
    }

    /// Ends every lease that `next`, which has replaced this snapshot, has not taken over. Gives the keys that could be
    /// used until then: only they can have streams.
    pub fn end_leases<'a>(&'a self, next: &Access) -> Vec<(&'a Client, &'a Key, LeaseEnd)> {
        let mut ended = Vec::new();
        for (client, key) in self.keys() {
            let heir = next.same_key(client.id(), key.row());
            if heir.is_some_and(|heir| Arc::ptr_eq(heir.lease(), key.lease())) {
                continue;
            }
            let reason = match heir.map(Key::state) {
                None | Some(KeyState::Active) => LeaseEnd::Removed,
                Some(KeyState::Disabled) => LeaseEnd::Revoked,
                Some(KeyState::Expired) => LeaseEnd::Expired,
                Some(KeyState::NotYetValid) => LeaseEnd::NotYetValid,
            };
            if key.lease().end(reason) && key.state() == KeyState::Active {
                ended.push((client, key, reason));
            }
        }
        ended
    }

    /// The lease that a key of the next snapshot begins with: the one it has, unless it may not be used at `now`.
    fn lease(&self, client: &ClientId, row: &KeyRow, now: SystemTime) -> Arc<Lease> {
        let held = self.same_key(client, row).map(Key::lease);
        let stays = |lease: &&Arc<Lease>| row.state(now) == KeyState::Active && lease.ended().is_none();
        held.filter(stays).cloned().unwrap_or_default()
    }

    /// The key with this id, if it has the same secret and belongs to the same client.
    fn same_key(&self, client: &ClientId, row: &KeyRow) -> Option<&Key> {
        let key = self.keys.named(&row.id).filter(|key| key.row().digest == row.digest)?;
        self.clients.get(key.client()).filter(|owner| owner.id() == client).map(|_| key)
    }

    /// Who shows this credential. The one place that makes a [`Principal`].
    ///
    /// # Errors
    /// The 401 refusals, each with its own word.
    pub fn authenticate(&self, shown: &Shown<'_>, now: SystemTime) -> Result<Principal<'_>, Reject> {
        let Credential::ApiKey(digest) = shown.credential()?;
        let key = self.keys.find(&digest).ok_or(Reject::KeyUnknown)?;
        key.usable(now)?;
        let client = self.clients.get(key.client()).ok_or(Reject::KeyUnknown)?;
        if !client.admits_from(shown.address) {
            return Err(Reject::KeyAddress);
        }
        Ok(Principal::new(client, key))
    }

    /// The principal that gave this proof under this snapshot.
    pub fn recall(&self, proof: Proof) -> Option<Principal<'_>> {
        Some(Principal::new(self.clients.get(proof.client)?, self.keys.get(proof.key)?))
    }

    /// Where the principal that gave this proof stands in `next`, if what it opened lives on there: the same client and key,
    /// with the same lease.
    pub fn heir(&self, proof: Proof, next: &Access) -> Option<Proof> {
        let (client, key) = (self.clients.get(proof.client)?, self.keys.get(proof.key)?);
        let heir = next.same_key(client.id(), key.row()).filter(|heir| Arc::ptr_eq(heir.lease(), key.lease()))?;
        Some(Proof { client: heir.client(), key: heir.slot() })
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
mod tests;
