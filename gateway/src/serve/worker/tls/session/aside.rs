//! One step of rustls, and what is left over from it.

use rustls::Error;
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{ConnectionState, EncodeError, EncodeTlsData, InsufficientSizeError};
use rustls::unbuffered::{UnbufferedStatus, WriteTraffic};
use tokio::io::ReadBuf;

/// What is left over while records are looked at.
#[derive(Default)]
pub(super) struct Aside {
    /// Plaintext that there was no room for.
    pub(super) plain: Vec<u8>,
    /// Records that have to be sent, of which so many bytes were.
    pub(super) unsent: Vec<u8>,
    pub(super) sent: usize,
    /// They may wait until something else has to be sent.
    pub(super) may_wait: bool,
    /// The client has said that nothing more comes from it.
    pub(super) closed: bool,
    pub(super) failed: Option<Failed>,
}

pub(super) enum Failed {
    /// The client's end came without notice: somebody else may have cut the connection.
    BrokenOff,
    /// A handshake message goes on for longer than any that there is.
    Endless,
    Tls(Error),
}

/// What a look at the records came to.
pub(super) enum Step {
    Again,
    /// There was plaintext.
    Plain,
    /// There is nothing to do but to read or to write.
    Rest,
}

pub(super) type Traffic<'a> = WriteTraffic<'a, ServerConnectionData>;

impl Aside {
    /// Has rustls go on by one step; how many bytes of `records` it is done with, and what comes of it. When it is ready to
    /// write, `write` may.
    pub(super) fn step(
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
        self.may_wait = false;
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
