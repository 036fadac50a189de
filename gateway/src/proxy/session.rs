//! The name of a session, on its way to the upstream and back.

use super::Gateway;
use crate::access::{Client, Sole};
use crate::record::Exchange;
use crate::reject::Reject;
use http::header::{HeaderName, HeaderValue};

pub(super) const MCP_SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");

impl Gateway {
    /// What the upstream calls the session that a client says it is in.
    ///
    /// # Errors
    /// [`Reject::Session`]: it is not this client's.
    pub(super) fn own_session<'a>(&self, shown: Sole<'a>, client: &Client) -> Result<Option<&'a [u8]>, Reject> {
        match shown {
            Sole::Absent => Ok(None),
            Sole::One(shown) => self.sessions.unwrap(client.id(), shown).map(Some).ok_or(Reject::Session),
            Sole::Several => Err(Reject::Session),
        }
    }

    /// What the client of a session is told that the upstream calls `name`. Where nobody knows who that is, its name.
    ///
    /// # Errors
    /// [`Reject::UpstreamInvalid`]: that would be no header value, which cannot be.
    pub(super) fn given_session(&self, name: HeaderValue, exchange: &Exchange) -> Result<HeaderValue, Reject> {
        let Some(client) = exchange.client() else { return Ok(name) };
        if self.sessions.tells() {
            tracing::warn!(
                "the upstream names sessions, and keys.session_secret_file is not set: they end when this process does, \
                and no other replica knows them"
            );
        }
        self.sessions.wrap(client.id(), &name).ok_or(Reject::UpstreamInvalid)
    }
}
