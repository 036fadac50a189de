//! TLS without its socket: records in, plaintext out, and the other way round.

mod aside;

use crate::serve::worker::RECORDS;
use aside::{Aside, Failed, Step, Traffic};
use rustls::server::UnbufferedServerConnection;
use rustls::{CommonState, Error, ProtocolVersion, ServerConfig};
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
        let begun = self.tls.is_handshaking();
        let done = self.look(records, room);
        if begun && !self.tls.is_handshaking() {
            self.aside.may_wait = self.ends_with_tickets();
        }
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
        if self.told {
            return Err(io::ErrorKind::BrokenPipe.into()); // rustls would seal it all the same
        }
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

    /// Whether all that is left of a handshake is tickets, for which a client has no use before it has said something: they
    /// leave together with what is sent next, a reply, settings, or our end.
    fn ends_with_tickets(&self) -> bool {
        self.tls.protocol_version() == Some(ProtocolVersion::TLSv1_3) && self.aside.failed.is_none()
    }

    /// Has these records sent, after those that wait already.
    pub(super) fn keep(&mut self, records: &[u8]) {
        if !records.is_empty() {
            self.aside.may_wait = false;
            self.aside.unsent.reserve_exact(records.len());
            self.aside.unsent.extend_from_slice(records);
        }
    }

    /// What has to be sent now, if there is anything.
    pub(super) fn unsent(&self) -> Option<&[u8]> {
        let unsent = self.aside.unsent.get(self.aside.sent..);
        unsent.filter(|unsent| !unsent.is_empty() && !self.aside.may_wait)
    }

    /// Whether anything has to be sent before anything else is.
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

#[cfg(test)]
pub(super) mod tests;
