//! What the tools take and answer, whatever they are asked.

use serde_json::{Value, json};
use weather_backend::Source;

use super::harness::{Backend, request, text};

#[tokio::test]
async fn the_tools_describe_themselves() {
    let backend = Backend::start(Source::sample()).await;
    let listed = backend.post(&request("tools/list", json!({}))).await.result();
    let tools = listed["tools"].as_array().unwrap();
    assert_eq!(tools.iter().map(|tool| &tool["name"]).collect::<Vec<_>>(), ["get_alerts", "get_forecast"]);
    for tool in tools {
        assert!(tool["description"].as_str().unwrap().contains("National Weather Service"), "{tool}");
        assert_eq!(tool["annotations"]["readOnlyHint"], true);
        assert_eq!(tool["annotations"]["openWorldHint"], true);
        assert_eq!(tool["outputSchema"]["type"], "object");
        for argument in tool["inputSchema"]["properties"].as_object().unwrap().values() {
            assert!(argument["description"].as_str().unwrap().len() > 20, "{argument}");
        }
    }
    assert_eq!(tools[0]["inputSchema"]["required"], json!(["state"]));
    assert_eq!(tools[1]["inputSchema"]["required"], json!(["latitude", "longitude"]));
    assert_eq!(tools[1]["inputSchema"]["properties"]["latitude"]["minimum"], -90);
}

/// Every member of the structured content is in the output schema, and every member that the schema requires is there.
#[tokio::test]
async fn structured_content_keeps_to_the_output_schema() {
    let backend = Backend::start(Source::sample()).await;
    let listed = backend.post(&request("tools/list", json!({}))).await.result();
    let alerts = backend.call("get_alerts", json!({"state": "CA"})).await;
    let forecast = backend.call("get_forecast", json!({"latitude": 40.7128, "longitude": -74.006})).await;
    for (tool, result) in listed["tools"].as_array().unwrap().iter().zip([alerts, forecast]) {
        assert_eq!(result["isError"], false);
        keeps_to(&result["structuredContent"], &tool["outputSchema"], &tool["outputSchema"]);
    }
}

