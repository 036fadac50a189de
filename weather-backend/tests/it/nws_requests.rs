//! What is sent to the National Weather Service, and that its replies become answers.

use std::sync::Arc;

use serde_json::json;
use tokio::net::TcpListener;
use tokio_rustls::{TlsAcceptor, rustls};
use weather_backend::{Nws, NwsSettings, Source};

use super::{
    harness::{Backend, text},
    nws_stub::{CALIFORNIA, FORECAST, POINT, Stub, gzip, ok, redirect, reply},
};

fn new_york() -> serde_json::Value {
    json!({"latitude": 40.712_800_01, "longitude": -74.0060})
}

#[tokio::test]
async fn a_forecast_takes_two_requests_with_the_headers_the_service_wants() {
    let stub = Stub::start().await;
    let backend = Backend::start(stub.source()).await;
    let result = backend.call("get_forecast", new_york()).await;
    assert!(text(&result).starts_with("Today:\nTemperature: 71°F\n"), "{result}");
    assert!(!text(&result).contains("sample"), "{result}");
    assert_eq!(result["structuredContent"]["source"], "nws");
    assert_eq!(stub.paths(), [POINT, FORECAST]);
    for asked in stub.asked() {
        assert_eq!(asked.headers["accept"], "application/geo+json");
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(asked.headers["user-agent"], format!("weather-backend/{version} (ops@example.com)"));
        assert_eq!(asked.headers["accept-encoding"], "gzip");
    }
    let counted = backend.metrics.text();
    for endpoint in ["points", "forecast"] {
        let series = format!("weather_nws_request_duration_seconds_count{{endpoint=\"{endpoint}\"}} 1\n");
        assert!(counted.contains(&series), "{series} is not in\n{counted}");
    }
}

#[tokio::test]
async fn a_point_is_rounded_and_has_neither_trailing_zeros_nor_a_negative_zero() {
    let stub = Stub::start().await;
    let backend = Backend::start(stub.source()).await;
    for (latitude, longitude) in [(38.500_04, -97.0), (-0.000_01, 144.75), (21.309_949_9, -157.858_15)] {
        backend.call("get_forecast", json!({"latitude": latitude, "longitude": longitude})).await;
    }
    assert_eq!(stub.paths(), ["/points/38.5,-97", "/points/0,144.75", "/points/21.3099,-157.8582"]);
}

#[tokio::test]
async fn alerts_are_asked_for_by_area_in_upper_case() {
    let stub = Stub::start().await;
    let backend = Backend::start(stub.source()).await;
    let result = backend.call("get_alerts", json!({"state": "ca"})).await;
    assert!(text(&result).starts_with("Event: Gale Warning\nArea: Unknown\nSeverity: Severe\n"), "{result}");
    assert_eq!(stub.paths(), [CALIFORNIA]);
}

#[tokio::test]
async fn an_area_without_alerts_is_told_in_one_sentence() {
    let stub = Stub::start().await;
    stub.on(CALIFORNIA, [ok(&json!({"features": []}))]);
    let backend = Backend::start(stub.source()).await;
    let result = backend.call("get_alerts", json!({"state": "CA"})).await;
    assert_eq!(text(&result), "No active alerts for this state.");
    assert_eq!(result["structuredContent"], json!({"state": "CA", "total": 0, "alerts": [], "source": "nws"}));
}

#[tokio::test]
async fn a_base_url_may_have_a_path() {
    let stub = Stub::start().await;
    let settings = NwsSettings { base_url: format!("{}/nws", stub.base).parse().unwrap(), ..stub.settings() };
    let backend = Backend::start(Source::Nws(Nws::new(&settings).unwrap())).await;
    backend.call("get_alerts", json!({"state": "CA"})).await;
    assert_eq!(stub.paths(), ["/nws/alerts/active/area/CA"]);
}

#[tokio::test]
async fn a_compressed_reply_is_read() {
    let stub = Stub::start().await;
    stub.on(CALIFORNIA, [reply(200, &[("Content-Encoding", "gzip")], &gzip(br#"{"features":[]}"#))]);
    let backend = Backend::start(stub.source()).await;
    let result = backend.call("get_alerts", json!({"state": "CA"})).await;
    assert_eq!(text(&result), "No active alerts for this state.");
}

#[tokio::test]
async fn redirects_on_the_same_origin_are_followed_up_to_three() {
    let stub = Stub::start().await;
    stub.on(CALIFORNIA, [redirect(301, "/a")]);
    stub.on("/a", [redirect(302, "b")]);
    stub.on("/b", [redirect(308, &format!("{}/c", stub.base))]);
    stub.on("/c", [ok(&json!({"features": []}))]);
    let backend = Backend::start(stub.source()).await;
    let result = backend.call("get_alerts", json!({"state": "CA"})).await;
    assert_eq!(text(&result), "No active alerts for this state.");
    assert_eq!(stub.paths(), [CALIFORNIA, "/a", "/b", "/c"]);
}

/// The Service's certificate is verified: by the bundled roots, and by those in the file that was given.
#[tokio::test]
async fn a_private_authority_is_trusted_only_if_it_was_given() {
    let (authority, acceptor) = authority();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (stub, served) = Stub::new(format!("https://{}", listener.local_addr().unwrap()));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, served) = (acceptor.clone(), served.clone());
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    served.connection(stream).await;
                }
            });
        }
    });
    let without = Backend::start(stub.source()).await;
    let result = without.call("get_alerts", json!({"state": "CA"})).await;
    assert_eq!(result["isError"], true);
    assert!(text(&result).contains("cannot be reached"), "{result}");
    assert_eq!(stub.paths(), [""; 0]);

    let settings = NwsSettings { ca_pem: Some(authority.into_bytes()), ..stub.settings() };
    let with = Backend::start(Source::Nws(Nws::new(&settings).unwrap())).await;
    let result = with.call("get_alerts", json!({"state": "CA"})).await;
    assert!(text(&result).contains("Gale Warning"), "{result}");
}

/// An authority as PEM, and a server with a certificate of it for 127.0.0.1.
fn authority() -> (String, TlsAcceptor) {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
    let (ca_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut ca = CertificateParams::new(vec![]).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_pem = ca.self_signed(&ca_key).unwrap().pem();
    let server = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = server.signed_by(&key, &Issuer::new(ca, ca_key)).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(rustls::crypto::aws_lc_rs::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    (ca_pem, TlsAcceptor::from(Arc::new(config)))
}
