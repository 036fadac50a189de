use super::session::tests::{VERSIONS, configs};
use super::*;
use proptest::prelude::*;
use rustls::pki_types::ServerName;
use rustls::{AlertDescription, ClientConnection, Error, SupportedProtocolVersion, version};
use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{Read, Write};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

proptest! {
    #[test]
    fn what_is_gathered_is_the_front_of_the_pieces(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..6),
        size in 1usize..60,
    ) {
        let all = pieces.concat();
        let slices: Vec<_> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
        let mut place = vec![0; size];
        let gathered = gather(&slices, &mut place);
        prop_assert!(all.starts_with(gathered));
        prop_assert!(gathered.len() >= all.len().min(size).min(1));
    }
}

/// A client of rustls' own at the other end of a socket.
pub(super) struct Client {
    pub(super) tls: RefCell<ClientConnection>,
    pub(super) socket: TcpStream,
}

/// How one client talks.
#[derive(Clone, Debug)]
pub(super) struct Manner {
    /// What it says, and what it is told, in pieces of so many bytes.
    says: Vec<usize>,
    told: Vec<usize>,
    /// How its records are cut, how much it reads at once, and how much the server does.
    cut: usize,
    takes: usize,
    room: usize,
    /// It renews its keys before each piece, where it can.
    renews: bool,
    /// It says that it has ended.
    parts: bool,
}

pub(super) fn manner() -> impl Strategy<Value = Manner> {
    let sizes = || prop::collection::vec(0usize..60_000, 1..5);
    (sizes(), sizes(), 40usize..5000, 40usize..20_000, 1usize..30_000, any::<bool>(), any::<bool>()).prop_map(
        |(says, told, cut, takes, room, renews, parts)| Manner { says, told, cut, takes, room, renews, parts },
    )
}

/// So many bytes, and no others are like these.
fn words(mark: u8, sizes: &[usize]) -> Vec<u8> {
    (0..sizes.iter().sum()).map(|place: usize| mark ^ (place % 251) as u8).collect()
}

/// Both ends of a connection after its handshake; the kernel holds little of what they say.
pub(super) async fn pair(version: &'static SupportedProtocolVersion, buffers: &Rc<Buffers>) -> (Tls, Client) {
    let (server, client) = configs(version);
    let [listener, socket] = [(); 2].map(|()| TcpSocket::new_v4().unwrap());
    listener.bind(([127, 0, 0, 1], 0).into()).unwrap();
    listener.set_send_buffer_size(4096).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let listener = listener.listen(1).unwrap();
    let (socket, accepted) = tokio::join!(socket.connect(listener.local_addr().unwrap()), listener.accept());
    let tls = ClientConnection::new(Arc::new(client), ServerName::try_from("localhost").unwrap()).unwrap();
    let mut client = Client { tls: RefCell::new(tls), socket: socket.unwrap() };
    let accepted = accepted.unwrap().0;
    accepted.set_nodelay(true).unwrap();
    let mut tls = Tls::new(server, accepted, buffers).unwrap();
    let (shaken, ()) = tokio::join!(poll_fn(|cx| tls.poll_handshake(cx)), client.handshake());
    shaken.unwrap();
    (tls, client)
}

impl Client {
    /// Byte by byte.
    async fn handshake(&mut self) {
        let mut byte = [0];
        loop {
            for byte in self.records() {
                self.socket.write_all(&[byte]).await.unwrap();
            }
            if !self.tls.get_mut().is_handshaking() {
                return;
            }
            self.socket.read_exact(&mut byte).await.unwrap();
            self.tls.get_mut().read_tls(&mut &byte[..]).unwrap();
            self.tls.get_mut().process_new_packets().unwrap();
        }
    }

    fn records(&self) -> Vec<u8> {
        let (mut tls, mut records) = (self.tls.borrow_mut(), Vec::new());
        while tls.wants_write() {
            tls.write_tls(&mut records).unwrap();
        }
        records
    }

    /// Says what it has to, and hears what it is told; true if that ended with notice.
    async fn talk(&mut self, mark: u8, manner: &Manner) -> (Vec<u8>, bool) {
        let Self { tls, socket } = self;
        let (tls, (mut reader, mut writer)) = (&*tls, socket.split());
        let says = async {
            let all = words(mark, &manner.says);
            let mut left = &all[..];
            for size in &manner.says {
                let (mut piece, rest) = left.split_at(*size);
                left = rest;
                if manner.renews && tls.borrow().protocol_version() == Some(version::TLS13.version) {
                    tls.borrow_mut().refresh_traffic_keys().unwrap();
                }
                while !piece.is_empty() {
                    let said = tls.borrow_mut().writer().write(piece).unwrap();
                    piece = &piece[said..];
                    send(tls, &mut writer, manner.cut).await;
                }
            }
            if manner.parts {
                tls.borrow_mut().send_close_notify();
            }
            send(tls, &mut writer, manner.cut).await;
            writer.shutdown().await.unwrap();
        };
        let hears = async {
            let (mut heard, mut space) = (Vec::new(), vec![0; manner.takes]);
            loop {
                let came = reader.read(&mut space).await.unwrap();
                let (mut records, mut tls) = (&space[..came], tls.borrow_mut());
                while tls.read_tls(&mut records).unwrap() > 0 {
                    tls.process_new_packets().unwrap();
                    let _ = tls.reader().read_to_end(&mut heard);
                }
                let told = tls.process_new_packets().unwrap();
                if came == 0 || told.peer_has_closed() {
                    return (heard, told.peer_has_closed());
                }
            }
        };
        tokio::join!(says, hears).1
    }
}

