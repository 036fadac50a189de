//! What keeps requests from waiting, one after the other, for an upstream whose machine is gone.
//!
//! One that refuses connections says so at once, and each request asks it anew. One that says nothing makes a request wait
//! for as long as connecting may take: after the first that did so in vain, one at a time tries again, and all others are
//! told at once.

use super::Upstream;
use std::cell::Cell;
use std::rc::Rc;

/// One worker's breaker.
#[derive(Default)]
pub(super) struct Breaker {
    open: Cell<bool>,
    probing: Cell<bool>,
}

/// Leave to try. Dropping it lets the next one try.
pub(super) struct Probe(Option<Rc<Upstream>>);

impl Breaker {
    /// Leave to connect, unless somebody tries already what did not work before.
    pub(super) fn probe(upstream: &Rc<Upstream>) -> Option<Probe> {
        let Breaker { open, probing } = &upstream.breaker;
        if !open.get() {
            return Some(Probe(None));
        }
        (!probing.replace(true)).then(|| Probe(Some(upstream.clone())))
    }

    /// The upstream said something, or nothing within the time for it.
    pub(super) fn tried(&self, in_vain: bool) {
        self.open.set(in_vain);
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        if let Some(upstream) = &self.0 {
            upstream.breaker.probing.set(false);
        }
    }
}
