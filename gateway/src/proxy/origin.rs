//! For whom and from where a request comes: `Host` and `Origin` (MCP 2025-11-25, transports, "Security Warning").
//!
//! The backend trusts loopback names and never sees the client's, so DNS rebinding and foreign pages are stopped here.

use crate::access::Sole;
use crate::reject::Reject;
use http::Uri;
use http::header::{self, HeaderMap, HeaderValue};

/// The names this gateway answers to, and the pages that may call it.
#[derive(Debug, Default)]
pub struct Origins {
    hosts: Vec<Box<str>>,
    wildcards: Vec<Box<str>>,
    allowed: Vec<Box<str>>,
}

impl Origins {
    /// `hosts` are names without port, `*.example.com` for one more label; `allowed` are origins as browsers send them.
    pub fn new(hosts: &[String], allowed: &[String]) -> Self {
        let lower = |text: &String| text.to_ascii_lowercase().into_boxed_str();
        let (wildcards, hosts): (Vec<_>, Vec<_>) = hosts.iter().partition(|host| host.starts_with("*."));
        Self {
            hosts: hosts.into_iter().map(lower).collect(),
            wildcards: wildcards.into_iter().map(|host| lower(host).trim_start_matches('*').into()).collect(),
            allowed: allowed.iter().map(lower).collect(),
        }
    }

    /// The request's name, by `Host` and `:authority`, which must agree, is one of ours (RFC 9110, section 7.4).
    ///
    /// # Errors
    /// [`Reject::Host`].
    pub fn host(&self, uri: &Uri, host: Sole<'_>) -> Result<(), Reject> {
        let authority = uri.authority().map(|a| a.as_str().as_bytes());
        let name = match (host, authority) {
            (Sole::One(host), Some(authority)) if host.eq_ignore_ascii_case(authority) => host,
            (Sole::One(name), None) | (Sole::Absent, Some(name)) => name,
            (Sole::One(_) | Sole::Several, _) | (Sole::Absent, None) => return Err(Reject::Host),
        };
        if self.is_ours(without_port(name).ok_or(Reject::Host)?) { Ok(()) } else { Err(Reject::Host) }
    }

    /// The page that a browser's request comes from, if the request says so and the page is allowed.
    ///
    /// # Errors
    /// [`Reject::Origin`] for any other `Origin`, `null` and doubled ones among them.
    pub fn page(&self, origin: Sole<'_>) -> Result<Option<HeaderValue>, Reject> {
        let origin = match origin {
            Sole::Absent => return Ok(None),
            Sole::One(origin) => origin,
            Sole::Several => return Err(Reject::Origin),
        };
        let allowed = self.allowed.iter().any(|known| origin.eq_ignore_ascii_case(known.as_bytes()));
        HeaderValue::from_bytes(origin).ok().filter(|_| allowed).map(Some).ok_or(Reject::Origin)
    }

    /// As [`Origins::page`], for a request whose fields were not looked at.
    #[cold]
    pub fn page_among(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let mut origin = Sole::Absent;
        headers.get_all(header::ORIGIN).iter().for_each(|value| origin.add(value.as_bytes()));
        self.page(origin).ok().flatten()
    }

    fn is_ours(&self, name: &[u8]) -> bool {
        self.hosts.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
            || self.wildcards.iter().any(|tail| {
                let label = name.len().checked_sub(tail.len()).map(|n| name.split_at(n));
                label.is_some_and(|(label, rest)| {
                    !label.is_empty() && !label.contains(&b'.') && rest.eq_ignore_ascii_case(tail.as_bytes())
                })
            })
    }
}

/// `host[:port]` without the port; brackets of IPv6 are kept off too, as certificates write addresses bare.
fn without_port(host: &[u8]) -> Option<&[u8]> {
    let (name, port) = match host.strip_prefix(b"[") {
        Some(rest) => {
            let end = rest.iter().position(|b| *b == b']')?;
            (rest.get(..end)?, rest.get(end + 1..)?)
        }
        None => host.split_at(host.iter().position(|b| *b == b':').unwrap_or(host.len())),
    };
    let digits = match port.strip_prefix(b":") {
        Some(digits) => digits,
        None if port.is_empty() => return Some(name),
        None => return None,
    };
    (digits.len() <= 5 && digits.iter().all(u8::is_ascii_digit)).then_some(name)
}

/// CORS for an allowed page (Fetch standard, section 3.2): what it may send, and what it may read.
pub mod cors {
    use super::{HeaderMap, HeaderValue, header};

    const ALLOWED: &str = "content-type, accept, x-api-key, mcp-protocol-version, mcp-session-id, last-event-id, mcp-method, \
                           mcp-name, traceparent, tracestate";
    /// What begins the names that a tool's author gives (MCP 2026-07-28, transports, "Custom Headers").
    const PARAM: &str = "mcp-param-";

