mod model;

use super::*;
use crate::serve::tls::provider;
use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, UnboundKey};
use proptest::prelude::*;
use rcgen::KeyPair;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;
use rustls::crypto::cipher::{Nonce, make_tls13_aad};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, ConnectionTrafficSecrets, RootCertStore, SupportedProtocolVersion, version,
};
use std::io::{Read, Write};

pub(in crate::serve::worker::tls) const VERSIONS: [&SupportedProtocolVersion; 2] = [&version::TLS12, &version::TLS13];

/// A client of rustls' own, and the session; what one says is told the other by [`Talk::pass`].
struct Talk {
    client: ClientConnection,
    session: Session,
    /// What the session has read, and what the client has.
    read: Vec<u8>,
    heard: Vec<u8>,
    /// How its records are cut, and how much room there is for plaintext.
    cut: usize,
    room: usize,
}

/// Of a server, and of a client that knows it.
pub(in crate::serve::worker::tls) fn configs(
    version: &'static SupportedProtocolVersion,
) -> (Arc<ServerConfig>, ClientConfig) {
    let key = KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["localhost".into()]).unwrap().self_signed(&key).unwrap();
    let der = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let suites = CryptoProvider {
        cipher_suites: provider()
            .cipher_suites
            .into_iter()
            .filter(|suite| suite.tls13().is_none() || suite.suite() == TLS13_AES_128_GCM_SHA256.suite())
            .collect(),
        ..provider()
    };
    let provider = Arc::new(suites);
    let server = ServerConfig::builder_with_provider(provider.clone()).with_protocol_versions(&[version]).unwrap();
    let server = server.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], der).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[version]).unwrap();
    let mut client = client.with_root_certificates(roots).with_no_client_auth();
    client.enable_secret_extraction = true;
    (Arc::new(server), client)
}

impl Talk {
    /// After the handshake.
    fn new(version: &'static SupportedProtocolVersion, cut: usize, room: usize) -> Self {
        let (server, client) = configs(version);
        let name = ServerName::try_from("localhost").unwrap();
        let client = ClientConnection::new(Arc::new(client), name).unwrap();
        let mut talk =
            Self { client, session: Session::new(server).unwrap(), read: Vec::new(), heard: Vec::new(), cut, room };
        talk.pass();
        assert!(!talk.session.state().is_handshaking() && !talk.client.is_handshaking());
        talk
    }

    /// Until nobody has anything left to say.
    fn pass(&mut self) {
        loop {
            let said = self.session.unsent().unwrap_or_default().to_vec();
            self.session.has_sent(said.len());
            let mut left = &said[..];
            while !left.is_empty() {
                self.client.read_tls(&mut left).unwrap();
                self.client.process_new_packets().unwrap();
                self.hear();
            }
            let mut answer = Vec::new();
            while self.client.wants_write() {
                self.client.write_tls(&mut answer).unwrap();
            }
            if said.is_empty() && answer.is_empty() {
                return;
            }
            answer.chunks(self.cut).for_each(|piece| self.feed(piece));
        }
    }

    /// The session reads this.
    fn feed(&mut self, piece: &[u8]) {
        let mut space = vec![0; self.room];
        let mut records = [self.session.ahead(), piece].concat();
        let mut room = ReadBuf::new(&mut space);
        self.session.receive(&mut records, &mut room);
        self.read.extend_from_slice(room.filled());
        while self.session.holds() && self.room > 0 {
            room.clear();
            self.session.give(&mut room);
            self.read.extend_from_slice(room.filled());
        }
    }

    /// The session writes this.
    fn write(&mut self, mut plain: &[u8]) -> io::Result<()> {
        let mut sealed = vec![0; SEALED];
        while !plain.is_empty() {
            let (taken, written) = self.session.seal(plain, &mut sealed)?;
            self.session.keep(&sealed[..written]);
            plain = &plain[taken..];
        }
        Ok(())
    }

