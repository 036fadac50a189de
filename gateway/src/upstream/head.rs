//! The head of an upstream's reply, read strictly (RFC 9112, sections 4 to 6).
//!
//! What a backend sends is forwarded to somebody else's connection, so a head that two readers could take apart in two
//! ways is refused, not repaired.

use super::framing::Framing;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use memchr::{memchr, memchr2};

/// Longest head that is read, in bytes.
pub(super) const LONGEST_HEAD: usize = 64 * 1024;
/// Most header fields in one head.
const MOST_FIELDS: usize = 100;

/// A reply's head as it is forwarded: hop-by-hop fields and the product's name are gone.
#[derive(Debug)]
pub(super) struct Head {
    /// Status code, 200 or above.
    pub(super) status: StatusCode,
    /// End-to-end header fields.
    pub(super) headers: HeaderMap,
    /// Whether the body is a stream of Server-Sent Events.
    pub(super) events: bool,
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
/// empty: a map that has served before costs nothing to make.
///
/// # Errors
/// A head that is malformed or ambiguous.
pub(super) fn read(buffer: &[u8], method: &Method, room: &mut HeaderMap) -> Result<Step, Lie> {
    let mut lines = Lines { buffer, at: 0 };
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
        let (name, value) = field(line)?;
        if facts.note(&name, value)? {
            let value = match usual(value) {
                Some(value) => value.clone(),
                None => HeaderValue::from_bytes(value).map_err(|_| Lie::Syntax)?,
            };
            room.append(name, value);
        } else if !value.iter().all(|byte| is_text(*byte)) {
            return Err(Lie::Syntax);
        }
    }
    facts.drop_nominated(room);
    let framing = facts.framing(status, method, old)?;
    if let Some(length) = facts.length.filter(|_| framing == Framing::Done) {
        room.insert(header::CONTENT_LENGTH, length.into());
    }
    let reusable = !old && !facts.close && !matches!(framing, Framing::ToEof);
    let headers = if facts.events { fitted(room) } else { std::mem::take(room) };
    Ok(Step::Done(Head { status, headers, events: facts.events, framing, reusable }, lines.at))
}

/// The lines of a head, each ended by CR LF and by nothing else (RFC 9112, section 2.2 lets a recipient take a bare LF for
/// a line's end; another one may not).
struct Lines<'a> {
    buffer: &'a [u8],
    at: usize,
}

impl<'a> Lines<'a> {
    /// The next line without its end, or nothing if that has not come yet.
    fn next(&mut self) -> Result<Option<&'a [u8]>, Lie> {
        let rest = self.buffer.get(self.at..).unwrap_or_default();
        let Some(length) = memchr2(b'\r', b'\n', rest) else { return Ok(None) };
        let (line, end) = rest.split_at(length);
        match end {
            [b'\r', b'\n', ..] => {
                self.at += length + 2;
                if self.at > LONGEST_HEAD { Err(Lie::TooLarge) } else { Ok(Some(line)) }
            }
            [b'\r'] => Ok(None),
            _ => Err(Lie::Syntax),
        }
    }

    /// The head is not there whole: it may still become one.
    fn partial(&self) -> Result<Step, Lie> {
        const BEGINS: usize = b"HTTP/1.".len();
        let begins = self.buffer.get(..BEGINS).unwrap_or(self.buffer);
        if !b"HTTP/1.".starts_with(begins) {
            return Err(Lie::Syntax);
        }
        if self.buffer.len() >= LONGEST_HEAD { Err(Lie::TooLarge) } else { Ok(Step::Partial) }
    }
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
    if !reason.iter().all(|byte| is_text(*byte)) {
        return Err(Lie::Syntax);
    }
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
            return Ok(Step::Interim(lines.at));
        }
        count += 1;
        if count > MOST_FIELDS {
            return Err(Lie::TooLarge);
        }
        let (_, value) = field(line)?;
        if !value.iter().all(|byte| is_text(*byte)) {
            return Err(Lie::Syntax);
        }
    }
    lines.partial()
}

/// A field line (RFC 9112, section 5): no white space before the colon, none that folds two lines into one.
fn field(line: &[u8]) -> Result<(HeaderName, &[u8]), Lie> {
    let (text, value) = line.split_at_checked(memchr(b':', line).ok_or(Lie::Syntax)?).ok_or(Lie::Syntax)?;
    let mut value = value.get(1..).unwrap_or_default();
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    Ok((name(text).ok_or(Lie::Syntax)?, value))
}

