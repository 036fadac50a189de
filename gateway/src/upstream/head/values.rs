//! Values that a backend says again and again.

use super::Lie;
use super::field::{KNOWN, Known};
use http::HeaderValue;
use std::cell::RefCell;

/// Longest value that is remembered, in bytes.
const LONGEST: usize = 128;

/// The value that a field had last. The same one is not read, nor copied, once more: a second has one date,
/// and most requests are of a session that had one a moment ago.
#[derive(Default)]
pub(in crate::upstream) struct Values(RefCell<[Option<HeaderValue>; KNOWN]>);

impl Values {
    /// The value of a field that says `bytes`.
    ///
    /// # Errors
    /// Bytes that cannot stand there.
    pub(super) fn of(&self, known: Known, bytes: &[u8]) -> Result<HeaderValue, Lie> {
        let mut values = self.0.borrow_mut();
        let last = values.get_mut(known as usize);
        if let Some(value) = last.as_ref().and_then(|last| last.as_ref()).filter(|value| value.as_bytes() == bytes) {
            return Ok(value.clone());
        }
        let value = HeaderValue::from_bytes(bytes).map_err(|_| Lie::Syntax)?;
        if let Some(last) = last.filter(|_| bytes.len() <= LONGEST) {
            *last = Some(value.clone());
        }
        Ok(value)
    }
}
