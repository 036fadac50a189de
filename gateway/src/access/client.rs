//! A client, the principal that a credential proves, and the permit that a call earns.

use super::{Allowance, Decision, Hold, Key, KeyRow, Limited, Limits, Network, Policy, Slot, Uptime};
use crate::mcp::Call;
use std::fmt;
use std::net::IpAddr;
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
    /// What it may do.
    pub policy: Policy,
    /// How much it may use.
    pub limits: Limits,
    /// Where it may come from; anywhere if this is not written.
    pub allow_from: Option<Vec<Network>>,
    /// Its keys; none is allowed and means that nobody can be this client.
    pub keys: Vec<KeyRow>,
}

impl ClientRow {
    /// A client of whom nothing is written but the name.
    pub fn new(id: ClientId) -> Self {
        Self { id, policy: Policy::default(), limits: Limits::default(), allow_from: None, keys: Vec::new() }
    }
}

/// Somebody whom the keys file names.
#[derive(Debug)]
pub struct Client {
    slot: usize,
    id: ClientId,
    policy: Policy,
    /// Boxed, because most clients have none.
    allowance: Option<Box<Allowance>>,
    allow_from: Option<Box<[Network]>>,
}

impl Client {
    /// Of its row; `previous` is what it has used of its limits.
    pub(super) fn new(slot: usize, row: ClientRow, previous: Option<&Allowance>) -> Self {
        let ClientRow { id, policy, limits, allow_from, keys: _ } = row;
        let allowance = Allowance::new(limits, previous);
        Self { slot, id, policy, allowance, allow_from: allow_from.map(Into::into) }
    }

    /// Its place in the snapshot; meters are kept by it.
    pub fn slot(&self) -> usize {
        self.slot
    }

    /// Its name.
    pub fn id(&self) -> &ClientId {
        &self.id
    }

    /// What it may do.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Its limits and how much of them is used, if it has any.
    pub fn allowance(&self) -> Option<&Allowance> {
        self.allowance.as_deref()
    }

    /// Where it may come from; anywhere if this is not written.
    pub fn allow_from(&self) -> Option<&[Network]> {
        self.allow_from.as_deref()
    }

    /// Whether it may come from there.
    pub(super) fn admits_from(&self, address: Option<IpAddr>) -> bool {
        let among = |networks: &[Network]| address.is_some_and(|a| networks.iter().any(|network| network.contains(a)));
        self.allow_from.as_deref().is_none_or(among)
    }

    /// Whether its calls must be read strictly before they may pass. What a message costs, and which slot it holds, depends
    /// on what it says, so limits need that as much as rules.
    pub fn has_policy(&self) -> bool {
        self.policy.reads() || self.allowance.is_some()
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

    /// Takes what the request holds for as long as it is under way; nothing for a client without limits.
    ///
    /// # Errors
    /// The client has as many of them under way as it may.
    pub fn admit(&self, hold: Hold) -> Result<Option<Slot>, Limited> {
        self.client.allowance().map_or(Ok(None), |allowance| allowance.admit(hold))
    }

    /// Whether it may make this call. `None` stands for a request without a message, such as GET or DELETE.
    pub fn authorize(&self, call: Option<&Call<'_>>) -> Decision {
        self.client.policy.judge(call).decision()
    }
}

/// A principal's place in its snapshot, for whatever outlives a borrow. Only a [`Principal`] gives one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    pub(super) client: usize,
    pub(super) key: usize,
}

/// Leave to make one call. Only a [`Decision`] and a public route make one.
#[derive(Debug)]
pub struct Permit(());

/// A permit that is paid for: leave to forward. Only [`Permit::charge`] makes one.
#[derive(Debug)]
pub struct Paid(Permit);

impl Permit {
    /// For a message that a policy allows.
    pub(super) fn earned() -> Self {
        Permit(())
    }

    /// For a route that the settings open to everybody.
    pub(crate) fn public() -> Self {
        Permit(())
    }

    /// Takes what the call costs from the buckets of the client and the tool, if there are any. `payer` is `None` on a
    /// public route; `call` is `None` for a request without a message, which costs nothing.
    ///
    /// # Errors
    /// The bucket that has not enough, and when it will. Nothing was taken then.
    pub fn charge(self, payer: Option<&Principal<'_>>, call: Option<&Call<'_>>) -> Result<Paid, Limited> {
        if let (Some(call), Some(allowance)) = (call, payer.and_then(|payer| payer.client.allowance())) {
            allowance.charge(call, Uptime::now())?;
        }
        Ok(Paid(self))
    }
}

impl Paid {
    /// What was paid for.
    pub fn permit(&self) -> &Permit {
        &self.0
    }
}
