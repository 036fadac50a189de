//! Where an event of an event stream ends, what its data is, and the same event with other data (WHATWG HTML, section
//! 9.2.6 "Interpreting an event stream").
//!
//! Lines end with LF, CRLF or CR, in any mixture; a byte order mark may come first; chunks may end anywhere, also within a
//! CRLF. [`Splitter`] is for streams whose events are looked into, [`Boundary`] for all others.

mod boundary;
mod event;
mod lines;
mod splitter;

pub use boundary::Boundary;
pub use event::{Event, rewrite_data};
pub use splitter::Splitter;
