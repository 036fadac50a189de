//! A user who asks gets the tools, the progress and the answer, in that order, in every revision of MCP.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::sync::Mutex;
use std::sync::mpsc;

use serde_json::json;

use crate::binary::{KEY, client, run};
use crate::mcp;
use crate::origin::{Origin, Reply, Request};

fn sunny(request: &Request, reply: &mut Reply<'_>) {
    reply.json(&mcp::text(request, "Tonight: clear, 12 F"));
}

#[test]
fn a_forecast_comes_in_every_revision() {
    let modern = ["server/discover", "tools/list", "tools/call"];
    let legacy = ["initialize", "notifications/initialized", "tools/list", "tools/call"];
    for (protocol, calls) in [("auto", &modern[..]), ("2026-07-28", &modern[..]), ("2025-11-25", &legacy[..])] {
        let server = mcp::server(sunny);
        let ended = run(&mut client(&server.url("/mcp"), &["--protocol", protocol, "forecast", "40.7128", "-74.006"]));
        let ended = ended.with(0).says(&["tools: get_alerts, get_forecast"]);
        assert_eq!(ended.stdout, "Tonight: clear, 12 F\n");
        assert_eq!(server.calls(), calls, "{protocol}");
        let seen = server.seen();
        assert!(seen.iter().all(|request| request.header("x-api-key") == Some(KEY)));
        assert_eq!(
            seen.last().unwrap().json()["params"]["arguments"],
            json!({"latitude": 40.7128, "longitude": -74.006})
        );
    }
}

#[test]
fn auto_finds_out_that_a_server_knows_no_discovery() {
    // As servers of 2025 answer it: in plain text, or with an error whose id is not ours.
    for (status, headers, body) in [
        (400, "content-type: text/plain", "Bad Request: no session"),
        (
            404,
            "content-type: application/json",
            r#"{"jsonrpc":"2.0","id":"server-error","error":{"code":-32601,"message":"?"}}"#,
        ),
    ] {
        let server = Origin::start(move |request, reply| match request.rpc().as_str() {
            "server/discover" => reply.whole(status, &[headers], body),
            _ => mcp::answer(request, reply, &[], &sunny),
        });
        run(&mut client(&server.url("/mcp"), &["alerts", "CA"])).with(0);
        assert_eq!(
            server.calls(),
            ["server/discover", "initialize", "notifications/initialized", "tools/list", "tools/call"]
        );
        assert_eq!(server.seen().last().unwrap().json()["params"]["arguments"], json!({"state": "CA"}));
    }
}

#[test]
fn tools_are_listed_with_their_parameters() {
    let server = mcp::server(sunny);
    let ended = run(&mut client(&server.url("/mcp"), &["tools"])).with(0);
    assert_eq!(
        ended.stdout,
        "get_alerts(state)\n    Active weather alerts of a state.\n\
         get_forecast(latitude, longitude)\n    The forecast for a place.\n"
    );
    assert_eq!(ended.stderr, "");
}

#[test]
fn a_list_of_tools_may_have_pages_but_must_end() {
    let page = |request: &Request, next: Option<&str>| {
        let place = usize::from(next.is_none());
        let mut list = json!({"tools": [mcp::tools()[place]], "ttlMs": 0, "cacheScope": "private"});
        if let Some(cursor) = next {
            list["nextCursor"] = json!(cursor);
        }
        mcp::result_for(request, &list)
    };
    let paged = Origin::start(move |request, reply| match request.rpc().as_str() {
        "tools/list" if request.json()["params"]["cursor"] == "more" => reply.json(&page(request, None)),
        "tools/list" => reply.json(&page(request, Some("more"))),
        _ => mcp::answer(request, reply, &[], &sunny),
    });
    run(&mut client(&paged.url("/mcp"), &["forecast", "1", "2"])).with(0).says(&["tools: get_alerts, get_forecast"]);

    let endless = Origin::start(move |request, reply| match request.rpc().as_str() {
        "tools/list" => reply.json(&page(request, Some("more"))),
        _ => mcp::answer(request, reply, &[], &sunny),
    });
    run(&mut client(&endless.url("/mcp"), &["tools"])).with(1).says(&["list of tools does not end"]);
}

