//! `tls.client_auth`: with "required" nobody connects without a certificate that an authority in `tls.client_ca` has signed;
//! with "optional" one that is shown must be good. It comes beside the key, never in its place. The authorities may be
//! replaced while connections and streams run.

use crate::harness::certificates::{Certificates, NAMES};
use crate::harness::origin::ok;
use crate::harness::setup::Setup;
use crate::harness::{Ask, Gateway, Http1, Origin, Piece, eventually, within};
use rcgen::date_time_ymd;
use rustls::HandshakeKind;
use rustls::version::{TLS12, TLS13};
use serde_json::Value;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const FAILED: &str = "gateway_tls_handshakes_total{version=\"\",group=\"\",result=\"failed\"}";

fn with_authority(setup: Setup, auth: &str, authority: &Certificates) -> Setup {
    setup
        .settings(&format!("[tls]\nclient_auth = \"{auth}\"\nclient_ca = \"clients.pem\""))
        .file("clients.pem", &authority.ca)
}

/// Whether a client gets through to HTTP. Over TLS 1.3 it hears of a refusal only when it reads.
async fn gets_in(
    gateway: &Gateway,
    shown: Option<&Certificates>,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> bool {
    let config = Certificates::get().client_showing(shown, &["http/1.1"], versions);
    let Ok(mut io) = gateway.tls_as(config).await else { return false };
    let _ = io.write_all(&Ask::get("/none").bytes(&gateway.authority())).await;
    let mut status = *b"HTTP/1.1 404";
    let expected = status;
    within("an answer, or the end", io.read_exact(&mut status)).await.is_ok() && status == expected
}

#[tokio::test]
async fn if_it_is_required_and_only_a_good_one_if_not() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let (good, foreign) = (Certificates::other(&["agent"], |_| ()), Certificates::other(&["agent"], |_| ()));
    let over = Certificates::other(&["agent"], |client| client.not_after = date_time_ymd(2021, 1, 1));
    for (auth, without) in [("required", false), ("optional", true)] {
        let gateway = with_authority(Gateway::before(&origin), auth, &good).start().await;
        for versions in [&[&TLS13][..], &[&TLS12]] {
            assert!(gets_in(&gateway, Some(&good), versions).await, "{auth}");
            assert_eq!(gets_in(&gateway, None, versions).await, without, "{auth}");
            assert!(!gets_in(&gateway, Some(&foreign), versions).await, "{auth}");
        }
        let failed = if without { 2.0 } else { 4.0 };
        let counted = async || (gateway.metric(FAILED).await == Some(failed)).then_some(());
        eventually("failed handshakes are counted", counted).await;
        let config = Certificates::get().client_showing(Some(&good), &["http/1.1"], &[&TLS13]);
        let mut client = Http1::new(gateway.tls_as(config).await.unwrap(), gateway.authority());
        client.ask(&Ask::ping()).await.refuses(401, -32001, Value::Null);
        client.ask(&Ask::ping().key(&gateway.key().secret)).await.with(200);
    }
    let gateway = with_authority(Gateway::before(&origin), "optional", &over).start().await;
    assert!(!gets_in(&gateway, Some(&over), &[&TLS13]).await, "out of its time");
}

#[tokio::test]
async fn of_authorities_that_may_be_replaced() {
    let origin = Origin::start().await;
    let (old, new) = (Certificates::other(&["agent"], |_| ()), Certificates::other(&["agent"], |_| ()));
    let gateway = with_authority(Gateway::before(&origin), "required", &old).start().await;
    let showing = |shown| Arc::new(Certificates::get().client_showing(Some(shown), &["http/1.1"], &[&TLS13]));
    let (shows_old, shows_new) = (showing(&old), showing(&new));
    let mut client = Http1::new(gateway.tls_as(shows_old.clone()).await.unwrap(), gateway.authority());
    client.open(&Ask::ping().key(&gateway.key().secret)).await;
    let mut stream = origin.streams(client.head()).await;

    let ok = "gateway_config_reload_ok{file=\"client_ca\"}";
    let from = gateway.log.len();
    gateway.replace("clients.pem", &old.server);
    let line = gateway.log.wait("a warning", from, 1, |line| line["level"] == "WARN").await.remove(0);
    let sentence = "clients.pem: its certificate number 1 is no authority";
    assert!(line["message"].as_str().unwrap().starts_with(sentence), "{line}");
    eventually("it is seen in a scrape", async || (gateway.metric(ok).await == Some(0.0)).then_some(())).await;
    assert!(gets_in(&gateway, Some(&old), &[&TLS13]).await);

    let from = gateway.log.len();
    gateway.replace("clients.pem", &new.ca);
    gateway.said("reloaded the clients' authorities", from).await;
    assert_eq!(gateway.metric(ok).await, Some(1.0));
    assert!(gets_in(&gateway, Some(&new), &[&TLS13]).await);
    // its own tickets would not help it: there are none where certificates are shown
    assert!(!gets_in(&gateway, Some(&old), &[&TLS13]).await);
    for _ in 0..2 {
        let mut io = gateway.tls_as(shows_new.clone()).await.unwrap();
        assert_eq!(io.get_ref().1.handshake_kind(), Some(HandshakeKind::Full));
        io.write_all(&Ask::get("/none").bytes(&gateway.authority())).await.unwrap();
        within("an answer", io.read_u8()).await.unwrap();
    }
    stream.chunk("data: 1\n\n").await;
    assert_eq!(client.piece().await, Piece::Data(b"data: 1\n\n".to_vec()));

    // the gateway's own certificate is another matter, and changing it forgets no authority
    let next = Certificates::other(&NAMES, |_| ());
    let from = gateway.log.len();
    gateway.replace("server.key", &next.server_key);
    gateway.replace("server.pem", &next.server);
    gateway.said("reloaded the certificate", from).await;
    for (shown, comes) in [(&new, true), (&old, false)] {
        let config = next.client_showing(Some(shown), &["http/1.1"], &[&TLS12]);
        assert_eq!(gateway.tls_as(config).await.is_ok(), comes);
    }
}
