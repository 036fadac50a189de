//! Questions to the running gateway's admin port, without a runtime, a shell or curl in the image.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// Longest wait for each of connect, write and read; container runtimes give a check some seconds.
const PATIENCE: Duration = Duration::from_secs(2);
/// Longest answer; ten thousand keys are a tenth of it.
const LONGEST: u64 = 32 << 20;

/// What the admin port answers.
pub(super) struct Answer {
    /// The status code, empty if it is no HTTP.
    pub(super) status: String,
    /// What follows the head.
    pub(super) body: Vec<u8>,
}

/// Where to ask: a listener on all addresses is on loopback too.
pub(super) fn reachable(admin: SocketAddr) -> SocketAddr {
    let loopback: IpAddr = if admin.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
    SocketAddr::new(if admin.ip().is_unspecified() { loopback } else { admin.ip() }, admin.port())
}

/// Asks `address` for `path`.
///
/// # Errors
/// Nobody there, or no whole answer in time.
pub(super) fn get(address: SocketAddr, path: &str) -> io::Result<Answer> {
    let mut connection = TcpStream::connect_timeout(&address, PATIENCE)?;
    connection.set_write_timeout(Some(PATIENCE))?;
    connection.set_read_timeout(Some(PATIENCE))?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    connection.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    connection.take(LONGEST).read_to_end(&mut answer)?;
    if answer.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let status = answer.get(..12).map(String::from_utf8_lossy).unwrap_or_default();
    let status = status.strip_prefix("HTTP/1.1 ").unwrap_or_default().to_owned();
    let body = memchr::memmem::find(&answer, b"\r\n\r\n").map_or(answer.len(), |end| end + 4);
    Ok(Answer { status, body: answer.split_off(body) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_all_addresses_is_asked_on_loopback() {
        for (admin, asked) in [("0.0.0.0:1", "127.0.0.1:1"), ("[::]:1", "[::1]:1"), ("10.1.2.3:1", "10.1.2.3:1")] {
            assert_eq!(reachable(admin.parse().unwrap()).to_string(), asked);
        }
    }
}
