//! Either signal ends the program in order: running calls finish, up to a deadline; a second signal ends it at once.

use std::net::TcpStream;

use rustix::process::Signal;
use serde_json::json;

use super::{
    harness::text,
    nws_stub::{Answer, CALIFORNIA, Stub, ok},
    program::{ANY_PORT, Program, blocking, call_in_background, get},
};

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
