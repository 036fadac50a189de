//! Questions to the running gateway's admin port, without a runtime, a shell or curl in the image.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Longest wait for each of connect, write and the whole answer; container runtimes give a check some seconds.
const PATIENCE: Duration = Duration::from_secs(2);
/// Longest answer; ten thousand keys are a tenth of it.
const LONGEST: usize = 32 << 20;

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
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    connection.write_all(request.as_bytes())?;
    let mut answer = whole(connection)?;
    let status = answer.get(..12).map(String::from_utf8_lossy).unwrap_or_default();
    let status = status.strip_prefix("HTTP/1.1 ").unwrap_or_default().to_owned();
    let body = memchr::memmem::find(&answer, b"\r\n\r\n").map_or(answer.len(), |end| end + 4);
    Ok(Answer { status, body: answer.split_off(body) })
}

/// All that is said until the other side has said it. It may be anybody: who says a byte now and then for ever is not waited
/// for either.
fn whole(mut connection: TcpStream) -> io::Result<Vec<u8>> {
    let (begin, mut answer, mut part) = (Instant::now(), Vec::new(), [0; 64 << 10]);
    loop {
        let left = PATIENCE.checked_sub(begin.elapsed()).filter(|left| !left.is_zero());
        connection.set_read_timeout(Some(left.ok_or(ErrorKind::TimedOut)?))?;
        match connection.read(&mut part) {
            Ok(0) if answer.is_empty() => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(0) => return Ok(answer),
            Ok(_) if answer.len() > LONGEST => return Err(ErrorKind::FileTooLarge.into()),
            Ok(length) => answer.extend_from_slice(part.get(..length).unwrap_or_default()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
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
