//! Networks of addresses, as files name them.

use std::fmt;
use std::net::IpAddr;

/// All addresses that begin with the same bits: `10.0.0.0/8`, `2001:db8::/32`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// Why a text is no [`Network`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// No address, or no length of a prefix that fits it.
    #[error(
        "a network is an IP address, or one with the length of a prefix, such as \"10.0.0.0/8\" or \"2001:db8::/32\""
    )]
    Form,
    /// Bits behind the prefix are set: one of the two is a mistake.
    #[error("the address has bits behind its prefix; that network is written `{0}`")]
    HostBits(Network),
    /// IPv4 written as IPv6. Such addresses are read as IPv4, so this would never match.
    #[error("is an IPv4 address in the clothes of IPv6; write it as IPv4")]
    Mapped,
}

impl Network {
    /// Reads an address or `ADDRESS/PREFIX`.
    ///
    /// # Errors
    /// Every [`NetworkError`].
    pub fn parse(text: &str) -> Result<Self, NetworkError> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.parse().map_err(|_| NetworkError::Form)?;
        if address != address.to_canonical() {
            return Err(NetworkError::Mapped);
        }
        let width = if address.is_ipv4() { 32 } else { 128 };
        let number = |text: &str| {
            let digits =
                !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
            text.parse().ok().filter(|n| digits && *n <= width).ok_or(NetworkError::Form)
        };
        let prefix = prefix.map_or(Ok(width), number)?;
        let network = Self { address: masked(address, prefix), prefix };
        if network.address == address { Ok(network) } else { Err(NetworkError::HostBits(network)) }
    }

    /// Whether every address of its family is in it.
    pub fn is_everywhere(&self) -> bool {
        self.prefix == 0
    }

    /// Whether `address` is in it. IPv4 that came in the clothes of IPv6 is IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4() && masked(address, self.prefix) == self.address
    }
}

impl fmt::Display for Network {
    /// The form of the files.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = if self.address.is_ipv4() { 32 } else { 128 };
        write!(f, "{}", self.address)?;
        if self.prefix == width { Ok(()) } else { write!(f, "/{}", self.prefix) }
    }
}

fn masked(address: IpAddr, prefix: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(prefix.into())).unwrap_or(0);
            IpAddr::V4((v4.to_bits() & mask).into())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(prefix.into())).unwrap_or(0);
            IpAddr::V6((v6.to_bits() & mask).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_network_is_an_address_with_a_prefix() {
        for (text, inside, outside) in [
            (
                "10.0.0.0/8",
                &["10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3"][..],
                &["11.0.0.0", "9.255.255.255", "::a00:1"][..],
            ),
            ("192.0.2.7", &["192.0.2.7"], &["192.0.2.6", "192.0.2.8", "::1"]),
            ("0.0.0.0/0", &["0.0.0.0", "255.255.255.255"], &["::", "::1"]),
            ("::/0", &["::", "2001:db8::1"], &["10.0.0.1", "::ffff:10.0.0.1"]),
            ("2001:db8::/33", &["2001:db8:7fff::1"], &["2001:db8:8000::1"]),
            ("fe80::1", &["fe80::1"], &["fe80::2"]),
        ] {
            let network = Network::parse(text).unwrap();
            assert_eq!((network.to_string().as_str(), network.is_everywhere()), (text, text.ends_with("/0")));
            assert!(inside.iter().all(|address| network.contains(address.parse().unwrap())), "{text}");
            assert!(!outside.iter().any(|address| network.contains(address.parse().unwrap())), "{text}");
        }
        for text in [
            "",
            "/8",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/08",
            "10.0.0.0/+8",
            "10/8",
            "10.0.0.0/8/8",
            "::/129",
            "example.com",
            " ::1",
            "[::1]",
            "fe80::1%eth0",
        ] {
            assert_eq!(Network::parse(text), Err(NetworkError::Form), "{text}");
        }
        assert_eq!(Network::parse("::ffff:10.0.0.0/104"), Err(NetworkError::Mapped));
        let error = Network::parse("10.1.2.3/8").unwrap_err().to_string();
        assert!(error.contains("written `10.0.0.0/8`"), "{error}");
    }

    proptest! {
        #[test]
        fn a_network_holds_what_shares_its_bits(base: u32, other: u32, prefix in 0u8..=32) {
            let mask = if prefix == 0 { 0 } else { u32::MAX << (32 - prefix) };
            let network = Network::parse(&format!("{}/{prefix}", std::net::Ipv4Addr::from(base & mask))).unwrap();
            prop_assert_eq!(network.contains(IpAddr::V4(other.into())), (base ^ other) & mask == 0);
        }
    }
}
