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
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PROXY: &str = "10.0.0.1:4000";

    fn read(fields: &[(&str, &str)]) -> (String, bool) {
        read_from(PROXY, fields)
    }

    fn read_from(peer: &str, fields: &[(&str, &str)]) -> (String, bool) {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(
                name.parse::<header::HeaderName>().unwrap(),
                HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            );
        }
        let trusted = ["10.0.0.0/8", "2001:db8:aaaa::/48"].map(|text| Network::parse(text).unwrap());
        let sender = Sender::read(peer.parse().unwrap(), &headers, &trusted);
        (sender.address.to_string(), sender.certain)
    }

    fn known(address: &str) -> (String, bool) {
        (address.to_owned(), true)
    }

    fn unknown(last: &str) -> (String, bool) {
        (last.to_owned(), false)
    }

    const XFF: &str = "x-forwarded-for";
    const FORWARDED: &str = "forwarded";

    #[test]
    fn only_trusted_connections_are_believed() {
        for fields in [&[(XFF, "192.0.2.1")][..], &[(FORWARDED, "for=192.0.2.1")], &[(XFF, "garbage")]] {
            assert_eq!(read_from("198.51.100.9:5", fields), known("198.51.100.9:5"));
        }
        assert_eq!(
            read_from("[::ffff:10.0.0.1]:5", &[(XFF, "192.0.2.1")]),
            known("192.0.2.1:0"),
            "IPv4 on an IPv6 socket"
        );
        assert_eq!(read(&[]), known(PROXY), "the proxy asks by itself");
    }

    #[test]
    fn the_first_address_from_the_right_that_is_not_trusted_is_the_senders() {
        for (list, expected) in [
            ("192.0.2.1", known("192.0.2.1:0")),
            ("192.0.2.1:8080", known("192.0.2.1:8080")),
            ("2001:db8::1", known("[2001:db8::1]:0")),
            ("[2001:db8::1]", known("[2001:db8::1]:0")),
            ("[2001:db8::1]:443", known("[2001:db8::1]:443")),
            ("::ffff:192.0.2.1", known("192.0.2.1:0")),
            ("203.0.113.5, 192.0.2.1", known("192.0.2.1:0")),
            ("10.9.9.9, 192.0.2.1, 10.0.0.2", known("192.0.2.1:0")),
            ("192.0.2.1 ,10.0.0.2,\t2001:db8:aaaa::7", known("192.0.2.1:0")),
            ("10.0.0.3, 10.0.0.2", known("10.0.0.3:0")),
        ] {
            assert_eq!(read(&[(XFF, list)]), expected, "{list}");
        }
        assert_eq!(
            read(&[(XFF, "192.0.2.7"), (XFF, "192.0.2.1, 10.0.0.2")]),
            known("192.0.2.1:0"),
            "lines are one list"
        );
        assert_eq!(read(&[(XFF, "192.0.2.7"), (XFF, "10.0.0.2")]), known("192.0.2.7:0"));
    }

    #[test]
    fn what_a_client_writes_first_changes_nothing() {
        for lie in ["garbage", "for=\"", "\"", "unknown", "", ",,", "10.0.0.1", "192.0.2.99", "[", "\u{fc}", "a\\"] {
            assert_eq!(read(&[(XFF, &format!("{lie}, 192.0.2.1"))]), known("192.0.2.1:0"), "{lie}");
            assert_eq!(read(&[(XFF, lie), (XFF, "192.0.2.1")]), known("192.0.2.1:0"), "{lie}");
            assert_eq!(read(&[(FORWARDED, &format!("{lie}, for=192.0.2.1"))]), known("192.0.2.1:0"), "{lie}");
            assert_eq!(read(&[(FORWARDED, lie), (FORWARDED, "for=192.0.2.1")]), known("192.0.2.1:0"), "{lie}");
        }
    }

    #[test]
    fn what_a_proxy_does_not_know_is_not_known() {
        for entry in [
            "unknown",
            "_hidden",
            "",
            " ",
            "192.0.2",
            "192.0.2.1:",
            "192.0.2.1:http",
            "192.0.2.1:123456",
            "192.0.2.1:+1",
            "192.0.2.1 80",
            "[192.0.2.1]",
            "[2001:db8::1",
            "2001:db8::1]",
            "[2001:db8::1]443",
            "fe80::1%eth0",
            "for=192.0.2.1",
            "\"192.0.2.1\"",
            "01.2.3.4",
        ] {
            assert_eq!(read(&[(XFF, entry)]), unknown(PROXY), "{entry}");
            let behind = format!("192.0.2.1, {entry}, 10.0.0.2");
            assert_eq!(read(&[(XFF, &behind)]), unknown("10.0.0.2:0"), "{entry}");
        }
    }

    #[test]
    fn forwarded_is_read_as_its_rfc_has_it() {
        for (element, expected) in [
            ("for=192.0.2.1", known("192.0.2.1:0")),
            ("For=\"192.0.2.1:47011\"", known("192.0.2.1:47011")),
            ("for=\"[2001:db8:cafe::17]:4711\"", known("[2001:db8:cafe::17]:4711")),
            ("proto=http;by=203.0.113.43;for=192.0.2.60", known("192.0.2.60:0")),
            ("for=192.0.2.60;host=\"a;b,c=d\"", known("192.0.2.60:0")),
            ("for=unknown", unknown(PROXY)),
            ("for=_gazonk", unknown(PROXY)),
            ("for=\"_a:b\"", unknown(PROXY)),
            ("by=192.0.2.1", unknown(PROXY)),
            ("for=192.0.2.1;for=192.0.2.2", unknown(PROXY)),
            ("for=192.0.2.1;FOR=192.0.2.1", unknown(PROXY)),
            ("for=", unknown(PROXY)),
            ("for=\"\"", unknown(PROXY)),
            ("for", unknown(PROXY)),
            ("192.0.2.1", unknown(PROXY)),
            ("for = 192.0.2.1", unknown(PROXY)),
            ("for=\"192.0.2.1", unknown(PROXY)),
            ("for=192.0.2.1\"", unknown(PROXY)),
            ("for=\"192.0.2.\\1\"", unknown(PROXY)),
            ("for=[2001:db8::1]", unknown(PROXY)),
            ("for=\"2001:db8::1\"", unknown(PROXY)),
            ("for=192.0.2.1;", unknown(PROXY)),
            (";for=192.0.2.1", unknown(PROXY)),
        ] {
            assert_eq!(read(&[(FORWARDED, element)]), expected, "{element}");
        }
        let list = "for=203.0.113.9, for=192.0.2.43;proto=https, for=\"[2001:db8:aaaa::1]\";by=10.0.0.1";
        assert_eq!(read(&[(FORWARDED, list)]), known("192.0.2.43:0"));
    }

    #[test]
    fn a_second_list_that_says_other_is_a_lie() {
        assert_eq!(read(&[(FORWARDED, "for=192.0.2.1"), (XFF, "192.0.2.1")]), known("192.0.2.1:0"));
        assert_eq!(read(&[(FORWARDED, "for=192.0.2.1"), (XFF, "192.0.2.2")]), unknown(PROXY));
        assert_eq!(read(&[(FORWARDED, "for=unknown"), (XFF, "192.0.2.2")]), unknown(PROXY));
    }

    proptest! {
        /// Whatever a client writes, what the proxy adds decides.
        #[test]
        fn nobody_chooses_the_own_address(lies in prop::collection::vec("[ -~]{0,40}", 0..4), own: u32) {
            let own = std::net::Ipv4Addr::from(own | 0xc000_0000); // not in 10.0.0.0/8
            let expected = known(&format!("{own}:0"));
            let lines = |name, entry: &str| {
                let mut lines: Vec<_> = lies.iter().map(|lie| (name, lie.clone())).collect();
                match lines.last_mut() {
                    Some((_, last)) if own.is_multicast() => *last += &format!(", {entry}"), // as some proxies add to a line
                    _ => lines.push((name, entry.to_owned())),
                }
                lines
            };
            for (name, entry) in [(XFF, own.to_string()), (FORWARDED, format!("for={own}"))] {
                let lines = lines(name, &entry);
                let fields: Vec<_> = lines.iter().map(|(name, value)| (*name, value.as_str())).collect();
                prop_assert_eq!(read(&fields), expected.clone());
            }
        }

        #[test]
        fn any_bytes_are_read_to_an_end(list in "(for=|\\[|\\]|[\"\\\\,;:=.0-9a-f ]){0,60}") {
            read(&[(XFF, &list)]);
            read(&[(FORWARDED, &list)]);
        }
    }
}
