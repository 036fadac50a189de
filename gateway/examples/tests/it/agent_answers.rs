//! A question in plain words is answered with what the tools behind the gateway say, as the model writes it.

use std::io::{BufRead, BufReader, Read};
use std::sync::Mutex;
use std::sync::mpsc;

use serde_json::{Value, json};

use crate::binary::{KEY, agent, run};
use crate::chat::{self, MODEL_KEY, agent_with, heard, messages};
use crate::mcp;
use crate::origin::{Origin, Reply, Request};

fn forecast(request: &Request, reply: &mut Reply<'_>) {
    reply.stream(&[]);
    reply.event(&mcp::progress(request, 1, "asking the weather service"));
    reply.event(&mcp::text(request, "Tonight: clear, 12 F"));
    reply.end();
}

#[test]
fn the_model_picks_the_tool_and_its_answer_streams() {
    let server = mcp::server(forecast);
    let (go_on, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let model = Origin::start(move |request, reply| {
        if heard(request).is_empty() {
            return chat::ask_for(reply, "get_forecast", r#"{"latitude": 40.7128, "longitude": -74.006}"#);
        }
        reply.stream(&[]);
        reply.event(&chat::chunk(&json!({"content": "New York: "}), None));
        // The rest is held back until the test has read the beginning from stdout.
        wait.lock().unwrap().recv().unwrap();
        reply.event(&chat::chunk(&json!({"content": "clear."}), Some("stop")));
        chat::done(reply);
    });
    let question = ["What's", "the weather forecast for New York?"];
    let mut child = agent_with(&server, &model, &question).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut beginning = [0; 10];
    stdout.read_exact(&mut beginning).unwrap();
    assert_eq!(&beginning, b"New York: ");
    go_on.send(()).unwrap();
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!((rest.as_str(), child.wait().unwrap().code()), ("clear.\n", Some(0)));
    let stderr: Vec<String> = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap).collect();
    assert_eq!(
        stderr[1..],
        [
            "tools: get_alerts, get_forecast",
            "calling get_forecast {\"latitude\": 40.7128, \"longitude\": -74.006}",
            "[1/2] asking the weather service",
        ]
    );

    let called = server.seen().last().unwrap().json();
    assert_eq!(called["params"]["name"], "get_forecast");
    assert_eq!(called["params"]["arguments"], json!({"latitude": 40.7128, "longitude": -74.006}));
    let asked = model.seen();
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[0].target(), "/v1/chat/completions");
    assert_eq!(asked[0].json()["stream"], true);
    assert_eq!(asked[0].json()["model"], "scripted-1");
    assert_eq!(messages(&asked[0])[1]["content"], "What's the weather forecast for New York?");
    assert_eq!(offered(&asked[0]), mcp::tools());
    assert_eq!(heard(&asked[1]), ["Tonight: clear, 12 F"]);
    let last = messages(&asked[1]);
    assert_eq!(last[2]["tool_calls"][0]["id"], "call_abc");
    assert_eq!(last[3]["tool_call_id"], "call_abc");
}

/// The tools of a chat request in MCP's form.
fn offered(request: &Request) -> Value {
    let tools = request.json()["tools"].as_array().unwrap().clone();
    let functions = tools.iter().map(|tool| {
        assert_eq!(tool["type"], "function");
        let function = &tool["function"];
        json!({"name": function["name"], "description": function["description"], "inputSchema": function["parameters"]})
    });
    functions.collect()
}

#[test]
fn each_key_goes_to_its_own_server_only() {
    let server = mcp::server(forecast);
    let model = Origin::start(|request, reply| {
        if heard(request).is_empty() {
            chat::ask_for(reply, "get_alerts", r#"{"state": "CA"}"#);
        } else {
            chat::say(reply, &["No alerts."]);
        }
    });
    let ended = run(&mut agent_with(&server, &model, &["alerts in California?"])).with(0);
    assert_eq!(ended.stdout, "No alerts.\n");
    assert!(!server.seen().is_empty() && model.seen().len() == 2);
    for request in server.seen() {
        assert_eq!(request.header("x-api-key"), Some(KEY));
        assert!(!request.holds(MODEL_KEY) && request.header("authorization").is_none(), "{}", request.head);
    }
    for request in model.seen() {
        assert_eq!(request.header("authorization"), Some(&*format!("Bearer {MODEL_KEY}")));
        assert!(!request.holds(KEY) && request.header("x-api-key").is_none(), "{}", request.head);
    }
    assert!(!ended.stderr.contains(KEY) && !ended.stderr.contains(MODEL_KEY));
}

#[test]
fn azure_is_asked_by_deployment_and_version() {
    let server = mcp::server(forecast);
    let model = Origin::start(|_, reply| chat::say(reply, &["Sun", "ny."]));
    for (version, expected) in [(None, "2024-10-21"), (Some("2025-01-01-preview"), "2025-01-01-preview")] {
        let mut command = agent(&server.url("/mcp"), &["Will it rain in Seattle?"]);
        command
            .env("AZURE_OPENAI_ENDPOINT", model.url("/"))
            .env("AZURE_OPENAI_API_KEY", MODEL_KEY)
            .env("AZURE_OPENAI_DEPLOYMENT_NAME", "my deployment");
        if let Some(version) = version {
            command.env("AZURE_OPENAI_API_VERSION", version);
        }
        assert_eq!(run(&mut command).with(0).stdout, "Sunny.\n");
        let asked = model.seen().last().unwrap().clone();
        let target = format!("/openai/deployments/my%20deployment/chat/completions?api-version={expected}");
        assert_eq!(asked.target(), target);
        assert_eq!(asked.header("api-key"), Some(MODEL_KEY));
        assert!(asked.header("authorization").is_none());
    }
}

#[test]
fn a_tool_that_fails_is_an_answer_to_the_model() {
    let server = Origin::start(|request, reply| {
        mcp::answer(request, reply, &[], &|request, reply| match request.json()["params"]["arguments"]["state"]
            .as_str()
            .unwrap_or_default()
        {
            "XX" => reply.json(&mcp::tool_error(request, "No such state: XX")),
            "AK" => mcp::refuse(reply, 403, &[], -32003, "Tool not allowed"),
            _ => reply.json(&mcp::text(request, "calm")),
        });
    });
    let model = Origin::start(|request, reply| match heard(request).len() {
        0 => chat::ask_for(reply, "get_alerts", r#"{"state":"XX"}"#),
        1 => chat::ask_for(reply, "get_alerts", r#"{"state":"AK"}"#),
        2 => chat::ask_for(reply, "get_weather", "{}"),
        3 => chat::ask_for(reply, "get_alerts", r#"{"state":"#),
        4 => chat::ask_for(reply, "get_alerts", r#"{"state":"CA"}"#),
        _ => chat::say(reply, &["Calm in California."]),
    });
    let ended = run(&mut agent_with(&server, &model, &["alerts?"])).with(0);
    assert_eq!(ended.stdout, "Calm in California.\n");
    let heard = heard(model.seen().last().unwrap());
    assert_eq!(heard[0], "Error: No such state: XX");
    assert!(heard[1].starts_with("Error: ") && heard[1].contains("Tool not allowed"), "{}", heard[1]);
    assert!(heard[2].contains("no tool \"get_weather\", only: get_alerts, get_forecast"), "{}", heard[2]);
    assert!(heard[3].contains("not a JSON object"), "{}", heard[3]);
    assert_eq!(heard[4], "calm");
}
