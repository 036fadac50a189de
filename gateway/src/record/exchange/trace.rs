//! The trace that a request belongs to (W3C Trace Context).

use super::Exchange;
use crate::record::Trace;
use crate::record::id::hex2;

impl Exchange {
    /// It belongs to a trace that was begun before.
    pub fn traced(&mut self, trace: Trace) {
        self.trace = trace.id;
        self.trace_flags = trace.flags;
    }

    /// Whether it belongs to a trace that was begun before.
    pub fn is_traced(&self) -> bool {
        self.trace != [0; 2]
    }

    /// The `traceparent` of what it asks of the upstream. A trace that begins here has the request's id; the span has the
    /// second half of that.
    pub fn traceparent(&self) -> [u8; 55] {
        let mut text = *b"00-................................-................-00";
        let (_, span) = self.id.split_at(16);
        for (at, part) in [(3, &self.trace_id()[..]), (36, span)] {
            if let Some(place) = text.get_mut(at..at + part.len()) {
                place.copy_from_slice(part);
            }
        }
        if let Some(last) = text.last_mut() {
            *last = b'0' + self.trace_flags;
        }
        text
    }

    pub(super) fn trace_id(&self) -> [u8; 32] {
        if self.is_traced() { hex2(self.trace) } else { self.id }
    }
}
