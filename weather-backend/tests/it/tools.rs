//! What the tools take and answer.

use serde_json::json;
use weather_backend::Source;

use super::harness::{Backend, text};

#[tokio::test]
async fn new_york_has_a_forecast() {
    let backend = Backend::start(Source::sample()).await;
    let result = backend.call("get_forecast", json!({"latitude": 40.7128, "longitude": -74.0060})).await;
    println!("{}", text(&result));
    println!("{result:#}");
    assert_eq!(result["isError"], false);
}
