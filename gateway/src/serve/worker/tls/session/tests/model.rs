//! A session and a client of rustls' own, over any order of what they may do: either writes, or ends what it says, at any
//! point, before and amid the handshake too, and what they send comes in pieces of any size.

use super::*;
use crate::serve::worker::tls::LEAST;

#[derive(Clone, Debug)]
enum Step {
    /// The client says so much, renews its keys, or says that it has ended.
    Says(usize),
    Renews,
    Parts,
    /// So many bytes come from the client, and there is so much room for plaintext.
    Comes(usize, usize),
    /// So many bytes are taken by it.
    Takes(usize),
    /// The session is written to, or told to end.
    Writes(usize),
    Closes,
}

fn step() -> impl Strategy<Value = Step> {
    let bytes = || prop_oneof![3 => 1usize..40, 2 => 1usize..600, 2 => 600usize..40_000];
    prop_oneof![
        4 => bytes().prop_map(Step::Says),
        1 => Just(Step::Renews),
        1 => Just(Step::Parts),
        12 => (bytes(), bytes()).prop_map(|(bytes, room)| Step::Comes(bytes, room)),
        12 => bytes().prop_map(Step::Takes),
        4 => bytes().prop_map(Step::Writes),
        1 => Just(Step::Closes),
    ]
}

struct Pair {
    client: ClientConnection,
    session: Session,
    /// On its way to the session.
    way: Vec<u8>,
    said: Vec<u8>,
    read: Vec<u8>,
    told: Vec<u8>,
    heard: Vec<u8>,
    /// The client has said that it has ended, and whether that was after its handshake.
    parted: Option<bool>,
    /// The session has said so, and whether the client can tell.
    closed: Option<bool>,
    /// The client has heard it.
    over: bool,
}

impl Pair {
    fn new(version: &'static SupportedProtocolVersion) -> Self {
        let (server, client) = configs(version);
        let name = ServerName::try_from("localhost").unwrap();
        let client = ClientConnection::new(Arc::new(client), name).unwrap();
        let (way, said, read, told, heard) = Default::default();
        let session = Session::new(server).unwrap();
        Self { client, session, way, said, read, told, heard, parted: None, closed: None, over: false }
    }

    fn happens(&mut self, step: &Step) {
        match *step {
            Step::Says(bytes) if self.parted.is_none() => {
                let words: Vec<u8> = (self.said.len()..).take(bytes).map(|place| (place % 251) as u8).collect();
                let taken = self.client.writer().write(&words).unwrap();
                self.said.extend_from_slice(&words[..taken]);
            }
            Step::Renews if self.parted.is_none() && self.is_shaken(&version::TLS13) => {
                self.client.refresh_traffic_keys().unwrap();
            }
            Step::Parts if self.parted.is_none() => {
                self.parted = Some(!self.client.is_handshaking());
                self.client.send_close_notify();
            }
            Step::Comes(bytes, room) => self.comes(bytes, room),
            Step::Takes(bytes) => self.takes(bytes),
            Step::Writes(bytes) => self.writes(bytes),
            Step::Closes => {
                let tellable = !self.session.state().is_handshaking();
                self.session.close();
                self.closed.get_or_insert(tellable);
            }
            Step::Says(_) | Step::Renews | Step::Parts => {}
        }
        while self.client.wants_write() {
            self.client.write_tls(&mut self.way).unwrap();
        }
        assert!(self.said.starts_with(&self.read) && self.told.starts_with(&self.heard), "other words");
        assert!(self.session.error().is_none() || self.has_given_up(), "nobody has lied");
        assert!(self.session.ahead().len() <= LARGEST);
    }

    /// Whether the client has ended in its handshake: then they need not agree, and a session may say so.
    fn has_given_up(&self) -> bool {
        self.parted == Some(false)
    }

    fn is_shaken(&self, version: &SupportedProtocolVersion) -> bool {
        !self.client.is_handshaking() && self.client.protocol_version() == Some(version.version)
    }

    /// As it is read: what there is first, and nothing more once it has ended.
    fn comes(&mut self, bytes: usize, room: usize) {
        let mut space = vec![0; room];
        let mut room = ReadBuf::new(&mut space);
        if self.session.holds() {
            self.session.give(&mut room);
        } else if !self.session.has_ended() {
            let most = WHOLE.saturating_sub(self.session.ahead().len()).max(LEAST);
            let came: Vec<u8> = self.way.drain(..bytes.min(most).min(self.way.len())).collect();
            let mut records = [self.session.ahead(), &came].concat();
            self.session.receive(&mut records, &mut room);
        }
        self.read.extend_from_slice(room.filled());
    }

    fn takes(&mut self, bytes: usize) {
        let unsent = self.session.unsent().unwrap_or_default();
        let sent = unsent[..bytes.min(unsent.len())].to_vec();
        self.session.has_sent(sent.len());
        let mut left = &sent[..];
        while !left.is_empty() {
            self.client.read_tls(&mut left).unwrap();
            let processed = self.client.process_new_packets();
            assert!(processed.is_ok() || self.has_given_up(), "{processed:?}");
            let mut words = [0; 4096];
            while !self.over {
                match self.client.reader().read(&mut words) {
                    Ok(0) => self.over = true,
                    Ok(length) => self.heard.extend_from_slice(&words[..length]),
                    Err(cause) => {
                        assert!(cause.kind() == io::ErrorKind::WouldBlock || self.has_given_up(), "{cause}");
                        break;
                    }
                }
            }
        }
    }

    /// All of it, or nothing while nobody knows yet who could read it, or once it was said that nothing more comes.
    fn writes(&mut self, bytes: usize) {
        let words: Vec<u8> = (self.told.len()..).take(bytes).map(|place| (place % 241) as u8).collect();
        let (mut sealed, mut left) = (vec![0; SEALED], &words[..]);
        while !left.is_empty() {
            match self.session.seal(left, &mut sealed) {
                Ok((taken, written)) => {
                    assert!(taken > 0 && self.closed.is_none());
                    self.session.keep(&sealed[..written]);
                    left = &left[taken..];
                }
                Err(cause) => {
                    assert!(cause.kind() == io::ErrorKind::BrokenPipe || self.has_given_up(), "{cause}");
                    assert!(self.closed.is_some() || self.session.state().is_handshaking() || self.has_given_up());
                    assert_eq!(left.len(), words.len(), "a part of it is lost");
                    return;
                }
            }
        }
        self.told.extend_from_slice(&words);
    }

    /// What is on its way comes, whatever that takes.
    fn end(&mut self) {
        loop {
            let before = (self.way.len(), self.read.len(), self.session.unsent().map(<[u8]>::len));
            let held = self.session.holds();
            self.happens(&Step::Comes(usize::MAX, 5000));
            self.happens(&Step::Takes(usize::MAX));
            let after = (self.way.len(), self.read.len(), self.session.unsent().map(<[u8]>::len));
            if before == after && !held {
                break;
            }
        }
        if self.has_given_up() {
            return;
        }
        assert!(!self.client.is_handshaking() && !self.session.state().is_handshaking(), "they cannot agree");
        assert_eq!(self.read.len(), self.said.len(), "all that was said is read");
        assert_eq!(self.heard.len(), self.told.len(), "all that was written is heard");
        assert_eq!((self.session.has_ended(), self.over), (self.parted.is_some(), self.closed == Some(true)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_the_two_do_what_one_says_the_other_hears(steps in prop::collection::vec(step(), 1..120)) {
        for version in VERSIONS {
            let mut pair = Pair::new(version);
            steps.iter().for_each(|step| pair.happens(step));
            pair.end();
        }
    }
}
