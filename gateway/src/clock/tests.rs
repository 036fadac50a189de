use super::*;
use crate::wakes::Wakes;

#[test]
fn a_deadline_never_fires_early_and_at_most_two_ticks_late() {
    let clock = Clock::new();
    let (waker, wakes) = Wakes::new();
    let mut cx = Context::from_waker(&waker);
    for ticks in 0..5u32 {
        let mut deadline = clock.deadline();
        deadline.arm(TICK * ticks);
        for _ in 0..=ticks {
            assert!(deadline.poll(&mut cx).is_pending());
            clock.tick();
        }
        assert!(deadline.poll(&mut cx).is_ready());
    }
    assert_eq!(wakes.count(), 5);
}

#[test]
fn slots_are_given_back_and_used_again() {
    let clock = Clock::new();
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..100 {
        let mut a = clock.deadline();
        let mut b = clock.deadline();
        a.arm(TICK);
        assert!(a.poll(&mut cx).is_pending() && b.poll(&mut cx).is_pending());
    }
    assert_eq!(clock.0.slots.borrow().all.len(), 2);
    assert_eq!(clock.0.slots.borrow().free.len(), 2);
}

#[test]
fn everybody_can_be_woken_at_once() {
    let clock = Clock::new();
    let (waker, wakes) = Wakes::new();
    let mut deadlines: Vec<_> = (0..3).map(|_| clock.deadline()).collect();
    deadlines.iter_mut().for_each(|d| assert!(d.poll(&mut Context::from_waker(&waker)).is_pending()));
    clock.wake_all();
    assert_eq!(wakes.count(), 3);
}

#[test]
fn re_arming_moves_the_time() {
    let clock = Clock::new();
    let mut cx = Context::from_waker(Waker::noop());
    let mut deadline = clock.deadline();
    deadline.arm(TICK);
    assert!(deadline.poll(&mut cx).is_pending());
    clock.tick();
    deadline.arm(TICK);
    clock.tick();
    assert!(deadline.poll(&mut cx).is_pending());
    clock.tick();
    assert!(deadline.poll(&mut cx).is_ready());
}
