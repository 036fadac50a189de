//! The names that settings are made of: hosts, origins, paths, tools. Each is read into its one spelling.

use std::net::{IpAddr, Ipv6Addr};

pub(super) const HOST: &str =
    "a list of host names or IP addresses without scheme, port or path, such as \"mcp.example.com\"";
pub(super) const ORIGIN: &str = "a list of origins, each http(s)://HOST[:PORT] without a path, such as \"https://app.example.com\"; `*` and `null` are not allowed";
pub(super) const PATH: &str = "a list of plain paths, each beginning with `/`, of letters, digits and `-_.~+@:,=!`, without empty and dot segments, such as \"/mcp\"";
pub(super) const TOOL: &str = "a list of tool names of 1 to 128 visible ASCII characters";

/// A host as it is compared: lower case, without a dot at its end; an IPv6 address without brackets. A name may begin
/// with `*.`, which stands for exactly one label, as in a certificate (RFC 6125, section 6.4.3).
pub fn host(text: &str) -> Option<String> {
    if let Some(ip) = address(text) {
        return Some(ip.to_string());
    }
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    is_dns_name(name.strip_prefix("*.").unwrap_or(&name)).then_some(name)
}

/// An origin as a browser sends it (RFC 6454, section 6.2).
pub(super) fn origin(text: &str) -> Option<String> {
    let text = text.to_ascii_lowercase();
    let (scheme, authority) = text.split_once("://")?;
    let own_port = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let port = match port {
        Some(port) if port.bytes().all(|b| b.is_ascii_digit()) => Some(port.parse::<u16>().ok().filter(|p| *p != 0)?),
        Some(_) => return None,
        None => None,
    };
    let host = match host.strip_prefix('[') {
        Some(rest) => format!("[{}]", rest.strip_suffix(']')?.parse::<Ipv6Addr>().ok()?),
        None => host
            .parse::<std::net::Ipv4Addr>()
            .map(|ip| ip.to_string())
            .ok()
            .or_else(|| is_dns_name(host).then(|| host.to_owned()))?,
    };
    Some(match port.filter(|port| *port != own_port) {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    })
}

/// A route's path without the slash at its end. What may not stand in a request's target may not stand here: nobody could
/// ask for it.
pub(super) fn path(text: &str) -> Option<String> {
    let rest = text.strip_prefix('/')?;
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.~+@:,=!".contains(&b);
    let sane = |segment: &str| !matches!(segment, "" | "." | "..") && segment.bytes().all(plain);
    let is_root = text == "/";
    (is_root || rest.split('/').all(sane)).then(|| format!("/{rest}"))
}

/// A tool's name as MCP has it.
pub(super) fn tool(text: &str) -> Option<String> {
    let sane = (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    sane.then(|| text.to_owned())
}

fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    bare.map_or_else(|| text.parse().ok(), |v6| v6.parse::<Ipv6Addr>().ok().map(IpAddr::from))
}

/// RFC 1123, section 2.1, with `_`, which container names have. A name whose last label is a number is a misspelt
/// address (WHATWG URL, "ends in a number").
fn is_dns_name(name: &str) -> bool {
    let letter = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let label = |label: &str| {
        (1..=63).contains(&label.len()) && label.bytes().all(letter) && !label.starts_with('-') && !label.ends_with('-')
    };
    let numeric = name.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    name.len() <= 253 && !numeric && name.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_have_one_spelling() {
        for (text, meant) in [
            ("MCP.Example.com", Some("mcp.example.com")),
            ("mcp.example.com.", Some("mcp.example.com")),
            ("localhost", Some("localhost")),
            ("weather_gateway", Some("weather_gateway")),
            ("*.example.com", Some("*.example.com")),
            ("10.0.0.1", Some("10.0.0.1")),
            ("[::1]", Some("::1")),
            ("0:0::1", Some("::1")),
            ("", None),
            ("*", None),
            ("a.*.com", None),
            ("example.com:443", None),
            ("https://example.com", None),
            ("example.com/mcp", None),
            ("-a.com", None),
            ("a..com", None),
            ("10.0.0.256", None),
            ("münchen.de", None),
        ] {
            assert_eq!(host(text).as_deref(), meant, "{text}");
        }
    }

    #[test]
    fn origins_are_spelt_as_browsers_send_them() {
        for (text, meant) in [
            ("https://App.example.com", Some("https://app.example.com")),
            ("https://app.example.com:443", Some("https://app.example.com")),
            ("http://app.example.com:443", Some("http://app.example.com:443")),
            ("http://localhost:6274", Some("http://localhost:6274")),
            ("http://[0::1]:80", Some("http://[::1]")),
            ("https://[::1]", Some("https://[::1]")),
            ("null", None),
            ("*", None),
            ("https://*", None),
            ("https://*.example.com", None),
            ("https://example.com/", None),
            ("https://example.com:0", None),
            ("https://example.com:+1", None),
            ("https://example.com:", None),
            ("https://user@example.com", None),
            ("ftp://example.com", None),
            ("example.com", None),
        ] {
            assert_eq!(origin(text).as_deref(), meant, "{text}");
        }
    }

    #[test]
    fn a_path_is_plain_and_has_no_slash_at_its_end() {
        for (text, meant) in [
            ("/", Some("/")),
            ("/mcp", Some("/mcp")),
            ("/mcp/", Some("/mcp")),
            ("/a/b.c/~d", Some("/a/b.c/~d")),
            ("", None),
            ("mcp", None),
            ("//", None),
            ("/a//b", None),
            ("/a//", None),
            ("/./a", None),
            ("/a/..", None),
            ("/a?b", None),
            ("/a#b", None),
            ("/%6dcp", None),
            ("/mcp;v=1", None),
            ("/a b", None),
            ("/ä", None),
        ] {
            assert_eq!(path(text).as_deref(), meant, "{text}");
        }
    }

    #[test]
    fn a_tool_is_visible_ascii() {
        assert!(tool("get_alerts").is_some() && tool("a/b.c-d").is_some());
        assert!(tool("").is_none() && tool("a b").is_none() && tool("ä").is_none() && tool(&"x".repeat(129)).is_none());
    }
}
