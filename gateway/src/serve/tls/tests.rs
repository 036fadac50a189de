use super::*;
use crate::config::settings::ClientAuth;
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519};
use rustls::{SupportedProtocolVersion, version};
use tempfile::TempDir;

struct Files {
    dir: TempDir,
    key: KeyPair,
}

impl Files {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), key: KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap() }
    }

    fn certificate(&self, names: &[&str], not_before: (i32, u8, u8), not_after: (i32, u8, u8)) -> PathBuf {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = rcgen::date_time_ymd(not_before.0, not_before.1, not_before.2);
        params.not_after = rcgen::date_time_ymd(not_after.0, not_after.1, not_after.2);
        self.write("server.pem", &params.self_signed(&self.key).unwrap().pem())
    }

    fn good(&self) -> PathBuf {
        self.certificate(&["localhost"], (2020, 1, 1), (2120, 1, 1))
    }

    fn key(&self) -> PathBuf {
        self.write("server.key", &self.key.serialize_pem())
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let file = self.dir.path().join(name);
        std::fs::write(&file, text).unwrap();
        file
    }

    fn terms(&self, min: ProtocolVersion) -> Result<Terms, TlsError> {
        Terms::new(min, Identity::load(&self.good(), &self.key())?, Clients::load(&ClientAuth::Off)?)
    }

    fn refusal(&self, certificate: &Path, key: &Path) -> String {
        let sentence = Identity::load(certificate, key).unwrap_err().to_string();
        assert!(sentence.starts_with(&*self.dir.path().to_string_lossy()), "{sentence}");
        sentence
    }
}

fn day(n: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(n * 86_400)
}

#[test]
fn names_and_dates_are_the_certificates() {
    let files = Files::new();
    let names = ["MCP.Example.com", "*.example.com", "127.0.0.1", "::1"];
    let certificate = files.certificate(&names, (1970, 1, 11), (1970, 1, 21));
    let identity = Identity::load(&certificate, &files.key()).unwrap();
    assert_eq!(identity.names, ["mcp.example.com", "*.example.com", "127.0.0.1", "::1"]);
    assert_eq!((identity.not_before, identity.not_after), (day(10), day(20)));
    assert!(!identity.is_valid(day(9)) && identity.is_valid(day(15)) && !identity.is_valid(day(21)));
}

#[test]
fn every_failure_is_a_sentence_about_one_file() {
    let files = Files::new();
    let (good, key) = (files.good(), files.key());
    let other = Files::new();
    let pem = std::fs::read_to_string(&good).unwrap();
    let none = files.dir.path().join("none");
    let damaged = files.write("damaged", &pem.replace("-----END", "END"));
    let encrypted = files.write("encrypted", &files.key.serialize_pem().replace("PRIVATE", "ENCRYPTED PRIVATE"));
    let legacy = files.write(
        "legacy",
        "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END EC PRIVATE KEY-----\n",
    );
    let nonsense = files.write("nonsense", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    let no_x509 = files.write("no_x509", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    for (certificate, key, words) in [
        (&none, &key, "none: cannot be read"),
        (&good, &none, "none: cannot be read"),
        (&key, &key, "server.key: holds no certificate"),
        (&good, &good, "server.pem: holds no private key"),
        (&damaged, &key, "damaged: is damaged PEM"),
        (&good, &encrypted, "encrypted: the private key is encrypted"),
        (&good, &legacy, "legacy: the private key is encrypted"),
        (&good, &nonsense, "nonsense: the private key is of no usable kind"),
        (&no_x509, &key, "no_x509: its first certificate cannot be parsed"),
    ] {
        let sentence = files.refusal(certificate, key);
        assert!(sentence.contains(words), "{sentence}");
    }
    let foreign = files.write("foreign", &other.key.serialize_pem());
    let sentence = files.refusal(&good, &foreign);
    assert!(
        sentence.contains("foreign: does not belong to the first certificate in") && sentence.contains("server.pem"),
        "{sentence}"
    );
}

#[test]
fn authorities_are_refused_by_a_sentence_too() {
    let files = Files::new();
    let pem = std::fs::read_to_string(files.good()).unwrap();
    for (file, words) in [
        (files.dir.path().join("none"), "none: cannot be read"),
        (files.key(), "server.key: holds no certificate"),
        (files.good(), "server.pem: its certificate number 1 is no authority"),
        (files.write("damaged", &pem.replace("-----END", "END")), "damaged: is damaged PEM"),
    ] {
        for auth in [ClientAuth::Optional(file.clone()), ClientAuth::Required(file.clone())] {
            let error = Clients::load(&auth).unwrap_err();
            assert_eq!(error.file(), Some(&*file));
            assert!(error.to_string().contains(words), "{error}");
        }
    }
}

#[test]
fn nothing_but_what_was_promised_is_spoken() {
    let files = Files::new();
    let server = files.terms(ProtocolVersion::TLSv1_2).unwrap().server;
    assert_eq!(server.alpn_protocols, [b"h2".to_vec(), b"http/1.1".to_vec()]);
    assert_eq!((server.send_tls13_tickets, server.max_early_data_size), (1, 0));
    assert!(server.ticketer.enabled() && !server.session_storage.can_cache());
    let groups: Vec<_> = provider().kx_groups.iter().map(|group| format!("{:?}", group.name())).collect();
    assert_eq!(groups, ["X25519MLKEM768", "X25519", "secp256r1", "secp384r1"]);
    assert!(files.terms(ProtocolVersion::TLSv1_1).is_err());
}

#[test]
fn the_least_version_holds_in_a_handshake() {
    let files = Files::new();
    let certificate = files.good();
    for (min, client, meets) in [
        (ProtocolVersion::TLSv1_2, &version::TLS12, true),
        (ProtocolVersion::TLSv1_2, &version::TLS13, true),
        (ProtocolVersion::TLSv1_3, &version::TLS13, true),
        (ProtocolVersion::TLSv1_3, &version::TLS12, false),
    ] {
        let terms = files.terms(min).unwrap();
        assert_eq!(handshake(&terms, &certificate, client).is_ok(), meets, "{min:?} {client:?}");
    }
}

#[test]
fn other_kinds_of_key_work() {
    let files = Files { key: KeyPair::generate_for(&PKCS_ED25519).unwrap(), ..Files::new() };
    assert!(files.terms(ProtocolVersion::TLSv1_3).is_ok());
}

/// A whole handshake in memory.
fn handshake(terms: &Terms, ca: &Path, version: &'static SupportedProtocolVersion) -> Result<(), rustls::Error> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(&[version])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut client = rustls::ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap())?;
    let mut server = rustls::ServerConnection::new(terms.server.clone())?;
    while client.is_handshaking() || server.is_handshaking() {
        let mut wire = Vec::new();
        client.write_tls(&mut wire).unwrap();
        server.read_tls(&mut wire.as_slice()).unwrap();
        server.process_new_packets()?;
        let mut wire = Vec::new();
        server.write_tls(&mut wire).unwrap();
        client.read_tls(&mut wire.as_slice()).unwrap();
        client.process_new_packets()?;
    }
    Ok(())
}
