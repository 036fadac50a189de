//! The National Weather Service's API.

use bytes::Bytes;
use std::time::Duration;
use url::Url;

use super::{Ask, Step, Trouble};

/// A client of the API.
#[derive(Debug)]
pub struct Nws {
    settings: NwsSettings,
}

/// How the API is asked.
#[derive(Clone, Debug)]
pub struct NwsSettings {
    /// Where.
    pub base_url: Url,
}

/// Why no client could be built.
#[derive(Debug, thiserror::Error)]
pub enum NwsError {}

impl Nws {
    pub(super) fn base(&self) -> &Url {
        &self.settings.base_url
    }
    pub(super) fn deadline(&self) -> Duration {
        Duration::from_secs(30)
    }
    pub(super) async fn fetch(&self, _step: Step, _url: Url, _ask: Ask<'_>) -> Result<Bytes, Trouble> {
        Err(Trouble::Unreachable)
    }
}
