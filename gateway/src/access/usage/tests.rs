use super::*;
use crate::access::Rate;

fn at(seconds: u64) -> Uptime {
    Uptime::after(Duration::from_secs(seconds))
}

fn quota(rate: &str) -> Quota {
    Rate::parse(rate).unwrap().at_once()
}

fn limits() -> Limits {
    Limits {
        quota: Some(quota("10/min")),
        tools: BTreeMap::from([("slow".into(), quota("2/min"))]),
        costs: BTreeMap::from([("dear".into(), 5)]),
        ..Limits::default()
    }
}

fn charge(allowance: &Allowance, tool: &str) -> Result<(), Reject> {
    let message = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}"}}}}"#);
    allowance.charge(&Call::judge(message.as_bytes()).unwrap(), at(0)).map_err(|limited| limited.reject)
}

fn left(allowance: &Allowance) -> Vec<u32> {
    allowance.standings(Some("slow"), at(0)).map(|standing| standing.level.units).collect()
}

#[test]
fn a_call_is_paid_from_all_buckets_or_from_none() {
    let allowance = Allowance::new(limits(), None).unwrap();
    assert_eq!((charge(&allowance, "slow"), charge(&allowance, "slow")), (Ok(()), Ok(())));
    assert_eq!(left(&allowance), [8, 0]);
    assert_eq!(charge(&allowance, "slow"), Err(Reject::ToolRateLimited));
    assert_eq!(charge(&allowance, "SLOW"), Err(Reject::ToolRateLimited), "some servers do not care");
    assert_eq!(left(&allowance), [8, 0], "what was refused costs nothing");
    assert_eq!(charge(&allowance, "dear"), Ok(()));
    assert_eq!(charge(&allowance, "dear"), Err(Reject::RateLimited));
    assert_eq!(left(&allowance), [3, 0]);
}

#[test]
fn a_reload_forgives_nothing() {
    let first = Allowance::new(limits(), None).unwrap();
    (0..2).for_each(|_| charge(&first, "slow").unwrap());
    let second = Allowance::new(limits(), Some(&first)).unwrap();
    assert_eq!(left(&second), [8, 0]);
    let wider = Limits { quota: Some(quota("20/min")), ..limits() };
    let third = Allowance::new(wider, Some(&second)).unwrap();
    assert_eq!(left(&third), [16, 0], "the debt is a length of time");
    charge(&first, "dear").unwrap();
    assert!(left(&third)[0] < 16, "requests that still run under the old snapshot pay from the same bucket");
}

#[test]
fn what_is_taken_out_and_written_again_begins_full() {
    let first = Allowance::new(limits(), None).unwrap();
    (0..2).for_each(|_| charge(&first, "slow").unwrap());
    let no_tool = Allowance::new(Limits { tools: BTreeMap::new(), ..limits() }, Some(&first)).unwrap();
    let again = Allowance::new(limits(), Some(&no_tool)).unwrap();
    assert_eq!(left(&again), [8, 2], "the tool's rate was gone, the client's never");
    assert!(Allowance::new(Limits::default(), Some(&again)).is_none());
    assert_eq!(left(&Allowance::new(limits(), None).unwrap()), [10, 2], "of a client without limits nothing is kept");
}

#[test]
fn a_slot_is_given_back_however_it_ends() {
    let limits = Limits { max_streams: NonZeroU32::new(2), max_in_flight: NonZeroU32::new(1), ..Limits::default() };
    let allowance = Allowance::new(limits.clone(), None).unwrap();
    let one = allowance.admit(Hold::Stream).unwrap();
    let two = allowance.admit(Hold::Stream).unwrap();
    let refused = Limited { reject: Reject::StreamsLimited, wait: SLOT_WAIT };
    assert_eq!(allowance.admit(Hold::Stream).unwrap_err(), refused);
    let next = Allowance::new(limits, Some(&allowance)).unwrap();
    assert_eq!(next.admit(Hold::Stream).unwrap_err(), refused, "a reload frees nothing");
    drop(one);
    let three = next.admit(Hold::Stream).unwrap();
    assert!(next.admit(Hold::Stream).is_err());
    let flight = allowance.admit(Hold::Flight).unwrap();
    assert_eq!(allowance.admit(Hold::Flight).unwrap_err().reject, Reject::InFlightLimited);
    let panicked = std::panic::catch_unwind(move || {
        let _held = (two, three, flight);
        panic!("a fault");
    });
    assert!(panicked.is_err());
    assert_eq!((allowance.held(Hold::Stream), allowance.held(Hold::Flight)), (0, 0));
}

/// Threads that take and give back at once never hold more than there are.
#[test]
fn threads_together_hold_no_more_than_there_are() {
    const MOST: u32 = 3;
    let limits = Limits { max_in_flight: NonZeroU32::new(MOST), ..Limits::default() };
    let allowance = Allowance::new(limits, None).unwrap();
    let held = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..2_000 {
                    let Ok(slot) = allowance.admit(Hold::Flight) else { continue };
                    assert!(held.fetch_add(1, Relaxed) < MOST);
                    std::thread::yield_now();
                    held.fetch_sub(1, Relaxed);
                    drop(slot);
                }
            });
        }
    });
    assert_eq!(allowance.held(Hold::Flight), 0);
    assert!(allowance.admit(Hold::Flight).unwrap().is_some());
}

#[test]
fn what_is_not_limited_costs_nothing() {
    assert!(Allowance::new(Limits::default(), None).is_none());
    let limits = Limits { quota: Some(quota("1/day")), ..Limits::default() };
    let allowance = Allowance::new(limits, None).unwrap();
    assert!((0..10).all(|_| allowance.admit(Hold::Stream).unwrap().is_none()));
}
