//! The NWS API's JSON, read into the domain. Members that we have no use for are ignored; those that may be absent or `null`
//! are, and a reply without those that make it an answer is refused, never taken for an empty one.

mod wire;

use serde::de::DeserializeOwned;
use tracing::warn;

use super::Trouble;
use crate::weather::{Alert, Forecast, Period, Point, Quantity, Severity};

/// What a reply to `/points/` says.
#[derive(Debug)]
pub(super) struct Grid {
    /// The address of the forecast, as it was written.
    pub(super) forecast: String,
    pub(super) place: Option<String>,
    pub(super) time_zone: Option<String>,
}

/// The alerts of a reply to `/alerts/active/area/`, without exercises and tests: those come as what they rehearse, such as a
/// tsunami warning, and only their status tells.
pub(super) fn alerts(body: &[u8]) -> Result<Vec<Alert>, Trouble> {
    let list: wire::Collection = read("list of alerts", body)?;
    let sent = list.features.into_iter().map(|feature| feature.properties);
    Ok(sent.filter(|alert| alert.status.as_deref().is_none_or(|status| status == "Actual")).map(alert).collect())
}

/// The forecast's address in a reply to `/points/`.
pub(super) fn grid(body: &[u8]) -> Result<Grid, Trouble> {
    let point: wire::Feature<wire::Point> = read("point", body)?;
    let town = point.properties.relative_location.map(|town| town.properties);
    Ok(Grid {
        forecast: point.properties.forecast,
        place: town.and_then(|town| Some(format!("{}, {}", town.city?, town.state?))),
        time_zone: point.properties.time_zone,
    })
}

/// The forecast of a reply to `/gridpoints/../forecast`.
pub(super) fn forecast(point: Point, body: &[u8]) -> Result<Forecast, Trouble> {
    let forecast: wire::Feature<wire::Forecast> = read("forecast", body)?;
    let forecast = forecast.properties;
    if forecast.periods.is_empty() {
        return Err(Trouble::MissingData);
    }
    let units = if forecast.units.as_deref() == Some("si") { ("C", "km/h") } else { ("F", "mph") };
    let periods = forecast.periods.into_iter().map(|period| self::period(period, units)).collect();
    Ok(Forecast { updated: forecast.update_time.or(forecast.generated_at), ..Forecast::new(point, periods) })
}

fn read<T: DeserializeOwned>(what: &'static str, body: &[u8]) -> Result<T, Trouble> {
    serde_json::from_slice(body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        warn!(what, line, column, category = ?error.classify(), "a reply is not in the NWS API's form");
        Trouble::Garbled { what }
    })
}

fn alert(sent: wire::Alert) -> Alert {
    let or_unknown = |text: Option<String>| text.unwrap_or_else(|| "Unknown".to_owned());
    Alert {
        event: or_unknown(sent.event),
        area: or_unknown(sent.area_desc),
        severity: Severity::parse(sent.severity.as_deref().unwrap_or_default()),
        urgency: sent.urgency,
        certainty: sent.certainty,
        headline: sent.headline,
        description: sent.description.unwrap_or_else(|| "No description available".to_owned()),
        instruction: sent.instruction,
        sent: sent.sent,
        onset: sent.onset,
        expires: sent.expires,
        ends: sent.ends,
        sender: sent.sender_name,
    }
}

fn period(sent: wire::Period, (degrees, speed): (&str, &str)) -> Period {
    let temperature = Quantity::from(sent.temperature);
    let own_unit = temperature.unit().map(str::to_owned);
    Period {
        name: sent.name,
        start_time: sent.start_time,
        end_time: sent.end_time,
        is_daytime: sent.is_daytime,
        temperature: temperature.number(),
        temperature_unit: own_unit.or(sent.temperature_unit).unwrap_or_else(|| degrees.to_owned()),
        probability_of_precipitation: Quantity::from(sent.probability_of_precipitation).number(),
        wind_speed: Quantity::from(sent.wind_speed).or_unit(speed).to_string(),
        wind_direction: sent.wind_direction.unwrap_or_default(),
        short_forecast: sent.short_forecast.unwrap_or_default(),
        detailed_forecast: sent.detailed_forecast.unwrap_or_default(),
    }
}

