//! The headers that repeat what the body says, and whether they do (MCP 2026-07-28, transports/streamable-http,
//! "Request Metadata").

use http::{HeaderMap, HeaderName};

use super::call::{Call, Kind};
use super::flaw::{Flaw, Header};
use super::member::Member;
use super::method::{Method, Pointer};

/// The first revision that mirrors the body into headers.
const FIRST_MIRRORED: &[u8] = b"2026-07-28";

/// The values of the headers that mirror the body, without white space around them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mirrored<'a> {
    /// `MCP-Protocol-Version`
    pub version: Option<&'a [u8]>,
    /// `Mcp-Method`
    pub method: Option<&'a [u8]>,
    /// `Mcp-Name`
    pub name: Option<&'a [u8]>,
}

impl<'a> Mirrored<'a> {
    /// Takes the values from a request's headers.
    ///
    /// # Errors
    ///
    /// [`Flaw::HeaderMalformed`] when the version stands there twice, or, where the version is one that mirrors, another
    /// of these headers does.
    pub fn read(headers: &'a HeaderMap) -> Result<Self, Flaw> {
        let (version, twice) = first(headers, HeaderName::from_static("mcp-protocol-version"));
        if twice {
            return Err(Flaw::HeaderMalformed { header: Header::Version });
        }
        let (method, method_twice) = first(headers, HeaderName::from_static("mcp-method"));
        let (name, name_twice) = first(headers, HeaderName::from_static("mcp-name"));
        let mirrors = version.is_some_and(mirrors);
        if mirrors && method_twice {
            return Err(Flaw::HeaderMalformed { header: Header::Method });
        }
        if mirrors && name_twice {
            return Err(Flaw::HeaderMalformed { header: Header::Name });
        }
        Ok(Self { version, method, name })
    }

    /// Whether these headers say what `call` says, as far as its revision wants that.
    ///
    /// Below revision 2026-07-28 the headers decide nothing, and no more do they for the answer to a server's request. A
    /// notification and `initialize` may leave `Mcp-Method` out; nothing may contradict the body. A version that is not a
    /// date is the server's to refuse.
    ///
    /// # Errors
    ///
    /// A [`Flaw`] for which [`Flaw::is_header_mismatch`] is true.
    pub fn agree(&self, call: &Call<'_>) -> Result<(), Flaw> {
        let body = call.protocol_version();
        let body = body.as_deref().map(str::as_bytes);
        let mirrored = [self.version, body].into_iter().flatten().any(mirrors);
        if !mirrored || call.kind() == Kind::Response {
            return Ok(());
        }
        let version = self.version.ok_or(Flaw::HeaderMissing { header: Header::Version })?;
        if body.is_some_and(|body| body != version) {
            return Err(Flaw::HeaderMismatch { header: Header::Version, member: Member::Meta });
        }
        self.agree_on_method(call)?;
        self.agree_on_name(call)
    }

    fn agree_on_method(&self, call: &Call<'_>) -> Result<(), Flaw> {
        match self.method {
            Some(value) if !visible(value) => Err(Flaw::HeaderMalformed { header: Header::Method }),
            Some(value) if value != call.method_text().as_bytes() => {
                Err(Flaw::HeaderMismatch { header: Header::Method, member: Member::Method })
            }
            Some(_) => Ok(()),
            None if call.kind() == Kind::Request && call.method() != Method::Initialize => {
                Err(Flaw::HeaderMissing { header: Header::Method })
            }
            None => Ok(()),
        }
    }

    fn agree_on_name(&self, call: &Call<'_>) -> Result<(), Flaw> {
        let (Some(pointer), Some(name)) = (call.method().pointer(), call.name()) else {
            return Ok(());
        };
        match self.name {
            // The name of a reference is not mirrored.
            _ if pointer == Pointer::Ref => Ok(()),
            Some(value) if !visible(value) => Err(Flaw::HeaderMalformed { header: Header::Name }),
            Some(value) if !says(value, name.as_bytes()) => {
                Err(Flaw::HeaderMismatch { header: Header::Name, member: pointer.member() })
            }
            Some(_) => Ok(()),
            None if call.kind() == Kind::Request
                && matches!(call.method(), Method::ToolsCall | Method::PromptsGet | Method::ResourcesRead) =>
            {
                Err(Flaw::HeaderMissing { header: Header::Name })
            }
            None => Ok(()),
        }
    }
}

/// The first value of a header, and whether there are more.
fn first(headers: &HeaderMap, header: HeaderName) -> (Option<&[u8]>, bool) {
    let mut values = headers.get_all(header).iter();
    (values.next().map(http::HeaderValue::as_bytes), values.next().is_some())
}

/// Whether a version is a date, and one from which on headers mirror the body.
fn mirrors(version: &[u8]) -> bool {
    let dated = |(at, byte): (usize, &u8)| if at == 4 || at == 7 { *byte == b'-' } else { byte.is_ascii_digit() };
    version.len() == FIRST_MIRRORED.len() && version.iter().enumerate().all(dated) && version >= FIRST_MIRRORED
}

/// Only bytes that a mirroring header may have: visible ASCII, space, tab.
fn visible(value: &[u8]) -> bool {
    value.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t'))
}

/// Whether a header value, Base64 or plain, stands for `name`.
///
/// What looks like the Base64 form is the Base64 form: a plain name of that look has to be encoded too. There is one
/// encoding of a name (RFC 4648 section 4, padded), so that is what the header is compared with.
fn says(value: &[u8], name: &[u8]) -> bool {
    match value.strip_prefix(b"=?base64?").and_then(|value| value.strip_suffix(b"?=")) {
        Some(encoded) => encodes(encoded, name),
        None => value == name,
    }
}

fn encodes(encoded: &[u8], name: &[u8]) -> bool {
    if encoded.len() != name.len().div_ceil(3) * 4 {
        return false;
    }
    name.chunks(3).zip(encoded.chunks(4)).all(|(plain, encoded)| encoded == quad(plain))
}

/// The Base64 form of one to three bytes.
fn quad(plain: &[u8]) -> [u8; 4] {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits = (0..3).fold(0_u32, |bits, at| bits << 8 | plain.get(at).map_or(0, |byte| u32::from(*byte)));
    let letter = |shift: u32, needs: usize| {
        let letter = ALPHABET.get((bits >> shift & 63) as usize);
        letter.copied().filter(|_| plain.len() >= needs).unwrap_or(b'=')
    };
    [letter(18, 1), letter(12, 1), letter(6, 2), letter(0, 3)]
}
