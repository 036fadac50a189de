//! Where the upstream listens.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// The one upstream of a gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// `http://127.0.0.1:PORT`, `http://[::1]:PORT` or `http://localhost:PORT`, which is read as 127.0.0.1.
    Tcp(SocketAddr),
    /// `unix:PATH`.
    Unix(PathBuf),
    /// Any other host, by `http://` or `https://`; only with `allow_remote = true`.
    Remote {
        /// Whether the connection is TLS.
        https: bool,
        /// DNS name or address, as written and in lower case.
        host: String,
        /// Port, default 80 or 443.
        port: u16,
    },
}

/// Why a text is no upstream [`Address`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not one of the forms.
    #[error(
        "an upstream is written http://127.0.0.1:PORT, unix:PATH, or, with allow_remote = true, http(s)://HOST[:PORT]"
    )]
    Form,
    /// A path, query or user name, which have no meaning here: paths are forwarded as they come.
    #[error("an upstream has no path, query or user name; the client's path is forwarded as it is")]
    Extra,
    /// Not on this machine.
    #[error(
        "this upstream is on another machine, where nothing but this gateway's word protects it; write allow_remote = true if that is meant"
    )]
    Remote,
}

impl Address {
    /// Reads an upstream address. A relative `unix:` path is relative to `base`.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn parse(text: &str, base: &Path, allow_remote: bool) -> Result<Self, AddressError> {
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.is_empty() { Err(AddressError::Form) } else { Ok(Address::Unix(base.join(path))) };
        }
        let (https, rest) = match (text.strip_prefix("http://"), text.strip_prefix("https://")) {
            (Some(rest), _) => (false, rest),
            (_, Some(rest)) => (true, rest),
            (None, None) => return Err(AddressError::Form),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#', '@']) {
            return Err(AddressError::Extra);
        }
        let authority: http::uri::Authority = authority.parse().map_err(|_| AddressError::Form)?;
        let port = match authority.port() {
            Some(port) => port.as_u16(),
            None if authority.as_str().len() > authority.host().len() => return Err(AddressError::Form), // a port that is none
            None if https => 443,
            None => 80,
        };
        if port == 0 || authority.host().is_empty() {
            return Err(AddressError::Form);
        }
        let host = authority.host().to_ascii_lowercase();
        match loopback(&host) {
            Some(ip) if !https => Ok(Address::Tcp(SocketAddr::new(ip, port))),
            None if !allow_remote => Err(AddressError::Remote),
            _ => Ok(Address::Remote { https, host, port }),
        }
    }

    /// The `Host` that the upstream sees: its own authority, `localhost` for a Unix socket (RFC 9110, section 7.2).
    pub fn host(&self) -> String {
        match self {
            Address::Tcp(address) => address.to_string(),
            Address::Unix(_) => "localhost".to_owned(),
            Address::Remote { https, host, port } if *port == if *https { 443 } else { 80 } => host.clone(),
            Address::Remote { host, port, .. } => format!("{host}:{port}"),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(address) => write!(f, "http://{address}"),
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
            Address::Remote { https, host, port } => {
                write!(f, "{}://{host}:{port}", if *https { "https" } else { "http" })
            }
        }
    }
}

fn loopback(host: &str) -> Option<IpAddr> {
    if host == "localhost" {
        return Some(Ipv4Addr::LOCALHOST.into());
    }
    let v6 = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    let ip = match v6 {
        Some(h) => h.parse::<Ipv6Addr>().ok()?.into(),
        None => host.parse::<IpAddr>().ok()?,
    };
    ip.is_loopback().then_some(ip)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, remote: bool) -> Result<String, AddressError> {
        Address::parse(text, Path::new("/etc/gateway"), remote).map(|a| format!("{a} host {}", a.host()))
    }

    #[test]
    fn loopback_and_sockets_need_no_leave() {
        for (text, meant) in [
            ("http://127.0.0.1:8081", "http://127.0.0.1:8081 host 127.0.0.1:8081"),
            ("http://127.0.0.1:8081/", "http://127.0.0.1:8081 host 127.0.0.1:8081"),
            ("http://localhost:8081", "http://127.0.0.1:8081 host 127.0.0.1:8081"),
            ("http://[::1]:8081", "http://[::1]:8081 host [::1]:8081"),
            ("unix:/run/mcp.sock", "unix:/run/mcp.sock host localhost"),
            ("unix:mcp.sock", "unix:/etc/gateway/mcp.sock host localhost"),
        ] {
            assert_eq!(parse(text, false).as_deref(), Ok(meant), "{text}");
        }
    }

    #[test]
    fn another_machine_needs_leave() {
        for text in [
            "http://10.0.0.1:80",
            "https://mcp.example",
            "http://0.0.0.0:80",
            "https://localhost.example:1",
            "https://127.0.0.1:1",
        ] {
            let refused = text != "https://127.0.0.1:1";
            assert_eq!(parse(text, false).err(), refused.then_some(AddressError::Remote), "{text}");
            assert!(parse(text, true).is_ok(), "{text}");
        }
        assert_eq!(parse("https://MCP.example", true).as_deref(), Ok("https://mcp.example:443 host mcp.example"));
    }

    #[test]
    fn what_has_no_meaning_is_refused() {
        for text in [
            "",
            "127.0.0.1:8081",
            "ftp://127.0.0.1:1",
            "http://",
            "http://:80",
            "unix:",
            "http://127.0.0.1:0",
            "http://127.0.0.1:70000",
        ] {
            assert_eq!(parse(text, true), Err(AddressError::Form), "{text}");
        }
        for text in
            ["http://127.0.0.1:8081/mcp", "http://u@127.0.0.1:1", "http://127.0.0.1:1?x", "http://127.0.0.1:1#x"]
        {
            assert_eq!(parse(text, true), Err(AddressError::Extra), "{text}");
        }
    }
}
