//! Wake-ups that are not worth a poll.
//!
//! Whenever a piece of a request's body is taken, hyper wakes the task that reads the connection, for more of it to come:
//! its own task, over HTTP/1.1, which would be polled once more for nothing behind the last piece. That is one poll of
//! three for an ordinary request.

use pin_project_lite::pin_project;
use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

thread_local! {
    static HUSH: Cell<Hush> = const { Cell::new(Hush::Off) };
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Hush {
    Off,
    On,
    /// Somebody was to be woken.
    Heard,
}

/// Wakes a task, unless it is hushed.
struct Bell(Waker);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        match HUSH.get() {
            Hush::Off => self.0.wake_by_ref(),
            Hush::On | Hush::Heard => HUSH.set(Hush::Heard),
        }
    }
}

pin_project! {
    /// A connection that is polled with a bell in place of its task's waker.
    pub struct Belled<C> {
        #[pin]
        served: C,
        // the task, and its bell
        bell: Option<(Waker, Waker)>,
    }
}

impl<C> Belled<C> {
    /// For a task that reads a connection and answers it, both.
    pub fn new(served: C) -> Self {
        Self { served, bell: None }
    }

    /// The connection.
    pub fn served(self: Pin<&mut Self>) -> Pin<&mut C> {
        self.project().served
    }
}

impl<C: Future> Future for Belled<C> {
    type Output = C::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<C::Output> {
        let this = self.project();
        if !this.bell.as_ref().is_some_and(|(task, _)| task.will_wake(cx.waker())) {
            let task = cx.waker().clone();
            *this.bell = Some((task.clone(), Arc::new(Bell(task)).into()));
        }
        match this.bell {
            Some((_, bell)) => this.served.poll(&mut Context::from_waker(bell)),
            None => this.served.poll(cx),
        }
    }
}

/// Does `poll` without waking any task that has a bell from this thread; true if one was to be woken.
pub(super) fn hushed<T>(poll: impl FnOnce() -> T) -> (T, bool) {
    let still = Still;
    HUSH.set(Hush::On);
    let polled = poll();
    let heard = HUSH.get() == Hush::Heard;
    drop(still);
    (polled, heard)
}

/// Nobody is hushed for longer than the poll takes, even if that panics.
struct Still;

impl Drop for Still {
    fn drop(&mut self) {
        HUSH.set(Hush::Off);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wakes::Wakes;
    use std::future::poll_fn;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::pin::pin;

    #[test]
    fn only_what_rings_during_a_hushed_poll_and_on_its_thread_is_not_heard() {
        let (task, wakes) = Wakes::new();
        let woken = || wakes.count();
        let mut cx = Context::from_waker(&task);
        let mut belled = pin!(Belled::new(poll_fn(|cx| Poll::Ready(cx.waker().clone()))));
        let Poll::Ready(bell) = belled.as_mut().poll(&mut cx) else { panic!("it is ready") };
        let Poll::Ready(again) = belled.poll(&mut cx) else { panic!("it is ready") };
        assert!(again.will_wake(&bell), "one bell for a task");

        bell.wake_by_ref();
        assert_eq!(woken(), 1);
        assert!(hushed(|| bell.wake_by_ref()).1);
        assert!(!hushed(|| ()).1);
        assert_eq!(woken(), 1);
        let other = bell.clone();
        assert!(!hushed(|| std::thread::spawn(move || other.wake()).join().unwrap()).1);
        assert_eq!(woken(), 2);
        let panicked = catch_unwind(AssertUnwindSafe(|| hushed(|| std::panic::resume_unwind(Box::new(())))));
        assert!(panicked.is_err());
        bell.wake();
        assert_eq!(woken(), 3);
    }
}
