//! Replies that may be used again (RFC 9111), as many as fit. It is a shared cache: all clients' calls go through it.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, header};
use http_cache_semantics::{AfterResponse, BeforeRequest, CacheOptions, CachePolicy};

use super::{Reply, text};

const ENTRIES: usize = 1024;
const BYTES: usize = 64 << 20;
/// What an entry takes beside its body: headers, twice, and the address.
const OVERHEAD: usize = 2048;

/// Only the freshness that a reply states counts: an alert must not be held back by a guess.
const OPTIONS: CacheOptions = CacheOptions {
    shared: true,
    cache_heuristic: 0.0,
    immutable_min_time_to_live: Duration::ZERO,
    ignore_cargo_cult: false,
};

/// What an age that does not fit counts as (RFC 9111, section 1.2.2).
const AGES: u64 = 1 << 31;

#[derive(Debug, Default)]
pub(super) struct Cache {
    entries: Mutex<Entries>,
}

/// What the cache has for a request.
#[derive(Debug)]
pub(super) enum Cached {
    /// A reply to use as it is.
    Fresh(Reply),
    /// A reply that the Service has to confirm.
    Stale(Box<Stale>),
    Absent,
}

/// A stored reply that the Service has to confirm.
#[derive(Debug)]
pub(super) struct Stale {
    policy: CachePolicy,
    body: Bytes,
    conditions: HeaderMap,
}

impl Stale {
    /// `request` with the conditions under which the stored reply holds.
    pub(super) fn conditional(&self, request: &Request<()>) -> Request<()> {
        let mut conditional = request.clone();
        *conditional.headers_mut() = self.conditions.clone();
        conditional
    }
}

impl Cache {
    pub(super) fn look_up(&self, request: &Request<()>, now: SystemTime) -> Cached {
        let mut entries = self.lock();
        let Some(entry) = entries.used(&request.uri().to_string()) else { return Cached::Absent };
        match entry.policy.before_request(request, now) {
            BeforeRequest::Fresh(parts) => {
                Cached::Fresh(Reply { status: parts.status, headers: parts.headers, body: entry.body.clone() })
            }
            BeforeRequest::Stale { request, matches: true } => Cached::Stale(Box::new(Stale {
                policy: entry.policy.clone(),
                body: entry.body.clone(),
                conditions: request.headers,
            })),
            BeforeRequest::Stale { matches: false, .. } => Cached::Absent,
        }
    }

    /// Keeps `reply` if it may be kept and is worth it; else what was kept for the same address is dropped.
    pub(super) fn store(&self, request: &Request<()>, reply: &Reply, now: SystemTime) {
        let policy = CachePolicy::new_options(request, &parts(reply), now, OPTIONS);
        let kept = policy.is_storable() && reply.body.len() <= BYTES / 4;
        self.lock().put(request.uri().to_string(), kept.then(|| (policy, reply.body.clone())));
    }

