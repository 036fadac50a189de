//! What keeps the agent from an answer is told in one sentence, and nothing is shown that should not be.

use serde_json::json;

use crate::binary::run;
use crate::chat::{self, MODEL_KEY, agent_with};
use crate::mcp;
use crate::origin::{Nobody, Origin, Reply, Request, Then};

fn calm(request: &Request, reply: &mut Reply<'_>) {
    reply.json(&mcp::text(request, "calm"));
}

#[test]
fn a_refused_key_ends_with_3_before_the_model_is_asked() {
    let server = Origin::start(|_, reply| mcp::unauthorized(reply, "Invalid API key"));
    let model = Origin::start(|_, reply| chat::say(reply, &["Hello."]));
    let ended = run(&mut agent_with(&server, &model, &["alerts?"])).with(3);
    ended.says(&["weather-agent:", "refused the API key (HTTP 401): Invalid API key"]);
    assert!(model.seen().is_empty());
}

#[test]
fn a_key_revoked_while_the_model_thinks_ends_with_3() {
    let server = mcp::server(|_, reply| mcp::unauthorized(reply, "Invalid API key"));
    let model = Origin::start(|_, reply| chat::ask_for(reply, "get_alerts", r#"{"state":"CA"}"#));
    run(&mut agent_with(&server, &model, &["alerts?"])).with(3).says(&["HTTP 401", "Invalid API key"]);
    assert_eq!(model.seen().len(), 1);
}

#[test]
fn a_model_that_only_asks_for_tools_is_stopped() {
    let server = mcp::server(calm);
    let model = Origin::start(|_, reply| chat::ask_for(reply, "get_alerts", r#"{"state":"CA"}"#));
    let ended = run(&mut agent_with(&server, &model, &["alerts?"])).with(1);
    ended.says(&["asked for tools 8 times and gave no answer"]);
    assert_eq!(model.seen().len(), 8);
}

#[test]
fn an_answer_that_breaks_off_is_not_taken_for_whole() {
    let server = mcp::server(calm);
    for (finish, sentence) in
        [(None, "broke off"), (Some("length"), "length limit"), (Some("content_filter"), "filter")]
    {
        let model = Origin::with(None, move |_, reply| {
            reply.stream(&[]);
            reply.event(&chat::chunk(&json!({"content": "It will"}), None));
            if finish.is_some() {
                reply.event(&chat::chunk(&json!({}), finish));
                chat::done(reply);
            }
            Then::HangUp
        });
        let ended = run(&mut agent_with(&server, &model, &["rain?"])).with(1).says(&["weather-agent:", sentence]);
        assert!(ended.stdout.starts_with("It will"), "{}", ended.stdout);
    }
    let model = Origin::start(|_, reply| chat::say(reply, &[]));
    run(&mut agent_with(&server, &model, &["rain?"])).with(1).says(&["empty answer"]);
}

#[test]
fn a_refusal_of_the_model_is_told_without_its_key() {
    let server = mcp::server(calm);
    let message = format!("Incorrect API key provided: {MODEL_KEY}");
    let body = json!({"error": {"message": message, "type": "invalid_request_error", "param": null, "code": null}});
    let model = Origin::start(move |_, reply| {
        reply.whole(401, &["content-type: application/json"], &body.to_string());
    });
    let ended = run(&mut agent_with(&server, &model, &["rain?"])).with(1);
    let ended = ended.says(&["refused the model's key (HTTP 401)", "Incorrect API key provided: [key]"]);
    assert!(!ended.stderr.contains(MODEL_KEY));

    let model = Origin::start(|_, reply| {
        reply.stream(&[]);
        reply.event(&json!({"error": {"message": "overloaded"}}));
        reply.end();
    });
    run(&mut agent_with(&server, &model, &["rain?"])).with(1).says(&["the model gave up: overloaded"]);
}

#[test]
fn an_endpoint_that_is_no_model_is_told() {
    let server = mcp::server(calm);
    for status in [200, 404] {
        let model = Origin::start(move |_, reply| {
            reply.whole(status, &["content-type: text/event-stream"], "data: <html>\n\n");
        });
        let ended = run(&mut agent_with(&server, &model, &["rain?"])).with(1);
        ended.says(&["does not answer as OpenAI does", "OPENAI_BASE_URL"]);
    }
    let nobody = Nobody::new();
    let model = Origin::start(|_, _| ());
    run(agent_with(&server, &model, &["rain?"]).env("OPENAI_BASE_URL", nobody.url())).with(1).says(&[
        "the model: nothing listens at",
        &nobody.url(),
        "is OPENAI_BASE_URL right?",
    ]);
}

#[test]
fn a_redirect_does_not_take_the_models_key_along() {
    let server = mcp::server(calm);
    let elsewhere = Origin::start(|_, reply| chat::say(reply, &["Hello."]));
    let target = format!("location: {}", elsewhere.url("/v1/chat/completions"));
    let model = Origin::start(move |_, reply| reply.whole(307, &[&target], ""));
    run(&mut agent_with(&server, &model, &["rain?"])).with(1).says(&["does not answer as OpenAI does"]);
    assert!(elsewhere.seen().is_empty());
}

#[test]
fn a_model_cannot_talk_to_the_terminal() {
    let server = mcp::server(calm);
    let model = Origin::start(|_, reply| chat::say(reply, &["a\x1b[2J", "b\n"]));
    assert_eq!(run(&mut agent_with(&server, &model, &["rain?"])).with(0).stdout, "a[2Jb\n");
}
