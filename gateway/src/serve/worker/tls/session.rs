//! TLS without its socket: records in, plaintext out, and the other way round.

use crate::serve::worker::RECORDS;
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{ConnectionState, EncodeError, EncodeTlsData, InsufficientSizeError};
use rustls::unbuffered::{UnbufferedStatus, WriteTraffic};
use rustls::{CommonState, Error, ServerConfig};
use std::io;
use std::sync::Arc;
use tokio::io::ReadBuf;

/// Most plaintext in a record (RFC 8446, section 5.1).
pub(super) const RECORD: usize = 16 * 1024;
/// Most bytes that a client may have sent of something that is not whole, in its handshake: a message of 64 KiB. Later it is
/// one record.
pub(super) const LARGEST: usize = 0xffff;
/// A record as it comes, at its largest (RFC 5246, section 6.2.3).
pub(super) const WHOLE: usize = RECORD + 2048 + 5;
/// Most plaintext that is sealed at once, and room for what TLS adds to it, and for a key update before it.
pub(super) const AT_ONCE: usize = RECORDS as usize;
pub(super) const SEALED: usize = AT_ONCE + (AT_ONCE / RECORD + 1) * 256 + 1024;

/// One connection's TLS.
pub(super) struct Session {
    tls: UnbufferedServerConnection,
    aside: Aside,
    /// Records that have come and are not whole, or that nobody had room for.
    ahead: Vec<u8>,
    /// There may be whole ones among them.
    unread: bool,
    /// We have said that nothing more comes from us.
    told: bool,
}

/// What is left over while records are looked at.
#[derive(Default)]
struct Aside {
    /// Plaintext that there was no room for.
    plain: Vec<u8>,
    /// Records that have to be sent, of which so many bytes were.
    unsent: Vec<u8>,
    sent: usize,
    /// The client has said that nothing more comes from it.
    closed: bool,
    failed: Option<Failed>,
}

enum Failed {
    /// The client's end came without notice: somebody else may have cut the connection.
    BrokenOff,
    /// A handshake message goes on for longer than any that there is.
    Endless,
    Tls(Error),
}

/// What a look at the records came to.
enum Step {
    Again,
    /// There was plaintext.
    Plain,
    /// There is nothing to do but to read or to write.
    Rest,
}

impl Session {
    pub(super) fn new(server: Arc<ServerConfig>) -> Result<Self, Error> {
        let tls = UnbufferedServerConnection::new(server)?;
        Ok(Self { tls, aside: Aside::default(), ahead: Vec::new(), unread: false, told: false })
    }

    pub(super) fn state(&self) -> &CommonState {
        &self.tls
    }

    /// Records that have come already: what is read next belongs behind these.
    pub(super) fn ahead(&self) -> &[u8] {
        &self.ahead
    }

    /// Looks at `records`, which are those [`Session::ahead`] and what has come since. Plaintext goes to `room` as far as
    /// that goes.
    pub(super) fn receive(&mut self, records: &mut [u8], room: &mut ReadBuf<'_>) {
        let done = self.look(records, room);
        let rest = records.get(done..).unwrap_or_default();
        let most = if self.tls.is_handshaking() { LARGEST } else { WHOLE };
        if rest.len() > most {
            self.aside.failed.get_or_insert(Failed::Endless);
        }
        if rest.is_empty() || self.aside.failed.is_some() {
            (self.ahead, self.unread) = (Vec::new(), false);
        } else {
            self.ahead.clear();
            self.ahead.reserve_exact(rest.len());
            self.ahead.extend_from_slice(rest);
        }
    }

    /// Whether there may be plaintext without another read.
    pub(super) fn holds(&self) -> bool {
        self.unread || !self.aside.plain.is_empty()
    }

