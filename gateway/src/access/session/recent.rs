//! Sessions that a worker has just dealt with.

use super::Sessions;
use crate::access::ClientId;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use http::HeaderValue;
use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

/// How many are remembered, about 200 bytes each.
const MOST: usize = 256;

/// One worker's [`Sessions`]. A session's name is said with each of its requests, by many servers with each of its replies,
/// and a tag takes three blocks of SHA-256: those of the last sessions are looked up. Forgetting one costs its tag once more,
/// and nothing else: it is no record of which sessions there are.
pub struct RecentSessions {
    sessions: Arc<Sessions>,
    places: RefCell<Box<[Option<Recent>]>>,
}

struct Recent {
    client: ClientId,
    name: HeaderValue,
    wrapped: HeaderValue,
}

impl RecentSessions {
    /// Remembers nothing yet.
    pub fn new(sessions: Arc<Sessions>) -> Self {
        let places = std::iter::repeat_with(|| None).take(MOST).collect();
        Self { sessions, places: RefCell::new(places) }
    }

    /// [`Sessions::wrap`]; nothing if that would be no header value, which cannot be.
    pub fn wrap(&self, client: &ClientId, name: &HeaderValue) -> Option<HeaderValue> {
        let places = &mut *self.places.borrow_mut();
        let place = places.get_mut(place(name.as_bytes()))?;
        if let Some(recent) = place.as_ref().filter(|recent| recent.client == *client && recent.name == *name) {
            return Some(recent.wrapped.clone());
        }
        let wrapped = HeaderValue::try_from(self.sessions.wrap(client, name.as_bytes())).ok()?;
        *place = Some(Recent { client: client.clone(), name: name.clone(), wrapped: wrapped.clone() });
        Some(wrapped)
    }

    /// [`Sessions::unwrap`].
    pub fn unwrap<'a>(&self, client: &ClientId, shown: &'a [u8]) -> Option<&'a [u8]> {
        let name = Sessions::name(shown)?;
        let places = &mut *self.places.borrow_mut();
        let place = places.get_mut(place(name))?;
        if let Some(recent) = place.as_ref().filter(|recent| recent.client == *client && recent.name == *name) {
            return verify_slices_are_equal(recent.wrapped.as_bytes(), shown).ok().map(|()| name);
        }
        self.sessions.unwrap(client, shown)?;
        let value = |bytes| HeaderValue::from_bytes(bytes).ok();
        if let (Some(name), Some(wrapped)) = (value(name), value(shown)) {
            *place = Some(Recent { client: client.clone(), name, wrapped });
        }
        Some(name)
    }

    /// See [`Sessions::tells`].
    pub fn tells(&self) -> bool {
        self.sessions.tells()
    }
}

/// Where a session is looked for: by the end of its name, where most servers are random. Whoever can choose it can make
/// others' tags be made once more, which is what a session of their own costs them too.
fn place(name: &[u8]) -> usize {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15; // 2^64 divided by the golden ratio: it spreads what differs in any bit
    let end = name.last_chunk::<16>().map_or(name, |end| end);
    let spread = end.chunks(8).fold(0, |hash: u64, part| {
        let word = part.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
        (hash.rotate_left(5) ^ word).wrapping_mul(ODD)
    });
    (spread >> 32) as usize % MOST
}

impl fmt::Debug for RecentSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecentSessions(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_remembered_changes_nothing(steps in proptest::collection::vec(("[ab]", "[abc]{1,2}", any::<bool>(), any::<bool>()), 1..60)) {
            let sessions = Arc::new(Sessions::alone().unwrap());
            let recent = RecentSessions::new(sessions.clone());
            for (client, name, asks, forges) in steps {
                let client = ClientId::parse(&client).unwrap();
                let mut wrapped = sessions.wrap(&client, name.as_bytes());
                if asks {
                    if forges {
                        let last = wrapped.last_mut().unwrap();
                        *last = if *last == b'0' { b'1' } else { b'0' };
                    }
                    prop_assert_eq!(recent.unwrap(&client, &wrapped), sessions.unwrap(&client, &wrapped));
                } else {
                    let name = HeaderValue::try_from(name).unwrap();
                    let told = recent.wrap(&client, &name).unwrap();
                    prop_assert_eq!(told.as_bytes(), wrapped);
                }
            }
        }
    }
}
