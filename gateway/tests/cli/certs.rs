//! `certs new`: a private authority and a server certificate that strict clients accept, and its renewal.

use crate::home::Home;
use gateway::serve::tls::{Identity, provider};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use x509_parser::prelude::{FromDer, X509Certificate};

fn identity(home: &Home) -> Identity {
    Identity::load(&home.file("server.pem"), &home.file("server.key")).unwrap()
}

fn trusts(home: &Home, name: &str) -> bool {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(home.file("ca.pem")).unwrap()).unwrap();
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::new(provider())).build().unwrap();
    let server = CertificateDer::from_pem_file(home.file("server.pem")).unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    verifier.verify_server_cert(&server, &[], &name, &[], UnixTime::now()).is_ok()
}

fn extensions(home: &Home, file: &str) -> Vec<String> {
    let der = CertificateDer::from_pem_file(home.file(file)).unwrap();
    let (_, certificate) = X509Certificate::from_der(&der).unwrap();
    let mut oids: Vec<_> = certificate.extensions().iter().map(|extension| extension.oid.to_id_string()).collect();
    oids.sort();
    oids
}

fn mode(home: &Home, file: &str) -> u32 {
    std::fs::metadata(home.file(file)).unwrap().permissions().mode() & 0o777
}

#[test]
fn the_certificate_is_for_localhost_unless_named() {
    let home = Home::empty();
    home.run(&["certs", "new", "--out", "deep/certs"]).good();
    for file in ["ca.pem", "ca.key", "server.pem", "server.key"] {
        std::fs::rename(home.file(&format!("deep/certs/{file}")), home.file(file)).unwrap();
    }
    assert_eq!(identity(&home).names, ["localhost", "127.0.0.1", "::1"]);
    assert!(["localhost", "127.0.0.1", "::1"].iter().all(|name| trusts(&home, name)));
    assert!(!trusts(&home, "other.example"));
    assert_eq!((mode(&home, "server.key"), mode(&home, "ca.key")), (0o600, 0o600));
}

#[test]
fn names_and_days_are_as_given() {
    let home = Home::empty();
    let arguments =
        ["certs", "new", "--out", ".", "--name", "MCP.example.com", "--name", "*.example.org,10.0.0.7", "--days", "30"];
    home.run(&arguments).good();
    let identity = identity(&home);
    assert_eq!(identity.names, ["mcp.example.com", "*.example.org", "10.0.0.7"]);
    let now = SystemTime::now();
    assert!(identity.not_before <= now - Duration::from_secs(3_590), "backdated for clocks that are behind");
    let days = identity.not_after.duration_since(now).unwrap().as_secs() / 86_400;
    assert_eq!(days, 29);
    assert!(trusts(&home, "mcp.example.com") && trusts(&home, "a.example.org") && trusts(&home, "10.0.0.7"));
}

/// OpenSSL's strict mode, which Python 3.13 turned on: key identifiers on both, key usage and constraints on the CA.
#[test]
fn what_strict_clients_ask_for_is_there() {
    let home = Home::empty();
    home.run(&["certs", "new", "--out", "."]).good();
    let (subject_key, usage, names, constraints, authority_key, extended) =
        ("2.5.29.14", "2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.35", "2.5.29.37");
    assert_eq!(extensions(&home, "ca.pem"), [subject_key, usage, constraints, authority_key]);
    assert_eq!(extensions(&home, "server.pem"), [subject_key, usage, names, constraints, authority_key, extended]);
}

/// A gateway that runs as another user reads the key by its group; a renewal must not lock it out.
#[test]
fn a_group_that_may_read_the_key_may_read_the_renewed_one() {
    let home = Home::empty();
    home.run(&["certs", "new", "--out", ".", "--group-readable"]).good();
    assert_eq!((mode(&home, "server.key"), mode(&home, "ca.key")), (0o640, 0o600));
    home.run(&["certs", "new", "--out", "."]).good();
    assert_eq!((mode(&home, "server.key"), mode(&home, "ca.key")), (0o640, 0o600));
    std::fs::set_permissions(home.file("server.key"), std::fs::Permissions::from_mode(0o666)).unwrap();
    home.run(&["certs", "new", "--out", "."]).good();
    assert_eq!(mode(&home, "server.key"), 0o640, "never more than the group's right to read");
    std::fs::set_permissions(home.file("server.key"), std::fs::Permissions::from_mode(0o400)).unwrap();
    home.run(&["certs", "new", "--out", "."]).good();
    assert_eq!(mode(&home, "server.key"), 0o600);
}

#[test]
fn a_second_run_renews_under_the_same_authority() {
    let home = Home::empty();
    home.run(&["certs", "new", "--out", "."]).good();
    let (ca, server, key) = (home.read("ca.pem"), home.read("server.pem"), home.read("server.key"));
    let ran = home.run(&["certs", "new", "--out", ".", "--name", "new.example"]);
    ran.good();
    assert!(ran.stderr.contains("renewing under the existing CA"), "{}", ran.stderr);
    assert_eq!(home.read("ca.pem"), ca);
    assert!(home.read("server.pem") != server && home.read("server.key") != key);
    assert_eq!(identity(&home).names, ["new.example"]);
    assert!(trusts(&home, "new.example"));
}

#[test]
fn nothing_is_replaced_that_could_not_be_made_again() {
    let home = Home::complete();
    let other = Home::complete();
    let refused = |words: &str| {
        let ran = home.run(&["certs", "new", "--out", "."]);
        ran.refused(64, words);
        assert!(ran.stderr.contains("--force replaces everything"), "{}", ran.stderr);
    };
    let ca_key = home.read("ca.key");
    std::fs::remove_file(home.file("ca.key")).unwrap();
    refused("ca.pem: exists, and without both ca.pem and ca.key nothing can be renewed");
    home.write("ca.key", &other.read("ca.key"));
    refused("ca.key: is not the key of ca.pem");
    home.write("ca.key", "nothing");
    refused("ca.key: holds no key");
    home.write("ca.key", &ca_key);
    home.write("server.pem", &other.read("server.pem"));
    refused("server.pem: was not issued by ca.pem");
    home.run(&["certs", "new", "--out", ".", "--force"]).good();
    assert!(trusts(&home, "localhost"));
}

#[test]
fn what_cannot_be_made_is_refused() {
    let home = Home::empty();
    home.run(&["certs", "new", "--out", ".", "--name", "https://example.com"])
        .refused(64, "not a host name or IP address");
    home.run(&["certs", "new", "--out", "gateway.toml/x"]).refused(64, "gateway.toml/x: cannot be made");
    home.run(&["certs", "new", "--out", ".", "--days", "3650"]).good();
    home.run(&["certs", "new", "--out", "/proc/none"]).refused(64, "/proc/none: cannot be made");
}
