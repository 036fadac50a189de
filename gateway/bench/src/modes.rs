//! The measures.

use crate::Load;
use crate::lane::{Lane, Reply, Target};
use crate::tally::{Tally, memory, now};
use serde_json::{Value, json};
use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// Calls on every lane before anything is measured.
const WARM: usize = 20;
/// Bytes of an event.
const EVENT: usize = 200;
/// How long after the last stream was opened memory is read.
const SETTLED: Duration = Duration::from_millis(500);

/// Runs `work` on every lane at once, each with its place.
async fn together<W, F>(load: &Load, lanes: Vec<Lane>, work: W) -> Value
where
    W: Fn(u64, Lane, Rc<Tally>) -> F,
    F: Future<Output = ()> + 'static,
{
    let tally = Rc::new(Tally::start(load));
    let mut tasks = JoinSet::new();
    for (place, lane) in (0..).zip(lanes) {
        tasks.spawn_local(work(place, lane, tally.clone()));
    }
    while tasks.join_next().await.is_some() {}
    tally.report()
}

async fn warmed(load: &Load) -> io::Result<Vec<Lane>> {
    let mut lanes = load.lanes().await?;
    for lane in &mut lanes {
        for _ in 0..WARM {
            lane.call(load.expected()).await?;
        }
    }
    Ok(lanes)
}

pub(crate) async fn requests(load: &Load, pause: Duration) -> io::Result<Value> {
    let (lanes, expected) = (warmed(load).await?, load.expected());
    let work = move |_, mut lane: Lane, tally: Rc<Tally>| async move {
        while tally.take() {
            let begun = now();
            tally.note(begun, lane.call(expected).await);
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
        }
    };
    Ok(together(load, lanes, work).await)
}

/// A call that cannot be sent in time is late by as much as it waits: its lane was busy with the one before.
pub(crate) async fn rate(load: &Load, per_second: u64) -> io::Result<Value> {
    let (lanes, count, expected) = (warmed(load).await?, load.count, load.expected());
    let step = lanes.len();
    let work = move |place: u64, mut lane: Lane, tally: Rc<Tally>| async move {
        for number in (place..count).step_by(step) {
            let due = tally.begun() + Duration::from_micros(number * 1_000_000 / per_second.max(1));
            let early = due.saturating_sub(now());
            if !early.is_zero() {
                tokio::time::sleep(early).await;
            }
            let begun = if early.is_zero() { due } else { now() };
            tally.note(begun, lane.call(expected).await);
        }
    };
    Ok(together(load, lanes, work).await)
}

pub(crate) async fn handshakes(load: &Load, resumed: bool) -> io::Result<Value> {
    let expected = load.expected();
    let target = Rc::new(load.target(resumed)?);
    let again = Rc::new(Cell::new(0));
    let mut lanes = Vec::new();
    for _ in 0..load.connections {
        let mut lane = Lane::open(target.clone()).await?;
        lane.call(expected).await?; // brings tickets
        lanes.push(lane);
    }
    let counted = again.clone();
    let work = move |_, _: Lane, tally: Rc<Tally>| {
        let (target, again) = (target.clone(), counted.clone());
        async move {
            while tally.take() {
                let begun = now();
                let ended = once(target.clone(), expected).await;
                again.set(again.get() + u64::from(matches!(ended, Ok(true))));
                tally.note(begun, ended.map(drop));
            }
        }
    };
    let mut report = together(load, lanes, work).await;
    if let Some(report) = report.as_object_mut() {
        report.insert("resumed".into(), again.get().into());
    }
    Ok(report)
}

async fn once(target: Rc<Target>, expected: u16) -> io::Result<bool> {
    let mut lane = Lane::open(target).await?;
    lane.call(expected).await?;
    lane.close().await
}

pub(crate) async fn events(load: &Load, every: u64) -> io::Result<Value> {
    let (lanes, count) = (warmed(load).await?, load.count);
    let work = move |place: u64, mut lane: Lane, tally: Rc<Tally>| async move {
        // streams that tick at different times
        tokio::time::sleep(Duration::from_micros(place * 997 % every.max(1))).await;
        let path = format!("/sse?count={count}&every={every}&size={EVENT}");
        let mut got = 0;
        let ended = stream(&mut lane, &path, |sent| {
            got += 1;
            tally.note(sent, Ok(()));
        });
        let ended = ended.await.and_then(|()| if got == count { Ok(()) } else { Err(io::Error::other("events lost")) });
        if ended.is_err() {
            tally.note(Duration::ZERO, ended);
        }
    };
    Ok(together(load, lanes, work).await)
}

