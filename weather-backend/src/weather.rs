//! The domain: what alerts and forecasts are and how they read. No protocol and no input or output here.

mod alert;
mod area;
mod forecast;
mod point;
mod quantity;

pub use alert::{Alert, Alerts, Severity};
pub use area::{Area, UnknownArea};
pub use forecast::{Forecast, Period};
pub use point::{Point, PointError};
pub use quantity::Quantity;

/// What stands between two alerts, and between two forecast periods, in a text.
const SEPARATOR: &str = "\n---\n";

/// `word` for an error message: quoted, control characters escaped, and cut where it would drown the sentence.
fn quoted(word: &str) -> String {
    const KEPT: usize = 24;
    match word.char_indices().nth(KEPT) {
        Some((end, _)) => format!("{:?}…", word.get(..end).unwrap_or_default()),
        None => format!("{word:?}"),
    }
}