    /// The client reads; true at an end with notice.
    fn hear(&mut self) -> bool {
        let mut words = [0; 4096];
        loop {
            match self.client.reader().read(&mut words) {
                Ok(0) => return true,
                Ok(length) => self.heard.extend_from_slice(&words[..length]),
                Err(cause) => {
                    assert_eq!(cause.kind(), io::ErrorKind::WouldBlock);
                    return false;
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_one_says_the_other_hears_however_it_is_cut(
        cut in 1usize..3000,
        room in 1usize..40_000,
        sizes in prop::collection::vec(0usize..40_000, 1..4),
        renewed: bool,
    ) {
        for version in VERSIONS {
            let mut talk = Talk::new(version, cut, room);
            let mut said = Vec::new();
            for (round, size) in sizes.iter().enumerate() {
                let words = vec![round as u8; *size];
                talk.client.writer().write_all(&words).unwrap();
                said.extend_from_slice(&words);
                if renewed && *version == version::TLS13 {
                    talk.client.refresh_traffic_keys().unwrap();
                }
                talk.write(&words).unwrap();
                talk.pass();
            }
            prop_assert!(talk.read == said && talk.heard == said);
            talk.session.close();
            talk.client.send_close_notify();
            talk.pass();
            prop_assert!(talk.session.has_ended() && talk.session.error().is_none());
            prop_assert!(talk.hear());
        }
    }

    #[test]
    fn no_bytes_panic(junk in prop::collection::vec(any::<u8>(), 1..400), flipped: usize, shaken: bool, cut in 1usize..200) {
        for version in VERSIONS {
            let mut talk = Talk::new(version, cut, 4096);
            talk.client.writer().write_all(&[7; 500]).unwrap();
            talk.client.send_close_notify();
            let mut records = Vec::new();
            while talk.client.wants_write() {
                talk.client.write_tls(&mut records).unwrap();
            }
            if shaken {
                talk.session = Session::new(configs(version).0).unwrap();
            }
            let place = flipped % records.len();
            records[place] ^= 1 + (flipped % 255) as u8;
            for piece in records.chunks(cut).chain(junk.chunks(cut)) {
                talk.feed(piece);
                let _ = talk.write(b"more");
            }
            talk.session.close();
            prop_assert!(talk.read.iter().all(|byte| *byte == 7));
        }
    }
}

/// One record and one system call less for each connection.
#[test]
fn tickets_wait_for_what_is_sent_next() {
    let mut talk = Talk::new(&version::TLS13, 4096, 4096);
    assert!(talk.session.has_unsent() && talk.session.unsent().is_none());
    let tickets = talk.session.aside.unsent.clone();
    talk.write(b"reply").unwrap();
    assert!(talk.session.unsent().unwrap().starts_with(&tickets) && talk.client.tls13_tickets_received() == 0);
    talk.pass();
    assert_eq!((talk.client.tls13_tickets_received(), &talk.heard[..]), (2, &b"reply"[..]));

    let mut talk = Talk::new(&version::TLS13, 4096, 4096);
    talk.session.close();
    talk.pass();
    assert_eq!(talk.client.tls13_tickets_received(), 2, "it is never too late for them");
}

#[test]
fn an_end_without_notice_is_an_error_and_what_is_written_still_goes_out() {
    for version in VERSIONS {
        let mut talk = Talk::new(version, 100, 100);
        talk.session.breaks_off();
        assert!(talk.session.has_ended());
        assert_eq!(talk.session.error().unwrap().kind(), io::ErrorKind::UnexpectedEof);
        talk.write(b"late").unwrap();
        talk.pass();
        assert_eq!(talk.heard, b"late");
    }
}

#[test]
fn a_record_that_was_changed_ends_the_session_with_an_alert() {
    let mut talk = Talk::new(&version::TLS13, 4096, 4096);
    talk.client.writer().write_all(b"words").unwrap();
    let mut record = Vec::new();
    talk.client.write_tls(&mut record).unwrap();
    *record.last_mut().unwrap() ^= 1;
    talk.feed(&record);
    assert_eq!(talk.session.error().unwrap().kind(), io::ErrorKind::InvalidData);
    assert!(talk.write(b"more").is_err() && talk.read.is_empty());
    let alert = talk.session.unsent().unwrap().to_vec();
    talk.client.read_tls(&mut &alert[..]).unwrap();
    let told = talk.client.process_new_packets().unwrap_err();
    assert_eq!(told, Error::AlertReceived(rustls::AlertDescription::BadRecordMac));
}

/// A session with TLS 1.3 after its handshake, and what makes records of a handshake that it takes for its client's, by number.
fn forged() -> (Talk, impl Fn(u64, &[u8]) -> Vec<u8>) {
    let Talk { client, session, .. } = Talk::new(&version::TLS13, 4096, 4096);
    let secrets = client.dangerous_extract_secrets().unwrap();
    let (seq, ConnectionTrafficSecrets::Aes128Gcm { key, iv }) = secrets.tx else { panic!("the suite is chosen") };
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, key.as_ref()).unwrap());
    let record = move |number: u64, fragment: &[u8]| {
        let mut inner = [fragment, &[22]].concat(); // of a handshake
        let head = make_tls13_aad(inner.len() + AES_128_GCM.tag_len());
        let nonce = aws_lc_rs::aead::Nonce::assume_unique_for_key(Nonce::new(&iv, seq + number).0);
        key.seal_in_place_append_tag(nonce, Aad::from(head), &mut inner).unwrap();
        [&head[..], &inner].concat()
    };
    let (_, client) = configs(&version::TLS13);
    let client = ClientConnection::new(Arc::new(client), ServerName::try_from("localhost").unwrap()).unwrap();
    (Talk { client, session, read: Vec::new(), heard: Vec::new(), cut: 4096, room: 4096 }, record)
}

/// rustls keeps places in what it was shown for as long as a handshake message is not whole, and looks there again with
/// whatever comes next, a write too.
#[test]
fn a_write_amid_a_message_in_pieces_goes_out() {
    let (mut talk, record) = forged();
    // a key update that asks for one, RFC 8446, section 4.6.3
    for (number, piece) in [&[24, 0][..], &[0, 1], &[1]].into_iter().enumerate() {
        talk.feed(&record(number as u64, piece));
        assert!(talk.session.error().is_none());
        assert_eq!(talk.session.ahead().is_empty(), number == 2);
        talk.write(b"words").unwrap();
    }
}

/// After a handshake no message is long, and what a client has begun to send is kept for as long as it likes.
#[test]
fn a_message_that_does_not_end_is_not_kept() {
    let (mut talk, record) = forged();
    talk.feed(&record(0, &[24, 0, 0xff, 0xff]));
    for number in 1..64 {
        talk.feed(&record(number, &[0; 1000]));
        assert!(talk.session.ahead.capacity() <= WHOLE);
    }
    assert_eq!(talk.session.error().unwrap().kind(), io::ErrorKind::InvalidData);
    assert!(talk.session.ahead().is_empty() && talk.write(b"more").is_err());
}

/// rustls passes over empty ones, and counts them as read only with a message that follows.
#[test]
fn empty_handshake_records_are_passed_over() {
    let (mut talk, record) = forged();
    for number in 0..8 {
        talk.feed(&record(number, &[]));
        talk.write(b"words").unwrap();
    }
    talk.feed(&record(8, &[24, 0, 0, 1, 1]));
    assert!(talk.session.error().is_none() && talk.session.ahead().is_empty());
    talk.write(b"words").unwrap();
}

/// rustls would make records of it, which nobody expects behind the notice.
#[test]
fn nothing_is_sealed_behind_our_end() {
    for version in VERSIONS {
        let mut talk = Talk::new(version, usize::MAX, 100);
        talk.write(b"words").unwrap();
        talk.session.close();
        let before = talk.session.unsent().unwrap_or_default().to_vec();
        assert_eq!(talk.write(b"more").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        talk.session.close();
        assert_eq!(talk.session.unsent().unwrap_or_default(), before, "the end is told once");
        talk.pass();
        assert_eq!(talk.heard, b"words");
        talk.feed(&[]);
        assert!(talk.session.error().is_none());
    }
}
