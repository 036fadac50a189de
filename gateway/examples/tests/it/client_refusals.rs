//! What goes wrong is told in one sentence and an exit code that a script can tell apart.

use serde_json::json;

use crate::binary::{client, run};
use crate::mcp;
use crate::origin::{Nobody, Origin, Reply, Request, Then};

#[test]
fn a_refused_key_is_one_sentence_and_exit_code_3() {
    for protocol in ["auto", "2025-11-25", "2026-07-28"] {
        for detail in ["Missing API key. Provide 'X-API-Key' header.", "Invalid API key"] {
            let server = Origin::start(move |_, reply| mcp::unauthorized(reply, detail));
            let ended = run(&mut client(&server.url("/mcp"), &["--protocol", protocol, "alerts", "CA"])).with(3);
            let sentence = format!("weather-client: {} refused the API key (HTTP 401): {detail}\n", server.url("/mcp"));
            assert_eq!((ended.stderr, ended.stdout), (sentence, String::new()));
            assert_eq!(server.seen().len(), 1, "a refused key is not tried again");
        }
    }
}

#[test]
fn a_key_that_is_revoked_on_the_way_is_told_as_well() {
    for refused in ["tools/list", "tools/call", "notifications/initialized"] {
        let server = Origin::start(move |request, reply| {
            if request.rpc() == refused {
                mcp::unauthorized(reply, "Invalid API key");
            } else {
                mcp::answer(request, reply, &[], &|request, reply| reply.json(&mcp::text(request, "sunny")));
            }
        });
        let ended = run(&mut client(&server.url("/mcp"), &["--protocol", "2025-11-25", "alerts", "CA"]));
        ended.with(3).says(&["weather-client:", "HTTP 401", "Invalid API key"]);
    }
}

#[test]
fn other_refusals_show_the_gateways_reason() {
    for (status, headers, detail, also) in [
        (403, &[][..], "Tool get_alerts is not allowed for this client", "HTTP 403"),
        (404, &[], "Not found. This gateway serves /mcp", "HTTP 404"),
        (429, &["retry-after: 7"], "Too many requests", "try again after 7"),
        (502, &[], "The upstream server is unreachable", "HTTP 502"),
        (503, &[], "The gateway is shutting down", "HTTP 503"),
    ] {
        for refused in ["server/discover", "tools/call"] {
            let server = Origin::start(move |request, reply| {
                if request.rpc() == refused || (refused, request.rpc().as_str()) == ("server/discover", "initialize") {
                    mcp::refuse(reply, status, headers, -32000, detail);
                } else {
                    mcp::answer(request, reply, &[], &|_, _| ());
                }
            });
            let ended = run(&mut client(&server.url("/mcp"), &["alerts", "CA"])).with(1);
            ended.says(&["weather-client:", &server.url("/mcp"), detail, also]);
        }
    }
}

#[test]
fn a_tool_that_fails_is_heard_on_stderr() {
    let server = mcp::server(|request, reply| reply.json(&mcp::tool_error(request, "No such state: XX")));
    let ended = run(&mut client(&server.url("/mcp"), &["alerts", "XX"])).with(1).says(&["No such state: XX"]);
    assert_eq!(ended.stdout, "");
}

#[test]
fn a_tool_that_is_not_offered_is_not_called() {
    let server = Origin::start(|request, reply| match request.rpc().as_str() {
        "tools/list" => reply
            .json(&mcp::result_for(request, &json!({"tools": [mcp::tools()[0]], "ttlMs": 0, "cacheScope": "private"}))),
        _ => mcp::answer(request, reply, &[], &|_, _| ()),
    });
    let ended = run(&mut client(&server.url("/mcp"), &["forecast", "1", "2"])).with(1);
    ended.says(&["offers no tool get_forecast", "only: get_alerts"]);
    assert!(!server.calls().contains(&"tools/call".to_owned()));
}

#[test]
fn a_json_rpc_error_is_told() {
    let server = mcp::server(|request, reply| {
        reply.json(
            &json!({"jsonrpc": "2.0", "id": request.json()["id"], "error": {"code": -32602, "message": "bad state"}}),
        );
    });
    run(&mut client(&server.url("/mcp"), &["alerts", "CA"])).with(1).says(&["refused the call", "bad state"]);

    // Without an id nobody could tell whom it is for; the caller must not wait for ever.
    let server = mcp::server(|_, reply| {
        reply.json(&json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32600, "message": "unreadable"}}));
    });
    run(&mut client(&server.url("/mcp"), &["alerts", "CA"])).with(1).says(&["refused the request", "unreadable"]);
}

type Script = fn(&Request, &mut Reply<'_>) -> Then;

#[test]
fn a_server_that_talks_nonsense_is_told_from_one_that_refuses() {
    let scripts: [(Script, &str); 6] = [
        (|_, reply| say(reply, 200, "content-type: text/html", "<html>"), "does not answer as an MCP server"),
        (|_, reply| say(reply, 200, "content-type: application/json", "{\"jsonrpc\":"), "is not MCP"),
        (|_, reply| say(reply, 500, "content-type: text/html", "<html>"), "HTTP 500"),
        (|_, _| Then::HangUp, "closed the connection without an answer"),
        (|_, reply| cut(reply, &["content-type: application/json", "content-length: 100"]), "broke off"),
        (|_, reply| cut(reply, &["content-type: text/event-stream", "transfer-encoding: chunked"]), "ended"),
    ];
    for (script, sentence) in scripts {
        // From the first message on, and in the middle of a conversation.
        let server = Origin::with(None, script);
        run(&mut client(&server.url("/mcp"), &["tools"])).with(1).says(&["weather-client:", sentence]);
        let server = Origin::with(None, move |request, reply| {
            if request.rpc() == "tools/call" {
                return script(request, reply);
            }
            mcp::answer(request, reply, &[], &|_, _| ());
            Then::Listen
        });
        run(&mut client(&server.url("/mcp"), &["alerts", "CA"])).with(1).says(&["weather-client:", sentence]);
    }
}

fn say(reply: &mut Reply<'_>, status: u16, header: &str, body: &str) -> Then {
    reply.whole(status, &[header], body);
    Then::Listen
}

fn cut(reply: &mut Reply<'_>, headers: &[&str]) -> Then {
    reply.head(200, headers);
    Then::HangUp
}

#[test]
fn a_gateway_that_is_not_there_is_told() {
    let nobody = Nobody::new();
    let url = nobody.url();
    run(&mut client(&url, &["tools"])).with(1).says(&["nothing listens at", &url, "is the gateway running?", "--url"]);
}

#[test]
fn wrong_arguments_end_with_64() {
    for arguments in [
        &[][..],
        &["forecast"],
        &["forecast", "1"],
        &["forecast", "north", "2"],
        &["forecast", "NaN", "2"],
        &["forecast", "1", "inf"],
        &["weather"],
        &["--protocol", "2024-11-05", "tools"],
    ] {
        let ended = run(&mut client("http://127.0.0.1:1/mcp", arguments)).with(64);
        assert!(ended.stdout.is_empty() && !ended.stderr.is_empty(), "{arguments:?}");
    }
    run(&mut client("not a url", &["tools"])).with(64).says(&["not a url", "https://localhost:8443/mcp"]);
    run(&mut client("ftp://host/mcp", &["tools"])).with(64).says(&["ftp:", "https://"]);
}
