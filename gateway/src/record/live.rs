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

/// A worker's handle on the live snapshot.
///
/// Requests share one reference count of their own worker's, because the one inside the [`Arc`] is a cache line that all
/// workers would write.
pub struct Snapshots(RefCell<Held>);

struct Held {
    cache: Cache<Arc<ArcSwap<Live>>, Arc<Live>>,
    mine: Snapshot,
}

/// The snapshot one request runs on, from its first decision to its last byte.
#[derive(Clone)]
pub struct Snapshot(Rc<Arc<Live>>);

impl Deref for Snapshot {
    type Target = Live;

    fn deref(&self) -> &Live {
        &self.0
    }
}

impl Snapshots {
    /// Follows `live`.
    pub fn new(live: Arc<ArcSwap<Live>>) -> Self {
        let mut cache = Cache::new(live);
        let mine = Snapshot(Rc::new(cache.load().clone()));
        Self(RefCell::new(Held { cache, mine }))
    }

    /// What is live now.
    pub fn load(&self) -> Snapshot {
        let held = &mut *self.0.borrow_mut();
        let now = held.cache.load();
        if !Arc::ptr_eq(now, &held.mine.0) {
            held.mine = Snapshot(Rc::new(now.clone()));
        }
        held.mine.clone()
    }
}
