//! Only loopback: the addresses that may be listened on, and the names that requests may use.
//!
//! The server has no authentication. That nobody outside the machine (or the pod) reaches it is all that protects it, so a
//! web page in a browser on the same machine must not get through either, whatever its name resolves to (DNS rebinding).

use axum::{
    extract::Request,
    http::{HeaderMap, StatusCode, header, uri::Authority},
    middleware::Next,
    response::{IntoResponse, Response},
};

/// The names under which a loopback server is reached. A Unix socket's clients say `localhost`.
pub(crate) const HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// Origins of pages that the same machine serves, on any port.
pub(crate) const ORIGINS: [&str; 6] = [
    "http://localhost:*",
    "http://127.0.0.1:*",
    "http://[::1]:*",
    "https://localhost:*",
    "https://127.0.0.1:*",
    "https://[::1]:*",
];

/// Lets a request pass if its `Host`, and its `Origin` if it has one, are loopback names.
pub(crate) async fn only(request: Request, next: Next) -> Response {
    let authority = request.uri().authority().map(Authority::as_str);
    match refusal(authority, request.headers()) {
        None => next.run(request).await,
        Some((status, sentence)) => (status, axum::Json(serde_json::json!({ "detail": sentence }))).into_response(),
    }
}

fn refusal(authority: Option<&str>, headers: &HeaderMap) -> Option<(StatusCode, &'static str)> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (host, second) = (hosts.next().and_then(|host| host.to_str().ok()), hosts.next());
    let Some(host) = authority.or(host).filter(|_| second.is_none()) else {
        return Some((StatusCode::BAD_REQUEST, "Give one Host header."));
    };
    if !is_loopback(host) {
        return Some((StatusCode::FORBIDDEN, "The Host header must name loopback: localhost, 127.0.0.1 or [::1]."));
    }
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let foreign = |origin: &axum::http::HeaderValue| !origin.to_str().is_ok_and(is_loopback_origin);
    origins
        .any(foreign)
        .then_some((StatusCode::FORBIDDEN, "The Origin header must be a loopback origin, or be left out."))
}

fn is_loopback_origin(origin: &str) -> bool {
    origin.split_once("://").is_some_and(|(scheme, host)| matches!(scheme, "http" | "https") && is_loopback(host))
}

fn is_loopback(authority: &str) -> bool {
    let Ok(authority) = authority.parse::<Authority>() else { return false };
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    !authority.as_str().contains('@') && HOSTS.iter().any(|name| name.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_names_pass_with_any_port() {
        for host in ["localhost", "LOCALHOST:8081", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:8081"] {
            assert!(is_loopback(host), "{host}");
            assert!(is_loopback_origin(&format!("http://{host}")), "{host}");
        }
    }

    #[test]
    fn other_names_do_not() {
        for host in [
            "",
            "example.com",
            "127.0.0.2",
            "localhost.example.com",
            "127.0.0.1.nip.io",
            "a@localhost",
            "[::2]",
            "::1 ",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
        for origin in
            ["null", "", "http://", "file://localhost", "http://example.com", "localhost", "http://localhost/x y"]
        {
            assert!(!is_loopback_origin(origin), "{origin}");
        }
    }
}
