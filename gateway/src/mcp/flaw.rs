//! What can be wrong with a message, one sentence each.

use std::error::Error;
use std::fmt;

use super::member::Member;

/// Why a message cannot be judged, filtered or split.
///
/// `at` is the offset of a byte in what was read, from 0. The text names protocol members and limits, never what a peer
/// sent, so it may go into a reply and into a log. Eight bytes: the strict walk returns one at every step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the fields mean what the text above and the sentence of each flaw say")]
pub enum Flaw {
    /// Longer than the walk can address (4 GiB).
    TooLong,
    /// Not UTF-8 (RFC 8259 section 8.1).
    NotUtf8 { at: u32 },
    /// The first byte is not `{`: a batch, a bare value, white space or nothing.
    NotAnObject,
    /// The document ends in the middle of a value.
    Truncated { at: u32 },
    /// A byte that JSON does not allow in this place.
    Unexpected { at: u32 },
    /// A control character inside a string.
    Control { at: u32 },
    /// An escape sequence that JSON does not know.
    Escape { at: u32 },
    /// Half of a surrogate pair.
    Surrogate { at: u32 },
    /// Something after the end of the document.
    Trailing { at: u32 },
    /// More than 64 containers inside each other.
    TooDeep { at: u32 },
    /// Two members of one object have the same name once escapes are resolved.
    Duplicate { at: u32 },
    /// A member name contains U+0000, which some parsers take for its end.
    NulInName { at: u32 },
    /// A member that some parsers take for a protocol member, because they ignore case.
    CaseVariant { of: Member, at: u32 },
    /// A protocol member is missing.
    Missing { member: Member },
    /// A protocol member has the wrong type or value.
    Wrong { member: Member, wanted: Wanted, at: u32 },
    /// Members that exclude each other stand side by side.
    Both { one: Member, other: Member },
    /// A reply without the array that a list must have.
    NotAList { wanted: Member },
    /// An SSE event longer than its limit, in bytes.
    EventTooLong { limit: u32 },
    /// A header that revision 2026-07-28 requires is missing.
    HeaderMissing { header: Header },
    /// A header has a byte that may not stand there, or stands there twice.
    HeaderMalformed { header: Header },
    /// A header does not repeat what the body says.
    HeaderMismatch { header: Header, member: Member },
}

/// What a protocol member has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The string `2.0`.
    Version,
    /// A string or a number.
    Id,
    /// A string.
    String,
    /// An object.
    Object,
    /// An array of objects.
    Array,
    /// An array of strings.
    Strings,
    /// A reference to a prompt or to a resource.
    Reference,
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Version => "the string \"2.0\"",
            Self::Id => "a string or a number",
            Self::String => "a string",
            Self::Object => "an object",
            Self::Array => "an array of objects",
            Self::Strings => "an array of strings",
            Self::Reference => "a 'ref/prompt' or a 'ref/resource'",
        })
    }
}

/// A header that mirrors the body since revision 2026-07-28.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// `MCP-Protocol-Version`
    Version,
    /// `Mcp-Method`
    Method,
    /// `Mcp-Name`
    Name,
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Version => "MCP-Protocol-Version",
            Self::Method => "Mcp-Method",
            Self::Name => "Mcp-Name",
        })
    }
}

impl Flaw {
    /// True for the flaws that revision 2026-07-28 answers with JSON-RPC code -32020 (`HeaderMismatch`).
    pub fn is_header_mismatch(self) -> bool {
        matches!(self, Self::HeaderMissing { .. } | Self::HeaderMalformed { .. } | Self::HeaderMismatch { .. })
    }
}

impl Error for Flaw {}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::TooLong => write!(f, "The body is longer than 4 GiB."),
            Self::NotUtf8 { at } => write!(f, "The body is not UTF-8 at byte {at}."),
            Self::NotAnObject => write!(
                f,
                "The body must be one JSON-RPC message and begin with '{{'; batches and leading white space are refused."
            ),
            Self::Truncated { at } => write!(f, "The JSON ends too early, at byte {at}."),
            Self::Unexpected { at } => write!(f, "The JSON has a byte that may not stand there, at byte {at}."),
            Self::Control { at } => write!(f, "A JSON string has an unescaped control character at byte {at}."),
            Self::Escape { at } => write!(f, "A JSON string has an unknown escape sequence at byte {at}."),
            Self::Surrogate { at } => write!(f, "A JSON string has half of a surrogate pair at byte {at}."),
            Self::Trailing { at } => write!(f, "Something follows the end of the JSON document, at byte {at}."),
            Self::TooDeep { at } => write!(f, "The JSON is nested more than 64 levels deep, at byte {at}."),
            Self::Duplicate { at } => {
                write!(f, "A JSON object has two members of the same name, the second at byte {at}.")
            }
            Self::NulInName { at } => write!(f, "A JSON member name contains U+0000, at byte {at}."),
            Self::CaseVariant { of, at } => {
                write!(f, "A member is spelled like '{of}' but in other case, at byte {at}; write it exactly.")
            }
            Self::Missing { member } => write!(f, "The member '{member}' is missing."),
            Self::Wrong { member, wanted, at } => write!(f, "The member '{member}' must be {wanted}, at byte {at}."),
            Self::Both { one, other } => write!(f, "The members '{one}' and '{other}' exclude each other; send one."),
            Self::NotAList { wanted } => {
                write!(f, "The reply to a list request has no array '{wanted}' in its result.")
            }
            Self::EventTooLong { limit } => write!(f, "An event of the stream is longer than {limit} bytes."),
            Self::HeaderMissing { header } => {
                write!(f, "Header mismatch: the header '{header}' is missing; protocol version 2026-07-28 requires it.")
            }
            Self::HeaderMalformed { header } => write!(
                f,
                "Header mismatch: the header '{header}' must stand once and hold visible ASCII or '=?base64?..?='."
            ),
            Self::HeaderMismatch { header, member } => {
                write!(f, "Header mismatch: the header '{header}' differs from the member '{member}' of the body.")
            }
        }
    }
}
