//! The examples get their answers from the real weather backend, on its sample data.

use crate::backend::{Backend, SAMPLE};
use crate::binary::{client, run};
use crate::chat::{self, agent_with, heard};
use crate::origin::Origin;

#[test]
fn the_client_shows_a_forecast_in_every_revision() {
    let backend = Backend::start();
    for protocol in ["auto", "2025-11-25", "2026-07-28"] {
        let ended = run(&mut client(&backend.url(), &["--protocol", protocol, "forecast", "40.7128", "-74.0060"]));
        let ended = ended.with(0).says(&["tools: ", "get_alerts", "get_forecast"]).says(&["[0/2]"]).says(&["[1/2]"]);
        assert_eq!(ended.stdout.lines().filter(|line| line.trim() == "---").count(), 4, "{}", ended.stdout);
        assert!(ended.stdout.ends_with(&format!("{SAMPLE}\n")), "{}", ended.stdout);
    }
}

#[test]
fn the_client_shows_alerts_and_a_tools_refusal() {
    let backend = Backend::start();
    let ended = run(&mut client(&backend.url(), &["alerts", "ca"])).with(0);
    assert!(ended.stdout.ends_with(&format!("{SAMPLE}\n")), "{}", ended.stdout);
    let ended = run(&mut client(&backend.url(), &["alerts", "XX"])).with(1).says(&["weather-client:", "XX"]);
    assert_eq!(ended.stdout, "");
    run(&mut client(&backend.url(), &["forecast", "91", "0"])).with(1).says(&["weather-client:", "91"]);
}

#[test]
fn the_client_lists_the_backends_tools() {
    let backend = Backend::start();
    let ended = run(&mut client(&backend.url(), &["tools"])).with(0);
    assert!(ended.stdout.contains("get_alerts(state)\n"), "{}", ended.stdout);
    assert!(ended.stdout.contains("get_forecast(latitude, longitude)\n"), "{}", ended.stdout);
}

#[test]
fn the_agent_answers_with_the_backends_forecast() {
    let backend = Backend::start();
    let model = Origin::start(|request, reply| match heard(request).first() {
        None => chat::ask_for(reply, "get_forecast", r#"{"latitude": 40.7128, "longitude": -74.006}"#),
        Some(forecast) => chat::say(reply, &["The forecast: ", forecast]),
    });
    let mut command = agent_with(&model, &model, &["What's the weather forecast for New York?"]);
    let ended = run(command.env("MCP_SERVER_URL", backend.url())).with(0).says(&["calling get_forecast"]);
    assert!(ended.stdout.starts_with("The forecast: ") && ended.stdout.ends_with(&format!("{SAMPLE}\n")));
    assert_eq!(model.seen().len(), 2);
}
