//! A failure of the National Weather Service is a tool error with its reason, never an empty success, and never a crash.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use weather_backend::{Nws, NwsSettings, Source};

use super::{
    harness::{Backend, text},
    nws_stub::{Answer, CALIFORNIA, FORECAST, POINT, Stub, gzip, ok, problem, redirect, reply},
};

const ALERTS: &str = "get_alerts";
const MIB: usize = 1 << 20;

async fn failure(stub: &Stub, tool: &str) -> String {
    failure_of(&Backend::start(stub.source()).await, tool).await
}

async fn failure_of(backend: &Backend, tool: &str) -> String {
    let arguments = match tool {
        ALERTS => json!({"state": "CA"}),
        _ => json!({"latitude": 40.7128, "longitude": -74.006}),
    };
    let result = backend.call(tool, arguments).await;
    assert_eq!(result["isError"], true, "{result}");
    assert_eq!(result.get("structuredContent"), None, "{result}");
    text(&result).to_owned()
}

#[tokio::test]
async fn each_problem_has_its_sentence() {
    for (step, status, kind, sentence) in [
        (POINT, 404, "InvalidPoint", "outside the United States"),
        (FORECAST, 404, "MarineForecastNotSupported", "lies at sea"),
        (FORECAST, 503, "ForecastMissingData", "lacks data"),
        (POINT, 400, "InvalidParameter", "(400: A title)"),
        (POINT, 403, "Forbidden", "(403)"),
        (FORECAST, 429, "RateLimitExceeded", "too many requests"),
        (FORECAST, 500, "UnexpectedProblem", "(500: A title)"),
        (FORECAST, 502, "BadGateway", "not available at the moment (502)"),
        (POINT, 504, "GatewayTimeout", "not available at the moment (504)"),
    ] {
        let stub = Stub::start().await;
        stub.on(step, [problem(status, kind, "A title")]);
        let said = failure(&stub, "get_forecast").await;
        assert!(said.contains(sentence), "{kind} reads: {said}");
    }
}

#[tokio::test]
async fn what_passes_by_itself_is_tried_three_times_and_the_rest_once() {
    for (status, tries) in [(429, 3), (502, 3), (503, 3), (504, 3), (400, 1), (403, 1), (404, 1), (500, 1), (501, 1)] {
        let stub = Stub::start().await;
        stub.on(CALIFORNIA, [reply(status, &[], b"")]);
        failure(&stub, ALERTS).await;
        assert_eq!(stub.paths(), vec![CALIFORNIA; tries], "{status}");
    }
}

