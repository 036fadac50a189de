//! The program: its arguments, sockets, signals and exit codes.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    os::{
        fd::OwnedFd,
        unix::net::{UnixDatagram, UnixListener, UnixStream},
    },
    path::Path,
    process::{Child, ChildStderr, Command, Output, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::{
    harness::{MODERN, Reply, client, modern, request, text},
    nws_stub::{Answer, CALIFORNIA, Stub, ok, problem},
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_weather-backend");
const ANY_PORT: &str = "127.0.0.1:0";

/// The program while it runs; it is killed when this is dropped.
struct Program {
    child: Child,
    log: BufReader<ChildStderr>,
}

impl Program {
    /// Starts it with a log in JSON, and waits until it listens `sockets` times; gives the addresses.
    fn start(arguments: &[&str], sockets: usize) -> (Self, Vec<String>) {
        Self::run(Command::new(PROGRAM).args(arguments), sockets)
    }

    /// The same, by a command of the test's own.
    fn run(command: &mut Command, sockets: usize) -> (Self, Vec<String>) {
        let mut child = command.args(["--log-format", "json"]).stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let mut program = Self { child, log };
        let addresses = (0..sockets).map(|_| program.logged("listening")["address"].as_str().unwrap().to_owned());
        let addresses = addresses.collect();
        (program, addresses)
    }

    /// Waits for the log line with this message.
    fn logged(&mut self, message: &str) -> Value {
        loop {
            let mut line = String::new();
            assert!(self.log.read_line(&mut line).unwrap() > 0, "the log ended before {message:?}");
            let line: Value = serde_json::from_str(&line).unwrap();
            if line["message"] == message {
                return line;
            }
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end, and gives the exit code and the rest of the log.
    fn ended(mut self) -> (i32, String) {
        let mut rest = String::new();
        self.log.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code().unwrap(), rest)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(arguments: &[&str]) -> (i32, Output) {
    let output = Command::new(PROGRAM).args(arguments).output().unwrap();
    (output.status.code().unwrap(), output)
}

fn refused(arguments: &[&str], code: i32, sentence: &str) {
    let (ended, output) = run(arguments);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains(sentence), "{arguments:?} reads: {said}");
    assert_eq!(ended, code, "{said}");
}

fn get(stream: impl Read + Write, path: &str) -> String {
    exchange(stream, &format!("GET {path} HTTP/1.1\r\n"), "")
}

fn exchange(mut stream: impl Read + Write, head: &str, body: &str) -> String {
    let length = body.len();
    write!(stream, "{head}Host: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// The command that starts the program as systemd does: with a listening socket, and where to say that it is ready.
fn under_systemd(socket: OwnedFd, ear: &Path) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", r#"LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" "$@" 3<&0 </dev/null"#, PROGRAM]);
    command.stdin(socket).env("NOTIFY_SOCKET", ear);
    command
}

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

#[test]
fn an_address_that_others_reach_is_refused_with_64() {
    for address in ["0.0.0.0:0", "[::]:0", "10.0.0.1:8081"] {
        refused(&["--listen", address, "--source", "sample"], 64, "no authentication, so it listens on loopback only");
        let both = ["--listen", ANY_PORT, "--metrics-listen", address, "--source", "sample"];
        refused(&both, 64, "is not a loopback address");
    }
}

#[test]
fn arguments_that_are_no_good_are_refused_with_64() {
    let dir = tempfile::tempdir().unwrap();
    let no_pem = dir.path().join("ca.pem");
    std::fs::write(&no_pem, "nothing").unwrap();
    let no_pem = no_pem.to_str().unwrap();
    for (arguments, sentence) in [
        (["--listen", "example.com:80"], "it is not an address"),
        (["--sauce", "sample"], "--sauce"),
        (["--source", "noaa"], "possible values: nws, sample"),
        (["--drain-timeout", "soon"], "--drain-timeout"),
        (["--nws-base-url", "https://user:hunter2@api.weather.gov"], "must not hold a user name or password"),
        (["--nws-contact", "a\nb"], "--nws-contact: the contact must be"),
        (["--nws-ca", "/nonexistent/ca.pem"], "--nws-ca /nonexistent/ca.pem: the file cannot be read"),
        (["--nws-ca", no_pem], "holds no PEM certificate"),
    ] {
        refused(&arguments, 64, sentence);
    }
    let (_, output) = run(&["--nws-base-url", "https://user:hunter2@api.weather.gov"]);
    assert!(!String::from_utf8(output.stderr).unwrap().contains("hunter2"));
}

#[test]
fn help_has_examples_and_version_is_the_package_s() {
    let (code, output) = run(&["--help"]);
    let help = String::from_utf8(output.stdout).unwrap();
    assert!(code == 0 && help.contains("Examples:\n  weather-backend "), "{help}");
    let (code, output) = run(&["--version"]);
    assert_eq!((code, output.stdout), (0, format!("weather-backend {}\n", env!("CARGO_PKG_VERSION")).into_bytes()));
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
fn either_signal_ends_it_with_0() {
    for (signal, name) in [(Signal::TERM, "SIGTERM"), (Signal::INT, "SIGINT")] {
        let (program, addresses) = Program::start(&["--source", "sample", "--listen", ANY_PORT], 1);
        assert!(get(TcpStream::connect(&addresses[0]).unwrap(), "/health").starts_with("HTTP/1.1 200 OK"));
        program.signal(signal);
        let (code, log) = program.ended();
        assert_eq!(code, 0, "{log}");
        assert!(log.contains(name) && log.contains(r#""message":"stopped""#), "{log}");
    }
}

#[tokio::test]
async fn a_running_call_is_finished_before_the_end() {
    let stub = Stub::start().await;
    let (held, permission) = ok(&json!({"features": []})).held();
    stub.on(CALIFORNIA, [held]);
    let arguments = ["--listen", ANY_PORT, "--nws-base-url", &stub.base, "--nws-contact", "ops@example.com"];
    let (mut program, addresses) = Program::start(&arguments, 1);
    let running = call_in_background(&addresses[0]);
    stub.asked_times(1).await;
    program.signal(Signal::TERM);
    let program = blocking(move || {
        program.logged("stopping: no new connections, running calls may finish");
        program
    });
    let program = program.await;
    permission.notify_one();
    assert_eq!(text(&running.await.unwrap().result()), "No active alerts for this state.");
    assert_eq!(blocking(move || program.ended()).await.0, 0);
}

#[tokio::test]
async fn the_drain_deadline_ends_what_still_runs_with_0() {
    let stub = Stub::start().await;
    stub.on(CALIFORNIA, [Answer::Silence]);
    let arguments = ["--listen", ANY_PORT, "--nws-base-url", &stub.base, "--drain-timeout", "50ms"];
    let (program, addresses) = Program::start(&arguments, 1);
    let running = call_in_background(&addresses[0]);
    stub.asked_times(1).await;
    program.signal(Signal::TERM);
    assert!(text(&running.await.unwrap().result()).contains("is stopping"));
    assert_eq!(blocking(move || program.ended()).await.0, 0);
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let stub = Stub::start().await;
    stub.on(CALIFORNIA, [Answer::Silence]);
    let (mut program, addresses) = Program::start(&["--listen", ANY_PORT, "--nws-base-url", &stub.base], 1);
    let running = call_in_background(&addresses[0]);
    stub.asked_times(1).await;
    program.signal(Signal::TERM);
    let (code, log) = blocking(move || {
        program.logged("stopping: no new connections, running calls may finish");
        program.signal(Signal::INT);
        program.ended()
    })
    .await;
    assert_eq!(code, 1, "{log}");
    assert!(log.contains("a second signal"), "{log}");
    running.abort();
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

/// What the Service wants to know in a report of its errors is in the log; what a caller sent as a credential is not, even
/// at `trace`, whether it came through the gateway or not.
#[tokio::test]
async fn the_log_has_the_correlation_id_and_no_credential() {
    let stub = Stub::start().await;
    stub.on(CALIFORNIA, [problem(500, "UnexpectedProblem", "Unexpected Problem")]);
    let arguments = ["--listen", ANY_PORT, "--nws-base-url", &stub.base, "--log-level", "trace"];
    let (program, addresses) = Program::start(&arguments, 1);
    let call = json!({"name": "get_alerts", "arguments": {"state": "CA"}});
    for call in [call.clone(), modern(call)] {
        let mut posted = client()
            .post(format!("http://{}/mcp", addresses[0]))
            .header("accept", "application/json, text/event-stream")
            .header("content-type", "application/json");
        if call["_meta"].is_object() {
            let modern = [("mcp-protocol-version", MODERN), ("mcp-method", "tools/call"), ("mcp-name", "get_alerts")];
            posted = modern.into_iter().fold(posted, |posted, (name, value)| posted.header(name, value));
        }
        for name in ["x-api-key", "authorization", "cookie"] {
            posted = posted.header(name, "hunter2");
        }
        let reply = Reply::read(posted.body(request("tools/call", call).to_string()).send().await.unwrap()).await;
        assert_eq!(reply.result()["isError"], true);
    }
    program.signal(Signal::TERM);
    let (_, log) = blocking(move || program.ended()).await;
    assert!(log.contains(r#""correlation_id":"c0ffee""#), "{log}");
    assert!(!log.contains("hunter2"), "{}", log.lines().find(|line| line.contains("hunter2")).unwrap());
}

fn call_in_background(address: &str) -> tokio::task::JoinHandle<Reply> {
    let call = json!({"name": "get_alerts", "arguments": {"state": "CA"}});
    let posted = client()
        .post(format!("http://{address}/mcp"))
        .header("accept", "application/json, text/event-stream")
        .header("content-type", "application/json")
        .body(request("tools/call", call).to_string());
    tokio::spawn(async move { Reply::read(posted.send().await.unwrap()).await })
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}
