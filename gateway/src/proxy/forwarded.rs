//! Where a request comes from, when proxies that the operator trusts stand between (RFC 7239; `X-Forwarded-For` by custom).
//!
//! Each proxy adds at the right end whom it speaks to. So the list is read from there, for as long as the one who added an
//! entry is trusted; what stands left of the first address that is not was written by somebody who may lie, and is not
//! even looked at. What cannot be read is not repaired: the address is then not known.

use crate::access::Network;
use http::header::{self, HeaderMap, HeaderValue};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// Who sends a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender {
    /// Its address, or that of the last proxy on the way to it that is known.
    pub address: SocketAddr,
    /// Whether the address is the sender's own.
    pub certain: bool,
}

impl Sender {
    /// Whoever holds the connection.
    pub fn peer(address: SocketAddr) -> Self {
        Self { address, certain: true }
    }

    /// Reads who sent the request that has these `headers` and came over a connection from `peer`. Only what the `trusted`
    /// say is believed.
    pub fn read(peer: SocketAddr, headers: &HeaderMap, trusted: &[Network]) -> Self {
        let peer = Self::peer(peer);
        if !is_trusted(peer.address, trusted) {
            return peer;
        }
        let entries = |name, split, read| peer.follow(headers.get_all(name).iter(), split, read, trusted);
        let forwarded = entries(header::FORWARDED, element_before as Split, forwarded_for as Read);
        let custom = entries(X_FORWARDED_FOR, comma_before, address_and_port);
        match (forwarded, custom) {
            (None, None) => peer,
            (Some(sender), None) | (None, Some(sender)) => sender,
            // a proxy that adds to one of the two passes on what a client wrote into the other
            (Some(one), Some(other)) if one.certain && other.certain && one.address.ip() == other.address.ip() => one,
            (Some(_), Some(_)) => Self { certain: false, ..peer },
        }
    }

    /// Goes from the right end of a list to the left. `None` if there is no list.
    fn follow<'a>(
        self,
        lines: impl DoubleEndedIterator<Item = &'a HeaderValue>,
        split: Split,
        read: Read,
        trusted: &[Network],
    ) -> Option<Self> {
        let mut sender = None;
        for line in lines.rev() {
            let mut rest = Some(line.as_bytes());
            while let Some(list) = rest {
                let known = sender.unwrap_or(self);
                let unknown = Some(Self { certain: false, ..known });
                let Some((before, entry)) = split(list) else { return unknown };
                let Some(address) = read(entry.trim_ascii()) else { return unknown };
                let found = Self { address, certain: true };
                if !is_trusted(address, trusted) {
                    return Some(found);
                }
                (sender, rest) = (Some(found), before);
            }
        }
        sender
    }
}

/// Cuts the last entry off a list: what stands before it, if anything does, and the entry. `None` if that cannot be said.
type Split = fn(&[u8]) -> Option<(Option<&[u8]>, &[u8])>;
/// Reads the address in an entry.
type Read = fn(&[u8]) -> Option<SocketAddr>;

const X_FORWARDED_FOR: header::HeaderName = header::HeaderName::from_static("x-forwarded-for");

fn is_trusted(address: SocketAddr, trusted: &[Network]) -> bool {
    trusted.iter().any(|network| network.contains(address.ip()))
}

fn comma_before(list: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    Some(match list.iter().rposition(|b| *b == b',') {
        Some(comma) => (list.get(..comma), list.get(comma + 1..)?),
        None => (None, list),
    })
}

/// As [`comma_before`], but for commas in quotes. From the right, so that a quote that somebody left open further left does
/// not swallow what a trusted proxy wrote. No proxy has a reason to write a backslash, with which quotes could be hidden.
fn element_before(list: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let mut quoted = false;
    for (at, byte) in list.iter().enumerate().rev() {
        match byte {
            b'\\' => return None,
            b'"' => quoted = !quoted,
            b',' if !quoted => return Some((list.get(..at), list.get(at + 1..)?)),
            _ => {}
        }
    }
    (!quoted).then_some((None, list))
}

/// The address in the one `for` of a forwarded-element (RFC 7239, section 4).
fn forwarded_for(element: &[u8]) -> Option<SocketAddr> {
    let mut found = None;
    for pair in pairs(element) {
        let (name, value) = pair.split_at(pair.iter().position(|b| *b == b'=')?);
        if name.is_empty() || !name.iter().all(|b| is_token(*b)) {
            return None;
        }
        let value = value.get(1..)?;
        let node = match value.strip_prefix(b"\"") {
            Some(quoted) => quoted.strip_suffix(b"\"").filter(|inner| !inner.contains(&b'"'))?,
            None if !value.is_empty() && value.iter().all(|b| is_token(*b)) => value,
            None => return None,
        };
        if name.eq_ignore_ascii_case(b"for") && found.replace(node).is_some() {
            return None;
        }
    }
    let node = found?;
    // an IPv6 address stands in brackets here
    let bare_v6 = !node.starts_with(b"[") && node.iter().filter(|b| **b == b':').count() > 1;
    if bare_v6 { None } else { address_and_port(node) }
}

/// The pairs of an element; a `;` in quotes does not end one.
fn pairs(element: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut quoted = false;
    element.split(move |byte| {
        quoted ^= *byte == b'"';
        *byte == b';' && !quoted
    })
}

/// RFC 9110, section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:80`; the port is 0 where there is none.
fn address_and_port(text: &[u8]) -> Option<SocketAddr> {
    let text = std::str::from_utf8(text).ok()?;
    let (address, port): (IpAddr, _) = if let Some(rest) = text.strip_prefix('[') {
        let (inside, after) = rest.split_once(']')?;
        (inside.parse::<Ipv6Addr>().ok()?.into(), if after.is_empty() { None } else { Some(after.strip_prefix(':')?) })
    } else if let Some((address, port)) = text.split_once(':').filter(|(_, port)| !port.contains(':')) {
        (address.parse::<std::net::Ipv4Addr>().ok()?.into(), Some(port))
    } else {
        (text.parse().ok()?, None)
    };
    let digits = |port: &str| (1..=5).contains(&port.len()) && port.bytes().all(|b| b.is_ascii_digit());
    let port = port.map_or(Some(0), |port| port.parse().ok().filter(|_| digits(port)))?;
    Some(SocketAddr::new(address.to_canonical(), port))
}

#[cfg(test)]
mod tests;
