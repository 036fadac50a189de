//! The JSON as it is written; every member that may be absent or `null` is an option.

use serde::{Deserialize, Deserializer, de::Error};
use serde_json::Value;

#[derive(Deserialize)]
pub(super) struct Collection {
    pub(super) features: Vec<Feature<Alert>>,
}

#[derive(Deserialize)]
pub(super) struct Feature<T> {
    pub(super) properties: T,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Alert {
    pub(super) status: Option<String>,
    pub(super) event: Option<String>,
    pub(super) area_desc: Option<String>,
    pub(super) severity: Option<String>,
    pub(super) urgency: Option<String>,
    pub(super) certainty: Option<String>,
    pub(super) headline: Option<String>,
    pub(super) description: Option<String>,
    pub(super) instruction: Option<String>,
    pub(super) sent: Option<String>,
    pub(super) onset: Option<String>,
    pub(super) expires: Option<String>,
    pub(super) ends: Option<String>,
    pub(super) sender_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Point {
    pub(super) forecast: String,
    pub(super) relative_location: Option<Feature<Town>>,
    pub(super) time_zone: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Town {
    pub(super) city: Option<String>,
    pub(super) state: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Forecast {
    pub(super) units: Option<String>,
    pub(super) generated_at: Option<String>,
    pub(super) update_time: Option<String>,
    pub(super) periods: Vec<Period>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Period {
    pub(super) name: String,
    pub(super) start_time: Option<String>,
    pub(super) end_time: Option<String>,
    pub(super) is_daytime: Option<bool>,
    pub(super) temperature: Option<Quantity>,
    pub(super) temperature_unit: Option<String>,
    pub(super) probability_of_precipitation: Option<Quantity>,
    pub(super) wind_speed: Option<Quantity>,
    pub(super) wind_direction: Option<String>,
    pub(super) short_forecast: Option<String>,
    pub(super) detailed_forecast: Option<String>,
}

/// A measured value in one of its three ways.
pub(super) enum Quantity {
    Number(f64),
    Words(String),
    Measured(Measured),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Measured {
    pub(super) unit_code: Option<String>,
    pub(super) value: Option<f64>,
    pub(super) min_value: Option<f64>,
    pub(super) max_value: Option<f64>,
}

/// By way of `Value`, since derived untagged enums fail on numbers where serde_json keeps arbitrary precision, which any
/// crate in a build can switch on for all.
impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let odd = || D::Error::custom("neither a number, a string nor a value with a unit");
        match Value::deserialize(from)? {
            Value::Number(number) => number.as_f64().map(Self::Number).ok_or_else(odd),
            Value::String(words) => Ok(Self::Words(words)),
            object @ Value::Object(_) => Measured::deserialize(object).map(Self::Measured).map_err(D::Error::custom),
            Value::Null | Value::Bool(_) | Value::Array(_) => Err(odd()),
        }
    }
}