fn keeps_to(value: &Value, schema: &Value, root: &Value) {
    if let Some(reference) = schema["$ref"].as_str() {
        let named = root.pointer(reference.trim_start_matches('#')).unwrap();
        return keeps_to(value, named, root);
    }
    match value {
        Value::Object(members) => {
            for required in schema["required"].as_array().into_iter().flatten() {
                assert!(members.contains_key(required.as_str().unwrap()), "{required} is missing in {value}");
            }
            for (name, member) in members {
                let property = &schema["properties"][name];
                assert!(property.is_object(), "{name} is not in {schema}");
                keeps_to(member, property, root);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| keeps_to(item, &schema["items"], root)),
        Value::String(_) => {
            assert!(allows(schema, "string") || schema.to_string().contains(&value.to_string()), "{value}: {schema}")
        }
        Value::Number(_) => assert!(allows(schema, "number") || allows(schema, "integer"), "{value}: {schema}"),
        Value::Bool(_) => assert!(allows(schema, "boolean"), "{value}: {schema}"),
        Value::Null => assert!(allows(schema, "null"), "{schema}"),
    }
}

fn allows(schema: &Value, kind: &str) -> bool {
    schema["type"] == kind || schema["type"].as_array().is_some_and(|kinds| kinds.contains(&json!(kind)))
}

#[tokio::test]
async fn arguments_that_are_no_good_are_answered_with_what_is_allowed() {
    let backend = Backend::start(Source::sample()).await;
    for (tool, arguments, sentence) in [
        ("get_alerts", json!({"state": "ZZ"}), "\"ZZ\" is no state or area code"),
        ("get_alerts", json!({"state": "California"}), "States and territories: AL AK"),
        ("get_alerts", json!({"state": ""}), "Marine areas: AM AN"),
        ("get_alerts", json!({"state": 5}), "expected a string"),
        ("get_alerts", json!({}), "missing field `state`"),
        (
            "get_forecast",
            json!({"latitude": 91, "longitude": 0}),
            "latitude must be a number of degrees from -90 to 90",
        ),
        (
            "get_forecast",
            json!({"latitude": 0, "longitude": -180.5}),
            "longitude must be a number of degrees from -180 to 180",
        ),
        ("get_forecast", json!({"latitude": "north", "longitude": 0}), "invalid type"),
        ("get_forecast", json!({"latitude": null, "longitude": 0}), "invalid type"),
        ("get_forecast", json!({"latitude": 40.7}), "missing field `longitude`"),
    ] {
        let result = backend.call(tool, arguments.clone()).await;
        assert_eq!(result["isError"], true, "{arguments}");
        assert!(text(&result).contains(sentence), "{arguments} reads {result}");
    }
}

/// `AreaCode` of the NWS API's OpenAPI document, version 3.9.2: states and territories, then marine areas.
const CODES: &str = "AL AK AS AR AZ CA CO CT DE DC FL GA GU HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY \
                     NC ND OH OK OR PA PR RI SC SD TN TX UT VT VI VA WA WV WI WY MP PW FM MH \
                     AM AN GM LC LE LH LM LO LS PH PK PM PS PZ SL";

#[tokio::test]
async fn the_codes_of_the_service_are_taken_and_no_others() {
    let codes: Vec<&str> = CODES.split(' ').collect();
    assert_eq!(codes.len(), 59 + 15);
    let backend = Backend::start(Source::sample()).await;
    for first in 'A'..='Z' {
        for second in 'A'..='Z' {
            let code = format!("{first}{second}");
            let odd = format!("{first}{}", second.to_ascii_lowercase());
            let result = backend.call("get_alerts", json!({"state": odd})).await;
            assert_eq!(result["isError"], !codes.contains(&&*code), "{code}");
            if result["isError"] == false {
                assert_eq!(result["structuredContent"]["state"], *code);
            } else {
                assert!(codes.iter().all(|allowed| text(&result).contains(&format!(" {allowed}"))), "{result}");
            }
        }
    }
}

#[tokio::test]
async fn any_case_will_do_and_whole_numbers_are_numbers() {
    let backend = Backend::start(Source::sample()).await;
    for state in ["ca", "Ca", " CA "] {
        assert_eq!(backend.call("get_alerts", json!({"state": state})).await["structuredContent"]["state"], "CA");
    }
    let result = backend.call("get_forecast", json!({"latitude": 41, "longitude": -74})).await;
    assert_eq!(result["isError"], false, "{result}");
}

#[tokio::test]
async fn a_tool_that_is_not_there_is_a_protocol_error() {
    let backend = Backend::start(Source::sample()).await;
    let reply = backend.post(&request("tools/call", json!({"name": "get_tides", "arguments": {}}))).await;
    assert_eq!(reply.messages()[0]["error"]["code"], -32602);
}

#[tokio::test]
async fn a_number_that_is_none_is_refused_and_not_a_crash() {
    let backend = Backend::start(Source::sample()).await;
    let call = request("tools/call", json!({"name": "get_forecast", "arguments": {"latitude": 0, "longitude": 0}}));
    let endless = call.to_string().replace("\"latitude\":0", "\"latitude\":1e999");
    let reply = super::harness::client()
        .post(backend.url("/mcp"))
        .header("accept", "application/json, text/event-stream")
        .header("content-type", "application/json")
        .body(endless)
        .send()
        .await
        .unwrap();
    assert!(reply.status().is_client_error(), "{}", reply.status());
    assert_eq!(backend.call("get_alerts", json!({"state": "CA"})).await["isError"], false);
}

#[tokio::test]
async fn calls_are_counted_by_tool_and_outcome() {
    let backend = Backend::start(Source::sample()).await;
    backend.call("get_alerts", json!({"state": "CA"})).await;
    backend.call("get_alerts", json!({"state": "ZZ"})).await;
    backend.call("get_forecast", json!({"latitude": 51.5074, "longitude": -0.1278})).await;
    let counted = backend.metrics.text();
    for series in [
        r#"weather_tool_calls_total{outcome="ok",tool="get_alerts"} 1"#,
        r#"weather_tool_calls_total{outcome="refused",tool="get_alerts"} 1"#,
        r#"weather_tool_calls_total{outcome="failed",tool="get_forecast"} 1"#,
        r#"weather_tool_call_duration_seconds_count{tool="get_alerts"} 2"#,
    ] {
        assert!(counted.contains(series), "{series} is not in\n{counted}");
    }
}