async fn send(tls: &RefCell<ClientConnection>, writer: &mut (impl AsyncWrite + Unpin), cut: usize) {
    let mut records = Vec::new();
    while tls.borrow().wants_write() {
        tls.borrow_mut().write_tls(&mut records).unwrap();
    }
    for piece in records.chunks(cut) {
        writer.write_all(piece).await.unwrap();
        tokio::task::yield_now().await;
    }
}

/// The server's side of it: what it reads to the end, and how that comes.
pub(super) async fn serve(stream: impl AsyncRead + AsyncWrite, mark: u8, manner: &Manner) -> (Vec<u8>, io::Result<()>) {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let reads = async {
        let (mut read, mut space) = (Vec::new(), vec![0; manner.room]);
        loop {
            match reader.read(&mut space).await {
                Ok(0) => return (read, Ok(())),
                Ok(came) => read.extend_from_slice(&space[..came]),
                Err(cause) => return (read, Err(cause)),
            }
        }
    };
    let writes = async {
        let all = words(mark, &manner.told);
        let mut left = &all[..];
        for size in &manner.told {
            let (mut piece, rest) = left.split_at(*size);
            left = rest;
            while !piece.is_empty() {
                let (head, body) = piece.split_at(piece.len().min(9));
                let taken = writer.write_vectored(&[IoSlice::new(head), IoSlice::new(body)]).await.unwrap();
                assert!(taken > 0);
                piece = &piece[taken..];
            }
            writer.flush().await.unwrap();
        }
        writer.shutdown().await.unwrap();
    };
    tokio::join!(reads, writes).0
}

pub(super) fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// How the server's side of a connection is served.
pub(super) trait Serving: AsyncFn(Tls, u8, &Manner) -> (Vec<u8>, io::Result<()>) {}
impl<F: AsyncFn(Tls, u8, &Manner) -> (Vec<u8>, io::Result<()>)> Serving for F {}

/// Both at once, through the same buffers, and neither hears a byte of the other.
pub(super) fn two_clients_hear_and_are_heard(one: &Manner, other: &Manner, serve: impl Serving) {
    for version in VERSIONS {
        let buffers = Rc::new(Buffers::new());
        let talked = block_on(async {
            let ((tls, mut client), (second, mut neighbour)) =
                tokio::join!(pair(version, &buffers), pair(version, &buffers));
            let first = async { tokio::join!(serve(tls, 1, one), client.talk(2, one)) };
            let second = async { tokio::join!(serve(second, 3, other), neighbour.talk(4, other)) };
            <[_; 2]>::from(tokio::join!(first, second))
        });
        for (((read, ended), (heard, told)), (manner, mark)) in talked.into_iter().zip([(one, 1), (other, 3)]) {
            assert!(heard == words(mark, &manner.told) && told, "it heard {} bytes", heard.len());
            assert!(read == words(mark + 1, &manner.says), "{} bytes were read", read.len());
            let end = (!manner.parts).then_some(io::ErrorKind::UnexpectedEof);
            assert_eq!(ended.map_err(|cause| cause.kind()).err(), end);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn however_they_talk(one in manner(), other in manner()) {
        two_clients_hear_and_are_heard(&one, &other, serve);
    }
}

#[test]
fn tickets_come_with_the_first_reply_or_with_the_end() {
    for replies in [true, false] {
        block_on(async {
            let (mut tls, mut client) = pair(&version::TLS13, &Rc::new(Buffers::new())).await;
            tls.flush().await.unwrap();
            let nothing = client.socket.try_read(&mut [0]).unwrap_err();
            assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
            if replies {
                tls.write_all(b"reply").await.unwrap();
                tls.flush().await.unwrap();
            } else {
                tls.shutdown().await.unwrap();
            }
            let (mut space, client_tls) = ([0; 4096], client.tls.get_mut());
            while client_tls.tls13_tickets_received() < 2 {
                let came = client.socket.read(&mut space).await.unwrap();
                assert!(came > 0, "{} tickets came", client_tls.tls13_tickets_received());
                client_tls.read_tls(&mut &space[..came]).unwrap();
                client_tls.process_new_packets().unwrap();
            }
        });
    }
}

/// The record is looked at only when there is room for what came before it.
#[test]
fn an_alert_leaves_for_a_record_behind_one_that_is_read_in_parts() {
    block_on(async {
        let (mut tls, mut client) = pair(&version::TLS13, &Rc::new(Buffers::new())).await;
        client.tls.get_mut().writer().write_all(&[7; 100]).unwrap();
        client.tls.get_mut().writer().write_all(b"words").unwrap();
        let mut records = client.records();
        *records.last_mut().unwrap() ^= 1;
        client.socket.write_all(&records).await.unwrap();
        for _ in 0..10 {
            let mut room = [0; 10];
            assert_eq!(tls.read(&mut []).await.unwrap(), 0);
            assert_eq!((tls.read(&mut room).await.unwrap(), room), (10, [7; 10]));
        }
        assert_eq!(tls.read(&mut [0; 10]).await.unwrap_err().kind(), io::ErrorKind::InvalidData);
        drop(tls);
        let mut said = Vec::new();
        client.socket.read_to_end(&mut said).await.unwrap();
        let (mut said, mut told) = (&said[..], Ok(()));
        while client.tls.get_mut().read_tls(&mut said).unwrap() > 0 {
            told = told.and(client.tls.get_mut().process_new_packets().map(|_| ()));
        }
        assert_eq!(told, Err(Error::AlertReceived(AlertDescription::BadRecordMac)));
    });
}
