//! What is in the program's log, and what never is.

use rustix::process::Signal;
use serde_json::json;

use super::{
    harness::{MODERN, Reply, client, modern, request},
    nws_stub::{CALIFORNIA, Stub, problem, reply},
    program::{ANY_PORT, Program, blocking},
};

/// What the Service wants to know in a report of its errors is in the log; what a caller sent as a credential is not, even
/// at `trace`, whether it came through the gateway or not.
#[tokio::test]
async fn the_log_has_the_correlation_id_and_no_credential() {
    let stub = Stub::start().await;
    // In the body, and in a header of a reply whose body is none of the Service's own.
    let bare = reply(500, &[("X-Correlation-Id", "deca\tf")], b"<html>");
    stub.on(CALIFORNIA, [problem(500, "UnexpectedProblem", "Unexpected Problem"), bare]);
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
    for id in [r#""correlation_id":"c0ffee""#, r#""correlation_id":"deca f""#] {
        assert!(log.contains(id), "{id} is not in {log}");
    }
    assert!(!log.contains("hunter2"), "{}", log.lines().find(|line| line.contains("hunter2")).unwrap());
}