/// Reads an event stream to its end; `seen` is told of each event when it was sent, as soon as it is there.
async fn stream(lane: &mut Lane, path: &str, mut seen: impl FnMut(Duration)) -> io::Result<()> {
    let mut reply = lane.get(path).await?;
    let mut text = Vec::new();
    while let Some(piece) = reply.data().await? {
        text.extend_from_slice(&piece);
        while let Some(end) = memchr::memmem::find(&text, b"\n\n") {
            let event: Vec<u8> = text.drain(..end + 2).collect();
            seen(sent(&event).ok_or_else(|| io::Error::other("not an event of ours"))?);
        }
    }
    Ok(())
}

fn sent(event: &[u8]) -> Option<Duration> {
    let after = event.get(memchr::memmem::find(event, b"\"sent\":\"")? + 8..)?;
    str::from_utf8(after.get(..20)?).ok()?.parse().ok().map(Duration::from_nanos)
}

/// Streams are opened one after the other, so that no crowd at the door is counted as their memory.
pub(crate) async fn idle(load: &Load, hold_on: bool) -> io::Result<Value> {
    let target = Rc::new(load.target(false)?);
    let mut first = Lane::open(target.clone()).await?;
    first.call(200).await?; // what is set up once is not counted
    tokio::time::sleep(SETTLED).await;
    let before = memory(&load.pids);
    let mut held = JoinSet::new();
    for _ in 0..load.connections {
        for lane in load.connection(&target).await? {
            let (opened, open) = oneshot::channel();
            held.spawn_local(hold(lane, opened));
            open.await.map_err(io::Error::other)??;
        }
    }
    tokio::time::sleep(SETTLED).await;
    let after = memory(&load.pids);
    let each = after.saturating_sub(before) / (held.len() as u64).max(1);
    let report = json!({"open": held.len(), "before": before, "after": after, "bytes": each});
    if hold_on {
        println!("{report}");
        std::future::pending::<()>().await;
    }
    Ok(report)
}

/// Holds a stream open for as long as its task lives.
async fn hold(mut lane: Lane, opened: oneshot::Sender<io::Result<()>>) {
    let first = async |reply: &mut Reply<'_>| match reply.data().await? {
        Some(_) if reply.status == 200 => Ok(()),
        _ => Err(io::Error::other(format!("status {} and no first event", reply.status))),
    };
    match lane.get("/idle").await {
        Ok(mut reply) => {
            let _ = opened.send(first(&mut reply).await);
            std::future::pending().await
        }
        Err(cause) => {
            let _ = opened.send(Err(cause));
        }
    }
}

/// An operation is a byte.
pub(crate) async fn bulk(load: &Load) -> io::Result<Value> {
    let mut lane = Lane::open(Rc::new(load.target(false)?)).await?;
    lane.call(200).await?;
    let tally = Tally::start(load);
    let mut reply = lane.get(&format!("/big?bytes={}", load.count)).await?;
    let mut got = 0;
    while let Some(piece) = reply.data().await? {
        got += piece.len() as u64;
    }
    let whole = if got == load.count { Ok(()) } else { Err(io::Error::other(format!("{got} bytes"))) };
    tally.note(tally.begun(), whole);
    Ok(tally.report())
}

/// One line a promise; the answer is an error if one is not kept.
pub(crate) async fn check(load: &Load) -> io::Result<Value> {
    let keys = std::fs::read_to_string(&load.keys)?;
    let good = keys.lines().nth(keys.lines().count() / 2);
    for http2 in [false, true] {
        let version = if http2 { "h2" } else { "HTTP/1.1" };
        for (what, key, expected) in
            [("a key", good, 200), ("no key", None, 401), ("a wrong key", Some("a-key-of-nobody"), 401)]
        {
            let target = Target::new(load.connect, &load.ca, key, http2, false)?;
            let mut lane = Lane::open(Rc::new(target)).await?;
            lane.call(expected).await.map_err(|cause| io::Error::other(format!("{version}, {what}: {cause}")))?;
        }
        let mut lane = Lane::open(Rc::new(Target::new(load.connect, &load.ca, good, http2, false)?)).await?;
        let mut times = Vec::new();
        stream(&mut lane, "/sse?count=5&every=200000&size=200", |sent| times.push((sent, now()))).await?;
        let next = times.iter().skip(1).map(|(sent, _)| sent);
        let in_time = times.iter().zip(next).all(|((_, arrived), next)| arrived < next);
        if times.len() != 5 || !in_time {
            return Err(io::Error::other(format!("{version}: events do not come one by one as they are sent")));
        }
    }
    Ok(json!({"ok": true}))
}
