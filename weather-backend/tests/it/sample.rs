//! Sample data: what it holds, and that nobody takes it for the real thing.

use std::collections::HashSet;

use serde_json::{Value, json};
use weather_backend::{
    Source, Trouble,
    weather::{Area, Point, Severity},
};

use super::harness::{Backend, text};

const LAST_LINE: &str = "\n\n(This is sample data, not a real forecast or warning.)";

const FORECASTS: [(f64, f64, &str); 10] = [
    (40.7128, -74.0060, "71°F"),
    (37.7749, -122.4194, "64°F"),
    (47.6062, -122.3321, "59°F"),
    (39.7392, -104.9903, "76°F"),
    (41.8781, -87.6298, "67°F"),
    (29.7604, -95.3698, "91°F"),
    (25.7617, -80.1918, "88°F"),
    (61.2181, -149.9003, "4.4°C"),
    (21.3099, -157.8581, "85°F"),
    (18.4655, -66.1057, "89°F"),
];

#[tokio::test]
async fn ten_places_have_a_forecast() {
    let source = Source::sample();
    for (latitude, longitude, temperature) in FORECASTS {
        let point = Point::new(latitude, longitude).unwrap();
        let forecast = source.forecast(point, &(), &weather_backend::Metrics::new()).await.unwrap();
        assert_eq!(forecast.periods.len(), 5);
        let text = forecast.to_string();
        assert!(text.contains(temperature) && !text.contains("not available"), "{point}: {text}");
    }
}

#[tokio::test]
async fn five_places_fail_each_in_its_way() {
    let source = Source::sample();
    for (latitude, longitude, trouble) in [
        (51.5074, -0.1278, Trouble::InvalidPoint),
        (41.25, -67.5, Trouble::Marine),
        (46.9754, -123.8157, Trouble::MissingData),
        (33.3943, -104.523, Trouble::RateLimited { retry_after: None }),
        (38.0672, -117.2301, Trouble::Unexpected { status: 500, title: "Unexpected Problem".to_owned() }),
    ] {
        let point = Point::new(latitude, longitude).unwrap();
        assert_eq!(source.forecast(point, &(), &weather_backend::Metrics::new()).await, Err(trouble));
    }
}

#[tokio::test]
async fn alerts_of_every_severity_are_there() {
    let source = Source::sample();
    let mut seen = HashSet::new();
    for area in Area::all() {
        let alerts = source.alerts(area, &(), &weather_backend::Metrics::new()).await.unwrap();
        seen.extend(alerts.alerts.iter().map(|alert| format!("{:?}", alert.severity)));
    }
    for severity in [Severity::Extreme, Severity::Severe, Severity::Moderate, Severity::Minor, Severity::Unknown] {
        assert!(seen.contains(&format!("{severity:?}")), "{severity:?} is missing");
    }
}

#[tokio::test]
async fn every_text_ends_with_a_line_that_says_so() {
    let backend = Backend::start(Source::sample()).await;
    let mut results = Vec::new();
    for state in ["CA", "WY", "ZZ"] {
        results.push(backend.call("get_alerts", json!({"state": state})).await);
    }
    for (latitude, longitude) in [(40.7128, -74.006), (51.5074, -0.1278), (0.0, 0.0), (99.0, 0.0)] {
        results.push(backend.call("get_forecast", json!({"latitude": latitude, "longitude": longitude})).await);
    }
    results.push(backend.call("get_forecast", json!({})).await);
    for result in &results {
        assert!(text(result).ends_with(LAST_LINE), "{result}");
        if let Some(structured) = result.get("structuredContent") {
            assert_eq!(structured["source"], "sample");
        }
    }
    assert_eq!(text(&results[1]), format!("No active alerts for this state.{LAST_LINE}"));
}

#[tokio::test]
async fn california_has_alerts() {
    let backend = Backend::start(Source::sample()).await;
    let result = backend.call("get_alerts", json!({"state": "CA"})).await;
    assert!(text(&result).starts_with("Event: Red Flag Warning\nArea: East Bay Hills"), "{result}");
    assert_eq!(text(&result).matches("\n---\n").count(), 2);
    let alerts = result["structuredContent"]["alerts"].as_array().unwrap();
    assert_eq!(alerts.iter().map(|alert| &alert["severity"]).collect::<Vec<_>>(), ["Severe", "Moderate", "Unknown"]);
    assert_eq!(alerts[2].get("instruction"), None::<&Value>);
}

#[tokio::test]
async fn a_point_near_a_place_gets_its_forecast_and_one_far_from_all_is_told_the_places() {
    let backend = Backend::start(Source::sample()).await;
    let brooklyn = backend.call("get_forecast", json!({"latitude": 40.65, "longitude": -73.95})).await;
    assert!(text(&brooklyn).contains("71°F"), "{brooklyn}");
    assert_eq!(brooklyn["structuredContent"]["latitude"], 40.65);
    let nowhere = backend.call("get_forecast", json!({"latitude": 44.0, "longitude": -110.0})).await;
    assert_eq!(nowhere["isError"], true);
    for place in ["New York, NY (40.7128,-74.006)", "San Juan, PR (18.4655,-66.1057)", "London, fails: outside"] {
        assert!(text(&nowhere).contains(place), "{nowhere}");
    }
}
