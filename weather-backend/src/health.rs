//! Asking a running backend whether it is well, from the machine it runs on. An image needs no `curl` for it.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpStream, UnixStream},
    time::timeout,
};

use crate::Address;

const REQUEST: &[u8] = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// More than our own reply ever has.
const LIMIT: u64 = 4096;

/// Why a backend is not taken to be well.
#[derive(Debug, thiserror::Error)]
pub enum Unhealthy {
    /// No connection, or it broke.
    #[error("the weather backend at {address} cannot be asked: {error}")]
    Unreachable {
        /// Where it was asked.
        address: Address,
        /// What the operating system says.
        error: io::Error,
    },
    /// No answer in time.
    #[error("the weather backend at {address} did not answer within {}", humantime::format_duration(*.limit))]
    TooSlow {
        /// Where it was asked.
        address: Address,
        /// How long it had.
        limit: Duration,
    },
    /// Another answer than a healthy backend's.
    #[error("what answers at {address} is not a healthy weather backend; it said: {said}")]
    Odd {
        /// Where it was asked.
        address: Address,
        /// The first line of the answer.
        said: String,
    },
}

/// Asks the backend at `address` for `/health` and waits for the answer up to `limit`.
///
/// # Errors
/// [`Unhealthy`] unless a weather backend says that it is healthy.
pub async fn ask_health(address: &Address, limit: Duration) -> Result<(), Unhealthy> {
    let asked = async {
        match address {
            Address::Tcp(tcp) => answer(TcpStream::connect(tcp).await?).await,
            Address::Unix(path) => answer(UnixStream::connect(path).await?).await,
        }
    };
    let address = address.clone();
    let answer = match timeout(limit, asked).await {
        Err(_) => return Err(Unhealthy::TooSlow { address, limit }),
        Ok(Err(error)) => return Err(Unhealthy::Unreachable { address, error }),
        Ok(Ok(answer)) => answer,
    };
    if answer.starts_with("HTTP/1.1 200 ") && answer.contains(r#""status":"healthy""#) {
        return Ok(());
    }
    let said = answer.lines().next().unwrap_or("nothing").escape_debug().take(80).collect();
    Err(Unhealthy::Odd { address, said })
}

async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<String> {
    stream.write_all(REQUEST).await?;
    let mut answer = Vec::new();
    stream.take(LIMIT).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
