//! The snapshot that requests run on, and how a worker reads it without touching what other workers write.

use super::Meters;
use crate::access::Access;
use arc_swap::{ArcSwap, Cache};
use std::cell::RefCell;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;

/// Decisions and the meters that go with them: one swap replaces both, so that a client's slot means the same in each.
pub struct Live {
    /// Who may do what.
    pub access: Access,
    /// Counters by client slot.
    pub meters: Meters,
}

/// A worker's handle on something that is swapped whole.
///
/// Requests share one reference count of their own worker's, because the one inside the [`Arc`] is a cache line that all
/// workers would write.
pub struct Follow<T>(RefCell<Held<T>>);

struct Held<T> {
    cache: Cache<Arc<ArcSwap<T>>, Arc<T>>,
    mine: Snapshot<T>,
}

/// The state that one request runs on. Whoever keeps one for long keeps all that is in it, of every client: see
/// [`Exchange::follow`](super::Exchange::follow).
#[allow(clippy::redundant_allocation, reason = "the outer count is the worker's own; see Follow")]
pub struct Snapshot<T>(Rc<Arc<T>>);

impl<T> Clone for Snapshot<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Snapshot<T> {
    /// Whether the two are one.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<T> Deref for Snapshot<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> Follow<T> {
    /// Follows what is swapped in `source`.
    pub fn new(source: Arc<ArcSwap<T>>) -> Self {
        let mut cache = Cache::new(source);
        let mine = Snapshot(Rc::new(cache.load().clone()));
        Self(RefCell::new(Held { cache, mine }))
    }

    /// What is there now.
    pub fn load(&self) -> Snapshot<T> {
        let held = &mut *self.0.borrow_mut();
        let now = held.cache.load();
        if !Arc::ptr_eq(now, &held.mine.0) {
            held.mine = Snapshot(Rc::new(now.clone()));
        }
        held.mine.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_stays_what_it_was_and_the_next_one_is_new() {
        let source = Arc::new(ArcSwap::from_pointee(1));
        let follow = Follow::new(source.clone());
        let first = follow.load();
        source.store(Arc::new(2));
        assert_eq!((*first, *follow.load()), (1, 2));
    }
}
