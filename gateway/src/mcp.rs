//! What a message asks, what a reply lists, where an event ends: MCP's envelope, pure, without I/O.
//!
//! [`Call`] reads a message that a client sends: [`Call::observe`] for logs and metrics, which never refuses,
//! [`Call::judge`] for policy, which refuses whatever two parsers could read differently. [`Mirrored`] compares the headers
//! of revision 2026-07-28 with the body. [`list`] cuts the replies to list requests down to what a client may use, [`sse`]
//! finds the events of a stream. What is wrong with any of it is a [`Flaw`].

pub mod call;
mod envelope;
mod flaw;
mod glance;
pub mod list;
mod member;
mod method;
mod mirrored;
mod names;
pub mod sse;
mod strict;
mod text;

#[cfg(test)]
mod laws;

pub use call::{Call, Kind, Subject};
pub use flaw::{Flaw, Header, Wanted};
pub use list::ListKind;
pub use member::Member;
pub use method::Method;
pub use mirrored::Mirrored;
