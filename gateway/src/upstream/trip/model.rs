//! Two tasks with one request after the other over one pool of connections, and a backend that reads, answers, speaks
//! unasked and hangs up when it likes. A task is polled only when it is woken; what it gets is held against what the backend
//! did, and what the backend gets against what was asked.

mod backend;
mod fed;
mod script;
mod sides;
mod step;

use super::*;
use crate::clock::{Clock, Ticks};
use crate::stock::Stock;
use crate::upstream::Address;
use crate::wakes::Wakes;
use backend::Backend;
use fed::Fed;
use http_body::Frame;
use proptest::prelude::*;
use script::{Script, script};
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;
use step::{Kind, Step, step};

const TASKS: usize = 2;
const HEAD_TIMEOUT: Duration = Duration::from_millis(200);
/// Of a body whose length was told.
const TOLD: usize = 9;
/// More than a socket takes by itself.
const LONG: usize = 400_000;

/// A task with its request.
struct Task {
    waker: Waker,
    wakes: Arc<Wakes>,
    seen: Option<usize>,
    work: Work,
    fed: Fed,
    kind: Kind,
    /// What the backend is to get, as far as it has come here.
    asked: Vec<u8>,
    ended: bool,
    /// The body is not what was told.
    bad: bool,
    script: Script,
    said: usize,
    /// The backend has begun to answer before all was asked.
    early: bool,
    /// Of the backend.
    connection: Option<usize>,
    due: u32,
    taken: Vec<u8>,
}

enum Work {
    Trip(Box<Trip<Fed>>),
    Body(Body),
}

struct World {
    upstream: Rc<Upstream>,
    clock: Clock,
    now: u32,
    backend: Backend,
    tasks: [Option<Task>; TASKS],
    asked: usize,
    wakes: Vec<Arc<Wakes>>,
}

