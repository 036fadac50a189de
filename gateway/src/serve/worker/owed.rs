//! What the replies of an h2 connection still owe their streams, as the frames of both sides tell it.
//!
//! A reply's task is over as soon as its last piece is in the library's hands, and nobody else watches over what waits there for
//! the client to let it go: that is seen here. A client that never does keeps memory and a stream, and the library would wait for
//! ever.

use super::frames::{DATA, HEAD, HEADERS, RST_STREAM, SETTINGS, WINDOW_UPDATE};
use crate::clock::{Clock, Tick, Ticks};

const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;
const CONTINUATION: u8 = 0x9;
/// The window that a stream begins with, until the client says otherwise (RFC 9113, section 6.5.2), and the setting's number.
const WINDOW: i64 = 65_535;
const INITIAL_WINDOW_SIZE: u16 = 0x4;
/// A reply of the library's own has nothing but a status; one of ours names its request.
const BARE: u32 = 16;
/// More streams than this at a time are not followed: a client that opens them is refused them.
const MOST: usize = 1024;
const CANCEL: u32 = 0x8;
/// The length of a frame that resets a stream.
pub(super) const RESET: usize = HEAD + 4;

/// The streams of one connection whose replies have not ended.
#[derive(Debug)]
pub(super) struct Owed {
    streams: Vec<Stream>,
    /// What the client lets all of them send together, and since when that is so.
    window: i64,
    since: Tick,
    /// What it lets each of them send from the start.
    initial: i64,
    /// The head of the frame that is written, how much of it there is, and how much of its payload is to come.
    head: [u8; HEAD],
    have: u8,
    left: u32,
    /// A header block has begun that is not whole.
    open: bool,
    /// What there is of a setting, or of an increment, that the client sends.
    word: [u8; 6],
    filled: u8,
    /// Replies that were the library's own since this was last asked.
    bare: u32,
    /// Streams that are given up, and not reset yet.
    given_up: Vec<u32>,
}

#[derive(Debug)]
struct Stream {
    id: u32,
    /// What the client lets it send, and since when nothing has changed about it.
    window: i64,
    since: Tick,
    /// Its reply has begun: now it is the client who is waited for, and what is short and ends it are trailers.
    begun: bool,
}

/// What waits for the client, and has for too long.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Late {
    /// Nothing; what has waited longest may for so long.
    Nothing(Ticks),
    /// Streams, which are reset.
    Streams(u32),
    /// All that there is: the client takes nothing of any stream.
    Everything,
}

impl Default for Owed {
    fn default() -> Self {
        let (head, have, left, open, word, filled, bare, since) = Default::default();
        let (streams, given_up) = Default::default();
        Self { streams, window: WINDOW, since, initial: WINDOW, head, have, left, open, word, filled, bare, given_up }
    }
}

impl Owed {
    /// How many streams there are, and replies of the library's own that nobody has counted.
    pub(super) fn weight(&self) -> usize {
        self.streams.len() + self.bare as usize
    }

    /// How many replies were the library's own since this was last asked: it refuses a header list with 431.
    pub(super) fn bare(&mut self) -> u32 {
        std::mem::take(&mut self.bare)
    }

    /// The client has opened a stream.
    pub(super) fn opened(&mut self, id: u32, now: Tick) {
        if self.streams.len() < MOST {
            self.streams.push(Stream { id, window: self.initial, since: now, begun: false });
        }
    }

    /// Nothing more is owed to a stream.
    pub(super) fn ended(&mut self, id: u32) {
        if let Some(place) = self.streams.iter().position(|stream| stream.id == id) {
            self.streams.swap_remove(place);
        }
    }

    /// What comes of the payload of a frame that is SETTINGS or WINDOW_UPDATE, and whether it is the `last` of it.
    #[cold]
    pub(super) fn told(&mut self, kind: u8, stream: u32, payload: &[u8], last: bool, now: Tick) {
        for byte in payload {
            if let Some(place) = self.word.get_mut(usize::from(self.filled)) {
                *place = *byte;
            }
            self.filled += 1;
            let [a, b, c, d, e, f] = self.word;
            match (kind, self.filled) {
                (SETTINGS, 6) => self.sets(u16::from_be_bytes([a, b]), u32::from_be_bytes([c, d, e, f]), now),
                (WINDOW_UPDATE, 4) => self.widens(stream, u32::from_be_bytes([a & 0x7f, b, c, d]), now),
                _ => continue,
            }
            self.filled = 0;
        }
        if last {
            self.filled = 0; // whole or not
        }
    }

    fn sets(&mut self, setting: u16, value: u32, now: Tick) {
        if setting != INITIAL_WINDOW_SIZE {
            return;
        }
        let more = i64::from(value) - self.initial;
        self.initial = value.into();
        for stream in &mut self.streams {
            (stream.window, stream.since) = (stream.window + more, now);
        }
    }

