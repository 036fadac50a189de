//! Coarse deadlines of one worker: thousands of them, one timer.
//!
//! A proxy needs a deadline for every head it waits for, every stream it keeps and every connection that idles, and
//! nearly all of them are cancelled. A timer wheel pays for each; here arming is a store into a slot, and one task
//! looks at all slots every [`TICK`]. A deadline fires at its time or at most two ticks later, never earlier.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// How often deadlines are looked at.
pub const TICK: Duration = Duration::from_millis(100);

/// The deadlines of one worker. Clones share them.
#[derive(Clone, Default)]
pub struct Clock(Rc<Inner>);

#[derive(Default)]
struct Inner {
    now: Cell<u32>,
    calls: Cell<u32>,
    slots: RefCell<Slots>,
    idle: Cell<Option<Waker>>,
}

#[derive(Default)]
struct Slots {
    all: Vec<Slot>,
    free: Vec<u32>,
}

struct Slot {
    due: u32,
    waker: Option<Waker>,
}

const NEVER: u32 = u32::MAX;

/// A length of time as the clock counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticks(u32);

impl Ticks {
    /// Not shorter than `wait`, and at most two ticks longer.
    pub fn of(wait: Duration) -> Self {
        let ticks = wait.as_nanos().div_ceil(TICK.as_nanos());
        // one more, because the current tick has already begun
        Self(u32::try_from(ticks).unwrap_or(NEVER).saturating_add(1))
    }

    /// What is left of it after `passed` others; nothing if it is over.
    pub fn after(self, passed: Ticks) -> Option<Self> {
        self.0.checked_sub(passed.0).filter(|left| *left > 0).map(Self)
    }

    /// So many.
    #[cfg(test)]
    pub const fn new(count: u32) -> Self {
        Self(count)
    }

    /// As a number.
    pub const fn count(self) -> u32 {
        self.0
    }
}

/// A moment as the clock counts it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tick(u32);

impl Clock {
    /// A clock that stands still until [`Clock::run`] is polled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Ticks for ever; asleep while nobody waits.
    pub async fn run(&self) {
        loop {
            std::future::poll_fn(|cx| self.poll_armed(cx)).await;
            tokio::time::sleep(TICK).await;
            self.tick();
        }
    }

    /// A deadline that is not armed yet.
    pub fn deadline(&self) -> Deadline {
        Deadline { clock: self.clone(), slot: None, due: NEVER }
    }

    /// Wakes everybody who waits, armed or not, so that they look at the world again: a lease ended, a drain began.
    pub fn wake_all(&self) {
        self.0.calls.set(self.0.calls.get().wrapping_add(1));
        let wakers: Vec<Waker> =
            self.0.slots.borrow_mut().all.iter_mut().filter_map(|slot| slot.waker.take()).collect();
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Begins at 1 and changes with each [`Clock::wake_all`]: whoever waits for that alone need not poll a deadline again
    /// until it does.
    #[inline]
    pub fn calls(&self) -> u32 {
        self.0.calls.get().wrapping_add(1)
    }

    fn poll_armed(&self, cx: &mut Context<'_>) -> Poll<()> {
        let slots = self.0.slots.borrow();
        if slots.free.len() < slots.all.len() {
            return Poll::Ready(());
        }
        self.0.idle.set(Some(cx.waker().clone()));
        Poll::Pending
    }

    pub(crate) fn tick(&self) {
        let now = self.0.now.get() + 1;
        self.0.now.set(now);
        let mut due = Vec::new();
        for slot in &mut self.0.slots.borrow_mut().all {
            if slot.due <= now {
                slot.due = NEVER;
                due.extend(slot.waker.take());
            }
        }
        due.into_iter().for_each(Waker::wake); // with the slots released: a woken task may be dropped here
    }

    /// The tick that has begun last. Stands still while nobody waits.
    #[inline]
    pub fn now(&self) -> Tick {
        Tick(self.0.now.get())
    }

    /// How long ago `then` was.
    #[inline]
    pub fn since(&self, then: Tick) -> Ticks {
        Ticks(self.0.now.get().saturating_sub(then.0))
    }

    fn after(&self, wait: Ticks) -> u32 {
        wait.0.saturating_add(self.0.now.get()).min(NEVER - 1)
    }
}

/// One waiting party. Dropping it gives its slot back.
pub struct Deadline {
    clock: Clock,
    slot: Option<u32>,
    due: u32,
}

impl Deadline {
    /// Sets the deadline to `wait` from now.
    pub fn arm(&mut self, wait: Duration) {
        self.arm_for(Ticks::of(wait));
    }

    /// Sets the deadline to `wait` from now.
    pub fn arm_for(&mut self, wait: Ticks) {
        self.due = self.clock.after(wait);
        self.store(None);
    }

    /// Whether it has passed.
    #[inline]
    pub fn has_passed(&self) -> bool {
        self.due <= self.clock.0.now.get()
    }

    /// Whether there is more time left than `wait`.
    pub fn is_later_than(&self, wait: Ticks) -> bool {
        self.due > self.clock.after(wait)
    }

    /// The clock that it lives by.
    #[inline]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Waits for ever, but for [`Clock::wake_all`].
    pub fn disarm(&mut self) {
        self.due = NEVER;
        self.store(None);
    }

    /// Ready once the deadline has passed; else the task is woken when it does, or by [`Clock::wake_all`].
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.due <= self.clock.0.now.get() {
            return Poll::Ready(());
        }
        if self.slot.is_none() {
            self.slot = Some(self.take_slot());
        }
        self.store(Some(cx.waker()));
        Poll::Pending
    }

    fn store(&self, waker: Option<&Waker>) {
        let Some(index) = self.slot else { return };
        let mut slots = self.clock.0.slots.borrow_mut();
        let Some(slot) = slots.all.get_mut(index as usize) else { return };
        slot.due = self.due;
        let Some(waker) = waker else { return };
        if slot.waker.as_ref().is_some_and(|held| held.will_wake(waker)) {
            return;
        }
        let held = slot.waker.replace(waker.clone());
        drop(slots);
        drop(held); // see Drop
    }

    fn take_slot(&self) -> u32 {
        let mut slots = self.clock.0.slots.borrow_mut();
        if let Some(index) = slots.free.pop() {
            if let Some(waker) = self.clock.0.idle.take() {
                waker.wake();
            }
            return index;
        }
        if let Some(waker) = self.clock.0.idle.take() {
            waker.wake();
        }
        slots.all.push(Slot { due: NEVER, waker: None });
        u32::try_from(slots.all.len() - 1).expect("fewer than 2^32 connections and requests fit one process")
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        let Some(index) = self.slot else { return };
        let mut slots = self.clock.0.slots.borrow_mut();
        let held = slots.all.get_mut(index as usize).and_then(|slot| {
            slot.due = NEVER;
            slot.waker.take()
        });
        slots.free.push(index);
        drop(slots);
        drop(held); // the last reference to a task may run its destructors, which may hold deadlines
    }
}

#[cfg(test)]
mod model;

#[cfg(test)]
mod tests;
