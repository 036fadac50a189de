//! What may happen.

use super::script::SCRIPTS;
use super::{LONG, TASKS};
use proptest::prelude::*;

#[derive(Clone, Debug)]
pub(super) enum Step {
    /// The task asks, and will be answered by this script.
    Sends(usize, Kind, usize),
    /// Of its body, so many bytes come, the end, or news that there is none.
    Feeds(usize, usize),
    Ends(usize),
    Breaks(usize),
    /// The backend says so much of its script, reads so many bytes, or hangs up.
    Says(usize, usize),
    Reads(usize, usize),
    Closes(usize),
    /// It speaks on an idle connection, or hangs up there.
    Unasked(usize),
    Leaves(usize),
    /// The task is polled if it was woken, and for no reason at all.
    Runs(usize),
    Stirs(usize),
    /// The task goes.
    Cancels(usize),
    Tick,
    Sweep,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// With a body of this length behind its head.
    Whole(usize),
    /// With a body that comes, of a length that was told or not.
    Told,
    Chunked,
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let task = || 0..TASKS;
    let kind = || prop_oneof![3 => Just(Kind::Whole(5)), 1 => Just(Kind::Whole(LONG)), 2 => Just(Kind::Told), 2 => Just(Kind::Chunked)];
    prop_oneof![
        6 => (task(), kind(), 0..SCRIPTS).prop_map(|(task, kind, script)| Step::Sends(task, kind, script)),
        3 => (task(), 0..6usize).prop_map(|(task, bytes)| Step::Feeds(task, bytes)),
        3 => task().prop_map(Step::Ends),
        1 => task().prop_map(Step::Breaks),
        6 => (task(), 1..60usize).prop_map(|(task, bytes)| Step::Says(task, bytes)),
        4 => task().prop_map(|task| Step::Says(task, usize::MAX)),
        6 => (task(), prop_oneof![1..90usize, Just(LONG / 2), Just(usize::MAX)])
            .prop_map(|(task, bytes)| Step::Reads(task, bytes)),
        1 => task().prop_map(Step::Closes),
        1 => (0..4usize).prop_map(Step::Unasked),
        1 => (0..4usize).prop_map(Step::Leaves),
        9 => task().prop_map(Step::Runs),
        2 => task().prop_map(Step::Stirs),
        1 => task().prop_map(Step::Cancels),
        5 => Just(Step::Tick),
        1 => Just(Step::Sweep),
    ]
}
