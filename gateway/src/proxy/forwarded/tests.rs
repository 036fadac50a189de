use super::*;
use proptest::prelude::*;

const PROXY: &str = "10.0.0.1:4000";

fn read(fields: &[(&str, &str)]) -> (String, bool) {
    read_from(PROXY, fields)
}

fn read_from(peer: &str, fields: &[(&str, &str)]) -> (String, bool) {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(name.parse::<header::HeaderName>().unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap());
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
    assert_eq!(read_from("[::ffff:10.0.0.1]:5", &[(XFF, "192.0.2.1")]), known("192.0.2.1:0"), "IPv4 on an IPv6 socket");
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
    assert_eq!(read(&[(XFF, "192.0.2.7"), (XFF, "192.0.2.1, 10.0.0.2")]), known("192.0.2.1:0"), "lines are one list");
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
