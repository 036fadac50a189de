//! A watch over any order of what may happen to a task and its replies. The task is polled only when it is woken, or when
//! what it sends gives it something to do.

use super::*;
use crate::access::LeaseEnd;
use crate::wakes::Wakes;
use proptest::prelude::*;

/// Ticks from the end of a lease that is known to the task to the end of the reply.
const PATIENT: u32 = 5;

#[derive(Clone, Debug)]
enum Step {
    /// The task begins a reply, in place of the one before.
    Reply,
    /// The reply ends.
    Ends,
    /// Its key is revoked, and all are called.
    Revoked,
    /// All are called, for another reason.
    Called,
    Tick,
    /// The task is polled for a reason of its own.
    Stirs,
    /// Another task leaves a reply behind that was dropped with it.
    Left,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => Just(Step::Reply),
        1 => Just(Step::Ends),
        1 => Just(Step::Revoked),
        1 => Just(Step::Called),
        4 => Just(Step::Tick),
        1 => Just(Step::Stirs),
        1 => Just(Step::Left),
    ]
}

proptest! {
    #[test]
    fn a_reply_is_broken_off_when_and_only_when_its_lease_has_ended(steps in prop::collection::vec(step(), 1..80)) {
        let (handover, clock) = (Handover::default(), Clock::new());
        let ((task, wakes), mut watch) = (Wakes::new(), Watch::default());
        let mut lease = Arc::<Lease>::default();
        let (mut held, mut ticks, mut seen) = (None, None, 0);
        for step in steps {
            let stirs = matches!(step, Step::Reply | Step::Ends | Step::Stirs);
            match step {
                Step::Reply => {
                    lease = Arc::default();
                    (held, ticks) = (Some(handover.announce(lease.clone())), None);
                }
                Step::Ends => (held, ticks) = (None, None),
                Step::Revoked => {
                    if lease.end(LeaseEnd::Revoked) && held.is_some() {
                        ticks = Some(0);
                    }
                    clock.wake_all();
                }
                Step::Called => clock.wake_all(),
                Step::Tick => {
                    clock.tick();
                    ticks = ticks.map(|ticks| ticks + 1);
                }
                Step::Stirs => {}
                Step::Left => drop(handover.announce(Arc::default())),
            }
            let over = (stirs || wakes.count() > seen) && {
                seen = wakes.count();
                watch.poll(&handover, &clock, &mut Context::from_waker(&task)).is_ready()
            };
            prop_assert_eq!(over, ticks == Some(PATIENT));
            if over {
                // the task is dropped
                (held, ticks, watch) = (None, None, Watch::default());
            }
        }
        drop((held, watch, handover));
        prop_assert_eq!(Arc::strong_count(&wakes), 2, "the clock keeps no task");
    }
}
