//! The backend's ends of all connections.

use super::Stream;
use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use tempfile::TempDir;

pub(super) struct Backend {
    _directory: TempDir,
    listener: UnixListener,
    connections: Vec<Connection>,
    /// By what the gateway has of them. A number is given anew once it is free.
    known: HashMap<RawFd, usize>,
}

struct Connection {
    /// Nothing once the backend has hung up.
    socket: Option<UnixStream>,
    /// The requests that are over.
    before: Vec<u8>,
    got: usize,
    /// Which task has a request on it.
    task: Option<usize>,
    /// Whether the last request that is over was asked whole.
    whole: bool,
    /// Whether anything was said that answers nothing.
    spoke: bool,
    /// Whether the gateway has hung up.
    left: bool,
}

impl Backend {
    pub(super) fn new() -> (Self, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("backend");
        let listener = UnixListener::bind(&path).unwrap();
        listener.set_nonblocking(true).unwrap();
        (Self { _directory: directory, listener, connections: Vec::new(), known: HashMap::new() }, path)
    }

    /// The connection that a task has begun, if it has.
    pub(super) fn accepts(&mut self, task: usize) -> Option<usize> {
        let (socket, _) = self.listener.accept().ok()?;
        socket.set_nonblocking(true).unwrap();
        self.connections.push(Connection {
            socket: Some(socket),
            before: Vec::new(),
            got: 0,
            task: Some(task),
            whole: true,
            spoke: false,
            left: false,
        });
        Some(self.connections.len() - 1)
    }

    /// The gateway's end of a connection.
    pub(super) fn knows(&mut self, stream: &Stream, connection: usize) {
        self.known.insert(descriptor(stream), connection);
    }

    /// A task has taken an idle connection: it has to be one on which everything is over and nothing has happened since.
    pub(super) fn take(&mut self, stream: &Stream, task: usize) -> usize {
        let number = self.known[&descriptor(stream)];
        let connection = &mut self.connections[number];
        assert!(connection.whole, "a connection with a request that is not whole is used again");
        assert!(connection.socket.is_some() && !connection.spoke && !connection.left);
        assert_eq!(connection.task.replace(task), None, "it is used already");
        number
    }

    /// A task has gone on to another connection: nobody was there any more, and nothing of its request can have come.
    pub(super) fn was_stale(&mut self, number: usize) {
        let connection = &mut self.connections[number];
        assert!(connection.socket.is_none(), "a request is repeated");
        (connection.task, connection.whole) = (None, false);
    }

    /// The request is over that was asked by `asked`, and so is its reply, in whatever way.
    pub(super) fn is_free(&mut self, number: usize, asked: Vec<u8>, whole: bool, spoke: bool) {
        let connection = &mut self.connections[number];
        connection.before.extend(asked);
        (connection.task, connection.whole) = (None, whole);
        connection.spoke |= spoke;
    }

    /// One of those that are idle.
    pub(super) fn idle(&self, nth: usize) -> Option<usize> {
        let idle = |(_, connection): &(usize, &Connection)| connection.task.is_none() && connection.socket.is_some();
        self.connections.iter().enumerate().filter(idle).map(|(number, _)| number).nth(nth)
    }

    /// Whether it could be said.
    pub(super) fn says(&mut self, number: usize, bytes: &[u8]) -> bool {
        let Some(mut socket) = self.connections[number].socket.as_ref() else { return false };
        socket.write_all(bytes).is_ok()
    }

    /// Says something that nobody has asked for.
    pub(super) fn speaks(&mut self, number: usize) {
        self.says(number, b"HTTP/1.1 200 OK\r\nx: stolen\r\ncontent-length: 6\r\n\r\nstolen");
        self.connections[number].spoke = true;
    }

    pub(super) fn closes(&mut self, number: usize) {
        self.connections[number].socket = None;
    }

    /// Whether the gateway has hung up; or nobody can tell, since the backend has.
    pub(super) fn is_left(&mut self, number: usize) -> bool {
        self.reads(number, &[], usize::MAX);
        self.connections[number].left || self.is_closed(number)
    }

    pub(super) fn is_closed(&self, number: usize) -> bool {
        self.connections[number].socket.is_none()
    }

    /// How much of what was asked it has not read.
    pub(super) fn unread(&self, number: usize, asked: &[u8]) -> usize {
        let connection = &self.connections[number];
        connection.before.len() + asked.len() - connection.got
    }

    /// Reads up to `most` bytes, which have to be what was asked.
    pub(super) fn reads(&mut self, number: usize, asked: &[u8], most: usize) {
        let connection = &mut self.connections[number];
        let Some(mut socket) = connection.socket.as_ref() else { return };
        let mut expected = [&connection.before[..], asked].concat();
        expected.drain(..connection.got);
        let mut buffer = vec![0; most.min(expected.len() + 1)];
        let mut at = 0;
        while at < buffer.len() {
            match socket.read(&mut buffer[at..]) {
                Ok(0) => connection.left = true,
                Ok(read) => {
                    at += read;
                    continue;
                }
                Err(cause) if cause.kind() == ErrorKind::ConnectionReset => connection.left = true,
                Err(cause) => assert_eq!(cause.kind(), ErrorKind::WouldBlock),
            }
            break;
        }
        assert!(expected.starts_with(&buffer[..at]), "the backend gets what nobody has asked");
        connection.got += at;
    }

    /// The gateway keeps this connection: all that was asked on it has come.
    pub(super) fn keeps(&mut self, stream: &Stream) {
        let number = self.known[&descriptor(stream)];
        self.reads(number, &[], usize::MAX);
        let connection = &self.connections[number];
        assert_eq!((connection.got, connection.left), (connection.before.len(), false), "bytes are owed");
        assert!(connection.whole && !connection.spoke && connection.task.is_none());
    }

    /// All connections but those that were kept have been closed.
    pub(super) fn ends(&mut self, kept: usize) {
        let mut open = 0;
        for number in 0..self.connections.len() {
            self.reads(number, &[], usize::MAX);
            let connection = &self.connections[number];
            open += usize::from(connection.socket.is_some() && !connection.left);
        }
        assert_eq!(open, kept, "a connection is kept that nobody has");
    }
}

fn descriptor(stream: &Stream) -> RawFd {
    match stream {
        Stream::Unix(stream) => stream.as_raw_fd(),
        Stream::Tcp(_) | Stream::Remote(_) => panic!("the backend is on a Unix socket"),
    }
}
