//! The program as its users run it: its arguments, its log, signals and the exit code.

use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Child, ChildStderr, Command, Output, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::harness::{Reply, client, request};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_weather-backend");
pub(crate) const ANY_PORT: &str = "127.0.0.1:0";

/// The program while it runs; it is killed when this is dropped.
pub(crate) struct Program {
    child: Child,
    log: BufReader<ChildStderr>,
}

impl Program {
    /// Starts it with a log in JSON, and waits until it listens `sockets` times; gives the addresses.
    pub(crate) fn start(arguments: &[&str], sockets: usize) -> (Self, Vec<String>) {
        Self::run(Command::new(PROGRAM).args(arguments), sockets)
    }

    /// The same, by a command of the test's own.
    pub(crate) fn run(command: &mut Command, sockets: usize) -> (Self, Vec<String>) {
        let mut child = command.args(["--log-format", "json"]).stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let mut program = Self { child, log };
        let addresses = (0..sockets).map(|_| program.logged("listening")["address"].as_str().unwrap().to_owned());
        let addresses = addresses.collect();
        (program, addresses)
    }

    /// Waits for the log line with this message.
    pub(crate) fn logged(&mut self, message: &str) -> Value {
        loop {
            let mut line = String::new();
            assert!(self.log.read_line(&mut line).unwrap() > 0, "the log ended before {message:?}");
            let line: Value = serde_json::from_str(&line).unwrap();
            if line["message"] == message {
                return line;
            }
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end, and gives the exit code and the rest of the log.
    pub(crate) fn ended(mut self) -> (i32, String) {
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

pub(crate) fn run(arguments: &[&str]) -> (i32, Output) {
    let output = Command::new(PROGRAM).args(arguments).output().unwrap();
    (output.status.code().unwrap(), output)
}

pub(crate) fn refused(arguments: &[&str], code: i32, sentence: &str) {
    let (ended, output) = run(arguments);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains(sentence), "{arguments:?} reads: {said}");
    assert_eq!(ended, code, "{said}");
}

pub(crate) fn get(stream: impl Read + Write, path: &str) -> String {
    exchange(stream, &format!("GET {path} HTTP/1.1\r\n"), "")
}

pub(crate) fn exchange(mut stream: impl Read + Write, head: &str, body: &str) -> String {
    let length = body.len();
    write!(stream, "{head}Host: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

pub(crate) fn call_in_background(address: &str) -> tokio::task::JoinHandle<Reply> {
    let call = json!({"name": "get_alerts", "arguments": {"state": "CA"}});
    let posted = client()
        .post(format!("http://{address}/mcp"))
        .header("accept", "application/json, text/event-stream")
        .header("content-type", "application/json")
        .body(request("tools/call", call).to_string());
    tokio::spawn(async move { Reply::read(posted.send().await.unwrap()).await })
}

pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}
