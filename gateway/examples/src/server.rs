//! Where the MCP server is and how to get in, as typed on the command line.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use reqwest::Url;
use rmcp::ClientLifecycleMode;
use rmcp::model::ProtocolVersion;

use crate::{Failure, Key, Trust, is_loopback};

/// The options both examples have. There is none for the key itself: the command line is public.
#[derive(Args, Debug)]
pub struct ServerArgs {
    /// Address of the MCP server behind the gateway
    #[arg(long, global = true, env = "MCP_SERVER_URL", default_value = "https://localhost:8443/mcp")]
    url: String,
    /// File that holds the API key; without it the key is taken from the environment variable API_KEY
    #[arg(long, global = true, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// PEM file of the private CA that signed the gateway's certificate [default: the CAs this machine trusts]
    #[arg(long, global = true, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// MCP revision to speak; auto tries the newest first
    #[arg(long, global = true, value_enum, default_value_t = Protocol::Auto)]
    protocol: Protocol,
}

/// Which revisions of MCP the client offers.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Protocol {
    /// 2026-07-28, and 2025-11-25 with a server that does not know it.
    Auto,
    /// Sessions, opened with `initialize`.
    #[value(name = "2025-11-25")]
    V2025,
    /// Stateless, opened with `server/discover`.
    #[value(name = "2026-07-28")]
    V2026,
}

impl Protocol {
    pub(crate) fn lifecycle(self) -> ClientLifecycleMode {
        match self {
            Self::Auto => ClientLifecycleMode::Auto {
                preferred_versions: vec![ProtocolVersion::V_2026_07_28],
                legacy_version: Some(ProtocolVersion::V_2025_11_25),
            },
            Self::V2025 => ClientLifecycleMode::Initialize,
            Self::V2026 => ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] },
        }
    }
}

/// The same, as meant: an address the key may be sent to, the key, and whom to trust.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) url: Url,
    pub(crate) key: Key,
    pub(crate) trust: Trust,
    pub(crate) protocol: Protocol,
}

impl TryFrom<&ServerArgs> for Server {
    type Error = Failure;

    fn try_from(written: &ServerArgs) -> Result<Self, Failure> {
        let url = address(&written.url).map_err(Failure::Setup)?;
        let trust = match &written.ca {
            Some(_) if url.scheme() == "http" => {
                return Err(Failure::Setup(format!("--ca needs an https:// address, but the address is {url}.")));
            }
            Some(file) => Trust::Only(file.clone()),
            None => Trust::System,
        };
        let key = match &written.key_file {
            Some(file) => Key::from_file(file)?,
            None => Key::from_env("API_KEY")?.ok_or_else(|| {
                Failure::Setup("no API key: name its file with --key-file FILE, or set API_KEY.".to_owned())
            })?,
        };
        Ok(Self { url, key, trust, protocol: written.protocol })
    }
}

/// The URL of an MCP server, if the key may be sent there.
fn address(written: &str) -> Result<Url, String> {
    let url = Url::parse(written).map_err(|error| {
        format!("the address {written:?} is no URL ({error}): write it like https://localhost:8443/mcp.")
    })?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the address holds a user name or password: this client sends the API key and nothing else.".into());
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err(format!("the address {url} is plain http, so the key would travel in clear: use https://.")),
        other => {
            Err(format!("the address {url} begins with {other}:, but only https:// (or http:// on loopback) works."))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn plain_http_is_for_loopback_only() {
        for good in [
            "https://gateway.example/mcp",
            "http://localhost:8081/mcp",
            "http://127.0.0.1:1/mcp",
            "http://127.8.0.1/mcp",
            "http://[::1]:8081/mcp",
            "http://[::ffff:127.0.0.1]/mcp",
            "HTTP://LOCALHOST/mcp",
        ] {
            address(good).unwrap();
        }
        for clear in [
            "http://gateway.example/mcp",
            "http://10.0.0.1/mcp",
            "http://localhost.example/mcp",
            "http://127.0.0.1.example/mcp",
            "http://0.0.0.0/mcp",
        ] {
            assert!(address(clear).unwrap_err().contains("in clear"), "{clear}");
        }
    }

    #[test]
    fn other_addresses_are_refused_with_a_reason() {
        assert!(address("localhost:8443/mcp").unwrap_err().contains("only https://"));
        assert!(address("").unwrap_err().contains("no URL"));
        assert!(address("https://me:secret@host/mcp").unwrap_err().contains("user name"));
        assert!(!address("https://me:secret@host/mcp").unwrap_err().contains("secret"));
    }
}