    /// Gives what there is without another read.
    pub(super) fn give(&mut self, room: &mut ReadBuf<'_>) {
        let plain = &mut self.aside.plain;
        if plain.is_empty() {
            let mut records = std::mem::take(&mut self.ahead);
            return self.receive(&mut records, room);
        }
        let length = plain.len().min(room.remaining());
        room.put_slice(plain.get(..length).unwrap_or_default());
        if length == plain.len() {
            *plain = Vec::new();
        } else {
            plain.drain(..length);
        }
    }

    /// Whether nothing more will come.
    pub(super) fn has_ended(&self) -> bool {
        self.aside.closed || self.aside.failed.is_some()
    }

    /// Why nothing more will come, if that is not as it should be.
    pub(super) fn error(&self) -> Option<io::Error> {
        self.aside.failed.as_ref().map(|failed| match failed {
            Failed::BrokenOff => io::ErrorKind::UnexpectedEof.into(),
            Failed::Endless => io::Error::new(io::ErrorKind::InvalidData, "a handshake message does not end"),
            Failed::Tls(cause) => io::Error::new(io::ErrorKind::InvalidData, cause.clone()),
        })
    }

    /// The client's end came without notice.
    pub(super) fn breaks_off(&mut self) {
        self.aside.failed.get_or_insert(Failed::BrokenOff);
    }

    /// Encrypts the front of `plain` into `sealed`; how much of it, and to how many bytes.
    ///
    /// # Errors
    /// The connection has failed, or has nothing more to be written.
    pub(super) fn seal(&mut self, plain: &[u8], sealed: &mut [u8]) -> io::Result<(usize, usize)> {
        let front = plain.get(..AT_ONCE).unwrap_or(plain);
        let written = self.write(|mut traffic| traffic.encrypt(front, sealed).map_err(io::Error::other))?;
        Ok((front.len(), written))
    }

    /// Says that nothing more comes from us, once.
    pub(super) fn close(&mut self) {
        if self.told {
            return;
        }
        self.told = true;
        let mut notice = [0; 256];
        let written = self.write(|mut traffic| traffic.queue_close_notify(&mut notice).map_err(io::Error::other));
        self.keep(notice.get(..written.unwrap_or_default()).unwrap_or_default());
    }

    /// Has these records sent, after those that wait already.
    pub(super) fn keep(&mut self, records: &[u8]) {
        if !records.is_empty() {
            self.aside.unsent.reserve_exact(records.len());
            self.aside.unsent.extend_from_slice(records);
        }
    }

    /// What has to be sent before anything else, if there is anything.
    pub(super) fn unsent(&self) -> Option<&[u8]> {
        self.aside.unsent.get(self.aside.sent..).filter(|unsent| !unsent.is_empty())
    }

    pub(super) fn has_unsent(&self) -> bool {
        !self.aside.unsent.is_empty()
    }

    /// So many bytes of it were sent.
    pub(super) fn has_sent(&mut self, bytes: usize) {
        self.aside.sent += bytes;
        if self.aside.sent >= self.aside.unsent.len() {
            (self.aside.unsent, self.aside.sent) = (Vec::new(), 0);
        }
    }

    /// Looks at records one by one, until there is no room for what they hold; how many bytes are done with.
    fn look(&mut self, records: &mut [u8], room: &mut ReadBuf<'_>) -> usize {
        let mut done = 0;
        self.unread = false;
        while self.aside.failed.is_none() {
            let left = records.get_mut(done..).unwrap_or_default();
            let (discard, step) = self.aside.step(&mut self.tls, left, room, |_| {});
            done += discard;
            match step {
                Step::Again => {}
                Step::Plain if done == records.len() => break,
                Step::Plain if self.aside.plain.is_empty() => {}
                Step::Plain => {
                    self.unread = true;
                    break;
                }
                Step::Rest => break,
            }
        }
        done
    }

