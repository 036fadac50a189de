//! Request targets that mean one thing only (RFC 9112, section 3.2).

use crate::reject::Reject;
use http::request::Parts;
use http::{Method, Version};

/// The path of a request whose target is plain: what a route is matched against is what the backend will see.
///
/// Dot segments, empty segments, encoded separators, `\`, `;` and the like are refused, not resolved: every one of them
/// has let somebody past a proxy that read them otherwise than the server behind it.
///
/// # Errors
/// [`Reject::Connect`] and [`Reject::Target`].
pub fn path(request: &Parts) -> Result<&str, Reject> {
    if request.method == Method::CONNECT {
        return Err(Reject::Connect);
    }
    let uri = &request.uri;
    // h2 has scheme and authority in fields of their own; in HTTP/1.1 they make a target in absolute form
    if request.version < Version::HTTP_2 && uri.authority().is_some() {
        return Err(Reject::Target);
    }
    let path = uri.path();
    if path.starts_with('/') && is_plain(path.as_bytes()) { Ok(path) } else { Err(Reject::Target) }
}

/// Only unreserved and harmless characters, no empty and no dot segment; one trailing slash is fine.
fn is_plain(path: &[u8]) -> bool {
    let harmless = |b: &u8| {
        b.is_ascii_alphanumeric()
            || matches!(b, b'/' | b'-' | b'_' | b'.' | b'~' | b'+' | b'@' | b':' | b',' | b'=' | b'!')
    };
    let inner = path.strip_prefix(b"/").unwrap_or(path);
    let inner = inner.strip_suffix(b"/").unwrap_or(inner);
    path.iter().all(harmless)
        && path != b"//"
        && (inner.is_empty() || inner.split(|b| *b == b'/').all(|s| !matches!(s, b"" | b"." | b"..")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;
    use proptest::prelude::*;

    fn ask(method: &str, uri: &str, version: Version) -> Result<String, Reject> {
        let request = Request::builder().method(method).uri(uri).version(version).body(()).unwrap().into_parts().0;
        path(&request).map(str::to_owned)
    }

    #[test]
    fn plain_paths_pass() {
        for uri in [
            "/",
            "/mcp",
            "/mcp/",
            "/mcp?x=/../%2e",
            "/v1.2/mcp",
            "/a..b/c",
            "/.well-known/oauth-protected-resource/mcp",
            "/...",
            "/..a",
        ] {
            assert!(ask("POST", uri, Version::HTTP_11).is_ok(), "{uri}");
        }
        assert_eq!(ask("POST", "https://localhost/mcp", Version::HTTP_2).as_deref(), Ok("/mcp"));
    }

    #[test]
    fn anything_that_could_mean_two_things_does_not() {
        for uri in [
            "/mcp/..",
            "/mcp/.",
            "/./mcp",
            "/../mcp",
            "/x/../mcp",
            "//mcp",
            "/mcp//",
            "/%6dcp",
            "/mcp%2f",
            "/mcp%00",
            "/mcp%5c",
            "/mcp;x",
            "/%2e/mcp",
            "/%252e",
            "http://localhost/mcp",
            "*",
        ] {
            assert_eq!(ask("POST", uri, Version::HTTP_11), Err(Reject::Target), "{uri}");
        }
        assert_eq!(ask("CONNECT", "localhost:443", Version::HTTP_11), Err(Reject::Connect));
    }

    proptest! {
        #[test]
        fn a_plain_path_is_its_own_normal_form(path in "(/[a-z.%;/]{0,6}){1,4}") {
            if is_plain(path.as_bytes()) {
                let kept: Vec<&str> = path.split('/').skip(1).collect();
                let (last, inner) = kept.split_last().unwrap();
                prop_assert!(inner.iter().all(|s| !matches!(*s, "" | "." | "..")));
                prop_assert!(!matches!(*last, "." | ".."));
                prop_assert!(!path.contains(['%', ';']));
            }
        }
    }
}
