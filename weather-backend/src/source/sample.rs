//! Sample data of our own making in the NWS API's shapes, for trying things out without the internet.
//!
//! Ten places with a forecast, and five that fail, each in another way.

use std::collections::HashMap;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::{Step, Trouble, problem};
use crate::weather::{Area, Point};

/// How far from a place a point may lie and still get its forecast, in kilometres.
const NEAR: f64 = 50.0;

const NO_ALERTS: &str = r#"{"type":"FeatureCollection","features":[]}"#;

const ALERTS: &str = include_str!("sample/alerts.json");

const PLACES: [&str; 15] = [
    include_str!("sample/new-york.json"),
    include_str!("sample/san-francisco.json"),
    include_str!("sample/seattle.json"),
    include_str!("sample/denver.json"),
    include_str!("sample/chicago.json"),
    include_str!("sample/houston.json"),
    include_str!("sample/miami.json"),
    include_str!("sample/anchorage.json"),
    include_str!("sample/honolulu.json"),
    include_str!("sample/san-juan.json"),
    include_str!("sample/london-invalid-point.json"),
    include_str!("sample/georges-bank-marine.json"),
    include_str!("sample/aberdeen-missing-data.json"),
    include_str!("sample/roswell-rate-limited.json"),
    include_str!("sample/tonopah-unexpected.json"),
];

/// The sample data.
#[derive(Debug)]
pub struct Sample {
    base: Url,
    places: Vec<Place>,
    alerts: HashMap<String, Value>,
}

/// A place, and what the API is taken to reply for it.
#[derive(Debug, Deserialize)]
struct Place {
    name: String,
    latitude: f64,
    longitude: f64,
    point: Reply,
    forecast: Option<Reply>,
}

#[derive(Debug, Deserialize)]
struct Reply {
    status: u16,
    body: Value,
}

impl Sample {
    /// The data, read from the program itself.
    pub fn new() -> Self {
        let places = PLACES.into_iter().map(|place| serde_json::from_str(place).expect(EMBEDDED)).collect();
        let base = Url::parse("https://api.weather.gov/").expect(EMBEDDED);
        Self { base, places, alerts: serde_json::from_str(ALERTS).expect(EMBEDDED) }
    }

    /// Where the addresses in the data lead; nothing is ever sent there.
    pub(super) fn base(&self) -> &Url {
        &self.base
    }

    pub(super) fn fetch(&self, step: Step, url: &Url) -> Result<Bytes, Trouble> {
        match step {
            Step::Alerts(area) => Ok(self.alerts(area)),
            Step::Point(point) => self.near(point).and_then(|place| place.point.judged(step)),
            Step::Forecast(_) => self.forecast_at(url).ok_or(Trouble::Garbled { what: "address" })?.judged(step),
        }
    }

    fn alerts(&self, area: Area) -> Bytes {
        match self.alerts.get(area.code()) {
            Some(list) => Bytes::from(list.to_string()),
            None => Bytes::from_static(NO_ALERTS.as_bytes()),
        }
    }

    fn near(&self, point: Point) -> Result<&Place, Trouble> {
        let far = |place: &&Place| place.point().map_or(f64::INFINITY, |at| at.kilometres_to(point));
        self.places
            .iter()
            .filter(|place| far(place) <= NEAR)
            .min_by(|one, other| far(one).total_cmp(&far(other)))
            .ok_or_else(|| Trouble::NoSamplePlace { places: self.names() })
    }

    fn forecast_at(&self, url: &Url) -> Option<&Reply> {
        let named = |place: &Place| Some(place.point.body.pointer("/properties/forecast")?.as_str()? == url.as_str());
        self.places.iter().find(|place| named(place).unwrap_or(false))?.forecast.as_ref()
    }

    fn names(&self) -> String {
        let name = |place: &Place| Some(format!("{} ({})", place.name, place.point()?));
        self.places.iter().filter_map(name).collect::<Vec<_>>().join("; ")
    }
}

impl Default for Sample {
    fn default() -> Self {
        Self::new()
    }
}

impl Place {
    fn point(&self) -> Option<Point> {
        Point::new(self.latitude, self.longitude).ok()
    }
}

impl Reply {
    fn judged(&self, step: Step) -> Result<Bytes, Trouble> {
        let status = StatusCode::from_u16(self.status).expect(EMBEDDED);
        problem::judge(step, status, &HeaderMap::new(), None, Bytes::from(self.body.to_string()))
    }
}

const EMBEDDED: &str = "the embedded data are constant, and a test reads all of them";
