//! Where a request comes from: whatever a client writes into the fields of proxies, what the trusted one adds decides.
#![no_main]

use gateway::access::Network;
use gateway::proxy::forwarded::Sender;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;
use std::net::SocketAddr;

const FIELDS: [(&str, &str); 2] = [("forwarded", "for=192.0.2.1;proto=https"), ("x-forwarded-for", "192.0.2.1")];

fuzz_target!(|lie: &[u8]| {
    let Ok(lie) = HeaderValue::from_bytes(lie) else { return };
    let proxies = [Network::parse("10.0.0.0/8").expect("a network")];
    let proxy: SocketAddr = "10.0.0.1:4000".parse().expect("an address");
    let stranger: SocketAddr = "203.0.113.1:4000".parse().expect("an address");
    for (name, entry) in FIELDS {
        let name = HeaderName::from_static(name);
        let mut headers = HeaderMap::new();
        headers.insert(name.clone(), lie.clone());
        let told = Sender::read(proxy, &headers, &proxies);
        assert!(told.certain || proxies[0].contains(told.address.ip()), "who is not known has the address of a proxy");
        assert_eq!(Sender::read(stranger, &headers, &proxies), Sender::peer(stranger));

        let line = [lie.as_bytes(), b", ", entry.as_bytes()].concat();
        let mut one = HeaderMap::new();
        one.insert(name.clone(), HeaderValue::from_bytes(&line).expect("both were values"));
        headers.append(name, HeaderValue::from_static(entry));
        for headers in [one, headers] {
            let sender = Sender::read(proxy, &headers, &proxies);
            assert!(sender.certain && sender.address.ip().to_string() == "192.0.2.1", "{sender:?}");
        }
    }
});
