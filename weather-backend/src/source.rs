//! Where observations come from: the National Weather Service, or sample data of ours in the Service's shapes.
//!
//! Both give replies as the NWS API sends them; one piece of code judges and reads them.

mod nws;
mod problem;
mod sample;
mod shapes;
mod trouble;

use std::{fmt, time::Duration};

use bytes::Bytes;
use tokio::time::Instant;
use url::Url;

pub use nws::{BaseUrl, Nws, NwsError, NwsSettings};
pub use sample::Sample;
pub use trouble::Trouble;

use crate::{
    metrics::Metrics,
    weather::{Alerts, Area, Forecast, Point},
};

/// Where observations come from.
#[derive(Debug)]
pub enum Source {
    /// The National Weather Service's API.
    Nws(Nws),
    /// Sample data of ours; never used unless asked for.
    Sample(Sample),
}

/// What is asked of a source. A forecast takes two steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The alerts in force for an area.
    Alerts(Area),
    /// Which forecast belongs to a point.
    Point(Point),
    /// That forecast.
    Forecast(Point),
}

/// Who is told of each step before it is taken.
pub trait Watch: Sync {
    /// `step` is about to be taken.
    fn told(&self, step: Step) -> impl Future<Output = ()> + Send;
}

/// Nobody.
impl Watch for () {
    async fn told(&self, _step: Step) {}
}

impl Source {
    /// The sample data.
    pub fn sample() -> Self {
        Self::Sample(Sample::new())
    }

    /// The alerts in force for `area`.
    ///
    /// # Errors
    /// [`Trouble`], with a sentence for whoever asked. A failure is never an empty success.
    pub async fn alerts(&self, area: Area, watch: &impl Watch, metrics: &Metrics) -> Result<Alerts, Trouble> {
        let ask = Ask { deadline: self.deadline(), metrics };
        let reply =
            self.fetch(Step::Alerts(area), self.url(&format!("alerts/active/area/{area}"))?, watch, ask).await?;
        Ok(Alerts::new(area, shapes::alerts(&reply)?))
    }

    /// The forecast for `point`.
    ///
    /// # Errors
    /// As [`Source::alerts`].
    pub async fn forecast(&self, point: Point, watch: &impl Watch, metrics: &Metrics) -> Result<Forecast, Trouble> {
        let ask = Ask { deadline: self.deadline(), metrics };
        let reply = self.fetch(Step::Point(point), self.url(&format!("points/{point}"))?, watch, ask).await?;
        let grid = shapes::grid(&reply)?;
        let reply = self.fetch(Step::Forecast(point), self.own_url(&grid.forecast)?, watch, ask).await?;
        Ok(Forecast { place: grid.place, time_zone: grid.time_zone, ..shapes::forecast(point, &reply)? })
    }

    async fn fetch(&self, step: Step, url: Url, watch: &impl Watch, ask: Ask<'_>) -> Result<Bytes, Trouble> {
        watch.told(step).await;
        match self {
            Self::Nws(nws) => nws.fetch(step, url, ask).await,
            Self::Sample(sample) => sample.fetch(step, &url),
        }
    }

    fn base(&self) -> &Url {
        match self {
            Self::Nws(nws) => nws.base(),
            Self::Sample(sample) => sample.base(),
        }
    }

    fn url(&self, path: &str) -> Result<Url, Trouble> {
        self.base().join(path).map_err(|_| Trouble::Garbled { what: "address" })
    }

    /// An address that a reply named: followed only on the origin that we were told to ask, whatever a reply says.
    fn own_url(&self, named: &str) -> Result<Url, Trouble> {
        on_origin_of(self.base(), self.url(named)?)
    }

    fn deadline(&self) -> Instant {
        Instant::now()
            + match self {
                Self::Nws(nws) => nws.deadline(),
                Self::Sample(_) => Duration::from_secs(30),
            }
    }
}

/// `url`, if it is on the origin of `own`: scheme, host and port. What the Service's replies say must not make us ask other
/// servers, inside our network or outside; nor show the right one a user and password of a reply's choice.
fn on_origin_of(own: &Url, url: Url) -> Result<Url, Trouble> {
    if url.origin() != own.origin() {
        return Err(Trouble::Elsewhere);
    }
    let names_a_user = !url.username().is_empty() || url.password().is_some();
    if names_a_user { Err(Trouble::Garbled { what: "address" }) } else { Ok(url) }
}

/// What all steps of one call share.
#[derive(Clone, Copy)]
struct Ask<'a> {
    deadline: Instant,
    metrics: &'a Metrics,
}

impl Step {
    /// Every word of [`Step::endpoint`].
    pub(crate) const ENDPOINTS: [&'static str; 3] = ["alerts", "points", "forecast"];

    /// The word for metrics: a closed set.
    pub(crate) fn endpoint(self) -> &'static str {
        match self {
            Self::Alerts(_) => "alerts",
            Self::Point(_) => "points",
            Self::Forecast(_) => "forecast",
        }
    }

    /// How many steps of its call come before it.
    pub fn taken_before(self) -> u8 {
        match self {
            Self::Alerts(_) | Self::Point(_) => 0,
            Self::Forecast(_) => 1,
        }
    }
}

/// What is being done, for whoever waits.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alerts(area) => write!(f, "Asking for the alerts in force for {area}"),
            Self::Point(point) => write!(f, "Asking which forecast belongs to {point}"),
            Self::Forecast(point) => write!(f, "Asking for the forecast for {point}"),
        }
    }
}
