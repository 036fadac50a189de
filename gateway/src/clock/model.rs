//! The clock against a small model of it, over any order of what may happen to its deadlines.

use super::*;
use crate::wakes::Wakes;
use proptest::prelude::*;
use std::sync::Arc;

const TASKS: usize = 3;
const PLACES: usize = 4;

#[derive(Clone, Debug)]
enum Step {
    /// A deadline in this place, instead of what is there.
    Anew(usize),
    Arm(usize, u32),
    Disarm(usize),
    /// This task polls it.
    Poll(usize, usize),
    Drop(usize),
    Tick,
    WakeAll,
    /// The clock's own task looks whether anybody waits.
    Run,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => (0..PLACES).prop_map(Step::Anew),
        1 => (0..PLACES, 0..4u32).prop_map(|(place, ticks)| Step::Arm(place, ticks)),
        1 => (0..PLACES).prop_map(Step::Disarm),
        3 => (0..PLACES, 0..TASKS).prop_map(|(place, task)| Step::Poll(place, task)),
        1 => (0..PLACES).prop_map(Step::Drop),
        3 => Just(Step::Tick),
        1 => Just(Step::WakeAll),
        1 => Just(Step::Run),
    ]
}

/// What a deadline should be.
#[derive(Clone, Copy, Default)]
struct Meant {
    due: Option<u32>,
    /// Which task is to be woken.
    waits: Option<usize>,
    /// It was waited for at least once.
    known: bool,
}

#[derive(Default)]
struct Model {
    now: u32,
    places: [Option<Meant>; PLACES],
    wakes: [usize; TASKS],
    /// The clock sleeps, and how often it was woken.
    asleep: bool,
    roused: usize,
}

impl Model {
    fn wake(&mut self, which: impl Fn(&Meant) -> bool) {
        for meant in self.places.iter_mut().flatten().filter(|meant| which(meant)) {
            if let Some(task) = meant.waits.take() {
                self.wakes[task] += 1;
            }
        }
    }

    /// Whether a poll is to be ready.
    fn poll(&mut self, place: usize, task: usize) -> bool {
        let meant = self.places[place].as_mut().unwrap();
        if meant.due.is_some_and(|due| due <= self.now) {
            return true;
        }
        meant.waits = Some(task);
        if !std::mem::replace(&mut meant.known, true) && std::mem::take(&mut self.asleep) {
            self.roused += 1;
        }
        false
    }
}

proptest! {
    #[test]
    fn whoever_waits_is_woken_once_and_in_time_and_nothing_is_kept(steps in prop::collection::vec(step(), 1..120)) {
        let (clock, mut model) = (Clock::new(), Model::default());
        let tasks: [_; TASKS] = std::array::from_fn(|_| Wakes::new());
        let (runner, roused) = Wakes::new();
        let mut places: [Option<Deadline>; PLACES] = Default::default();
        for step in steps {
            match step {
                Step::Anew(place) => {
                    places[place] = Some(clock.deadline());
                    model.places[place] = Some(Meant::default());
                }
                Step::Arm(place, ticks) => if let Some(deadline) = &mut places[place] {
                    deadline.arm(TICK * ticks);
                    model.places[place].as_mut().unwrap().due = Some(model.now + ticks + 1);
                },
                Step::Disarm(place) => if let Some(deadline) = &mut places[place] {
                    deadline.disarm();
                    model.places[place].as_mut().unwrap().due = None;
                },
                Step::Poll(place, task) => if let Some(deadline) = &mut places[place] {
                    let polled = deadline.poll(&mut Context::from_waker(&tasks[task].0));
                    prop_assert_eq!(polled.is_ready(), model.poll(place, task));
                    prop_assert_eq!(deadline.has_passed(), polled.is_ready());
                },
                Step::Drop(place) => (places[place], model.places[place]) = (None, None),
                Step::Tick => {
                    clock.tick();
                    model.now += 1;
                    let now = model.now;
                    model.wake(|meant| meant.due.is_some_and(|due| due <= now));
                }
                Step::WakeAll => {
                    let before = clock.calls();
                    clock.wake_all();
                    prop_assert_ne!(clock.calls(), before);
                    model.wake(|_| true);
                }
                Step::Run => {
                    let known = model.places.iter().flatten().any(|meant| meant.known);
                    prop_assert_eq!(clock.poll_armed(&mut Context::from_waker(&runner)).is_ready(), known);
                    model.asleep |= !known;
                }
            }
            prop_assert_eq!(std::array::from_fn::<_, TASKS, _>(|task| tasks[task].1.count()), model.wakes);
            prop_assert_eq!(roused.count(), model.roused);
        }
        drop(places);
        let slots = clock.0.slots.borrow();
        prop_assert_eq!(slots.all.len(), slots.free.len());
        prop_assert!(slots.all.iter().all(|slot| slot.due == NEVER && slot.waker.is_none()));
        prop_assert!(slots.all.len() <= PLACES, "slots are used again");
        for (_, wakes) in &tasks {
            prop_assert_eq!(Arc::strong_count(wakes), 2, "no task is kept");
        }
    }
}

thread_local! {
    static HELD: RefCell<Option<Deadline>> = const { RefCell::new(None) };
}

/// The last that holds a task, which holds a deadline.
struct Last;

impl std::task::Wake for Last {
    fn wake(self: Arc<Self>) {}
}

impl Drop for Last {
    fn drop(&mut self) {
        drop(HELD.take());
    }
}

#[test]
fn a_task_may_go_with_the_last_waker_that_another_takes_the_place_of() {
    let clock = Clock::new();
    let mut held = clock.deadline();
    assert!(held.poll(&mut Context::from_waker(Waker::noop())).is_pending());
    HELD.set(Some(held));
    let mut deadline = clock.deadline();
    let last = Waker::from(Arc::new(Last));
    assert!(deadline.poll(&mut Context::from_waker(&last)).is_pending());
    drop(last);
    assert!(deadline.poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert_eq!(clock.0.slots.borrow().free.len(), 1);
}
