//! What is remembered of where connections come from, before anybody has proved who they are.
//!
//! A table of fixed size: whoever comes from many addresses finds his own older ones forgotten, and never makes it grow.
//! No request touches it that shows a good key: it is asked when a connection begins and ends, and when a key is refused.

use super::bucket::{Bucket, Uptime};
use super::quota::Quota;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Sets of the table, and sources in each. With 16,384 sources it takes about 600 KB.
const SETS: usize = 2048;
const WAYS: usize = 8;

/// Where something comes from, as limits tell sources apart: an IPv4 address, or the /64 of an IPv6 address, which is the
/// least that one customer gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Source(u64);

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self(1 << 32 | u64::from(v4.to_bits())), // 0:1::/32 is nobody's in IPv6
            IpAddr::V6(v6) => Self((v6.to_bits() >> 64) as u64),
        }
    }
}

/// What one source may do before it has proved who it is. `None` is as much as it likes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PerSource {
    /// Keys that are refused.
    pub failures: Option<Quota>,
    /// Connections that are open at once.
    pub connections: Option<NonZeroU32>,
    /// TLS handshakes that are begun.
    pub handshakes: Option<Quota>,
}

/// Which limit of [`PerSource`] a connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    /// Too many connections are open.
    Connections,
    /// Too many handshakes were begun.
    Handshakes,
}

/// The sources that connect or fail. All workers share one.
#[derive(Debug)]
pub struct Strangers {
    limits: PerSource,
    hasher: RandomState,
    sets: Box<[Mutex<[Stranger; WAYS]>]>,
}

/// What is remembered of one source. As long as nothing is, it may be forgotten.
#[derive(Debug, Default)]
struct Stranger {
    source: Source,
    connections: u32,
    failures: Bucket,
    handshakes: Bucket,
}

impl Strangers {
    /// A table in which nobody is known.
    pub fn new(limits: PerSource) -> Arc<Self> {
        let sets = (0..SETS).map(|_| Mutex::default()).collect();
        Arc::new(Self { limits, hasher: RandomState::new(), sets })
    }

    /// Counts a connection from `address` until what this gives is dropped, and one handshake if it is to be `secure`.
    ///
    /// # Errors
    /// Which limit it is over: hang up.
    pub fn connect(self: &Arc<Self>, address: IpAddr, secure: bool, now: Uptime) -> Result<Visit, Excess> {
        let PerSource { connections, handshakes, .. } = self.limits;
        let handshakes = handshakes.filter(|_| secure);
        let source = Source::from(address);
        let counted = self.with(source, |stranger| {
            if connections.is_some_and(|most| stranger.connections >= most.get()) {
                return Err(Excess::Connections);
            }
            if let Some(quota) = &handshakes {
                stranger.handshakes.take(quota, 1, now).map_err(|_| Excess::Handshakes)?;
            }
            stranger.connections += 1;
            Ok(())
        });
        let counted = counted.transpose()?.map(|()| source);
        Ok(Visit { strangers: self.clone(), counted })
    }

    /// Counts a key from `address` that was refused.
    ///
    /// # Errors
    /// The address is over its limit; how long until it no longer is.
    #[cold]
    pub fn fail(&self, address: IpAddr, now: Uptime) -> Result<(), Duration> {
        let Some(quota) = &self.limits.failures else { return Ok(()) };
        self.with(address.into(), |stranger| stranger.failures.take(quota, 1, now).map(drop)).unwrap_or(Ok(()))
    }

    /// What is known of `source`, which may take the place of one that nothing keeps here. `None` in the rare case that all
    /// places it could have are taken by open connections; those are bounded elsewhere.
    fn with<T>(&self, source: Source, look: impl FnOnce(&mut Stranger) -> T) -> Option<T> {
        let at = self.hasher.hash_one(source) as usize % SETS;
        let mut set = self.sets.get(at)?.lock().unwrap_or_else(PoisonError::into_inner);
        let known = set.iter().position(|stranger| stranger.source == source);
        let stranger = match known {
            Some(place) => set.get_mut(place)?,
            None => {
                let idle = set.iter_mut().filter(|stranger| stranger.connections == 0);
                let place = idle.min_by_key(|stranger| stranger.clean_at())?;
                *place = Stranger { source, ..Stranger::default() };
                place
            }
        };
        Some(look(stranger))
    }

    fn leave(&self, source: Source) {
        self.with(source, |stranger| stranger.connections = stranger.connections.saturating_sub(1));
    }
}

impl Stranger {
    /// From when on nothing is held against it.
    fn clean_at(&self) -> Uptime {
        self.failures.full_at().max(self.handshakes.full_at())
    }
}

/// A connection that counts until it is dropped.
#[derive(Debug)]
pub struct Visit {
    strangers: Arc<Strangers>,
    counted: Option<Source>,
}

