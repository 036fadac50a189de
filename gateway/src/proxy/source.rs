//! Where a relayed body comes from.

use super::reply::Broken;
use super::sieve::{Sieve, Sifted};
use crate::upstream::Body;
use bytes::Bytes;
use http_body::Frame;
use std::task::{Context, Poll};

/// Where a relayed body comes from.
pub enum Source {
    /// As the upstream sends it.
    Plain(Body),
    /// With lists cut down on the way.
    Sifted(Box<Sifted>),
}

impl Source {
    /// Of which no event may be longer than `max_event` bytes if it comes through a sieve.
    pub fn new(body: Body, sieve: Option<Box<Sieve>>, max_event: usize) -> Self {
        match sieve {
            None => Source::Plain(body),
            Some(sieve) => Source::Sifted(Box::new(Sifted::new(body, *sieve, max_event))),
        }
    }

    pub(super) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match self {
            Source::Plain(body) => body.poll_frame(cx).map_err(Broken::Upstream),
            Source::Sifted(sifted) => sifted.poll_frame(cx),
        }
    }

    pub(super) fn is_end(&self) -> bool {
        match self {
            Source::Plain(body) => body.is_end(),
            Source::Sifted(sifted) => sifted.is_end(),
        }
    }

    /// Whether the upstream has sent all of it.
    pub(super) fn has_arrived(&self) -> bool {
        match self {
            Source::Plain(body) => body.has_arrived(),
            Source::Sifted(sifted) => sifted.has_arrived(),
        }
    }

    /// Bytes that are still to come, if known.
    pub(super) fn exact(&self) -> Option<u64> {
        match self {
            Source::Plain(body) => body.exact(),
            Source::Sifted(_) => None,
        }
    }
}
