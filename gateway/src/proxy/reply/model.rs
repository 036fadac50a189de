//! A reply over any order of what may happen to it: the backend sends a piece, ends or cuts it, its key is revoked, the
//! process drains, time passes, the client leaves. It is polled only when it is woken, as hyper does.

mod stage;

use super::*;
use crate::access::LeaseEnd;
use crate::clock::{TICK, Ticks};
use crate::wakes::Wakes;
use proptest::prelude::*;
use stage::{Stage, turn};

/// Ticks of silence until a comment is put in.
const KEEP_ALIVE: u32 = 4;
/// Ticks from the first poll of a reply that must end to its end.
const PATIENT: u32 = 4;

/// What the backend sends, and how far into each it may be broken off well: between two events, or behind a
/// comment. The CR alone ends a line.
const PIECES: [(&str, &[usize]); 4] = [
    ("data: 1\n\n", &[9]),
    (": hello\n\n", &[8, 9]),
    ("id: 7\r\ndata: 2\r\n\r\n", &[17, 18]),
    ("event: x\ndata: 3\ndata: 4\n\n", &[26]),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Events without end, or of a known length.
    Events,
    Told,
    /// Anything else, in chunks.
    Json,
}

#[derive(Clone, Debug)]
enum Step {
    Says(usize),
    Ends,
    Cuts,
    Revoked,
    Drains,
    Called,
    Tick,
    Runs,
    /// The task is polled for a reason of its own.
    Stirs,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..30usize).prop_map(Step::Says),
        1 => Just(Step::Ends),
        1 => Just(Step::Cuts),
        1 => Just(Step::Revoked),
        1 => Just(Step::Drains),
        1 => Just(Step::Called),
        6 => Just(Step::Tick),
        8 => Just(Step::Runs),
        2 => Just(Step::Stirs),
    ]
}

/// What should become of the reply.
struct Model {
    kind: Kind,
    /// All that the backend would say, and where it may be broken off well.
    text: Vec<u8>,
    breaks: Vec<usize>,
    said: usize,
    /// Whether the backend has ended or cut it.
    done: bool,
    cut: bool,
    revoked: bool,
    drains: bool,
    now: u32,
    /// How much of the text has come, and when something came last.
    got: usize,
    spoke: u32,
    comments: u64,
    hinted: bool,
    /// When its patience ends.
    due: Option<u32>,
}

impl Model {
    fn new(kind: Kind, pieces: &[usize]) -> Self {
        let (mut text, mut breaks) = (Vec::new(), vec![0]);
        for (piece, ends) in pieces.iter().map(|piece| PIECES[*piece]) {
            breaks.extend(ends.iter().map(|end| text.len() + end));
            text.extend_from_slice(piece.as_bytes());
        }
        let (said, got, spoke, now, comments) = Default::default();
        let (done, cut, revoked, drains, hinted) = Default::default();
        Self { kind, text, breaks, said, done, cut, revoked, drains, now, got, spoke, comments, hinted, due: None }
    }

    fn must_end(&self) -> bool {
        self.revoked || self.drains
    }

    /// Whether it may end where it stands, or a comment be put in.
    fn is_between(&self) -> bool {
        self.kind == Kind::Events && self.breaks.contains(&self.got)
    }

    fn takes(&mut self, data: &[u8]) {
        assert!(!self.hinted, "nothing comes behind the hint");
        if data == RETRY && self.drains {
            assert!(self.is_between() && !self.revoked);
            self.hinted = true;
        } else if data == COMMENT && !self.text[self.got..self.said].starts_with(data) {
            assert!(self.is_between() && self.due.is_none() && self.now - self.spoke >= KEEP_ALIVE, "{}", self.now);
            (self.comments, self.spoke) = (self.comments + 1, self.now);
        } else {
            assert!(self.text[self.got..self.said].starts_with(data), "other bytes than were sent");
            (self.got, self.spoke) = (self.got + data.len(), self.now);
        }
    }

    /// It waits: for what has not happened.
    fn waits(&self) {
        assert_eq!(self.got, self.said, "what has come is passed on");
        assert!(!self.done && !self.cut);
        if self.must_end() {
            assert!(!self.is_between() && self.due.is_some_and(|due| self.now < due), "it had to end");
        } else if self.kind == Kind::Events {
            assert!(!self.is_between() || self.now - self.spoke < KEEP_ALIVE, "it is not kept alive");
        }
    }