    /// Has `write` do something with the connection, which comes to so many bytes; records that have to go before these are
    /// sent first.
    fn write(&mut self, mut write: impl FnMut(Traffic<'_>) -> io::Result<usize>) -> io::Result<usize> {
        loop {
            if let Some(Failed::Tls(_) | Failed::Endless) = &self.aside.failed {
                return Err(self.error().unwrap_or(io::ErrorKind::InvalidData.into()));
            }
            let mut written = None;
            let mut none = ReadBuf::new(&mut []);
            // rustls may have looked at the front of what came, so it has to see that again
            let (discard, step) = self.aside.step(&mut self.tls, &mut self.ahead, &mut none, |traffic| {
                written = Some(write(traffic));
            });
            self.ahead.drain(..discard.min(self.ahead.len()));
            match (written, step) {
                (Some(written), _) => return written,
                (None, Step::Rest) => return Err(self.error().unwrap_or(io::ErrorKind::BrokenPipe.into())),
                (None, Step::Again | Step::Plain) => {}
            }
        }
    }
}

type Traffic<'a> = WriteTraffic<'a, ServerConnectionData>;

impl Aside {
    /// Has rustls go on by one step; how many bytes of `records` it is done with, and what comes of it. When it is ready to
    /// write, `write` may.
    fn step(
        &mut self,
        tls: &mut UnbufferedServerConnection,
        records: &mut [u8],
        room: &mut ReadBuf<'_>,
        write: impl FnOnce(Traffic<'_>),
    ) -> (usize, Step) {
        let UnbufferedStatus { mut discard, state, .. } = tls.process_tls_records(records);
        let step = match state {
            Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                while let Some(record) = traffic.next_record() {
                    match record {
                        Ok(record) => {
                            discard += record.discard;
                            self.take(record.payload, room);
                        }
                        Err(cause) => self.failed = Some(Failed::Tls(cause)),
                    }
                }
                Step::Plain
            }
            Ok(ConnectionState::WriteTraffic(traffic)) => {
                write(traffic);
                Step::Rest
            }
            Ok(ConnectionState::EncodeTlsData(data)) => {
                self.encode(data);
                Step::Again
            }
            Ok(ConnectionState::TransmitTlsData(data)) => {
                data.done(); // it is kept until it is sent
                Step::Again
            }
            Ok(ConnectionState::PeerClosed) => {
                self.closed = true;
                Step::Again
            }
            Ok(ConnectionState::BlockedHandshake) => Step::Rest,
            Ok(ConnectionState::Closed) => {
                self.closed = true;
                Step::Rest
            }
            Ok(_) => {
                self.failed = Some(Failed::Tls(Error::General("early data".into()))); // which is not offered
                Step::Rest
            }
            Err(cause) => {
                self.failed = Some(Failed::Tls(cause));
                self.alert(tls, records.get_mut(discard..).unwrap_or_default());
                Step::Rest
            }
        };
        (discard, step)
    }

    fn take(&mut self, plain: &[u8], room: &mut ReadBuf<'_>) {
        let (now, later) = plain.split_at_checked(room.remaining()).unwrap_or((plain, &[]));
        room.put_slice(now);
        if !later.is_empty() {
            self.plain.extend_from_slice(later);
        }
    }

    fn encode(&mut self, mut data: EncodeTlsData<'_, ServerConnectionData>) {
        let Err(EncodeError::InsufficientSize(InsufficientSizeError { required_size })) = data.encode(&mut []) else {
            return;
        };
        let place = self.unsent.len();
        self.unsent.resize(place + required_size, 0);
        let encoded = data.encode(self.unsent.get_mut(place..).unwrap_or_default());
        self.unsent.truncate(place + encoded.unwrap_or_default());
    }

    /// Collects what rustls says to the client about an error.
    #[cold]
    fn alert(&mut self, tls: &mut UnbufferedServerConnection, records: &mut [u8]) {
        while tls.wants_write() {
            let Ok(ConnectionState::EncodeTlsData(data)) = tls.process_tls_records(records).state else { return };
            self.encode(data);
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
