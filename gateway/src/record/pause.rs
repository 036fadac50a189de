//! A wait for the audit before anything is done about a request.

use super::Recorder;
use super::audit::Room;
use super::seats::Seat;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// The wait of a request until the audit can take its line. Whoever waits is under way already and has a seat, so that
/// the limit that bounds what runs bounds what waits.
pub struct Pause {
    recorder: Rc<Recorder>,
    seat: Seat,
    room: Room,
}

impl Pause {
    /// Begins it; nothing if there are too many requests under way for another one to wait.
    pub fn begin(recorder: &Rc<Recorder>, room: Room) -> Option<Self> {
        let seat = Some(recorder.seats.take()).filter(|seat| *seat != Seat::None)?;
        recorder.meters().in_flight.add(1);
        Some(Self { recorder: recorder.clone(), seat, room })
    }

    /// The wait is over: whatever this worker opens next, with nothing between, has the seat.
    pub fn end(mut self) {
        self.recorder.seats.keep(std::mem::replace(&mut self.seat, Seat::None));
    }
}

impl Future for Pause {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.room).poll(cx)
    }
}

impl Drop for Pause {
    fn drop(&mut self) {
        self.recorder.meters().in_flight.sub(1);
        self.recorder.seats.give_back(self.seat);
    }
}
