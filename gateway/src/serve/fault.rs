//! A fault that leaves the process unable to serve, told to the thread that can end it.
//!
//! A panic in a connection's task ends that connection and nothing else. One in a task that all of them need, such as the
//! one that accepts, would leave a process that says it is ready and answers nobody; one on the admin port, a process that
//! nobody can ask; one where files are watched, keys that no revocation reaches; one where the audit is written, requests
//! that wait for ever.

use std::future::Future;
use std::sync::Arc;
use tokio::sync::Notify;
use tracing::error;

/// Where workers tell of it. Clones are the same place.
#[derive(Clone, Default)]
pub(super) struct Fault(Arc<Notify>);

impl Fault {
    /// Something cannot go on without which nothing is served.
    pub(super) fn tell(&self) {
        self.0.notify_one();
    }

    /// Ready once one of them has told.
    pub(super) async fn told(&self) {
        self.0.notified().await;
    }

    /// What a thread that cannot be done without holds for as long as it lives: a panic there is told.
    pub(super) fn guard(&self, task: &'static str) -> impl Send + use<> {
        Watch { fault: self.clone(), task }
    }

    /// Does what the process cannot do without: a panic in this `task` is told.
    pub(super) fn watch<F: Future>(&self, task: &'static str, vital: F) -> impl Future<Output = F::Output> + use<F> {
        let watch = self.guard(task);
        async move {
            let _watch = watch;
            vital.await
        }
    }
}

/// Dropped by whatever ends the task.
struct Watch {
    fault: Fault,
    task: &'static str,
}

impl Drop for Watch {
    fn drop(&mut self) {
        if std::thread::panicking() {
            error!(task = self.task, "the gateway cannot serve: a task that it needs ended by a panic");
            self.fault.tell();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;
    use tokio::task::{LocalSet, spawn_local, yield_now};

    /// Whether a fault is told once `vital` has ended or, if it does not, was ended.
    async fn is_told(vital: impl Future<Output = ()> + 'static) -> bool {
        let fault = Fault::default();
        let task = spawn_local(fault.watch("test", vital));
        for _ in 0..8 {
            yield_now().await;
        }
        task.abort();
        let _ = task.await;
        tokio::select! {
            biased;
            () = fault.told() => true,
            () = async {} => false,
        }
    }

    #[tokio::test]
    async fn only_a_panic_is_one() {
        let local = LocalSet::new();
        let told = local.run_until(async {
            let late = async {
                yield_now().await;
                panic!("a fault");
            };
            [
                is_told(async { panic!("a fault") }).await,
                is_told(late).await,
                is_told(async {}).await,
                is_told(pending()).await,
            ]
        });
        assert_eq!(told.await, [true, true, false, false]);
    }

    #[tokio::test]
    async fn it_is_heard_by_who_asks_later_and_from_another_thread() {
        let fault = Fault::default();
        let there = fault.clone();
        std::thread::spawn(move || there.tell()).join().unwrap();
        fault.told().await;
    }

    #[tokio::test]
    async fn a_thread_tells_by_what_it_holds() {
        for (panics, expected) in [(false, false), (true, true)] {
            let fault = Fault::default();
            let guard = fault.guard("test");
            let ended = std::thread::spawn(move || {
                let _guard = guard;
                assert!(!panics, "a fault");
            });
            assert_eq!(ended.join().is_err(), panics);
            let told = tokio::select! {
                biased;
                () = fault.told() => true,
                () = async {} => false,
            };
            assert_eq!(told, expected);
        }
    }
}
