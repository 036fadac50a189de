//! The National Weather Service's API: caching, redirects and retries, all within one deadline a call.

mod cache;
mod client;
mod redirect;
mod retry;
mod settings;

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header};
use tokio::time::{Instant, timeout_at};
use tracing::debug;
use url::Url;

pub use settings::{BaseUrl, NwsError, NwsSettings};

use self::{
    cache::{Cache, Cached},
    client::Client,
    retry::Retries,
};
use super::{Ask, Step, Trouble, problem};
use crate::metrics::Lookup;

/// Redirects that are followed for one step.
const REDIRECTS: usize = 3;

/// A client of the API. Replies that may be reused are kept and shared by all calls.
#[derive(Debug)]
pub struct Nws {
    base: Url,
    deadline: Duration,
    retries: Retries,
    client: Client,
    cache: Cache,
}

/// A reply with its whole body.
#[derive(Clone, Debug)]
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Nws {
    /// A client; nothing is sent yet.
    ///
    /// # Errors
    /// [`NwsError`] where the settings cannot be used.
    pub fn new(settings: &NwsSettings) -> Result<Self, NwsError> {
        Ok(Self {
            base: settings.base_url.as_url().clone(),
            deadline: settings.deadline,
            retries: Retries::new(settings.first_wait),
            client: Client::new(settings)?,
            cache: Cache::default(),
        })
    }

    pub(super) fn base(&self) -> &Url {
        &self.base
    }

    pub(super) fn deadline(&self) -> Duration {
        self.deadline
    }

    /// The body of a successful reply to `GET url`.
    pub(super) async fn fetch(&self, step: Step, url: Url, ask: Ask<'_>) -> Result<Bytes, Trouble> {
        let followed = timeout_at(ask.deadline, self.follow(step, url, ask)).await;
        let reply = followed.unwrap_or(Err(Trouble::TooSlow { limit: self.deadline }));
        reply
            .and_then(|reply| {
                let wait = retry::asked_wait(&reply.headers, SystemTime::now());
                problem::judge(step, reply.status, &reply.headers, wait, reply.body)
            })
            .inspect_err(|trouble| ask.metrics.nws_failed(trouble))
    }

    async fn follow(&self, step: Step, mut url: Url, ask: Ask<'_>) -> Result<Reply, Trouble> {
        for _ in 0..=REDIRECTS {
            let reply = self.through_cache(step, &url, ask).await?;
            match redirect::target(&url, reply.status, &reply.headers)? {
                None => return Ok(reply),
                Some(target) => url = target,
            }
        }
        Err(Trouble::Circles)
    }

    /// A stored reply where RFC 9111 lets it be reused, else one from the Service, which is stored where it may be.
    async fn through_cache(&self, step: Step, url: &Url, ask: Ask<'_>) -> Result<Reply, Trouble> {
        let request = self.client.request(url)?;
        let stale = match self.cache.look_up(&request, SystemTime::now()) {
            Cached::Fresh(reply) => {
                ask.metrics.looked_up(Lookup::Hit);
                return Ok(reply);
            }
            Cached::Stale(stale) => Some(stale),
            Cached::Absent => None,
        };
        if let Some(stale) = stale {
            let conditional = stale.conditional(&request);
            let reply = self.with_retries(step, &conditional, ask).await?;
            if reply.status != StatusCode::NOT_MODIFIED {
                return Ok(self.stored(&request, reply, ask));
            }
            if let Some(confirmed) = self.cache.confirm(stale, &request, &reply, SystemTime::now()) {
                ask.metrics.looked_up(Lookup::Revalidated);
                return Ok(confirmed);
            }
            // The Service confirmed another version than ours: ask for the whole.
        }
        let reply = self.with_retries(step, &request, ask).await?;
        Ok(self.stored(&request, reply, ask))
    }

    fn stored(&self, request: &Request<()>, reply: Reply, ask: Ask<'_>) -> Reply {
        ask.metrics.looked_up(Lookup::Miss);
        self.cache.store(request, &reply, SystemTime::now());
        reply
    }

    async fn with_retries(&self, step: Step, request: &Request<()>, ask: Ask<'_>) -> Result<Reply, Trouble> {
        let mut attempt = 0;
        loop {
            let began = Instant::now();
            let sent = self.client.send(request).await;
            ask.metrics.nws_answered(step.endpoint(), began.elapsed());
            let wait = match self.retries.wait(attempt, &sent) {
                Some(wait) if Instant::now() + wait < ask.deadline => wait,
                _ => return sent,
            };
            debug!(?step, attempt, ?wait, "asking the National Weather Service again");
            tokio::time::sleep(wait).await;
            attempt += 1;
        }
    }
}

/// A header as text, if it is there once or more often; the first counts.
fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}
