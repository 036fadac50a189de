//! What keeps a key's open streams alive.

use crate::reject::Reject;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

/// Held by every stream that a key opened, whatever snapshot it was opened under: snapshots pass it on for as long as the
/// key stays what it is and may be used. Once ended it stays so; a key that comes back gets a new one.
#[derive(Debug, Default)]
pub struct Lease(AtomicU8);

/// Why a [`Lease`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum LeaseEnd {
    /// The key was switched off.
    Revoked = 1,
    /// The key is no longer in the file, has another secret, or belongs to another client.
    Removed,
    /// The key's end has come.
    Expired,
    /// The key's beginning was moved ahead of now, or the clock back behind it.
    NotYetValid,
}

impl LeaseEnd {
    const ALL: [LeaseEnd; 4] = [LeaseEnd::Revoked, LeaseEnd::Removed, LeaseEnd::Expired, LeaseEnd::NotYetValid];

    /// The word in logs.
    pub const fn word(self) -> &'static str {
        match self {
            LeaseEnd::Revoked => "revoked",
            LeaseEnd::Removed => "removed",
            LeaseEnd::Expired => "expired",
            LeaseEnd::NotYetValid => "not_yet_valid",
        }
    }
}

impl From<LeaseEnd> for Reject {
    /// As a request is refused that shows such a key.
    fn from(end: LeaseEnd) -> Self {
        match end {
            LeaseEnd::Revoked => Reject::KeyDisabled,
            LeaseEnd::Removed => Reject::KeyUnknown,
            LeaseEnd::Expired => Reject::KeyExpired,
            LeaseEnd::NotYetValid => Reject::KeyNotYetValid,
        }
    }
}

impl Lease {
    /// Ends it; the first reason stands. False if it had ended before.
    pub fn end(&self, reason: LeaseEnd) -> bool {
        self.0.compare_exchange(0, reason as u8, Relaxed, Relaxed).is_ok()
    }

    /// Why it has ended, if it has.
    #[inline]
    pub fn ended(&self) -> Option<LeaseEnd> {
        match self.0.load(Relaxed) {
            0 => None,
            reason => LeaseEnd::ALL.get(usize::from(reason) - 1).copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reason_stands() {
        for reason in LeaseEnd::ALL {
            let lease = Lease::default();
            assert_eq!(lease.ended(), None);
            assert!(lease.end(reason));
            assert!(!lease.end(LeaseEnd::Removed));
            assert_eq!(lease.ended(), Some(reason));
        }
    }
}