    /// The stored reply, which the Service confirmed by `reply` (304); `None` if it confirmed another one.
    pub(super) fn confirm(
        &self,
        stale: Box<Stale>,
        request: &Request<()>,
        reply: &Reply,
        now: SystemTime,
    ) -> Option<Reply> {
        match stale.policy.after_response(request, &parts(reply), now) {
            AfterResponse::NotModified(policy, parts) => {
                let body = stale.body;
                self.lock().put(request.uri().to_string(), Some((policy, body.clone())));
                Some(Reply { status: parts.status, headers: parts.headers, body })
            }
            AfterResponse::Modified(..) => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        // Every change below leaves the entries whole, so a panic elsewhere does not spoil them.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The head of `reply` for the policy, which adds times without looking whether they overflow.
fn parts(reply: &Reply) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers.clone();
    let age = text(&reply.headers, header::AGE).and_then(|age| age.parse::<u64>().ok());
    if age.is_some_and(|age| age > AGES) {
        response.headers_mut().insert(header::AGE, AGES.into());
    }
    response
}

#[derive(Debug, Default)]
struct Entries {
    by_url: HashMap<String, Entry>,
    bytes: usize,
    /// Counts uses; the entry with the lowest count has been idle longest.
    clock: u64,
}

#[derive(Debug)]
struct Entry {
    policy: CachePolicy,
    body: Bytes,
    used: u64,
}

impl Entry {
    fn size(&self) -> usize {
        self.body.len() + OVERHEAD
    }
}

impl Entries {
    fn used(&mut self, url: &str) -> Option<&Entry> {
        self.clock += 1;
        let entry = self.by_url.get_mut(url)?;
        entry.used = self.clock;
        Some(entry)
    }

    fn put(&mut self, url: String, kept: Option<(CachePolicy, Bytes)>) {
        self.remove(&url);
        let Some((policy, body)) = kept else { return };
        self.clock += 1;
        let entry = Entry { policy, body, used: self.clock };
        while self.by_url.len() >= ENTRIES || self.bytes + entry.size() > BYTES {
            let idle = self.by_url.iter().min_by_key(|(_, entry)| entry.used).map(|(url, _)| url.clone());
            let Some(idle) = idle else { break };
            self.remove(&idle);
        }
        self.bytes += entry.size();
        self.by_url.insert(url, entry);
    }

    fn remove(&mut self, url: &str) {
        if let Some(entry) = self.by_url.remove(url) {
            self.bytes -= entry.size();
        }
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use proptest::prelude::*;

    use super::*;

    fn ask(path: &str) -> Request<()> {
        Request::get(format!("https://api.weather.gov/{path}")).body(()).unwrap()
    }

    fn reply(headers: &[(&'static str, &'static str)], body: Bytes) -> Reply {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        Reply { status: StatusCode::OK, headers, body }
    }

    fn kept(path: &str, cache: &Cache, at: SystemTime) -> bool {
        !matches!(cache.look_up(&ask(path), at), Cached::Absent)
    }

    #[test]
    fn a_reply_is_fresh_for_its_age_and_then_needs_confirmation() {
        let (cache, now) = (Cache::default(), SystemTime::now());
        let last = ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT");
        cache.store(&ask("a"), &reply(&[("cache-control", "max-age=60"), last], Bytes::from_static(b"x")), now);
        assert!(matches!(cache.look_up(&ask("a"), now + Duration::from_secs(59)), Cached::Fresh(_)));
        let Cached::Stale(stale) = cache.look_up(&ask("a"), now + Duration::from_secs(61)) else { panic!("fresh") };
        assert_eq!(stale.conditional(&ask("a")).headers()["if-modified-since"], last.1);
    }

    #[test]
    fn what_must_not_be_stored_is_not_and_replaces_what_was() {
        let (cache, now) = (Cache::default(), SystemTime::now());
        cache.store(&ask("a"), &reply(&[("cache-control", "max-age=60")], Bytes::new()), now);
        assert!(kept("a", &cache, now));
        cache.store(&ask("a"), &reply(&[("cache-control", "no-store")], Bytes::new()), now);
        assert!(!kept("a", &cache, now));
        cache.store(&ask("b"), &reply(&[("cache-control", "private, max-age=60")], Bytes::new()), now);
        assert!(!kept("b", &cache, now), "it is a shared cache");
    }

    #[test]
    fn only_stated_freshness_counts() {
        let (cache, now) = (Cache::default(), SystemTime::now());
        cache.store(&ask("a"), &reply(&[("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT")], Bytes::new()), now);
        assert!(!matches!(cache.look_up(&ask("a"), now), Cached::Fresh(_)));
    }

    #[test]
    fn an_age_without_measure_is_old_and_does_not_overflow() {
        let (cache, now) = (Cache::default(), SystemTime::now());
        let old = reply(&[("cache-control", "max-age=60"), ("age", "18446744073709551615")], Bytes::new());
        cache.store(&ask("a"), &old, now);
        assert!(!matches!(cache.look_up(&ask("a"), now + Duration::from_secs(5)), Cached::Fresh(_)));
    }

    #[test]
    fn a_body_that_would_drive_out_the_rest_is_not_kept() {
        let (cache, now) = (Cache::default(), SystemTime::now());
        let huge = Bytes::from(vec![0; BYTES / 4 + 1]);
        cache.store(&ask("a"), &reply(&[("cache-control", "max-age=60")], huge), now);
        assert!(!kept("a", &cache, now));
    }

    #[test]
    fn the_longest_idle_goes_first() {
        let (cache, now) = (Cache::default(), SystemTime::now());
        let small = reply(&[("cache-control", "max-age=60")], Bytes::new());
        for index in 0..ENTRIES {
            cache.store(&ask(&index.to_string()), &small, now);
        }
        assert!(kept("0", &cache, now), "looking it up uses it");
        cache.store(&ask("new"), &small, now);
        assert!(kept("0", &cache, now) && kept("new", &cache, now) && !kept("1", &cache, now));
    }

    #[test]
    fn the_bound_in_bytes_holds_and_the_count_does_not_drift() {
        let (cache, now) = (Cache::default(), SystemTime::now());
        let large = reply(&[("cache-control", "max-age=60")], Bytes::from(vec![0; BYTES / 5]));
        for index in 0..20 {
            cache.store(&ask(&(index % 7).to_string()), &large, now);
            let entries = cache.lock();
            assert!(entries.bytes <= BYTES);
            assert_eq!(entries.bytes, entries.by_url.values().map(Entry::size).sum::<usize>());
        }
        assert_eq!(cache.lock().by_url.len(), 4);
    }

    proptest! {
        #[test]
        fn no_header_panics(control in "[ -~]{0,40}", age in "[ -~]{0,12}", date in "[ -~]{0,30}") {
            let (cache, now) = (Cache::default(), SystemTime::now());
            let mut odd = reply(&[], Bytes::new());
            for (name, value) in [("cache-control", &control), ("age", &age), ("expires", &date), ("last-modified", &date)] {
                odd.headers.insert(name, value.parse().unwrap());
            }
            cache.store(&ask("a"), &odd, now);
            let _ = kept("a", &cache, now + Duration::from_secs(5));
        }
    }
}
