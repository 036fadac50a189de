//! The sockets that the program listens on: its own or a service manager's, TCP or Unix, and a third one for metrics.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    os::{
        fd::OwnedFd,
        unix::net::{UnixDatagram, UnixListener, UnixStream},
    },
    path::Path,
    process::Command,
    time::Duration,
};

use rustix::process::Signal;
use serde_json::json;

use super::{
    harness::request,
    program::{ANY_PORT, PROGRAM, Program, exchange, get, refused, run},
};

#[test]
fn a_socket_that_was_handed_over_is_served() {
    let dir = tempfile::tempdir().unwrap();
    let (path, ear) = (dir.path().join("mcp.sock"), dir.path().join("notify"));
    let heard = UnixDatagram::bind(&ear).unwrap();
    let tcp = TcpListener::bind(ANY_PORT).unwrap();
    let tcp_address = tcp.local_addr().unwrap();
    let unix = UnixListener::bind(&path).unwrap();
    let unix_address = format!("unix:{}", path.display());
    for (socket, address) in
        [(OwnedFd::from(tcp), tcp_address.to_string()), (OwnedFd::from(unix), unix_address.clone())]
    {
        let mut command = under_systemd(socket, &ear);
        let (program, listens) = Program::run(command.args(["--source", "sample", "--listen", &address]), 1);
        assert_eq!(listens, [address.as_str()]);
        let said = || {
            let mut text = [0; 64];
            let length = heard.recv(&mut text).unwrap();
            String::from_utf8_lossy(&text[..length]).into_owned()
        };
        assert_eq!(said(), "READY=1");
        let answer = match address.strip_prefix("unix:") {
            None => get(TcpStream::connect(tcp_address).unwrap(), "/health"),
            Some(path) => get(UnixStream::connect(path).unwrap(), "/health"),
        };
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        program.signal(Signal::TERM);
        assert_eq!(said(), "STOPPING=1");
        assert_eq!(program.ended().0, 0);
    }
    assert!(path.exists(), "the file is that of whoever made the socket");
}

#[test]
fn a_socket_that_was_not_asked_for_is_refused_with_64() {
    let dir = tempfile::tempdir().unwrap();
    for elsewhere in ["0.0.0.0:0", ANY_PORT] {
        let mut command = under_systemd(TcpListener::bind(elsewhere).unwrap().into(), &dir.path().join("nobody"));
        let output = command.args(["--source", "sample", "--listen", ANY_PORT]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{said}");
        assert!(said.contains("and --listen is another address"), "{said}");
    }
}

/// The command that starts the program as systemd does: with a listening socket, and where to say that it is ready.
fn under_systemd(socket: OwnedFd, ear: &Path) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", r#"LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" "$@" 3<&0 </dev/null"#, PROGRAM]);
    command.stdin(socket).env("NOTIFY_SOCKET", ear);
    command
}

#[test]
fn a_port_that_is_taken_is_a_sentence_and_1() {
    let taken = std::net::TcpListener::bind(ANY_PORT).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let sentence = format!("{address} is taken: another program listens there.");
    refused(&["--listen", &address, "--source", "sample"], 1, &sentence);
    refused(&["--listen", ANY_PORT, "--metrics-listen", &address, "--source", "sample"], 1, &sentence);
}

#[test]
fn a_unix_socket_is_served_asked_for_health_and_removed_at_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mcp.sock");
    let address = format!("unix:{}", path.display());
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let (program, addresses) = Program::start(&["--source", "sample", "--listen", &address], 1);
    assert_eq!(addresses, [address.as_str()]);
    assert!(get(UnixStream::connect(&path).unwrap(), "/").contains("Secure Weather MCP Server"));
    let head =
        "POST /mcp HTTP/1.1\r\nAccept: application/json, text/event-stream\r\nContent-Type: application/json\r\n";
    let call = request("tools/call", json!({"name": "get_alerts", "arguments": {"state": "CA"}}));
    assert!(exchange(UnixStream::connect(&path).unwrap(), head, &call.to_string()).contains("Red Flag Warning"));
    assert_eq!(run(&["healthcheck", "--listen", &address]).0, 0);
    refused(&["--source", "sample", "--listen", &address], 1, "is taken");
    program.signal(Signal::TERM);
    assert_eq!(program.ended().0, 0);
    assert!(!path.exists());
    refused(&["healthcheck", "--listen", &address], 1, "cannot be asked");
}

#[test]
fn healthcheck_is_0_only_for_a_healthy_backend() {
    let (program, addresses) = Program::start(&["--source", "sample", "--listen", ANY_PORT], 1);
    assert_eq!(run(&["healthcheck", "--listen", &addresses[0]]).0, 0);
    drop(program);
    refused(&["healthcheck", "--listen", &addresses[0]], 1, "cannot be asked");
    refused(&["healthcheck", "--listen", "192.0.2.1:80"], 64, "is not a loopback address");

    let other = std::net::TcpListener::bind(ANY_PORT).unwrap();
    let address = other.local_addr().unwrap().to_string();
    let silent = ["healthcheck", "--listen", &address, "--timeout", "50ms"];
    refused(&silent, 1, "did not answer within 50ms");
    let answers = std::thread::spawn(move || {
        // The first in the queue is the one that gave up above.
        for _ in 0..2 {
            let (mut stream, _) = other.accept().unwrap();
            let _ = stream.read(&mut [0; 512]);
            let _ = stream.write_all(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n");
        }
    });
    refused(&["healthcheck", "--listen", &address], 1, "it said: HTTP/1.1 503 No");
    answers.join().unwrap();
}

#[test]
fn metrics_are_on_a_port_of_their_own_and_only_if_asked_for() {
    let ports = ["--source", "sample", "--listen", ANY_PORT, "--metrics-listen", ANY_PORT];
    let (_program, addresses) = Program::start(&ports, 2);
    let answers: Vec<String> =
        addresses.iter().map(|address| get(TcpStream::connect(address).unwrap(), "/metrics")).collect();
    assert_eq!(answers.iter().filter(|answer| answer.contains("\nweather_tool_calls_total{")).count(), 1);
    assert_eq!(answers.iter().filter(|answer| answer.starts_with("HTTP/1.1 404")).count(), 1);
    assert!(answers.iter().any(|answer| answer.contains("content-type: text/plain; version=0.0.4")));
}

/// Shells and container engines set a low one, for programs that select(). Here each of more connections than it allows is
/// answered while all the others stay open.
#[test]
fn the_soft_limit_of_open_files_does_not_hold() {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", r#"ulimit -Sn 40 && exec "$0" "$@""#, PROGRAM, "--source", "sample", "--listen", ANY_PORT]);
    let (_program, listens) = Program::run(&mut command, 1);
    let mut open = Vec::new();
    for number in 0..100 {
        let mut connection = TcpStream::connect(&listens[0]).unwrap();
        connection.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        write!(connection, "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let mut answer = [0; 12];
        connection.read_exact(&mut answer).unwrap_or_else(|error| panic!("connection {number}: {error}"));
        assert_eq!(&answer, b"HTTP/1.1 200");
        open.push(connection);
    }
}
