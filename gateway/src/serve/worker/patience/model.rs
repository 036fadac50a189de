//! The patience with one client over any order of what its task may wait for. The task looks when the clock wakes it, and when
//! it has reasons of its own.

use super::*;
use crate::clock::TICK;
use crate::wakes::Wakes;
use proptest::prelude::*;

const STALL: u32 = 4;
const UPLOAD: u32 = 6;
const LEAST: u64 = 100;

#[derive(Clone, Debug)]
enum Step {
    /// The task was polled, and waits for this.
    Looks(Wait),
    /// More of the body has come, and the task was polled.
    Comes(u64),
    Tick,
    Called,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => Just(Step::Looks(Wait::AsBefore)),
        1 => Just(Step::Looks(Wait::Reader)),
        1 => Just(Step::Looks(Wait::Other)),
        2 => (0..60u64).prop_map(Step::Comes),
        8 => Just(Step::Tick),
        1 => Just(Step::Called),
    ]
}

/// What the client is to do, and by when.
#[derive(Clone, Copy)]
enum Awaited {
    Nothing,
    Takes { due: u32 },
    Sends { mark: u64, due: u32 },
}

struct Model {
    now: u32,
    read: u64,
    awaited: Awaited,
}

impl Model {
    fn look(&mut self, wait: Wait) -> Verdict {
        self.awaited = match (wait, self.awaited) {
            (Wait::Other, _) => Awaited::Nothing,
            (Wait::Reader, _) => Awaited::Takes { due: self.now + STALL },
            (Wait::Upload(_), Awaited::Nothing | Awaited::Takes { .. }) => {
                Awaited::Sends { mark: self.read, due: self.now + UPLOAD }
            }
            (Wait::Upload(_) | Wait::AsBefore | Wait::GivenUp, awaited) => awaited,
        };
        match self.awaited {
            Awaited::Takes { due } if due <= self.now => Verdict::End(Some(Limit::Stall)),
            Awaited::Sends { mark, due } if due <= self.now => {
                self.awaited = Awaited::Sends { mark: self.read, due: self.now + UPLOAD };
                if self.read - mark < LEAST { Verdict::Slow } else { Verdict::Wait }
            }
            Awaited::Nothing | Awaited::Takes { .. } | Awaited::Sends { .. } => Verdict::Wait,
        }
    }

    fn is_due(&self) -> bool {
        match self.awaited {
            Awaited::Nothing => false,
            Awaited::Takes { due } | Awaited::Sends { due, .. } => due <= self.now,
        }
    }
}

proptest! {
    #[test]
    fn a_client_is_given_up_when_and_only_when_it_has_had_its_time(steps in prop::collection::vec(step(), 1..120)) {
        let [header, idle, stall, upload] = [1, 1, STALL, UPLOAD].map(|ticks| Ticks::of(TICK * (ticks - 1)));
        let times = Times { header, idle, stall, upload, least: LEAST };
        let (clock, turn, (waker, wakes)) = (Clock::new(), Turn::new(None), Wakes::new());
        let mut model = Model { now: 0, read: 0, awaited: Awaited::Nothing };
        let (mut patience, mut seen) = (Patience::default(), 0);
        for step in steps {
            let mut looks = match step {
                Step::Looks(wait) => Some(wait),
                Step::Comes(bytes) => {
                    model.read += bytes;
                    Some(Wait::Upload(model.read))
                }
                Step::Tick => {
                    clock.tick();
                    model.now += 1;
                    prop_assert_eq!(wakes.count() > seen, model.is_due());
                    None
                }
                Step::Called => {
                    clock.wake_all();
                    None
                }
            };
            if wakes.count() > seen {
                // nobody polls a body for that
                looks.get_or_insert(Wait::AsBefore);
            }
            if let Some(wait) = looks {
                seen = wakes.count();
                turn.begin();
                turn.waits(wait);
                let verdict = patience.look(&turn, &times, &clock, &mut Context::from_waker(&waker));
                prop_assert_eq!(verdict, model.look(wait));
                if matches!(verdict, Verdict::End(_)) {
                    (patience, model.awaited) = (Patience::default(), Awaited::Nothing);
                }
            }
        }
        drop(patience);
        prop_assert_eq!(std::sync::Arc::strong_count(&wakes), 2, "the clock keeps no task");
    }
}
