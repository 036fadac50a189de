//! The headers that repeat what the body says, and whether they do (MCP 2026-07-28, transports/streamable-http,
//! "Request Metadata").

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
    /// Takes the values from a request's headers: `said` gives the first one of a header, and whether there are more.
    ///
    /// # Errors
    ///
    /// [`Flaw::HeaderMalformed`] when the version stands there twice, or, where the version is one that mirrors, another
    /// of these headers does.
    pub fn read(said: impl Fn(Header) -> (Option<&'a [u8]>, bool)) -> Result<Self, Flaw> {
        let (version, twice) = said(Header::Version);
        if twice {
            return Err(Flaw::HeaderMalformed { header: Header::Version });
        }
        let (method, method_twice) = said(Header::Method);
        let (name, name_twice) = said(Header::Name);
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

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: &str = "2026-07-28";
    const MISSING: fn(Header) -> Result<(), Flaw> = |header| Err(Flaw::HeaderMissing { header });
    const MALFORMED: fn(Header) -> Result<(), Flaw> = |header| Err(Flaw::HeaderMalformed { header });

    fn differs(header: Header, member: Member) -> Result<(), Flaw> {
        Err(Flaw::HeaderMismatch { header, member })
    }

    /// A message with this method and these members of `params`, from which on headers mirror the body.
    fn message(method: &str, params: &str) -> String {
        let meta = format!(r#""_meta":{{"io.modelcontextprotocol\/protocolVersion":"{NEW}"}}"#);
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{{meta}{params}}}}}"#)
    }

    fn agree(message: &str, version: Option<&str>, method: Option<&str>, name: Option<&str>) -> Result<(), Flaw> {
        let [version, method, name] = [version, method, name].map(|value| value.map(str::as_bytes));
        let headers = Mirrored { version, method, name };
        let judged = headers.agree(&Call::judge(message.as_bytes()).unwrap());
        assert_eq!(judged, headers.agree(&Call::observe(message.as_bytes()).unwrap()));
        judged
    }

    #[test]
    fn headers_repeat_the_body() {
        let call = message("tools/call", r#","name":"deploy""#);
        let (new, method, name) = (Some(NEW), Some("tools/call"), Some("deploy"));
        assert_eq!(agree(&call, new, method, name), Ok(()));
        assert_eq!(agree(&call, None, method, name), MISSING(Header::Version));
        assert_eq!(agree(&call, new, None, name), MISSING(Header::Method));
        assert_eq!(agree(&call, new, method, None), MISSING(Header::Name));
        assert_eq!(agree(&call, Some("2026-07-29"), method, name), differs(Header::Version, Member::Meta));
        assert_eq!(agree(&call, Some("2025-11-25"), method, name), differs(Header::Version, Member::Meta));
        assert_eq!(agree(&call, new, Some("tools/list"), name), differs(Header::Method, Member::Method));
        assert_eq!(agree(&call, new, Some("Tools/call"), name), differs(Header::Method, Member::Method));
        assert_eq!(agree(&call, new, method, Some("other")), differs(Header::Name, Member::Name));
        assert_eq!(agree(&call, new, method, Some("")), differs(Header::Name, Member::Name));
        assert_eq!(agree(&call, new, Some("tools/cäll"), name), MALFORMED(Header::Method));
        assert_eq!(agree(&call, new, method, Some("déploy")), MALFORMED(Header::Name));
    }

    #[test]
    fn older_revisions_decide_nothing() {
        let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"}}"#;
        for version in
            [None, Some("2025-11-25"), Some("2024-11-05"), Some("2026-07-27"), Some("next"), Some("2026-7-28")]
        {
            assert_eq!(agree(call, version, Some("x"), Some("y")), Ok(()), "{version:?}");
        }
        for version in ["2026-07-28", "2026-10-01", "2027-01-01"] {
            assert_eq!(agree(call, Some(version), Some("x"), None), differs(Header::Method, Member::Method));
        }
    }

    #[test]
    fn only_three_methods_must_have_a_name() {
        let (new, name) = (Some(NEW), Some("n"));
        for (method, params, member, required) in [
            ("tools/call", r#","name":"n""#, Member::Name, true),
            ("prompts/get", r#","name":"n""#, Member::Name, true),
            ("resources/read", r#","uri":"n""#, Member::Uri, true),
            ("resources/subscribe", r#","uri":"n""#, Member::Uri, false),
            ("tasks/get", r#","taskId":"n""#, Member::TaskId, false),
        ] {
            let body = message(method, params);
            assert_eq!(agree(&body, new, Some(method), name), Ok(()), "{method}");
            assert_eq!(agree(&body, new, Some(method), Some("m")), differs(Header::Name, member), "{method}");
            let without = agree(&body, new, Some(method), None);
            assert_eq!(without, if required { MISSING(Header::Name) } else { Ok(()) }, "{method}");
        }
        let list = message("tools/list", "");
        assert_eq!(agree(&list, new, Some("tools/list"), None), Ok(()));
        assert_eq!(agree(&list, new, Some("tools/list"), name), Ok(()));
        let complete = message("completion/complete", r#","ref":{"type":"ref/prompt","name":"p"}"#);
        assert_eq!(agree(&complete, new, Some("completion/complete"), name), Ok(()));
    }

    #[test]
    fn what_is_no_request_may_leave_headers_out_but_not_lie() {
        let notification = r#"{"jsonrpc":"2.0","method":"notifications/cancelled"}"#;
        assert_eq!(agree(notification, Some(NEW), None, None), Ok(()));
        assert_eq!(agree(notification, Some(NEW), Some("ping"), None), differs(Header::Method, Member::Method));
        let call = r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"a"}}"#;
        assert_eq!(agree(call, Some(NEW), None, Some("b")), differs(Header::Name, Member::Name));
        let response = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
        assert_eq!(agree(response, Some(NEW), Some("ping"), None), Ok(()));
        let initialize = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}"#;
        assert_eq!(agree(initialize, Some(NEW), None, None), Ok(()));
        assert_eq!(agree(initialize, Some(NEW), Some("ping"), None), differs(Header::Method, Member::Method));
    }

    /// The examples of the specification, and the forms that a decoder might be too kind to.
    #[test]
    fn names_may_come_in_base64() {
        for (name, header, same) in [
            ("Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?=", true),
            (" padded ", "=?base64?IHBhZGRlZCA=?=", true),
            ("line1\\nline2", "=?base64?bGluZTEKbGluZTI=?=", true),
            ("=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=", true),
            ("=?base64?literal?=", "=?base64?literal?=", false),
            ("abc", "=?base64?YWJj?=", true),
            ("ab", "=?base64?YWI?=", false),
            ("ab", "=?base64?YWJ=?=", false),
            ("abc", "=?BASE64?YWJj?=", false),
            ("abc", "=?base64?YWJj", false),
            ("=?base64?", "=?base64?", true),
            ("~~~", "=?base64?fn5-?=", false),
            ("", "=?base64??=", true),
        ] {
            let body = message("tools/call", &format!(r#","name":"{name}""#));
            let agreed = agree(&body, Some(NEW), Some("tools/call"), Some(header));
            assert_eq!(agreed, if same { Ok(()) } else { differs(Header::Name, Member::Name) }, "{name} {header}");
        }
    }

    #[test]
    fn a_header_stands_once() {
        let read = |version, twice: Option<Header>| {
            Mirrored::read(move |header| {
                let value = if header == Header::Version { version } else { "a" };
                (Some(value.as_bytes()), twice == Some(header))
            })
        };
        let old = read("2025-11-25", Some(Header::Method)).unwrap();
        assert_eq!((old.version, old.method, old.name), (Some(&b"2025-11-25"[..]), Some(&b"a"[..]), Some(&b"a"[..])));
        assert!(read("2025-11-25", Some(Header::Version)).is_err(), "nobody knows which one counts");
        assert!(read(NEW, None).is_ok());
        for header in [Header::Method, Header::Name, Header::Version] {
            assert_eq!(read(NEW, Some(header)).unwrap_err(), Flaw::HeaderMalformed { header });
            assert!(Flaw::HeaderMalformed { header }.is_header_mismatch());
        }
    }
}
