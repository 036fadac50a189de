//! Forecasts: what the coming half-days bring.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use super::{Point, SEPARATOR, quantity::Tenths};

/// The coming two and a half days; what lies beyond is rarely asked for and would drown the rest.
const MOST: usize = 5;

/// One half-day.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Period {
    /// "Tonight", "Thursday" and so on.
    pub name: String,
    /// When it begins, ISO 8601 with offset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<String>,
    /// When it ends, ISO 8601 with offset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_time: Option<String>,
    /// Whether it is a day, not a night.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_daytime: Option<bool>,
    /// The day's high or the night's low; missing if not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// F or C.
    pub temperature_unit: String,
    /// Chance of rain or snow in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probability_of_precipitation: Option<f64>,
    /// Speed with its unit, such as "3 to 9 mph"; empty if not known.
    pub wind_speed: String,
    /// Where the wind comes from, such as "NW"; empty if not known.
    pub wind_direction: String,
    /// The forecast in a few words.
    pub short_forecast: String,
    /// The forecast in a few sentences.
    pub detailed_forecast: String,
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}:", self.name)?;
        match self.temperature {
            Some(degrees) => writeln!(f, "Temperature: {}°{}", Tenths(degrees), self.temperature_unit)?,
            None => writeln!(f, "Temperature: {UNKNOWN}")?,
        }
        let wind = [self.wind_speed.as_str(), self.wind_direction.as_str()];
        let wind = wind.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(" ");
        writeln!(f, "Wind: {}", if wind.is_empty() { UNKNOWN } else { &wind })?;
        let told = if self.detailed_forecast.is_empty() { &self.short_forecast } else { &self.detailed_forecast };
        write!(f, "Forecast: {}", if told.is_empty() { UNKNOWN } else { told })
    }
}

const UNKNOWN: &str = "not available";

/// The forecast for a point.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Forecast {
    /// Degrees north, to four decimals.
    pub latitude: f64,
    /// Degrees east, to four decimals.
    pub longitude: f64,
    /// The nearest town, such as "Hoboken, NJ".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// The place's time zone, such as "America/New_York".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// When the forecast was last changed, ISO 8601.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated: Option<String>,
    /// The first five half-days.
    pub periods: Vec<Period>,
}

impl Forecast {
    /// The forecast for `point`, with the first five of `periods`.
    pub fn new(point: Point, mut periods: Vec<Period>) -> Self {
        periods.truncate(MOST);
        Self {
            latitude: point.latitude(),
            longitude: point.longitude(),
            place: None,
            time_zone: None,
            updated: None,
            periods,
        }
    }
}

impl fmt::Display for Forecast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, period) in self.periods.iter().enumerate() {
            write!(f, "{}{period}", if index == 0 { "" } else { SEPARATOR })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn period(name: &str) -> Period {
        Period {
            name: name.to_owned(),
            start_time: None,
            end_time: None,
            is_daytime: None,
            temperature: Some(58.0),
            temperature_unit: "F".to_owned(),
            probability_of_precipitation: None,
            wind_speed: "3 to 9 mph".to_owned(),
            wind_direction: "NW".to_owned(),
            short_forecast: "Sunny".to_owned(),
            detailed_forecast: "Sunny, with a high near 58.".to_owned(),
        }
    }

    fn here(periods: Vec<Period>) -> Forecast {
        Forecast::new(Point::new(40.7128, -74.0060).unwrap(), periods)
    }

    #[test]
    fn periods_read_with_every_part_and_a_line_between() {
        assert_eq!(
            here(vec![period("Today"), period("Tonight")]).to_string(),
            "Today:\nTemperature: 58°F\nWind: 3 to 9 mph NW\nForecast: Sunny, with a high near 58.\n---\n\
             Tonight:\nTemperature: 58°F\nWind: 3 to 9 mph NW\nForecast: Sunny, with a high near 58."
        );
    }

    #[test]
    fn what_is_not_known_is_said() {
        let empty = Period {
            temperature: None,
            wind_speed: String::new(),
            wind_direction: String::new(),
            short_forecast: String::new(),
            detailed_forecast: String::new(),
            ..period("Today")
        };
        assert_eq!(
            empty.to_string(),
            "Today:\nTemperature: not available\nWind: not available\nForecast: not available"
        );
        let half = Period { wind_direction: String::new(), detailed_forecast: String::new(), ..period("Today") };
        assert!(half.to_string().ends_with("Wind: 3 to 9 mph\nForecast: Sunny"), "{half}");
    }

    proptest! {
        #[test]
        fn the_first_five_periods_are_told_in_order(count in 0usize..30) {
            let names: Vec<String> = (0..count).map(|index| format!("Period {index}")).collect();
            let text = here(names.iter().map(|name| period(name)).collect()).to_string();
            let told: Vec<&str> = text.lines().filter_map(|line| line.strip_suffix(':')).collect();
            prop_assert_eq!(told, names.iter().take(5).collect::<Vec<_>>());
            prop_assert_eq!(text.matches("\n---\n").count(), count.min(5).saturating_sub(1));
        }
    }
}