#[tokio::test]
async fn a_refusal_that_passes_is_not_noticed() {
    let stub = Stub::start().await;
    let alerts = ok(&json!({"features": []}));
    stub.on(CALIFORNIA, [reply(429, &[("Retry-After", "0")], b""), reply(503, &[], b""), alerts]);
    let backend = Backend::start(stub.source()).await;
    let result = backend.call(ALERTS, json!({"state": "CA"})).await;
    assert_eq!(text(&result), "No active alerts for this state.");
    assert_eq!(stub.paths().len(), 3);
    assert!(backend.metrics.text().contains(r#"weather_nws_errors_total{kind="unavailable"} 0"#));
}

#[tokio::test]
async fn a_wait_beyond_the_deadline_is_not_begun_but_passed_on() {
    let stub = Stub::start().await;
    stub.on(CALIFORNIA, [reply(429, &[("Retry-After", "3600")], b"")]);
    let said = failure(&stub, ALERTS).await;
    assert!(said.contains("Try again in 1h."), "{said}");
    assert_eq!(stub.paths(), [CALIFORNIA]);
}

/// Both steps of a forecast ask us to wait three seconds. There is time for one of them, so the second is passed on: the deadline is
/// the call's, not the step's.
#[tokio::test]
async fn all_steps_and_retries_of_a_call_share_its_deadline() {
    let stub = Stub::start().await;
    let throttled = reply(429, &[("Retry-After", "3")], b"");
    let replies = |path: &str| [throttled.clone(), stub.scripted(path)];
    stub.on(POINT, replies(POINT));
    stub.on(FORECAST, replies(FORECAST));
    let settings = NwsSettings { deadline: Duration::from_millis(5900), ..stub.settings() };
    let backend = Backend::start(Source::Nws(Nws::new(&settings).unwrap())).await;
    let said = failure_of(&backend, "get_forecast").await;
    assert!(said.contains("(429). Try again in 3s."), "{said}");
}

#[tokio::test]
async fn a_connection_that_ends_before_a_reply_is_tried_again() {
    let stub = Stub::start().await;
    stub.on(CALIFORNIA, [Answer::Last(vec![]), Answer::Last(vec![]), ok(&json!({"features": []}))]);
    let backend = Backend::start(stub.source()).await;
    let result = backend.call(ALERTS, json!({"state": "CA"})).await;
    assert_eq!(text(&result), "No active alerts for this state.");
}

#[tokio::test]
async fn nobody_there_is_a_sentence() {
    // Bound, so that nobody else gets the port, and not listening.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let base_url = format!("http://{}", socket.local_addr().unwrap()).parse().unwrap();
    let settings = NwsSettings { base_url, first_wait: Duration::from_millis(1), ..NwsSettings::default() };
    let backend = Backend::start(Source::Nws(Nws::new(&settings).unwrap())).await;
    assert!(failure_of(&backend, ALERTS).await.contains("cannot be reached"));
    assert!(backend.metrics.text().contains(r#"weather_nws_errors_total{kind="unreachable"} 1"#));
}

/// Each of the three tries is given up after `connect_timeout`, long before the deadline of the call.
#[tokio::test]
async fn nobody_who_takes_the_connection_is_a_sentence_too() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    // the kernel keeps one connection for it and drops what asks for more
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let _kept = TcpStream::connect(address).await.unwrap();
    let base_url = format!("http://{address}").parse().unwrap();
    let settings = NwsSettings { base_url, first_wait: Duration::from_millis(1), ..NwsSettings::default() };
    let backend = Backend::start(Source::Nws(Nws::new(&settings).unwrap())).await;
    assert!(failure_of(&backend, ALERTS).await.contains("cannot be reached"));
    assert!(backend.metrics.text().contains(r#"weather_nws_errors_total{kind="unreachable"} 1"#));
}

#[tokio::test]
async fn a_service_that_does_not_answer_ends_at_the_deadline() {
    // time enough for the steps before the one that is not answered
    let deadline = Duration::from_secs(3);
    let mut stub = Stub::start().await;
    for (path, tool) in [(CALIFORNIA, ALERTS), (FORECAST, "get_forecast")] {
        stub.on(path, [Answer::Silence]);
        let settings = NwsSettings { deadline, ..stub.settings() };
        let backend = Backend::start(Source::Nws(Nws::new(&settings).unwrap())).await;
        let said = failure_of(&backend, tool).await;
        assert!(said.contains("took longer than 3s to answer"), "{said}");
        assert_eq!(stub.client_left().await, path, "the request has ended too");
    }
}

#[tokio::test]
async fn a_reply_that_stops_halfway_ends_at_the_deadline_too() {
    let stub = Stub::start().await;
    let start = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"features\":".to_vec();
    stub.on(CALIFORNIA, [Answer::Bytes(start)]);
    let settings = NwsSettings { deadline: Duration::from_millis(300), ..stub.settings() };
    let backend = Backend::start(Source::Nws(Nws::new(&settings).unwrap())).await;
    assert!(failure_of(&backend, ALERTS).await.contains("took longer than 300ms"));
}

#[tokio::test]
async fn a_redirect_to_another_origin_is_not_followed() {
    let (stub, other) = (Stub::start().await, Stub::start().await);
    for location in [
        format!("{}{CALIFORNIA}", other.base),
        other.base.replace("http:", ""),
        "https://127.0.0.1/".to_owned(),
        // The same host and port by another scheme; and ours as the user of another.
        stub.base.replace("http:", "https:"),
        other.base.replace("//", &format!("{}@", stub.base.replace("http:", ""))),
    ] {
        stub.on(CALIFORNIA, [redirect(301, &location)]);
        assert!(failure(&stub, ALERTS).await.contains("points to another server"), "{location}");
    }
    assert_eq!(other.paths(), [""; 0]);
}

#[tokio::test]
async fn a_forecast_address_on_another_origin_is_not_followed() {
    let other = Stub::start().await;
    for named in
        [format!("{}{FORECAST}", other.base), "file:///etc/passwd".to_owned(), "http://169.254.169.254/".to_owned()]
    {
        let stub = Stub::start().await;
        stub.on(POINT, [ok(&json!({"properties": {"forecast": named}}))]);
        assert!(failure(&stub, "get_forecast").await.contains("points to another server"), "{named}");
        assert_eq!(stub.paths(), [POINT]);
    }
    assert_eq!(other.paths(), [""; 0]);
}

#[tokio::test]
async fn a_user_and_password_that_a_reply_names_are_not_used() {
    let stub = Stub::start().await;
    let named = stub.base.replace("//", "//user:password@");
    stub.on(CALIFORNIA, [redirect(301, &format!("{named}/moved"))]);
    assert!(failure(&stub, ALERTS).await.contains("documented form (address)"));
    stub.on(POINT, [ok(&json!({"properties": {"forecast": format!("{named}{FORECAST}")}}))]);
    assert!(failure(&stub, "get_forecast").await.contains("documented form (address)"));
    assert_eq!(stub.paths(), [CALIFORNIA, POINT]);
}

#[tokio::test]
async fn redirects_in_circles_end_after_three() {
    let stub = Stub::start().await;
    stub.on(CALIFORNIA, [redirect(301, CALIFORNIA)]);
    assert!(failure(&stub, ALERTS).await.contains("redirects in circles"));
    assert_eq!(stub.paths(), [CALIFORNIA; 4]);
}

#[tokio::test]
async fn a_body_of_16_mib_is_read_and_a_larger_one_is_not() {
    let stub = Stub::start().await;
    let start = br#"{"features":[]}"#;
    let fits = [start.as_slice(), &vec![b' '; 16 * MIB - start.len()]].concat();
    stub.on(CALIFORNIA, [reply(200, &[], &fits)]);
    let backend = Backend::start(stub.source()).await;
    let result = backend.call(ALERTS, json!({"state": "CA"})).await;
    assert_eq!(text(&result), "No active alerts for this state.");

    stub.on(CALIFORNIA, [reply(200, &[], &[fits.as_slice(), b" "].concat())]);
    assert!(failure(&stub, ALERTS).await.contains("larger than 16 MiB"));
}

#[tokio::test]
async fn a_small_body_that_unpacks_to_a_huge_one_is_not_read() {
    let stub = Stub::start().await;
    let packed = gzip(&vec![0; 64 * MIB]);
    assert!(packed.len() < MIB);
    stub.on(CALIFORNIA, [reply(200, &[("Content-Encoding", "gzip")], &packed)]);
    assert!(failure(&stub, ALERTS).await.contains("larger than 16 MiB"));
}

#[tokio::test]
async fn garbage_is_a_sentence() {
    for (garbage, sentence) in [
        (reply(200, &[], b"<html>"), "documented form"),
        (reply(200, &[], b"\xff\xfe\x00"), "documented form"),
        (reply(200, &[], &b"[".repeat(100_000)), "documented form"),
        (reply(200, &[], b"{\"features\":{}}"), "documented form"),
        (reply(204, &[], b""), "(204: no title given)"),
        (reply(304, &[], b""), "(304: no title given)"),
        (reply(301, &[], b""), "documented form"),
        (reply(200, &[("Content-Encoding", "gzip")], b"no gzip"), "broke off, or could not be unpacked"),
        (Answer::Last(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"feat".to_vec()), "broke off"),
        (Answer::Last(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".to_vec()), "broke off"),
        (Answer::Last(b"SSH-2.0-OpenSSH_9.9\r\n".to_vec()), "cannot be reached"),
        (Answer::Last([0_u8; 4096].to_vec()), "cannot be reached"),
    ] {
        let stub = Stub::start().await;
        stub.on(CALIFORNIA, [garbage.clone()]);
        let said = failure(&stub, ALERTS).await;
        assert!(said.contains(sentence), "{garbage:?} reads: {said}");
    }
}

#[tokio::test]
async fn a_forecast_without_periods_is_no_forecast() {
    let stub = Stub::start().await;
    stub.on(FORECAST, [ok(&json!({"properties": {"periods": []}}))]);
    assert!(failure(&stub, "get_forecast").await.contains("lacks data"));
    stub.on(POINT, [ok(&json!({"properties": {"forecast": Value::Null}}))]);
    assert!(failure(&stub, "get_forecast").await.contains("documented form (point)"));
}
