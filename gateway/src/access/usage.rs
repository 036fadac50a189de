//! How much of its limits a client has used. It belongs to the client, not to a key or a snapshot: rotation and reloads
//! change nothing in it.

use super::bucket::{Bucket, Level, Taken, Uptime};
use super::limits::named;
use super::terms::Terms;
use super::{Limits, Quota};
use crate::mcp::{Call, Method};
use crate::reject::Reject;
use http::HeaderValue;
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

/// How long whoever found all slots taken is told to wait: nobody knows when one is given back.
const SLOT_WAIT: Duration = Duration::from_secs(1);

/// A limit that refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limited {
    /// Which.
    pub reject: Reject,
    /// When to come again.
    pub wait: Duration,
}

/// What a request holds while it is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// One of the client's streams: GET and `subscriptions/listen`.
    Stream,
    /// One of its requests in flight: all else.
    Flight,
}

/// Limits and how much of them is used.
#[derive(Debug)]
pub struct Allowance {
    limits: Limits,
    used: Arc<Used>,
    /// Of the client's own rate, if it has one.
    terms: Option<Terms>,
    tools: BTreeMap<Box<str>, Metered>,
}

/// A rate of calls of one tool.
#[derive(Debug)]
struct Metered {
    quota: Quota,
    bucket: Arc<Bucket>,
    terms: Terms,
}

#[derive(Debug, Default)]
struct Used {
    bucket: Bucket,
    streams: AtomicU32,
    flight: AtomicU32,
}

impl Used {
    fn held(&self, hold: Hold) -> &AtomicU32 {
        match hold {
            Hold::Stream => &self.streams,
            Hold::Flight => &self.flight,
        }
    }
}

/// A rate, and how much of it is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing<'a> {
    /// What replies call it, in quotes.
    pub name: &'a str,
    /// What replies say of it and of those before it: the whole `RateLimit-Policy`.
    pub policy: &'a HeaderValue,
    /// The rate.
    pub quota: Quota,
    /// What is left.
    pub level: Level,
}

impl Allowance {
    /// For a client with these limits; nothing for one without. What `previous` knows to be used stays used.
    pub(super) fn new(limits: Limits, previous: Option<&Allowance>) -> Option<Box<Self>> {
        if limits.is_none() {
            return None;
        }
        let terms = limits.quota.as_ref().map(Terms::client);
        let known =
            |tool: &str| previous.and_then(|previous| previous.tools.get(tool)).map(|known| known.bucket.clone());
        let metered = |tool: &str, quota: &Quota| {
            let (bucket, terms) = (known(tool).unwrap_or_default(), Terms::tool(tool, quota, terms.as_ref()));
            (tool.into(), Metered { quota: *quota, bucket, terms })
        };
        let tools = limits.tools.iter().map(|(tool, quota)| metered(tool, quota)).collect();
        let used = previous.map(|previous| previous.used.clone()).unwrap_or_default();
        Some(Box::new(Self { limits, used, terms, tools }))
    }

    /// The limits.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Most of what may be held at once.
    pub fn most(&self, hold: Hold) -> Option<NonZeroU32> {
        match hold {
            Hold::Stream => self.limits.max_streams,
            Hold::Flight => self.limits.max_in_flight,
        }
    }

    /// How much of `hold` is held now.
    pub fn held(&self, hold: Hold) -> u32 {
        self.used.held(hold).load(Relaxed)
    }

    /// Takes a slot. What began while its kind was not limited is not counted.
    ///
    /// # Errors
    /// All are taken.
    pub(super) fn admit(&self, hold: Hold) -> Result<Option<Slot>, Limited> {
        let Some(most) = self.most(hold) else { return Ok(None) };
        let one_more = |held: u32| held.checked_add(1).filter(|held| *held <= most.get());
        match self.used.held(hold).fetch_update(Relaxed, Relaxed, one_more) {
            Ok(_) => Ok(Some(Slot { used: self.used.clone(), hold })),
            Err(_) => {
                let reject = match hold {
                    Hold::Stream => Reject::StreamsLimited,
                    Hold::Flight => Reject::InFlightLimited,
                };
                Err(Limited { reject, wait: SLOT_WAIT })
            }
        }
    }

    /// Takes what a message costs from all buckets that it concerns, or from none.
    ///
    /// # Errors
    /// The bucket that has not enough.
    pub(super) fn charge(&self, call: &Call<'_>, now: Uptime) -> Result<(), Limited> {
        let cost = self.limits.cost(call);
        if cost == 0 {
            return Ok(());
        }
        let taken = self.charge_client(cost, now)?;
        let Some(Metered { quota, bucket, .. }) = tool(call).and_then(|tool| self.tool(tool)) else { return Ok(()) };
        bucket.take(quota, cost, now).map(drop).map_err(|wait| {
            if let Some(taken) = &taken {
                self.used.bucket.give_back(taken);
            }
            Limited { reject: Reject::ToolRateLimited, wait }
        })
    }

    fn charge_client(&self, cost: u32, now: Uptime) -> Result<Option<Taken>, Limited> {
        let take = |quota: &Quota| self.used.bucket.take(quota, cost, now);
        self.limits.quota.as_ref().map(take).transpose().map_err(|wait| Limited { reject: Reject::RateLimited, wait })
    }

    /// Where the rates stand: the client's, and that of the tool.
    pub fn standings<'a>(&'a self, tool: Option<&str>, now: Uptime) -> impl Iterator<Item = Standing<'a>> + use<'a> {
        let of = move |quota: &Quota, bucket: &Bucket, terms: &'a Terms| {
            let level = bucket.level(quota, now);
            Standing { name: &terms.name, policy: &terms.policy, quota: *quota, level }
        };
        let client = self.limits.quota.as_ref().zip(self.terms.as_ref());
        let client = client.map(|(quota, terms)| of(quota, &self.used.bucket, terms));
        let tool = tool.and_then(|tool| self.tool(tool));
        client.into_iter().chain(tool.map(|tool| of(&tool.quota, &tool.bucket, &tool.terms)))
    }

    fn tool(&self, tool: &str) -> Option<&Metered> {
        named(&self.tools, tool).map(|(_, metered)| metered)
    }
}

/// The tool that a message calls.
fn tool<'a>(call: &'a Call<'_>) -> Option<&'a str> {
    call.name().filter(|_| call.method() == Method::ToolsCall)
}

/// A slot that is taken until this is dropped, whatever it is dropped by.
#[derive(Debug)]
pub struct Slot {
    used: Arc<Used>,
    hold: Hold,
}

impl Slot {
    /// Of which kind it is.
    pub fn hold(&self) -> Hold {
        self.hold
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.used.held(self.hold).fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests;
