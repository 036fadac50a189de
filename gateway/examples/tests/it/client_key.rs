//! The key comes from a file or the environment, goes to the server alone, and is never printed.

use std::fs;

use crate::binary::{KEY, client, run};
use crate::mcp;
use crate::origin::{Origin, Reply, Request};

fn sunny(request: &Request, reply: &mut Reply<'_>) {
    reply.json(&mcp::text(request, "sunny"));
}

#[test]
fn a_key_file_may_end_with_a_newline_and_goes_before_the_environment() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("api-key");
    for content in ["from-the-file", "from-the-file\n", "from-the-file\r\n"] {
        fs::write(&file, content).unwrap();
        let server = mcp::server(sunny);
        run(&mut client(&server.url("/mcp"), &["--key-file", file.to_str().unwrap(), "alerts", "CA"])).with(0);
        assert!(server.seen().iter().all(|request| request.header("x-api-key") == Some("from-the-file")));
    }
}

#[test]
fn what_cannot_be_a_key_is_refused_before_anything_is_sent() {
    let server = mcp::server(sunny);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("api-key");
    for (content, why) in [("", "is empty"), ("\n", "is empty"), ("se cret", "no key has"), ("sécret", "no key has")] {
        fs::write(&file, content).unwrap();
        let ended = run(&mut client(&server.url("/mcp"), &["--key-file", file.to_str().unwrap(), "tools"]));
        let ended = ended.with(64).says(&["key file", file.to_str().unwrap(), why]);
        assert!(!ended.stderr.contains("cret"), "{}", ended.stderr);

        let ended = run(client(&server.url("/mcp"), &["tools"]).env("API_KEY", content));
        ended.with(64).says(&["the environment variable API_KEY", why]);
    }
    let missing = directory.path().join("none");
    run(&mut client(&server.url("/mcp"), &["--key-file", missing.to_str().unwrap(), "tools"]))
        .with(64)
        .says(&[missing.to_str().unwrap(), "cannot be read"]);
    run(client(&server.url("/mcp"), &["tools"]).env_remove("API_KEY")).with(64).says(&[
        "no API key",
        "--key-file",
        "API_KEY",
    ]);
    assert!(server.seen().is_empty());
}

#[test]
fn plain_http_beyond_loopback_is_refused() {
    for url in ["http://192.0.2.1/mcp", "http://gateway.example/mcp"] {
        run(&mut client(url, &["tools"])).with(64).says(&[url, "in clear", "https://"]);
        run(&mut client("https://localhost/mcp", &["tools", "--url", url])).with(64).says(&[url, "in clear"]);
    }
}

#[test]
fn a_redirect_does_not_take_the_key_along() {
    let elsewhere = mcp::server(sunny);
    let target = format!("location: {}", elsewhere.url("/mcp"));
    for status in [301, 302, 307, 308] {
        let target = target.clone();
        let server = Origin::start(move |_, reply| reply.whole(status, &[&target], ""));
        let ended = run(&mut client(&server.url("/mcp"), &["tools"])).with(1);
        ended.says(&["redirects", &elsewhere.url("/mcp"), &status.to_string(), "correct --url"]);
    }
    assert!(elsewhere.seen().is_empty());
}

#[test]
fn a_proxy_does_not_get_what_stays_on_this_machine() {
    let server = mcp::server(sunny);
    let proxy = mcp::server(sunny);
    let mut command = client(&server.url("/mcp"), &["alerts", "CA"]);
    for name in ["http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"] {
        command.env(name, proxy.url("/"));
    }
    run(&mut command).with(0);
    assert!(proxy.seen().is_empty() && !server.seen().is_empty());
}

#[test]
fn a_key_that_the_server_quotes_is_not_printed() {
    let server = Origin::start(|_, reply| mcp::unauthorized(reply, &format!("no such key: {KEY}")));
    let ended = run(&mut client(&server.url("/mcp"), &["tools"])).with(3).says(&["no such key: [key]"]);
    assert!(!ended.stderr.contains(KEY));
}

#[test]
fn there_is_no_option_for_the_key() {
    let help = run(&mut client("", &["--help"])).with(0).stdout;
    assert!(help.contains("--key-file") && help.contains("API_KEY") && help.contains("weather-client --key-file"));
    assert!(!help.contains(KEY), "the environment is not shown: {help}");
    let ended = run(&mut client("", &[&format!("--api-key={KEY}"), "tools"])).with(64);
    assert!(!ended.stderr.contains(KEY), "{}", ended.stderr);
}