impl From<Option<wire::Quantity>> for Quantity {
    fn from(sent: Option<wire::Quantity>) -> Self {
        match sent {
            None => Self::Missing,
            Some(wire::Quantity::Number(value)) => Self::measured(value, None, ""),
            Some(wire::Quantity::Words(words)) => Self::Words(words),
            Some(wire::Quantity::Measured(sent)) => {
                let unit = sent.unit_code.unwrap_or_default();
                match (sent.value, sent.min_value, sent.max_value) {
                    (Some(value), _, _) => Self::measured(value, None, &unit),
                    (None, Some(least), Some(most)) => Self::measured(least, Some(most), &unit),
                    (None, Some(one), None) | (None, None, Some(one)) => Self::measured(one, None, &unit),
                    (None, None, None) => Self::Missing,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn period_text(changes: &Value) -> String {
        let mut period = json!({"name": "Tonight", "temperature": 47, "temperatureUnit": "F", "windSpeed": "5 mph",
            "windDirection": "S", "detailedForecast": "Clear."});
        for (name, value) in changes.as_object().unwrap() {
            period[name] = value.clone();
        }
        let body = json!({"properties": {"units": "us", "periods": [period]}}).to_string();
        forecast(Point::new(40.0, -74.0).unwrap(), body.as_bytes()).unwrap().to_string()
    }

    #[test]
    fn temperature_is_a_number_a_string_or_a_value_with_a_unit() {
        for (sent, read) in [
            (json!({"temperature": 47}), "47°F"),
            (json!({"temperature": 46.96}), "47°F"),
            (json!({"temperature": "47"}), "47°F"),
            (json!({"temperature": "8.3", "temperatureUnit": "C"}), "8.3°C"),
            (json!({"temperature": {"unitCode": "wmoUnit:degC", "value": 8.333}, "temperatureUnit": null}), "8.3°C"),
            (json!({"temperature": {"unitCode": "wmoUnit:degF", "value": -0.01}}), "0°F"),
            (json!({"temperature": {"unitCode": "wmoUnit:degC", "value": null}}), "not available"),
            (json!({"temperature": null}), "not available"),
        ] {
            let text = period_text(&sent);
            assert!(text.contains(&format!("\nTemperature: {read}\n")), "{sent} reads {text}");
        }
    }

    #[test]
    fn wind_is_a_number_a_string_or_a_value_with_a_unit() {
        for (sent, read) in [
            (json!({"windSpeed": "3 to 9 mph"}), "3 to 9 mph S"),
            (json!({"windSpeed": 9}), "9 mph S"),
            (json!({"windSpeed": {"unitCode": "wmoUnit:km_h-1", "value": 14.816}}), "14.8 km/h S"),
            (json!({"windSpeed": {"unitCode": "wmoUnit:km_h-1", "minValue": 5.5, "maxValue": 15}}), "5.5 to 15 km/h S"),
            (json!({"windSpeed": {"unitCode": "wmoUnit:km_h-1", "value": null}, "windDirection": ""}), "not available"),
            (json!({"windSpeed": null, "windDirection": null}), "not available"),
        ] {
            let text = period_text(&sent);
            assert!(text.contains(&format!("\nWind: {read}\n")), "{sent} reads {text}");
        }
    }

    #[test]
    fn an_alert_may_lack_anything() {
        let read = alerts(br#"{"features":[{"properties":{"event":null,"severity":"Odd"}}]}"#).unwrap();
        assert_eq!(
            read[0].to_string(),
            "Event: Unknown\nArea: Unknown\nSeverity: Unknown\nDescription: No description available\n\
             Instructions: No specific instructions provided"
        );
    }

    #[test]
    fn what_is_only_a_test_is_no_alert() {
        let status = |status: Value| json!({"properties": {"event": "Tsunami Warning", "status": status}});
        let sent = ["Actual", "Test", "Exercise", "Draft", "System"].map(|word| status(word.into()));
        let sent = [sent.as_slice(), &[status(Value::Null)]].concat();
        let list = json!({"features": sent}).to_string();
        assert_eq!(alerts(list.as_bytes()).unwrap().len(), 2, "the actual one, and the one that does not say");
    }

    #[test]
    fn units_that_are_not_written_are_those_of_the_forecast() {
        for (units, read) in [("us", "Temperature: 9°F\nWind: 5 mph"), ("si", "Temperature: 9°C\nWind: 5 km/h")] {
            let period = json!({"name": "Today", "temperature": 9, "windSpeed": 5});
            let body = json!({"properties": {"units": units, "periods": [period]}}).to_string();
            let text = forecast(Point::new(40.0, -74.0).unwrap(), body.as_bytes()).unwrap().to_string();
            assert!(text.contains(read), "{text}");
        }
    }

    #[test]
    fn what_is_no_answer_is_not_taken_for_an_empty_one() {
        for body in [
            "",
            "{}",
            "[]",
            "null",
            r#"{"features":null}"#,
            r#"{"features":[{}]}"#,
            r#"{"features":[{"properties":null}]}"#,
        ] {
            assert_eq!(alerts(body.as_bytes()), Err(Trouble::Garbled { what: "list of alerts" }), "{body}");
        }
        assert!(matches!(grid(br#"{"properties":{"forecast":null}}"#), Err(Trouble::Garbled { .. })));
        let here = Point::new(40.0, -74.0).unwrap();
        assert_eq!(forecast(here, br#"{"properties":{"periods":[]}}"#), Err(Trouble::MissingData));
        assert!(matches!(forecast(here, br#"{"properties":{}}"#), Err(Trouble::Garbled { .. })));
    }

    #[test]
    fn a_point_may_lack_its_town() {
        let read = grid(br#"{"properties":{"forecast":"https://x/y","timeZone":"America/New_York"}}"#).unwrap();
        assert_eq!((read.forecast.as_str(), read.place), ("https://x/y", None));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (alerts(&body), grid(&body), forecast(Point::new(1.0, 1.0).unwrap(), &body));
        }
    }
}
