//! The head of an upstream's reply, read strictly (RFC 9112, sections 4 to 6).
//!
//! What a backend sends is forwarded to somebody else's connection, so a head that two readers could take apart in two
//! ways is refused, not repaired.

mod facts;
mod field;
mod lines;
mod trailers;
mod values;

use super::framing::Framing;
use facts::Facts;
use field::{Known, Name, field, is_text, usual};
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use lines::Lines;
pub(super) use trailers::trailers;
pub(super) use values::Values;

/// Longest head that is read, in bytes.
pub(super) const LONGEST_HEAD: usize = 64 * 1024;
/// Most header fields in one head.
const MOST_FIELDS: usize = 100;

/// Interim replies that one request may have; more is a flood.
pub(super) const MOST_INTERIM: u8 = 8;

/// A reply's head as it is forwarded: hop-by-hop fields and the product's name are gone.
#[derive(Debug)]
pub(super) struct Head {
    /// Status code, 200 or above.
    pub(super) status: StatusCode,
    /// End-to-end header fields.
    pub(super) headers: HeaderMap,
    /// Whether the body is a stream of Server-Sent Events.
    pub(super) events: bool,
    /// The session that it names; not among the fields.
    pub(super) session: Option<HeaderValue>,
    /// How the body ends.
    pub(super) framing: Framing,
    /// Whether the connection may carry another request once the body has ended.
    pub(super) reusable: bool,
}

/// Why a reply is refused. Never shown to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lie {
    /// Not a status line and header fields.
    #[error("its head is not HTTP/1.1")]
    Syntax,
    /// More than 64 KiB or 100 fields.
    #[error("its head is too large")]
    TooLarge,
    /// Two lengths, a length beside chunked, or one that is no number.
    #[error("its Content-Length and Transfer-Encoding contradict each other")]
    Length,
    /// A transfer coding other than `chunked`.
    #[error("its transfer coding is not chunked")]
    Coding,
    /// Two names of a session.
    #[error("it names more than one session")]
    Session,
    /// `Connection` says that a field which the content cannot be read without is for one hop.
    #[error("its Connection names a field of the content")]
    Nominated,
    /// 101, which nobody asked for.
    #[error("it switches protocols without being asked")]
    Switch,
    /// Chunked framing is broken.
    #[error("its chunked body is malformed")]
    Chunk,
}

/// One step of reading.
#[derive(Debug)]
pub(super) enum Step {
    /// More bytes are needed.
    Partial,
    /// An interim reply (1xx) of this many bytes; it is dropped, and the next head follows.
    Interim(usize),
    /// The final head, of this many bytes.
    Done(Head, usize),
}

/// Reads a head from the front of `buffer`; `method` is that of the request it answers. The fields go into `room`, which is
/// empty: a map that has served before costs nothing to make. `values` are those that came with replies before.
///
/// # Errors
/// A head that is malformed or ambiguous.
pub(super) fn read(buffer: &[u8], method: &Method, room: &mut HeaderMap, values: &Values) -> Result<Step, Lie> {
    let mut lines = Lines::of(buffer);
    let Some(line) = lines.next()? else { return lines.partial() };
    let (status, old) = status(line)?;
    if status.is_informational() {
        return interim(lines);
    }
    let mut facts = Facts::default();
    let mut count = 0;
    loop {
        let Some(line) = lines.next()? else {
            room.clear();
            return lines.partial();
        };
        if line.is_empty() {
            break;
        }
        count += 1;
        if count > MOST_FIELDS {
            return Err(Lie::TooLarge);
        }
        take(line, &mut facts, room, values)?;
    }
    facts.drop_nominated(room)?;
    let framing = facts.framing(status, method, old)?;
    if let Some(length) = facts.length.filter(|_| framing == Framing::Done) {
        room.insert(header::CONTENT_LENGTH, length.into());
    }
    let reusable = !old && !facts.close && !matches!(framing, Framing::ToEof);
    let headers = if facts.events { fitted(room) } else { std::mem::take(room) };
    let head = Head { status, headers, events: facts.events, session: facts.session, framing, reusable };
    Ok(Step::Done(head, lines.at()))
}

/// Takes note of the field in `line`, and puts it among those that are forwarded if it is one of them. The value of any
/// other is text all the same.
fn take(line: &[u8], facts: &mut Facts, room: &mut HeaderMap, values: &Values) -> Result<(), Lie> {
    let (name, value) = field(line)?;
    match name {
        // where there is a body, whoever sends it on says how long it is
        Name::Known(Known::ContentLength) => facts.length(value)?,
        Name::Known(Known::TransferEncoding) => facts.coding(value)?,
        Name::Known(Known::Server) => text(value)?,
        Name::Known(Known::ContentType) => {
            facts.kind(value);
            let value = match usual(value) {
                Some(value) => value.clone(),
                None => HeaderValue::from_bytes(value).map_err(|_| Lie::Syntax)?,
            };
            room.append(header::CONTENT_TYPE, value);
        }
        Name::Known(known @ Known::SessionId) => facts.session(values.of(known, value)?)?,
        Name::Known(known @ (Known::Date | Known::CacheControl)) => {
            room.append(known.name(), values.of(known, value)?);
        }
        Name::Other(name) if facts.passes(&name, value) => {
            room.append(name, HeaderValue::from_bytes(value).map_err(|_| Lie::Syntax)?);
        }
        Name::Other(_) => text(value)?,
    }
    Ok(())
}

/// A status line (RFC 9112, section 4): the code, and whether it is HTTP/1.0.
fn status(line: &[u8]) -> Result<(StatusCode, bool), Lie> {
    let (old, rest) = match line {
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', minor @ (b'0' | b'1'), b' ', rest @ ..] => (*minor == b'0', rest),
        _ => return Err(Lie::Syntax),
    };
    let (code, reason) = match rest {
        [a, b, c] => ([*a, *b, *c], &[][..]),
        [a, b, c, b' ', reason @ ..] => ([*a, *b, *c], reason),
        _ => return Err(Lie::Syntax),
    };
    text(reason)?;
    match StatusCode::from_bytes(&code).map_err(|_| Lie::Syntax)? {
        StatusCode::SWITCHING_PROTOCOLS => Err(Lie::Switch),
        code => Ok((code, old)),
    }
}

/// What an interim reply says concerns nobody here; only its end is looked for.
fn interim(mut lines: Lines<'_>) -> Result<Step, Lie> {
    let mut count = 0;
    while let Some(line) = lines.next()? {
        if line.is_empty() {
            return Ok(Step::Interim(lines.at()));
        }
        count += 1;
        if count > MOST_FIELDS {
            return Err(Lie::TooLarge);
        }
        let (_, value) = field(line)?;
        text(value)?;
    }
    lines.partial()
}

fn text(text: &[u8]) -> Result<(), Lie> {
    if text.iter().all(|byte| is_text(*byte)) { Ok(()) } else { Err(Lie::Syntax) }
}

/// The fields in a map of their size: one that lives as long as a stream shall hold no more.
fn fitted(room: &mut HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(room.len() + 3);
    headers.extend(room.drain());
    headers
}

#[cfg(test)]
mod tests;