/// Whether a byte may stand in a field's value or a reason.
fn is_text(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~' | 0x80..)
}

/// The fields in a map of their size: one that lives as long as a stream shall hold no more.
fn fitted(room: &mut HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(room.len() + 3);
    headers.extend(room.drain());
    headers
}

/// What the fields of one head say about the connection and the body.
#[derive(Default)]
struct Facts {
    length: Option<u64>,
    chunked: bool,
    close: bool,
    events: bool,
    nominated: Vec<HeaderName>,
}

impl Facts {
    /// Takes note of a field; says whether it is forwarded.
    fn note(&mut self, name: &HeaderName, value: &[u8]) -> Result<bool, Lie> {
        match *name {
            header::CONTENT_LENGTH => {
                let length = number(value).ok_or(Lie::Length)?;
                if self.length.replace(length).is_some() {
                    return Err(Lie::Length);
                }
                Ok(false) // where there is a body, whoever sends it on says how long it is
            }
            header::TRANSFER_ENCODING => {
                if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                    return Err(Lie::Coding);
                }
                self.chunked = true;
                Ok(false)
            }
            header::CONNECTION => {
                for token in value.split(|b| *b == b',').map(<[u8]>::trim_ascii) {
                    self.close |= token.eq_ignore_ascii_case(b"close");
                    self.nominated.extend(HeaderName::from_bytes(token).ok());
                }
                Ok(false)
            }
            header::TE | header::UPGRADE | header::SERVER => Ok(false),
            header::CONTENT_TYPE => {
                let essence = value.split(|b| *b == b';').next().unwrap_or_default().trim_ascii();
                self.events = essence.eq_ignore_ascii_case(b"text/event-stream");
                Ok(true)
            }
            header::DATE | header::CACHE_CONTROL | header::VARY => Ok(true),
            _ if *name == MCP_SESSION_ID => Ok(true),
            _ => Ok(!matches!(name.as_str(), "keep-alive" | "proxy-connection" | "x-powered-by")),
        }
    }

    /// Fields that `Connection` names concern this hop alone (RFC 9110, section 7.6.1), but what the reply is made of
    /// cannot be named away.
    fn drop_nominated(&self, headers: &mut HeaderMap) {
        for name in &self.nominated {
            if !matches!(*name, header::CONTENT_LENGTH | header::CONTENT_TYPE | header::CACHE_CONTROL) {
                headers.remove(name);
            }
        }
    }

    fn framing(&self, status: StatusCode, method: &Method, old: bool) -> Result<Framing, Lie> {
        if self.chunked && (self.length.is_some() || old) {
            return Err(Lie::Length);
        }
        let bodyless = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) || method == Method::HEAD;
        Ok(match self.length {
            _ if bodyless => Framing::Done,
            _ if self.chunked => Framing::chunked(),
            Some(0) => Framing::Done,
            Some(length) => Framing::Length(length),
            None => Framing::ToEof,
        })
    }
}

const MCP_SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");

/// A field's name. The few that MCP servers send with every reply are recognised without building them anew.
fn name(text: &[u8]) -> Option<HeaderName> {
    let known = match text {
        [b'd' | b'D', _, _, _] => &header::DATE,
        [b's' | b'S', _, _, _, _, _] => &header::SERVER,
        [b'c' | b'C', .., b'e' | b'E'] if text.len() == 12 => &header::CONTENT_TYPE,
        [b'c' | b'C', .., b'l' | b'L'] if text.len() == 13 => &header::CACHE_CONTROL,
        [b'c' | b'C', .., b'h' | b'H'] if text.len() == 14 => &header::CONTENT_LENGTH,
        [b'm' | b'M', .., b'd' | b'D'] if text.len() == 14 => &MCP_SESSION_ID,
        [b't' | b'T', .., b'g' | b'G'] if text.len() == 17 => &header::TRANSFER_ENCODING,
        _ => return HeaderName::from_bytes(text).ok(),
    };
    let same = text == known.as_str().as_bytes() || text.eq_ignore_ascii_case(known.as_str().as_bytes());
    if same { Some(known.clone()) } else { HeaderName::from_bytes(text).ok() }
}

