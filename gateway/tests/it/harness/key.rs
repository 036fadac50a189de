//! Keys as `gateway keys new` makes them, with their row in the keys file.

use super::secrets;
use gateway::access::secret::{Secret, fresh_id};
use gateway::access::{KeyDigest, KeyId};
use std::fmt::Write as _;

/// A key whose secret the test knows.
pub(crate) struct Key {
    /// Its public id.
    pub(crate) id: String,
    /// What a client sends.
    pub(crate) secret: String,
    row: String,
}

impl Key {
    pub(crate) fn new() -> Self {
        let id = fresh_id().unwrap();
        Self::named(&id, Secret::make(&id).unwrap().expose())
    }

    /// One that was made elsewhere.
    pub(crate) fn of(secret: &str) -> Self {
        Self::named(&fresh_id().unwrap(), secret)
    }

    fn named(id: &KeyId, secret: &str) -> Self {
        let digest = KeyDigest::of(secret.as_bytes());
        let row = format!("[[client.key]]\nid = \"{id}\"\ndigest = \"{digest}\"\n");
        secrets::remember(secret);
        Self { id: id.as_str().to_owned(), secret: secret.to_owned(), row }
    }

    /// A member of its row more.
    pub(crate) fn with(mut self, member: &str) -> Self {
        writeln!(self.row, "{member}").unwrap();
        self
    }

    pub(crate) fn expired() -> Self {
        Self::new().with("expires_at = 2020-01-01T00:00:00Z")
    }

    pub(crate) fn not_yet_valid() -> Self {
        Self::new().with("not_before = 2120-01-01T00:00:00Z")
    }

    pub(crate) fn disabled() -> Self {
        Self::new().with("disabled = true")
    }

    /// Its `[[client.key]]`.
    pub(crate) fn row(&self) -> &str {
        &self.row
    }
}
