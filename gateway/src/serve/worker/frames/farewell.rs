//! How the library is brought to tell a client to go.

use super::{HEAD, HEADERS};
use tokio::io::ReadBuf;

/// How many times the largest header list the library bears before it ends the connection.
const BORNE: u32 = 4;
/// `accept-encoding: gzip, deflate` by its place in HPACK's static table, and what it counts (RFC 7541, section 4.1).
const FIELD: u8 = 0x90;
const FIELD_SIZE: u32 = 60;

/// What the library reads, as if the client had sent it: a request whose header list is so large that it answers with GOAWAY
/// (ENHANCE_YOUR_CALM), and then the end. There is no other way to its GOAWAY.
#[derive(Debug)]
pub(super) struct Farewell {
    fields: u32,
    /// How many of its bytes were given, once the client is told to go.
    given: Option<usize>,
}

impl Farewell {
    /// For a client that may send header lists of `list` bytes.
    pub(super) fn new(list: u32) -> Self {
        Self { fields: list.saturating_mul(BORNE) / FIELD_SIZE + 2, given: None }
    }

    /// The client is told to go.
    pub(super) fn begin(&mut self) {
        self.given.get_or_insert(0);
    }

    pub(super) fn has_begun(&self) -> bool {
        self.given.is_some()
    }

    /// The next of its bytes.
    pub(super) fn give(&mut self, buf: &mut ReadBuf<'_>) {
        let mut given = self.given.unwrap_or_default();
        while given < HEAD + self.fields as usize && buf.remaining() > 0 {
            buf.put_slice(&[self.byte(given)]);
            given += 1;
        }
        self.given = Some(given);
    }

    fn byte(&self, at: usize) -> u8 {
        let [_, a, b, c] = self.fields.to_be_bytes();
        // HEADERS with END_STREAM and END_HEADERS on the last stream that there can be
        let head = [a, b, c, HEADERS, 0x5, 0x7f, 0xff, 0xff, 0xff];
        head.get(at).copied().unwrap_or(FIELD)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_farewell_is_one_frame_in_as_many_pieces_as_it_takes() {
        let mut farewell = Farewell::new(24 << 10);
        let mut all = Vec::new();
        loop {
            let mut room = [0; 100];
            let mut buf = ReadBuf::new(&mut room);
            farewell.give(&mut buf);
            if buf.filled().is_empty() {
                break;
            }
            all.extend_from_slice(buf.filled());
        }
        let length = u32::from_be_bytes([0, all[0], all[1], all[2]]);
        assert_eq!((all.len(), all[3]), (HEAD + length as usize, HEADERS));
        assert!(length * FIELD_SIZE > 4 * (24 << 10));
        assert!(all[HEAD..].iter().all(|byte| *byte == FIELD));
    }
}
