//! A client, the principal that a credential proves, and the permit that a call earns.

use super::{Key, KeyRow, ToolSet};
use crate::mcp::{Call, Method};
use crate::reject::Reject;
use std::fmt;
use std::sync::Arc;

/// A client's name: 1 to 64 of letters, digits, `.`, `_` and `-`, beginning with a letter or digit. Safe as a header
/// value, a metric label and in a log.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientId(Arc<str>);

/// Why a text is no [`ClientId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a client id is 1 to 64 characters of A-Z, a-z, 0-9, '.', '_' and '-', and begins with a letter or digit")]
pub struct ClientIdError;

impl ClientId {
    /// Reads a client id.
    ///
    /// # Errors
    /// Any other length or character.
    pub fn parse(text: &str) -> Result<Self, ClientIdError> {
        let name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        let begins = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        if begins && text.len() <= 64 && text.bytes().all(name) { Ok(Self(text.into())) } else { Err(ClientIdError) }
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One `[[client]]` as meant.
#[derive(Clone, Debug)]
pub struct ClientRow {
    /// Its name.
    pub id: ClientId,
    /// The tools it may call.
    pub tools: ToolSet,
    /// Its keys; none is allowed and means that nobody can be this client.
    pub keys: Vec<KeyRow>,
}

/// Somebody whom the keys file names.
#[derive(Debug)]
pub struct Client {
    slot: usize,
    id: ClientId,
    tools: ToolSet,
}

impl Client {
    pub(super) fn new(slot: usize, id: ClientId, tools: ToolSet) -> Self {
        Self { slot, id, tools }
    }

    /// Its place in the snapshot; meters are kept by it.
    pub fn slot(&self) -> usize {
        self.slot
    }

    /// Its name.
    pub fn id(&self) -> &ClientId {
        &self.id
    }

    /// The tools it may call.
    pub fn tools(&self) -> &ToolSet {
        &self.tools
    }

    /// Whether its calls must be read strictly before they may pass.
    pub fn has_policy(&self) -> bool {
        self.tools != ToolSet::All
    }
}

/// Who a request proved to be. Only [`super::Access::authenticate`] makes one.
#[derive(Clone, Copy, Debug)]
pub struct Principal<'a> {
    client: &'a Client,
    key: &'a Key,
}

impl<'a> Principal<'a> {
    pub(super) fn new(client: &'a Client, key: &'a Key) -> Self {
        Self { client, key }
    }

    /// The client.
    pub fn client(&self) -> &'a Client {
        self.client
    }

    /// The key it showed.
    pub fn key(&self) -> &'a Key {
        self.key
    }

    /// Where to find it again in the same snapshot.
    pub fn proof(&self) -> Proof {
        Proof { client: self.client.slot(), key: self.key.slot() }
    }

    /// Whether it may make this call. `None` stands for a request without a message, such as GET or DELETE.
    ///
    /// # Errors
    /// [`Reject::Denied`], alike for a tool that is not allowed and one that does not exist.
    pub fn authorize(&self, call: Option<&Call<'_>>) -> Result<Permit, Reject> {
        let tool = call.filter(|c| c.method() == Method::ToolsCall).map(|c| c.name().unwrap_or_default());
        match tool {
            Some(tool) if !self.client.tools.allows(tool) => Err(Reject::Denied),
            _ => Ok(Permit(())),
        }
    }
}

/// A principal's place in its snapshot, for whatever outlives a borrow. Only a [`Principal`] gives one.
#[derive(Clone, Copy, Debug)]
pub struct Proof {
    pub(super) client: usize,
    pub(super) key: usize,
}

/// Leave to forward one request. Only [`Principal::authorize`] and a public route make one.
#[derive(Debug)]
pub struct Permit(());

impl Permit {
    /// For a route that the settings open to everybody.
    pub(crate) fn public() -> Self {
        Permit(())
    }
}
