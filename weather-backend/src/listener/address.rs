//! Where to listen.

use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    str::FromStr,
};

/// Where to listen: an address that nobody outside this machine reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A loopback address and a port; port 0 is any free one.
    Tcp(SocketAddr),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

/// What is no address to listen on.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum AddressError {
    /// An address that others reach.
    #[error(
        "{0} is not a loopback address. The weather backend has no authentication, so it listens on loopback only: \
         127.0.0.1:PORT, [::1]:PORT or unix:PATH. To offer it to others, put the gateway in front of it"
    )]
    NotLoopback(SocketAddr),
    /// Not an address at all.
    #[error("it is not an address: use 127.0.0.1:PORT, [::1]:PORT or unix:PATH")]
    Unreadable,
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.is_empty() { Err(AddressError::Unreadable) } else { Ok(Self::Unix(path.into())) };
        }
        let address = match text.strip_prefix("localhost:") {
            Some(port) => port.parse().map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port))).ok(),
            None => text.parse().ok(),
        };
        match address {
            Some(address) if address.ip().is_loopback() => Ok(Self::Tcp(address)),
            Some(address) => Err(AddressError::NotLoopback(address)),
            None => Err(AddressError::Unreadable),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_and_unix_sockets_are_addresses() {
        for text in ["127.0.0.1:8081", "127.255.0.3:0", "[::1]:8081", "unix:/run/weather.sock", "unix:weather.sock"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        assert_eq!("localhost:80".parse::<Address>().unwrap().to_string(), "127.0.0.1:80");
    }

    #[test]
    fn an_address_that_others_reach_is_refused_with_the_reason() {
        for text in ["0.0.0.0:8081", "[::]:8081", "192.168.1.2:80", "[::ffff:127.0.0.1]:80", "[fe80::1]:80"] {
            let said = text.parse::<Address>().unwrap_err();
            assert!(matches!(said, AddressError::NotLoopback(_)), "{text}");
            assert!(said.to_string().contains("no authentication"), "{said}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in
            ["", "8081", ":8081", "127.0.0.1", "example.com:80", "unix:", "localhost:", "localhost:99999", "::1:80"]
        {
            assert_eq!(text.parse::<Address>(), Err(AddressError::Unreadable), "{text}");
        }
    }
}
