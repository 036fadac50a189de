//! One connection to the upstream.

use hyper_rustls::MaybeHttpsStream;
use hyper_util::rt::TokioIo;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

/// A connection, whatever carries it.
pub(super) enum Stream {
    /// Loopback TCP.
    Tcp(TcpStream),
    /// A Unix socket.
    Unix(UnixStream),
    /// Another machine, by TLS or without.
    Remote(Box<TokioIo<MaybeHttpsStream<TokioIo<TcpStream>>>>),
}

impl Stream {
    /// Reads what is there.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Stream::Tcp(stream) => Pin::new(stream).poll_read(cx, buffer),
            Stream::Unix(stream) => Pin::new(stream).poll_read(cx, buffer),
            Stream::Remote(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }

    /// Writes what fits.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Stream::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Stream::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
            Stream::Remote(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    /// Pushes out what TLS still holds; sockets hold nothing.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Stream::Tcp(_) | Stream::Unix(_) => Poll::Ready(Ok(())),
            Stream::Remote(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    /// Whether an idle connection can still be used: silent and open, as far as the kernel has told. Costs no system
    /// call while nothing has happened on the socket.
    pub(super) fn is_quiet(&mut self) -> bool {
        let mut byte = [0; 1];
        let read = match self {
            Stream::Tcp(stream) => stream.try_read(&mut byte),
            Stream::Unix(stream) => stream.try_read(&mut byte),
            Stream::Remote(stream) => {
                let mut cx = Context::from_waker(std::task::Waker::noop());
                return Pin::new(stream).poll_read(&mut cx, &mut ReadBuf::new(&mut byte)).is_pending();
            }
        };
        read.is_err_and(|cause| cause.kind() == io::ErrorKind::WouldBlock)
    }
}
