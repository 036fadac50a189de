//! What the gateway refuses, and what keeps a client from it, is one clear sentence and an exit code.

use crate::authority::Ca;
use crate::backend::SAMPLE;
use crate::binary::{KEY, client, run};
use crate::chat::{self, agent_with, heard};
use crate::origin::{Nobody, Origin};
use crate::stack::Stack;

const PROTOCOLS: [&str; 3] = ["auto", "2025-11-25", "2026-07-28"];

#[test]
fn a_wrong_key_ends_with_3_and_the_gateways_sentence() {
    let stack = Stack::start();
    let told = format!("{} refused the API key (HTTP 401): Invalid API key\n", stack.url("/mcp"));
    for protocol in PROTOCOLS {
        for key in ["another-key", &KEY[1..], &format!("{KEY}x")] {
            let mut command = client("", &["--protocol", protocol, "alerts", "CA"]);
            let ended = run(stack.reached_by(command.env("API_KEY", key))).with(3);
            assert_eq!((ended.stderr, ended.stdout), (format!("weather-client: {told}"), String::new()));
        }
        let model = Origin::start(|_, reply| chat::say(reply, &["Hello."]));
        let mut command = agent_with(&model, &model, &["--protocol", protocol, "rain?"]);
        let ended = run(stack.reached_by(command.env("API_KEY", "another-key"))).with(3);
        assert!(ended.stderr.ends_with(&format!("\nweather-agent: {told}")), "{}", ended.stderr);
        assert!(model.seen().is_empty());
    }
}

#[test]
fn a_ca_that_is_missing_or_another_is_told() {
    let stack = Stack::start();
    let another = Ca::new("theirs");
    let file = another.file();
    // The machine's own CAs are set here, so that the test does not depend on there being any.
    run(client(&stack.url("/mcp"), &["tools"]).env("SSL_CERT_FILE", &file)).with(1).says(&[
        "weather-client: the certificate of https://localhost",
        "no CA that this machine trusts",
        "--ca FILE",
    ]);
    let named = file.to_str().unwrap();
    run(&mut client(&stack.url("/mcp"), &["--ca", named, "tools"])).with(1).says(&["not signed by a CA in", named]);
    drop(another);
    run(&mut client(&stack.url("/mcp"), &["--ca", named, "tools"])).with(64).says(&[named, "cannot be read"]);
}

#[test]
fn a_gateway_that_is_down_is_told() {
    let ca = Ca::new("ours");
    let nobody = Nobody::new();
    let place = format!("https://localhost:{}", nobody.address().port());
    let file = ca.file();
    let arguments = ["--ca", file.to_str().unwrap()];
    let sentence = format!("nothing listens at {place}: is the gateway running? --url names another address.\n");
    for protocol in PROTOCOLS {
        let mut command = client(&format!("{place}/mcp"), &["--protocol", protocol, "alerts", "CA"]);
        let ended = run(command.args(arguments)).with(1);
        assert_eq!((ended.stderr, ended.stdout), (format!("weather-client: {sentence}"), String::new()));
    }
    let model = Origin::start(|_, reply| chat::say(reply, &["Hello."]));
    let mut command = agent_with(&model, &model, &["rain?"]);
    let ended = run(command.env("MCP_SERVER_URL", format!("{place}/mcp")).args(arguments)).with(1);
    assert!(ended.stderr.ends_with(&format!("\nweather-agent: {sentence}")), "{}", ended.stderr);
    assert!(model.seen().is_empty());
}

#[test]
fn a_backend_that_is_down_is_told_by_the_gateway() {
    let mut stack = Stack::start();
    stack.stop_backend();
    for protocol in PROTOCOLS {
        let ended = run(stack.reached_by(&mut client("", &["--protocol", protocol, "alerts", "CA"]))).with(1);
        let sentence = "refused the request (HTTP 502): The MCP server behind this gateway cannot be reached.\n";
        assert_eq!(ended.stderr, format!("weather-client: {} {sentence}", stack.url("/mcp")));
    }
}

fn only_alerts() -> Stack {
    Stack::with("", "tools = [\"get_alerts\"]")
}

/// The gateway shows a client only the tools that it may call, so it knows without asking.
#[test]
fn a_tool_that_is_not_the_clients_is_not_offered() {
    let stack = only_alerts();
    for protocol in PROTOCOLS {
        let ask = |question: &[&str]| run(stack.reached_by(client("", &["--protocol", protocol]).args(question)));
        let ended = ask(&["forecast", "40.7128", "-74.0060"]).with(1);
        let sentence = "the server offers no tool get_forecast to this key, only: get_alerts";
        let said = format!("tools: get_alerts\nweather-client: {sentence}\n");
        assert_eq!((ended.stderr, ended.stdout), (said, String::new()));
        ask(&["alerts", "CA"]).with(0);
    }
}

#[test]
fn what_the_client_may_not_ask_is_refused_with_403() {
    let stack = Stack::with("[role.blind]\nmethods.deny = [\"tools/list\"]", "roles = [\"blind\"]");
    let reason = "This client may not make this call, or there is no such tool.";
    let refused = format!("{} refused the request (HTTP 403): {reason}\n", stack.url("/mcp"));
    for protocol in PROTOCOLS {
        let ended = run(stack.reached_by(&mut client("", &["--protocol", protocol, "alerts", "CA"]))).with(1);
        assert_eq!((ended.stderr, ended.stdout), (format!("weather-client: {refused}"), String::new()));
    }
}

#[test]
fn a_model_that_may_not_call_a_tool_may_use_another() {
    let stack = only_alerts();
    let model = Origin::start(|request, reply| match heard(request).len() {
        0 => chat::ask_for(reply, "get_forecast", r#"{"latitude": 40.7128, "longitude": -74.006}"#),
        1 => chat::ask_for(reply, "get_alerts", r#"{"state": "NY"}"#),
        _ => chat::say(reply, &["No forecast for you."]),
    });
    let ended = run(stack.reached_by(&mut agent_with(&model, &model, &["rain?"]))).with(0);
    assert_eq!(ended.stdout, "No forecast for you.\n");
    let heard = heard(model.seen().last().unwrap());
    assert_eq!(heard[0], "Error: there is no tool \"get_forecast\", only: get_alerts.");
    assert!(heard[1].ends_with(SAMPLE), "{}", heard[1]);
}

#[test]
fn a_path_that_the_gateway_does_not_serve_is_told() {
    let stack = Stack::start();
    let file = stack.ca.file();
    for protocol in PROTOCOLS {
        for path in ["/", "/mcp2"] {
            let arguments = ["--protocol", protocol, "--ca", file.to_str().unwrap(), "tools"];
            let ended = run(&mut client(&stack.url(path), &arguments)).with(1);
            ended.says(&["weather-client:", "/mcp"]).says(&["Not found"]);
        }
    }
}