impl World {
    fn new() -> Self {
        let (backend, path) = Backend::new();
        let (clock, stock) = (Clock::new(), Stock::new(1 << 30));
        let wait = Duration::from_secs(60);
        let upstream = Upstream::new(Address::Unix(path), HEAD_TIMEOUT, wait, None, clock.clone(), stock);
        let tasks = Default::default();
        Self { upstream: Rc::new(upstream), clock, now: 0, backend, tasks, asked: 0, wakes: Vec::new() }
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Sends(task, kind, script) if self.tasks[task].is_none() => self.sends(task, kind, script),
            Step::Feeds(task, bytes) => self.feeds(task, bytes),
            Step::Ends(task) => self.ends(task),
            Step::Breaks(task) => {
                if let Some(task) = self.tasks[task].as_mut().filter(|task| task.is_open()) {
                    (task.ended, task.bad) = (true, true);
                    task.fed.push(Some(Err(())));
                }
            }
            Step::Says(task, bytes) => self.says(task, bytes),
            Step::Reads(task, bytes) => self.reads(task, bytes),
            Step::Closes(task) => {
                let connection = self.tasks[task].as_ref().and_then(|task| task.connection);
                connection.into_iter().for_each(|connection| self.backend.closes(connection));
            }
            Step::Unasked(nth) => self.backend.idle(nth).into_iter().for_each(|one| self.backend.speaks(one)),
            Step::Leaves(nth) => self.backend.idle(nth).into_iter().for_each(|one| self.backend.closes(one)),
            Step::Runs(task) => self.run(task).await,
            Step::Stirs(task) => {
                self.run(task).await;
                let Some(left) = self.tasks[task].as_ref().map(|task| task.fed.left()) else { return };
                self.poll(task);
                let after = self.tasks[task].as_ref().map(|task| task.fed.left());
                assert_eq!(after, Some(left), "a task that is not woken has nothing to do");
            }
            Step::Cancels(task) => self.over(task, false),
            Step::Tick => {
                self.clock.tick();
                self.now += 1;
            }
            Step::Sweep => self.upstream.pool.sweep(),
            Step::Sends(..) => {}
        }
        turn().await;
    }

    /// Polls a task for as long as it is woken; it may then wait only for what has not happened.
    async fn run(&mut self, number: usize) {
        turn().await;
        while let Some(task) = &mut self.tasks[number] {
            let count = Some(task.wakes.count());
            if task.seen == count {
                return self.waits_rightly(number);
            }
            task.seen = count;
            self.poll(number);
            turn().await;
        }
    }

    fn waits_rightly(&self, number: usize) {
        let task = self.tasks[number].as_ref().unwrap();
        let connection = task.connection.expect("it is connected by now");
        assert!(!self.backend.is_closed(connection), "nobody is there any more");
        assert!(task.said < task.script.decided(matches!(task.work, Work::Body(_))), "all has been said");
        if let Work::Trip(trip) = &task.work {
            assert!(matches!(trip.way, Way::Open(_)), "it is connected by now");
            assert!(self.now < task.due, "its time is over");
            let unread = self.backend.unread(connection, &task.asked);
            assert!(unread > 0 || task.fed.left() == 0, "there is more to be sent");
            assert!(unread > 0 || !task.bad, "it cannot become whole");
        }
    }

    /// Polls until there is nothing more to be had.
    fn poll(&mut self, number: usize) {
        while self.tasks[number].as_ref().is_some_and(|task| matches!(task.work, Work::Trip(_))) {
            if self.poll_trip(number).is_pending() {
                return;
            }
        }
        while self.tasks[number].is_some() && self.poll_body(number).is_ready() {}
    }

    fn poll_trip(&mut self, number: usize) -> Poll<()> {
        let task = self.tasks[number].as_mut().unwrap();
        let Work::Trip(trip) = &mut task.work else { unreachable!() };
        let (was_open, left) = (matches!(trip.way, Way::Open(_)), task.fed.left());
        let polled = Pin::new(&mut **trip).poll(&mut Context::from_waker(&task.waker));
        if let Some(fresh) = self.backend.accepts(number) {
            let stale = task.connection.replace(fresh);
            stale.into_iter().for_each(|stale| self.backend.was_stale(stale));
            (task.said, task.early) = (0, false);
        }
        if let Way::Open(stream) = &trip.way {
            self.backend.knows(stream, task.connection.unwrap());
            if !was_open || task.fed.left() < left {
                task.due = self.now + Ticks::of(HEAD_TIMEOUT).count();
            }
        }
        let closed = task.connection.is_some_and(|connection| self.backend.is_closed(connection));
        match ready!(polled) {
            Ok(reply) => {
                assert!(task.said >= task.script.head && !task.script.lies, "{:?}", task.script);
                assert_eq!(reply.headers["x"].to_str().unwrap(), task.script.id);
                task.work = Work::Body(reply.body);
                return Poll::Ready(());
            }
            Err(Failure::Closed) => assert!(closed),
            Err(Failure::Invalid(_)) => assert!(task.script.is_refused(task.said), "{:?}", task.script),
            Err(Failure::Timeout) => assert!(self.now >= task.due),
            Err(Failure::BodyIncomplete) => assert!(task.bad),
            Err(failure @ (Failure::Unreachable(_) | Failure::Down | Failure::BodyTooLarge)) => panic!("{failure}"),
        }
        self.over(number, false);
        Poll::Ready(())
    }

    fn poll_body(&mut self, number: usize) -> Poll<()> {
        let task = self.tasks[number].as_mut().unwrap();
        let Work::Body(body) = &mut task.work else { unreachable!() };
        let closed = self.backend.is_closed(task.connection.unwrap());
        match ready!(body.poll_frame(&mut Context::from_waker(&task.waker))) {
            Some(Ok(frame)) => {
                task.taken.extend(frame.into_data().unwrap_or_default());
                assert!(task.script.body.starts_with(&task.taken), "{:?}", task.script);
                return Poll::Ready(());
            }
            None => {
                assert_eq!(task.taken, task.script.said(task.said, closed));
                self.over(number, true);
                return Poll::Ready(());
            }
            Some(Err(Failure::Closed)) => assert!(closed),
            Some(Err(Failure::Invalid(_))) => assert!(task.script.is_refused(task.said), "{:?}", task.script),
            Some(Err(failure)) => panic!("{failure}"),
        }
        self.over(number, false);
        Poll::Ready(())
    }

    /// The task goes, with whatever it has left, and its reply has ended `well` or not.
    fn over(&mut self, number: usize, well: bool) {
        let Some(task) = self.tasks[number].take() else { return };
        drop(task.work);
        let Some(connection) = task.connection else { return };
        let surplus = task.said > task.script.whole;
        self.backend.is_free(connection, task.asked, task.ended && !task.bad, surplus);
        if !well {
            assert!(self.backend.is_left(connection), "a reply that nobody wants goes on");
        } else if task.script.reusable && !task.early && !surplus && !self.backend.is_closed(connection) {
            assert!(!self.backend.is_left(connection), "a connection is given up that could be used");
        }
    }

    /// The backend does all that it has to, and so do those who ask: everybody has to come to an end.
    async fn end(mut self) {
        for number in 0..TASKS {
            self.run(number).await;
            if matches!(self.tasks[number].as_ref().map(|task| task.kind), Some(Kind::Told)) {
                let left = TOLD - self.tasks[number].as_ref().unwrap().told();
                self.feeds(number, left);
            }
            self.ends(number);
            while self.tasks[number].is_some() {
                let before = self.progress(number);
                self.reads(number, usize::MAX);
                self.run(number).await;
                if self.progress(number) == before {
                    break;
                }
            }
            self.says(number, usize::MAX);
            self.run(number).await;
            self.tasks[number].as_ref().and_then(|task| task.connection).into_iter().for_each(|connection| {
                self.backend.closes(connection); // of a reply that ends so
            });
            self.run(number).await;
            assert!(self.tasks[number].is_none(), "it waits for nothing");
        }
        let mut kept = Vec::new();
        while let Some(stream) = self.upstream.pool.take() {
            self.backend.keeps(&stream);
            kept.push(stream);
        }
        self.backend.ends(kept.len());
        drop(kept);
        assert!(self.wakes.iter().all(|wakes| Arc::strong_count(wakes) == 1), "no task is kept");
    }

    fn progress(&self, number: usize) -> Option<(usize, usize)> {
        let task = self.tasks[number].as_ref()?;
        Some((self.backend.unread(task.connection?, &task.asked), task.fed.left()))
    }
}

impl Task {
    /// Whether more of its body may come.
    fn is_open(&self) -> bool {
        !self.ended && !matches!(self.kind, Kind::Whole(_))
    }

    /// How much of a body of known length has come.
    fn told(&self) -> usize {
        let head = self.asked.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        self.asked.len() - head
    }
}

/// Lets the runtime learn what has happened on its sockets.
async fn turn() {
    tokio::task::yield_now().await;
}

proptest! {
    #[test]
    fn every_request_gets_its_own_answer_and_every_connection_whole_requests(
        steps in prop::collection::vec(step(), 1..80)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        runtime.block_on(async {
            let mut world = World::new();
            for step in steps {
                world.take(step).await;
            }
            world.end().await;
        });
    }
}