#[test]
fn progress_is_shown_while_the_call_runs() {
    let (go_on, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let server = mcp::server(move |request, reply| {
        reply.stream(&[]);
        reply.event(&mcp::progress(request, 1, "looking up the place"));
        // The answer is held back until the test has seen the progress on stderr.
        wait.lock().unwrap().recv().unwrap();
        reply.event(&mcp::text(request, "done"));
        reply.end();
    });
    let mut child = client(&server.url("/mcp"), &["alerts", "CA"]).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(stderr.next().unwrap(), "tools: get_alerts, get_forecast");
    assert_eq!(stderr.next().unwrap(), "[1/2] looking up the place");
    go_on.send(()).unwrap();
    let mut stdout = String::new();
    child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
    assert_eq!((stdout.as_str(), child.wait().unwrap().code()), ("done\n", Some(0)));
}

#[test]
fn progress_never_comes_after_the_result() {
    let server = mcp::server(|request, reply| {
        let mut events: Vec<_> = (0..200).map(|step| mcp::progress(request, step, "step")).collect();
        events.push(mcp::text(request, "the result"));
        reply.stream(&[]);
        reply.events(&events);
        reply.end();
    });
    let both = tempfile::NamedTempFile::new().unwrap();
    let mut command = client(&server.url("/mcp"), &["alerts", "CA"]);
    command.stdout(both.reopen().unwrap()).stderr(append(both.path()));
    // One file, two descriptors: both append, so the order is that of the writes.
    command.stdout(append(both.path()));
    assert!(command.status().unwrap().success());
    let printed = fs::read_to_string(both.path()).unwrap();
    let mut expected = vec!["tools: get_alerts, get_forecast".to_owned()];
    expected.extend((0..200).map(|step| format!("[{step}/2] step")));
    expected.push("the result".to_owned());
    assert_eq!(printed.lines().collect::<Vec<_>>(), expected);
}

fn append(path: &std::path::Path) -> fs::File {
    fs::OpenOptions::new().append(true).open(path).unwrap()
}

#[test]
fn a_session_is_kept_and_given_back() {
    let server = Origin::start(|request, reply| match request.method() {
        "POST" => mcp::answer(request, reply, &["mcp-session-id: s-1"], &sunny),
        _ => reply.whole(405, &["allow: POST"], ""),
    });
    run(&mut client(&server.url("/mcp"), &["--protocol", "2025-11-25", "alerts", "CA"])).with(0);
    let seen = server.seen();
    let (first, rest) = seen.split_first().unwrap();
    assert_eq!(first.header("mcp-session-id"), None);
    assert!(rest.iter().all(|request| request.header("mcp-session-id") == Some("s-1")));
    assert!(seen.iter().all(|request| request.header("x-api-key") == Some(KEY)));
    assert_eq!(seen.last().unwrap().method(), "DELETE");
}

#[test]
fn the_end_of_a_key_is_announced_once() {
    let header = "x-api-key-expires: 2026-12-01T00:00:00Z";
    let server = Origin::start(move |request, reply| {
        mcp::answer(request, reply, &[header], &|request, reply| {
            reply.stream(&[header]);
            reply.event(&mcp::text(request, "mild"));
            reply.end();
        });
    });
    let ended = run(&mut client(&server.url("/mcp"), &["alerts", "CA"])).with(0);
    assert_eq!(ended.stdout, "mild\n");
    assert_eq!(ended.stderr.matches("warning: this API key expires at 2026-12-01T00:00:00Z").count(), 1);
}

#[test]
fn a_server_cannot_talk_to_the_terminal() {
    let server = mcp::server(|request, reply| {
        reply.stream(&[]);
        reply.event(&mcp::progress(request, 1, "a\x1b[2Jb"));
        reply.event(&mcp::text(request, "c\x1b]0;owned\x07d"));
        reply.end();
    });
    let ended = run(&mut client(&server.url("/mcp"), &["alerts", "CA"])).with(0).says(&["a[2Jb"]);
    assert_eq!(ended.stdout, "c]0;ownedd\n");
    assert!(!ended.stderr.contains('\x1b'));
}
