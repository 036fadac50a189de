//! A question goes client -> TLS -> gateway -> backend, and its answer comes back the same way, in every revision of MCP.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::sync::Mutex;
use std::sync::mpsc;

use serde_json::{Value, json};

use crate::backend::SAMPLE;
use crate::binary::{KEY, client, run};
use crate::chat::{self, agent_with, heard};
use crate::origin::Origin;
use crate::stack::Stack;

const PROTOCOLS: [&str; 3] = ["auto", "2025-11-25", "2026-07-28"];

#[test]
fn the_client_lists_the_tools() {
    let stack = Stack::start();
    for protocol in PROTOCOLS {
        let ended = run(stack.reached_by(&mut client("", &["--protocol", protocol, "tools"]))).with(0);
        assert!(ended.stdout.contains("get_alerts(state)\n"), "{}", ended.stdout);
        assert!(ended.stdout.contains("get_forecast(latitude, longitude)\n"), "{}", ended.stdout);
        assert_eq!(ended.stderr, "");
    }
}

#[test]
fn the_client_shows_a_forecast_and_how_it_came() {
    let stack = Stack::start();
    for protocol in PROTOCOLS {
        let question = ["--protocol", protocol, "forecast", "40.7128", "-74.0060"];
        let ended = run(stack.reached_by(&mut client("", &question))).with(0);
        let places: Vec<Option<usize>> = ["tools: get_alerts, get_forecast", "[0/2]", "[1/2]"]
            .iter()
            .map(|words| ended.stderr.find(words))
            .collect();
        assert!(places.is_sorted() && places[0] == Some(0), "{}", ended.stderr);
        assert_eq!(ended.stdout.lines().filter(|line| line.trim() == "---").count(), 4, "{}", ended.stdout);
        assert!(ended.stdout.ends_with(&format!("{SAMPLE}\n")), "{}", ended.stdout);
    }
}

#[test]
fn the_client_shows_alerts_and_a_tools_refusal() {
    let stack = Stack::start();
    for protocol in PROTOCOLS {
        let alerts = |state| run(stack.reached_by(&mut client("", &["--protocol", protocol, "alerts", state])));
        let ended = alerts("ca").with(0);
        assert!(ended.stdout.ends_with(&format!("{SAMPLE}\n")), "{}", ended.stdout);
        let ended = alerts("XX").with(1).says(&["weather-client:", "XX"]);
        assert_eq!(ended.stdout, "");
    }
}

#[test]
fn a_key_file_works_as_well() {
    let stack = Stack::start();
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), format!("{KEY}\n")).unwrap();
    let mut command = client("", &["alerts", "CA"]);
    command.env_remove("API_KEY").arg("--key-file").arg(file.path());
    run(stack.reached_by(&mut command)).with(0);
}

#[test]
fn the_agent_calls_through_the_gateway_and_streams_its_answer() {
    let stack = Stack::start();
    let (go_on, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let model = Origin::start(move |request, reply| match heard(request).first() {
        None => chat::ask_for(reply, "get_forecast", r#"{"latitude": 40.7128, "longitude": -74.006}"#),
        Some(forecast) => {
            reply.stream(&[]);
            reply.event(&chat::chunk(&json!({"content": "New York: "}), None));
            // The rest is held back until the test has read the beginning from stdout.
            wait.lock().unwrap().recv().unwrap();
            reply.event(&chat::chunk(&json!({"content": forecast}), Some("stop")));
            chat::done(reply);
        }
    });
    for protocol in PROTOCOLS {
        let seen = model.seen().len();
        let question = ["--protocol", protocol, "What's the weather forecast for New York?"];
        let mut child = stack.reached_by(&mut agent_with(&model, &model, &question)).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut beginning = [0; 10];
        stdout.read_exact(&mut beginning).unwrap();
        assert_eq!(&beginning, b"New York: ");
        go_on.send(()).unwrap();
        let mut forecast = String::new();
        stdout.read_to_string(&mut forecast).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0));
        assert!(forecast.ends_with(&format!("{SAMPLE}\n")), "{forecast}");
        let stderr: Vec<String> = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap).collect();
        assert_eq!(stderr[1], "tools: get_alerts, get_forecast");
        assert!(stderr[2].starts_with("calling get_forecast") && stderr[3].starts_with("[0/2]"), "{stderr:?}");

        let asked = &model.seen()[seen..];
        assert_eq!(asked.len(), 2);
        let tools = asked[0].json()["tools"].clone();
        let names: Vec<&Value> = tools.as_array().unwrap().iter().map(|tool| &tool["function"]["name"]).collect();
        assert_eq!(names, ["get_alerts", "get_forecast"]);
        assert_eq!(format!("{}\n", heard(&asked[1])[0]), forecast);
        assert!(asked.iter().all(|request| !request.holds(KEY)));
    }
}
