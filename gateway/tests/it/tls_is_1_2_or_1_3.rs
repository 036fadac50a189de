//! TLS 1.3 and 1.2, with a hybrid post-quantum key exchange where the client can; h2 or HTTP/1.1 by ALPN, HTTP/1.1 without
//! it. `tls.min_version = "1.3"` refuses 1.2. A handshake that does not end is given up.

use crate::harness::origin::ok;
use crate::harness::{Ask, Gateway, Http1, Http2, Origin, eventually};
use rustls::version::{TLS12, TLS13};
use rustls::{NamedGroup, ProtocolVersion};
use tokio::net::TcpStream;

#[tokio::test]
async fn both_versions_and_both_protocols() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let gateway = Gateway::before(&origin).start().await;
    for (version, expected, group) in [
        (&TLS13, ProtocolVersion::TLSv1_3, NamedGroup::X25519MLKEM768),
        (&TLS12, ProtocolVersion::TLSv1_2, NamedGroup::X25519),
    ] {
        for (offered, chosen) in [
            (&["h2", "http/1.1"][..], Some("h2")),
            (&["http/1.1", "h2"], Some("h2")),
            (&["h2"], Some("h2")),
            (&["http/1.1"], Some("http/1.1")),
            (&[], None),
        ] {
            let io = gateway.tls(offered, &[version]).await.unwrap();
            let session = io.get_ref().1;
            assert_eq!(session.protocol_version(), Some(expected));
            assert_eq!(session.negotiated_key_exchange_group().unwrap().name(), group);
            assert_eq!(session.alpn_protocol(), chosen.map(str::as_bytes), "{offered:?}");
            let ask = Ask::ping().key(&gateway.key().secret);
            match chosen {
                Some("h2") => Http2::new(io, gateway.authority()).await.ask(&ask).await.with(200),
                _ => Http1::new(io, gateway.authority()).ask(&ask).await.with(200),
            };
        }
    }
}

#[tokio::test]
async fn a_protocol_that_is_not_spoken_is_refused() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(&origin).start().await;
    let error = gateway.tls(&["h3"], &[&TLS13]).await.unwrap_err();
    assert!(error.to_string().contains("NoApplicationProtocol"), "{error}");
}

#[tokio::test]
async fn the_least_version_can_be_set() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let gateway = Gateway::before(&origin).settings("[tls]\nmin_version = \"1.3\"").start().await;
    let error = gateway.tls(&["http/1.1"], &[&TLS12]).await.unwrap_err();
    assert!(error.to_string().contains("ProtocolVersion"), "{error}");
    one_handshake(&gateway, "failed").await;
    let io = gateway.tls(&["http/1.1"], &[&TLS13, &TLS12]).await.unwrap();
    assert_eq!(io.get_ref().1.protocol_version(), Some(ProtocolVersion::TLSv1_3));
}

#[tokio::test]
async fn a_handshake_that_does_not_end_is_given_up() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(&origin).settings("[limits]\nhandshake_timeout = \"200ms\"").start().await;
    let silent = TcpStream::connect(gateway.public).await.unwrap();
    Http1::new(silent, gateway.authority()).closed("a client that does not speak").await;
    one_handshake(&gateway, "timeout").await;
}

async fn one_handshake(gateway: &Gateway, result: &str) {
    let series = format!("gateway_tls_handshakes_total{{version=\"\",group=\"\",result=\"{result}\"}}");
    let counted = async || gateway.metric(&series).await.filter(|count| *count > 0.0);
    assert_eq!(eventually("the handshake is counted", counted).await, 1.0);
}