impl Drop for Visit {
    fn drop(&mut self) {
        if let Some(source) = self.counted {
            self.strangers.leave(source);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Rate;
    use proptest::prelude::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn at(seconds: u64) -> Uptime {
        Uptime::after(Duration::from_secs(seconds))
    }

    fn quota(rate: &str) -> Option<Quota> {
        Some(Rate::parse(rate).unwrap().at_once())
    }

    #[test]
    fn a_source_is_an_ipv4_address_or_a_network_of_64_bits() {
        let source = |text| Source::from(ip(text));
        assert_eq!(source("192.0.2.1"), source("::ffff:192.0.2.1"));
        assert_eq!(source("2001:db8:1:2::1"), source("2001:db8:1:2:ffff::9"));
        let different = ["192.0.2.1", "192.0.2.2", "0.0.0.0", "::1", "2001:db8:1:2::1", "2001:db8:1:3::1"];
        for (i, one) in different.iter().enumerate() {
            assert!(different[..i].iter().all(|other| source(other) != source(one)), "{one}");
        }
    }

    #[test]
    fn failures_are_counted_by_source() {
        let strangers = Strangers::new(PerSource { failures: quota("2/min"), ..PerSource::default() });
        let fail = |address, seconds| strangers.fail(ip(address), at(seconds));
        assert_eq!(fail("2001:db8::1", 0), Ok(()));
        assert_eq!(fail("2001:db8::2", 0), Ok(()));
        assert_eq!(fail("2001:db8::3", 10), Err(Duration::from_secs(20)));
        assert_eq!(fail("2001:db8:0:1::1", 10), Ok(()), "somebody else");
        assert_eq!(fail("2001:db8::4", 30), Ok(()), "half a minute gives one more");
        let open = Strangers::new(PerSource::default());
        assert!((0..1000).all(|_| open.fail(ip("192.0.2.1"), at(0)).is_ok()));
    }

    #[test]
    fn connections_count_while_they_are_open() {
        let limits = PerSource { connections: NonZeroU32::new(2), ..PerSource::default() };
        let strangers = Strangers::new(limits);
        let connect = |address| strangers.connect(ip(address), true, at(0));
        let (one, two) = (connect("192.0.2.1").unwrap(), connect("192.0.2.1").unwrap());
        assert_eq!(connect("192.0.2.1").unwrap_err(), Excess::Connections);
        let other = connect("192.0.2.2").unwrap();
        drop(two);
        let three = connect("192.0.2.1").unwrap();
        assert_eq!(connect("192.0.2.1").unwrap_err(), Excess::Connections);
        drop((one, three, other));
        let all: Vec<_> = (0..2).map(|_| connect("192.0.2.1").unwrap()).collect();
        assert!(all.iter().all(|visit| visit.counted.is_some()));
    }

    #[test]
    fn handshakes_count_even_when_they_are_over() {
        let strangers = Strangers::new(PerSource { handshakes: quota("2/s"), ..PerSource::default() });
        let connect = |secure| strangers.connect(ip("192.0.2.1"), secure, at(0)).map(drop);
        assert_eq!((connect(true), connect(true), connect(true)), (Ok(()), Ok(()), Err(Excess::Handshakes)));
        assert_eq!(connect(false), Ok(()), "without TLS there is none");
        assert_eq!(strangers.connect(ip("192.0.2.1"), true, at(1)).map(drop), Ok(()));
    }

    #[test]
    fn a_flood_of_addresses_forgets_nobody_who_is_connected() {
        let limits = PerSource { failures: quota("1/day"), connections: NonZeroU32::new(1), ..PerSource::default() };
        let strangers = Strangers::new(limits);
        let visit = strangers.connect(ip("192.0.2.1"), true, at(0)).unwrap();
        for n in 0..200_000u128 {
            let address = Ipv6Addr::from_bits((0x2001_0db8 << 96) + (n << 64));
            let _ = strangers.fail(address.into(), at(1));
        }
        assert_eq!(strangers.connect(ip("192.0.2.1"), true, at(2)).unwrap_err(), Excess::Connections);
        drop(visit);
        strangers.connect(ip("192.0.2.1"), true, at(2)).unwrap();
    }

    proptest! {
        /// Whatever comes and goes, nobody is left who has left.
        #[test]
        fn whoever_leaves_is_no_longer_counted(steps in prop::collection::vec((0u8..6, any::<bool>()), 0..200)) {
            let strangers = Strangers::new(PerSource { connections: NonZeroU32::new(3), ..PerSource::default() });
            let mut open: Vec<Vec<Visit>> = (0..6).map(|_| Vec::new()).collect();
            for (who, comes) in steps {
                let held = &mut open[usize::from(who)];
                let address = IpAddr::from(Ipv4Addr::new(192, 0, 2, who));
                if comes {
                    let visit = strangers.connect(address, false, at(0));
                    prop_assert_eq!(visit.is_ok(), held.len() < 3);
                    held.extend(visit);
                } else {
                    drop(held.pop());
                }
            }
            drop(open);
            let left: u32 = strangers.sets.iter().flat_map(|set| set.lock().unwrap().each_ref().map(|s| s.connections)).sum();
            prop_assert_eq!(left, 0);
        }
    }
}