/// A value that MCP servers send with every reply, ready made.
fn usual(value: &[u8]) -> Option<&'static HeaderValue> {
    static JSON: HeaderValue = HeaderValue::from_static("application/json");
    static EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream");
    match value {
        b"application/json" => Some(&JSON),
        b"text/event-stream" => Some(&EVENTS),
        _ => None,
    }
}

/// Digits and nothing else: no sign, no list, no overflow (RFC 9110, section 8.6).
fn number(value: &[u8]) -> Option<u64> {
    let digits = !value.is_empty() && value.len() <= 19 && value.iter().all(u8::is_ascii_digit);
    digits.then(|| value.iter().fold(0, |n, d| n * 10 + u64::from(d - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn done(text: &str) -> Result<Head, Lie> {
        match read(text.as_bytes(), &Method::POST, &mut HeaderMap::new())? {
            Step::Done(head, length) => {
                assert_eq!(length, text.find("\r\n\r\n").unwrap() + 4);
                Ok(head)
            }
            step @ (Step::Partial | Step::Interim(_)) => panic!("{step:?}"),
        }
    }

    fn of(buffer: &[u8], method: &Method) -> Result<Step, Lie> {
        read(buffer, method, &mut HeaderMap::new())
    }

    #[test]
    fn framing_follows_the_head() {
        for (head, framing) in [
            ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", Framing::Length(5)),
            ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Framing::Done),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n", Framing::chunked()),
            ("HTTP/1.1 200 OK\r\n\r\n", Framing::ToEof),
            ("HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\n", Framing::Length(5)),
            ("HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\n", Framing::Done),
            ("HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n", Framing::Done),
        ] {
            assert_eq!(done(head).unwrap().framing, framing, "{head:?}");
        }
        let to_head = of(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", &Method::HEAD).unwrap();
        assert!(matches!(to_head, Step::Done(Head { framing: Framing::Done, .. }, _)));
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for (fields, lie) in [
            ("content-length: 5\r\ncontent-length: 5\r\n", Lie::Length),
            ("content-length: 5\r\ncontent-length: 6\r\n", Lie::Length),
            ("content-length: 5, 5\r\n", Lie::Length),
            ("content-length: +5\r\n", Lie::Length),
            ("content-length: 0x5\r\n", Lie::Length),
            ("content-length: -1\r\n", Lie::Length),
            ("content-length: 99999999999999999999\r\n", Lie::Length),
            ("content-length:\r\n", Lie::Length),
            ("content-length: 5\r\ntransfer-encoding: chunked\r\n", Lie::Length),
            ("transfer-encoding: chunked\r\ncontent-length: 5\r\n", Lie::Length),
            ("transfer-encoding: gzip, chunked\r\n", Lie::Coding),
            ("transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n", Lie::Coding),
            ("transfer-encoding: identity\r\n", Lie::Coding),
            ("a b: c\r\n", Lie::Syntax),
            ("a : c\r\n", Lie::Syntax),
            ("a: b\r\n c\r\n", Lie::Syntax),
            ("a: b\0c\r\n", Lie::Syntax),
            ("server: b\0c\r\n", Lie::Syntax),
            ("a: b\n", Lie::Syntax),
            ("a: b\rc: d\r\n", Lie::Syntax),
            (": c\r\n", Lie::Syntax),
        ] {
            let head = format!("HTTP/1.1 200 OK\r\n{fields}\r\n");
            assert_eq!(of(head.as_bytes(), &Method::POST).map(|_| ()), Err(lie), "{fields:?}");
        }
        let odd = [
            "HTTP/1.1 99 x\r\n\r\n",
            "HTTP/2 200\r\n\r\n",
            "HTTP/1.1 1000 x\r\n\r\n",
            "ICY 200 OK\r\n\r\n",
            "\x16\x03\x01",
        ];
        for head in odd {
            assert_eq!(of(head.as_bytes(), &Method::POST).map(|_| ()), Err(Lie::Syntax), "{head:?}");
        }
        assert_eq!(
            of(b"HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", &Method::POST).map(|_| ()),
            Err(Lie::Length)
        );
        assert_eq!(of(b"HTTP/1.1 101 x\r\n\r\n", &Method::POST).map(|_| ()), Err(Lie::Switch));
    }

    #[test]
    fn heads_without_end_are_refused() {
        let fields = "a: b\r\n".repeat(101);
        assert_eq!(
            of(format!("HTTP/1.1 200 OK\r\n{fields}\r\n").as_bytes(), &Method::GET).map(|_| ()),
            Err(Lie::TooLarge)
        );
        let long = format!("HTTP/1.1 200 OK\r\na: {}", "b".repeat(LONGEST_HEAD));
        assert_eq!(of(long.as_bytes(), &Method::GET).map(|_| ()), Err(Lie::TooLarge));
    }

    #[test]
    fn only_end_to_end_fields_pass() {
        let head = done(
            "HTTP/1.1 200 OK\r\nServer: x\r\nX-Powered-By: y\r\nConnection: keep-alive, X-Hop, content-type\r\nX-Hop: 1\r\n\
             Keep-Alive: timeout=5\r\nTE: trailers\r\nUpgrade: h2c\r\nProxy-Connection: close\r\nContent-Type: text/plain\r\n\
             Mcp-Session-Id: s\r\nTrailer: X-Sum\r\ncontent-length: 0\r\n\r\n",
        )
        .unwrap();
        let mut names: Vec<_> = head.headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["content-length", "content-type", "mcp-session-id", "trailer"]);
        assert_eq!(head.headers["content-length"], "0");
        assert!(head.reusable);
    }

    #[test]
    fn a_connection_is_reused_only_if_both_sides_know_where_the_body_ends() {
        assert!(!done("HTTP/1.1 200 OK\r\nConnection: Close\r\ncontent-length: 0\r\n\r\n").unwrap().reusable);
        assert!(!done("HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap().reusable);
        assert!(!done("HTTP/1.1 200 OK\r\n\r\n").unwrap().reusable);
        assert!(done("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").unwrap().reusable);
    }

    proptest! {
        #[test]
        fn a_name_is_what_it_says(text in "(?i)date|server|content-(type|length|langth)|cache-control|mcp-session-id|mcp-session-xd|transfer-encoding|x[a-z]{3,16}") {
            prop_assert_eq!(name(text.as_bytes()), HeaderName::from_bytes(text.as_bytes()).ok());
        }

        #[test]
        fn what_is_read_is_what_httparse_reads(
            version in "1\\.[01]|1\\.2|2", code in "[1-6][0-9]{2}|99|1000", reason in "( [ -~\u{e9}]{0,8})?",
            fields in proptest::collection::vec(("[a-z][a-zA-Z0-9_.-]{0,8}( |:)?", "[ \t]{0,2}[ -~\u{e9}\0\u{7f}\t]{0,8}", "\r\n|\r\n|\r\n|\r\n|\r\n|\n|\r"), 0..6),
        ) {
            let lines: String = fields.iter().map(|(name, value, end)| format!("{name}:{value}{end}")).collect();
            let head = format!("HTTP/{version} {code}{reason}\r\n{lines}\r\n");
            let mut theirs = [httparse::EMPTY_HEADER; MOST_FIELDS];
            let mut reply = httparse::Response::new(&mut theirs);
            let parsed = reply.parse(head.as_bytes());
            match of(head.as_bytes(), &Method::POST) {
                Ok(Step::Done(ours, length)) => {
                    prop_assert_eq!(parsed, Ok(httparse::Status::Complete(length)));
                    prop_assert_eq!(reply.code, Some(ours.status.as_u16()));
                    for field in reply.headers.iter() {
                        if !["te", "server", "upgrade", "trailer"].contains(&field.name) {
                            let found = ours.headers.get_all(field.name).iter().any(|value| value.as_bytes() == field.value);
                            prop_assert!(found, "{:?}", field);
                        }
                    }
                }
                Ok(Step::Interim(length)) => prop_assert_eq!(parsed, Ok(httparse::Status::Complete(length))),
                Ok(Step::Partial) => prop_assert!(head.ends_with("\r\r\n") || parsed.is_ok()),
                Err(_) => {} // what is stricter than httparse is so on purpose: see the table above
            }
        }

        #[test]
        fn no_bytes_panic_and_none_are_read_twice(bytes: Vec<u8>, cut in 0usize..200) {
            let _ = of(&bytes, &Method::GET);
            let head = b"HTTP/1.1 103 Early\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\na: b\r\ncontent-length: 3\r\n\r\nabc";
            match of(&head[..cut.min(head.len())], &Method::GET).unwrap() {
                Step::Partial => prop_assert!(cut < 31),
                Step::Interim(n) => prop_assert_eq!(&head[n..n + 8], b"HTTP/1.1"),
                Step::Done(..) => prop_assert!(false),
            }
        }
    }
}