    fn widens(&mut self, id: u32, more: u32, now: Tick) {
        if id == 0 {
            (self.window, self.since) = (self.window + i64::from(more), now);
        } else if let Some(stream) = self.streams.iter_mut().find(|stream| stream.id == id) {
            (stream.window, stream.since) = (stream.window + i64::from(more), now);
        }
    }

    /// Looks at what is written to the client.
    #[inline]
    pub(super) fn writes(&mut self, mut bytes: &[u8], now: Tick) {
        loop {
            let Some(rest) = bytes.get(self.left as usize..) else {
                self.left -= bytes.len() as u32;
                return;
            };
            (self.left, bytes) = (0, rest);
            match bytes.split_first_chunk() {
                Some((head, rest)) if self.have == 0 => {
                    self.begins(*head, now);
                    bytes = rest;
                }
                _ if bytes.is_empty() => return,
                _ => bytes = self.gathers(bytes, now),
            }
        }
    }

    /// Takes the next byte of a head that comes in parts.
    #[cold]
    fn gathers<'a>(&mut self, bytes: &'a [u8], now: Tick) -> &'a [u8] {
        let Some((byte, rest)) = bytes.split_first() else { return bytes };
        if let Some(place) = self.head.get_mut(usize::from(self.have)) {
            *place = *byte;
        }
        self.have += 1;
        if usize::from(self.have) == HEAD {
            self.have = 0;
            self.begins(self.head, now);
        }
        rest
    }

    /// The head of a frame is whole.
    #[inline]
    fn begins(&mut self, head: [u8; HEAD], now: Tick) {
        let [a, b, c, kind, flags, stream @ ..] = head;
        self.left = u32::from_be_bytes([0, a, b, c]);
        let (id, ends) = (u32::from_be_bytes(stream), flags & END_STREAM != 0);
        match kind {
            DATA => self.sends(id, ends, now),
            HEADERS => {
                self.open = flags & END_HEADERS == 0;
                self.replies(id, ends, now);
            }
            CONTINUATION => self.open = flags & END_HEADERS == 0,
            RST_STREAM => self.ended(id),
            _ => {}
        }
    }

    fn replies(&mut self, id: u32, ends: bool, now: Tick) {
        let Some(stream) = self.streams.iter_mut().find(|stream| stream.id == id) else { return };
        self.bare += u32::from(ends && !stream.begun && self.left < BARE);
        (stream.begun, stream.since) = (true, now);
        if ends {
            self.ended(id);
        }
    }

    fn sends(&mut self, id: u32, ends: bool, now: Tick) {
        let length = i64::from(self.left);
        (self.window, self.since) = (self.window - length, now);
        if ends {
            self.ended(id);
        } else if let Some(stream) = self.streams.iter_mut().find(|stream| stream.id == id) {
            (stream.window, stream.since) = (stream.window - length, now);
        }
    }

    /// What has waited for the client for longer than `most`. Streams are given up at once: see [`Owed::reset`].
    pub(super) fn late(&mut self, most: Ticks, clock: &Clock) -> Late {
        let mut left = most;
        if self.window <= 0 {
            match most.after(clock.since(self.since)) {
                None => return Late::Everything,
                Some(more) => left = left.min(more),
            }
        }
        let (streams, given_up) = (&self.streams, &mut self.given_up);
        let before = given_up.len();
        for stream in streams.iter().filter(|stream| stream.begun && stream.window <= 0) {
            match most.after(clock.since(stream.since)) {
                None if given_up.contains(&stream.id) => {}
                None => given_up.push(stream.id),
                Some(more) => left = left.min(more),
            }
        }
        match self.given_up.len() - before {
            0 => Late::Nothing(left),
            more => Late::Streams(u32::try_from(more).unwrap_or(u32::MAX)),
        }
    }

    /// Whether there are streams to be reset.
    pub(super) fn is_giving_up(&self) -> bool {
        !self.given_up.is_empty()
    }

    /// The frame that resets a stream that was given up, if it may be written now. It is meant for the client, and for the
    /// library as if it came from the client: nobody else can reset a stream whose task is over.
    pub(super) fn reset(&mut self) -> Option<[u8; RESET]> {
        if self.have > 0 || self.left > 0 || self.open {
            return None;
        }
        let id = self.given_up.pop()?;
        self.ended(id);
        let ([s, t, u, v], [a, b, c, d]) = (id.to_be_bytes(), CANCEL.to_be_bytes());
        Some([0, 0, 4, RST_STREAM, 0, s, t, u, v, a, b, c, d])
    }
}

#[cfg(test)]
mod tests;
