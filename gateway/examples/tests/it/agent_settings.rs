//! What is missing before the agent can work is named, and nobody is asked anything until it is there.

use crate::binary::{agent, run};
use crate::mcp;

#[test]
fn what_is_missing_is_named() {
    let server = mcp::server(|_, _| ());
    let half = "is only half set up";
    for (set, words) in [
        (&[][..], &["no chat model", "OPENAI_API_KEY", "OPENAI_MODEL", "AZURE_OPENAI_ENDPOINT"][..]),
        (&[("OPENAI_API_KEY", "k")], &[half, ": OPENAI_MODEL is missing"]),
        (&[("OPENAI_MODEL", "m")], &[half, ": OPENAI_API_KEY is missing"]),
        (&[("OPENAI_MODEL", "m"), ("OPENAI_API_KEY", "")], &[half, ": OPENAI_API_KEY is missing"]),
        (&[("OPENAI_BASE_URL", "http://localhost/v1")], &[half, ": OPENAI_API_KEY and OPENAI_MODEL are missing"]),
        (
            &[("AZURE_OPENAI_ENDPOINT", "https://me.openai.azure.com")],
            &["Azure OpenAI", half, ": AZURE_OPENAI_API_KEY and AZURE_OPENAI_DEPLOYMENT_NAME are missing"],
        ),
        (
            &[("AZURE_OPENAI_API_KEY", "k"), ("AZURE_OPENAI_DEPLOYMENT_NAME", "d")],
            &["Azure OpenAI", half, ": AZURE_OPENAI_ENDPOINT is missing"],
        ),
        (
            // Azure is meant, so OpenAI's key does not stand in for its own.
            &[
                ("AZURE_OPENAI_ENDPOINT", "https://me.openai.azure.com"),
                ("AZURE_OPENAI_DEPLOYMENT_NAME", "d"),
                ("OPENAI_API_KEY", "k"),
            ],
            &["Azure OpenAI", half, ": AZURE_OPENAI_API_KEY is missing"],
        ),
        (
            &[("OPENAI_MODEL", "m"), ("OPENAI_API_KEY", "k"), ("OPENAI_BASE_URL", "localhost")],
            &["OPENAI_BASE_URL must be an http:// or https:// address"],
        ),
        (&[("OPENAI_MODEL", "m"), ("OPENAI_API_KEY", "se cret")], &["OPENAI_API_KEY holds a character"]),
    ] {
        let mut command = agent(&server.url("/mcp"), &["rain?"]);
        let ended = run(command.envs(set.iter().copied())).with(64).says(words);
        assert!(!ended.stderr.contains("cret"), "{}", ended.stderr);
    }
    assert!(server.seen().is_empty());
}

#[test]
fn a_question_is_needed() {
    run(&mut agent("http://127.0.0.1:1/mcp", &[])).with(64).says(&["<QUESTION>"]);
    let help = run(&mut agent("http://127.0.0.1:1/mcp", &["--help"])).with(0).stdout;
    assert!(help.contains("AZURE_OPENAI_DEPLOYMENT_NAME") && help.contains("weather-agent --key-file"), "{help}");
}

#[test]
fn a_model_over_plain_http_far_away_is_warned_about() {
    let mut command = agent("http://127.0.0.1:1/mcp", &["rain?"]);
    // Nothing is sent: the MCP server is asked first, and nothing listens there.
    command.envs([("OPENAI_MODEL", "m"), ("OPENAI_API_KEY", "k"), ("OPENAI_BASE_URL", "http://model.example/v1")]);
    run(&mut command).with(1).says(&["warning", "travel in clear"]).says(&["nothing listens at http://127.0.0.1:1"]);
}
