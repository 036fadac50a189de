//! The name of a session, on its way to the upstream and back.

use super::Gateway;
use crate::access::{Client, Sole};
use crate::record::Exchange;
use crate::reject::Reject;
use http::header::{Entry, HeaderMap, HeaderName};

const MCP_SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");

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

    /// Gives a session that the upstream names to the client that is told of it.
    ///
    /// # Errors
    /// [`Reject::UpstreamInvalid`]: the upstream names more than one.
    pub(super) fn give_session(&self, headers: &mut HeaderMap, exchange: &Exchange) -> Result<(), Reject> {
        let (Entry::Occupied(mut field), Some(client)) = (headers.entry(MCP_SESSION_ID), exchange.client()) else {
            return Ok(());
        };
        let several = field.iter().nth(1).is_some();
        let wrapped = self.sessions.wrap(client.id(), field.get()).filter(|_| !several);
        field.insert(wrapped.ok_or(Reject::UpstreamInvalid)?);
        if self.sessions.tells() {
            tracing::warn!(
                "the upstream names sessions, and keys.session_secret_file is not set: they end when this process does, \
                and no other replica knows them"
            );
        }
        Ok(())
    }
}