    /// Which fields a page may send: those of the protocol, and of those that it asks for the ones that only its tools know.
    pub fn allowed(asked: &HeaderMap) -> HeaderValue {
        let lines = asked.get_all(header::ACCESS_CONTROL_REQUEST_HEADERS).iter().filter_map(|line| line.to_str().ok());
        let is_token = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b));
        let params = lines.flat_map(|line| line.split(',')).map(str::trim).filter(|name| {
            let begin = name.get(..PARAM.len());
            begin.is_some_and(|begin| begin.eq_ignore_ascii_case(PARAM)) && is_token(name)
        });
        let all = std::iter::once(ALLOWED).chain(params).collect::<Vec<_>>().join(", ");
        HeaderValue::try_from(all).unwrap_or(HeaderValue::from_static(ALLOWED))
    }

    /// What a page may send.
    pub fn preflight(headers: &mut HeaderMap, fields: HeaderValue) {
        const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, DELETE");
        const HOUR: HeaderValue = HeaderValue::from_static("3600");
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, fields);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HOUR);
    }

    /// What a page may read; on every reply to it, refusals too.
    pub fn expose(headers: &mut HeaderMap, origin: HeaderValue) {
        const EXPOSED: &str = "mcp-session-id, www-authenticate, retry-after, ratelimit, ratelimit-policy, x-request-id, x-api-key-expires";
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    fn sole<'a>(values: &[&'a str]) -> Sole<'a> {
        let mut sole = Sole::Absent;
        values.iter().for_each(|value| sole.add(value.as_bytes()));
        sole
    }

    #[test]
    fn of_what_a_page_asks_for_only_the_parameters_of_tools_are_added() {
        let of = |lines: &[&'static str]| {
            let mut asked = HeaderMap::new();
            let lines =
                lines.iter().map(|line| (header::ACCESS_CONTROL_REQUEST_HEADERS, HeaderValue::from_static(line)));
            asked.extend(lines);
            cors::allowed(&asked).to_str().unwrap().split_once("tracestate").unwrap().1.to_owned()
        };
        assert_eq!(of(&[]), "");
        assert_eq!(
            of(&["content-type, mcp-param-region,x-client-id", "Mcp-Param-A.b"]),
            ", mcp-param-region, Mcp-Param-A.b"
        );
        assert_eq!(of(&["mcp-param, mcp-param-a b, xmcp-param-a, mcp-param-(, *"]), "");
    }

    fn host(uri: &'static str, hosts: &[&str]) -> Result<(), Reject> {
        let ours = ["localhost", "127.0.0.1", "::1", "*.example.com"].map(str::to_owned);
        Origins::new(&ours, &[]).host(&Uri::from_static(uri), sole(hosts))
    }

    #[test]
    fn our_names_pass_with_any_port() {
        for name in
            ["localhost", "LOCALHOST:8443", "127.0.0.1:1", "[::1]", "[::1]:8443", "a.example.com", "A.Example.com:443"]
        {
            assert_eq!(host("/mcp", &[name]), Ok(()), "{name}");
        }
        assert_eq!(host("https://localhost/mcp", &[]), Ok(()), "an h2 :authority");
        assert_eq!(host("https://localhost/mcp", &["localhost"]), Ok(()));
    }

    #[test]
    fn other_names_do_not() {
        let others = [
            "",
            "evil.example",
            "localhost.evil.example",
            "localhost:",
            "localhost:x",
            "localhost:123456",
            "[::1",
            "[::1]x",
            "example.com",
            "a.b.example.com",
            ".example.com",
            "localhost@evil",
            "localhost,localhost",
        ];
        for name in others {
            let expected = if name == "localhost:" { Ok(()) } else { Err(Reject::Host) }; // an empty port is the default (RFC 3986)
            assert_eq!(host("/mcp", &[name]), expected, "{name}");
        }
        assert_eq!(host("/mcp", &[]), Err(Reject::Host));
        assert_eq!(host("/mcp", &["localhost", "localhost"]), Err(Reject::Host));
        assert_eq!(host("https://localhost/mcp", &["127.0.0.1"]), Err(Reject::Host), "they must agree");
    }

    #[test]
    fn only_listed_origins_pass() {
        let origins = Origins::new(&[], &["https://app.example".to_owned()]);
        let seen = |values: &[&str]| origins.page(sole(values)).map(|page| page.is_some());
        assert_eq!(seen(&[]), Ok(false));
        assert_eq!(seen(&["https://app.example"]), Ok(true));
        for other in ["null", "", "http://app.example", "https://app.example:444", "https://app.example.evil"] {
            assert_eq!(seen(&[other]), Err(Reject::Origin), "{other}");
        }
        assert_eq!(seen(&["https://app.example", "https://app.example"]), Err(Reject::Origin));
    }
}