    /// How it may have ended, now that it has.
    fn ends(&self, broken: Option<&Broken>) -> Vec<End> {
        let whole = self.done && self.got == self.text.len();
        let forced = if self.revoked { End::LeaseEnded } else { End::Drained };
        match broken {
            None if whole && !self.must_end() => vec![End::Complete],
            None if whole => vec![End::Complete, forced],
            None => {
                assert!(self.must_end() && self.is_between() && (self.revoked || self.hinted));
                vec![forced]
            }
            Some(Broken::Ended) => {
                assert!(self.must_end() && self.due.is_some_and(|due| self.now >= due));
                vec![forced]
            }
            Some(Broken::Upstream(Failure::Closed)) => {
                assert!(self.cut);
                vec![End::UpstreamCut]
            }
            Some(other) => panic!("{other}"),
        }
    }

    /// How a reply ended that was dropped.
    fn left(&self) -> End {
        match (self.revoked, self.drains) {
            (true, _) => End::LeaseEnded,
            (false, true) => End::Drained,
            (false, false) => End::ClientLeft,
        }
    }
}

/// Polls for one turn, as hyper does: until there is nothing, and once more to be sure.
fn poll(stage: &mut Stage, model: &mut Model, waker: &std::task::Waker) -> Option<Vec<End>> {
    let mut cx = Context::from_waker(waker);
    stage.turn.begin();
    loop {
        if model.must_end() && model.due.is_none() && !model.is_between() {
            model.due = Some(model.now + PATIENT);
        }
        match stage.poll(&mut cx) {
            Poll::Ready(Some(Ok(frame))) => model.takes(frame.data_ref().unwrap()),
            Poll::Ready(Some(Err(broken))) => return Some(model.ends(Some(&broken))),
            Poll::Ready(None) => return Some(model.ends(None)),
            Poll::Pending => {
                assert!(stage.poll(&mut cx).is_pending(), "in one turn nothing happens");
                return None;
            }
        }
    }
}

/// What happens around the task.
fn happens(step: &Step, stage: &mut Stage, model: &mut Model) {
    let speaks = !model.done && !model.cut;
    match step {
        Step::Says(bytes) if speaks => {
            let to = model.text.len().min(model.said + bytes);
            stage.says(&model.text[model.said..to]);
            model.said = to;
            model.done = model.kind == Kind::Told && to == model.text.len();
        }
        Step::Ends if speaks && model.kind != Kind::Told && model.said == model.text.len() => {
            stage.ends();
            model.done = true;
        }
        Step::Cuts if !model.done => {
            stage.cuts();
            model.cut = true;
        }
        Step::Revoked => {
            model.revoked |= stage.lease.end(LeaseEnd::Revoked);
            stage.clock.wake_all();
        }
        Step::Drains => {
            stage.turn.close();
            model.drains = true;
            stage.clock.wake_all();
        }
        Step::Called => stage.clock.wake_all(),
        Step::Tick => {
            stage.clock.tick();
            model.now += 1;
        }
        Step::Says(_) | Step::Ends | Step::Cuts | Step::Runs | Step::Stirs => {}
    }
}

async fn plays(kind: Kind, pieces: &[usize], steps: Vec<Step>) {
    let (mut model, (waker, wakes)) = (Model::new(kind, pieces), Wakes::new());
    let mut stage = Stage::set(kind, model.text.len()).await;
    let (mut seen, mut ends) = (None, None);
    for step in steps {
        happens(&step, &mut stage, &mut model);
        turn().await;
        if !matches!(step, Step::Runs | Step::Stirs) {
            continue;
        }
        while ends.is_none() && seen != Some(wakes.count()) {
            seen = Some(wakes.count());
            ends = poll(&mut stage, &mut model, &waker);
            turn().await;
        }
        if ends.is_none() && matches!(step, Step::Stirs) {
            let before = (model.got, model.comments, model.hinted);
            ends = poll(&mut stage, &mut model, &waker);
            assert_eq!((ends.is_none(), (model.got, model.comments, model.hinted)), (true, before), "it was not woken");
        }
        if ends.is_some() {
            break;
        }
        model.waits();
    }
    let ends = ends.unwrap_or_else(|| vec![if stage.is_end() { End::Complete } else { model.left() }]);
    stage.over(&ends, model.comments);
    drop(stage);
    assert_eq!(std::sync::Arc::strong_count(&wakes), 2, "no task is kept");
}

proptest! {
    #[test]
    fn a_reply_is_passed_on_as_it_comes_and_ends_when_and_only_when_it_must(
        kind in prop::sample::select(vec![Kind::Events, Kind::Told, Kind::Json]),
        pieces in prop::collection::vec(0..PIECES.len(), 1..6),
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        runtime.block_on(plays(kind, &pieces, steps));
    }
}

#[test]
fn these_are_the_lengths_of_time() {
    assert_eq!((Ticks::of(GRACE).count(), Ticks::of(TICK * (KEEP_ALIVE - 1)).count()), (PATIENT, KEEP_ALIVE));
}
