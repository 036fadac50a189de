//! `gateway healthcheck`: one question to the admin port, without a runtime, a shell or curl in the image.

use super::Failure;
use crate::config::Settings;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

/// Longest wait for each of connect, write and read; container runtimes give a check some seconds.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) fn run(config: &Path) -> Result<(), Failure> {
    let address = reachable(Settings::read(config)?.listen.admin);
    let status = ask(address).map_err(|e| Failure::ours(format!("no answer from the admin port {address}: {e}")))?;
    match status.as_str() {
        "200" => Ok(()),
        "" => Err(Failure::ours(format!("{address} does not answer as the admin port of a gateway does"))),
        status => Err(Failure::ours(format!("the gateway's admin port {address} answers /livez with {status}"))),
    }
}

/// Where to ask: a listener on all addresses is on loopback too.
fn reachable(admin: SocketAddr) -> SocketAddr {
    let loopback: IpAddr = if admin.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
    SocketAddr::new(if admin.ip().is_unspecified() { loopback } else { admin.ip() }, admin.port())
}

/// The status code of the answer, empty if it is no HTTP.
fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut connection = TcpStream::connect_timeout(&address, PATIENCE)?;
    connection.set_write_timeout(Some(PATIENCE))?;
    connection.set_read_timeout(Some(PATIENCE))?;
    let request = format!("GET /livez HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    connection.write_all(request.as_bytes())?;
    let mut line = [0; "HTTP/1.1 200".len()];
    connection.read_exact(&mut line)?;
    let line = String::from_utf8_lossy(&line);
    Ok(line.strip_prefix("HTTP/1.1 ").unwrap_or_default().to_owned())
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
