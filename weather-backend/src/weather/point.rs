//! The points that forecasts are asked for by.

use std::fmt;

/// The NWS API takes four decimals (about eleven metres) and redirects whoever sends more.
const STEPS: f64 = 10_000.0;
const EARTH_RADIUS_KM: f64 = 6371.0;

/// A place on earth, to four decimals of a degree.
///
/// It is kept in whole ten-thousandths, so there is no negative zero and no digit that rounding left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    latitude: i32,
    longitude: i32,
}

impl Point {
    /// The point at these degrees, rounded to four decimals.
    ///
    /// # Errors
    /// [`PointError`] where a number is not finite or lies outside -90..=90 (latitude) or -180..=180 (longitude).
    pub fn new(latitude: f64, longitude: f64) -> Result<Self, PointError> {
        Ok(Self { latitude: steps("latitude", latitude, 90.0)?, longitude: steps("longitude", longitude, 180.0)? })
    }

    /// Degrees north.
    pub fn latitude(self) -> f64 {
        f64::from(self.latitude) / STEPS
    }

    /// Degrees east.
    pub fn longitude(self) -> f64 {
        f64::from(self.longitude) / STEPS
    }

    /// Kilometres between two points along the surface of a spherical earth (haversine).
    pub fn kilometres_to(self, other: Self) -> f64 {
        let (north, south) = (self.latitude().to_radians(), other.latitude().to_radians());
        let up = ((south - north) / 2.0).sin();
        let across = ((other.longitude() - self.longitude()).to_radians() / 2.0).sin();
        let h = up * up + north.cos() * south.cos() * across * across;
        2.0 * EARTH_RADIUS_KM * h.clamp(0.0, 1.0).sqrt().asin()
    }
}

/// `LATITUDE,LONGITUDE` as the path of `/points/` wants it: no trailing zeros, no `-0`.
impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        degrees(self.latitude, f)?;
        f.write_str(",")?;
        degrees(self.longitude, f)
    }
}

/// A number that is no latitude or longitude.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("{name} must be a number of degrees from -{limit} to {limit}, but it is {shown}.")]
pub struct PointError {
    name: &'static str,
    limit: f64,
    shown: f64,
}

fn steps(name: &'static str, degrees: f64, limit: f64) -> Result<i32, PointError> {
    if degrees.is_finite() && degrees.abs() <= limit {
        // At most 1_800_000 in size: the cast loses nothing.
        Ok((degrees * STEPS).round() as i32)
    } else {
        Err(PointError { name, limit, shown: degrees })
    }
}

fn degrees(steps: i32, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let size = steps.unsigned_abs();
    let (whole, rest) = (size / 10_000, size % 10_000);
    let sign = if steps < 0 { "-" } else { "" };
    if rest == 0 {
        return write!(f, "{sign}{whole}");
    }
    write!(f, "{sign}{whole}.{}", format!("{rest:04}").trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(latitude: f64, longitude: f64) -> String {
        Point::new(latitude, longitude).unwrap().to_string()
    }

    #[test]
    fn four_decimals_without_trailing_zeros() {
        assert_eq!(shown(40.7128, -74.0060), "40.7128,-74.006");
        assert_eq!(shown(38.0, -97.0), "38,-97");
        assert_eq!(shown(47.60621, -122.33207), "47.6062,-122.3321");
        assert_eq!(shown(0.0001, 100.1), "0.0001,100.1");
        assert_eq!(shown(-90.0, 180.0), "-90,180");
    }

    #[test]
    fn there_is_no_negative_zero() {
        assert_eq!(shown(-0.0, -0.0), "0,0");
        assert_eq!(shown(-0.00004, 0.00004), "0,0");
    }

    #[test]
    fn what_is_not_on_earth_is_refused_with_the_bounds() {
        for latitude in [90.000001, -91.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300] {
            let said = Point::new(latitude, 0.0).unwrap_err().to_string();
            assert!(said.starts_with("latitude must be a number of degrees from -90 to 90"), "{said}");
        }
        for longitude in [180.1, -181.0, f64::NAN, f64::INFINITY] {
            let said = Point::new(0.0, longitude).unwrap_err().to_string();
            assert!(said.starts_with("longitude must be a number of degrees from -180 to 180"), "{said}");
        }
    }

    #[test]
    fn distances_are_those_of_an_atlas() {
        let new_york = Point::new(40.7128, -74.0060).unwrap();
        let los_angeles = Point::new(34.0522, -118.2437).unwrap();
        assert!((new_york.kilometres_to(los_angeles) - 3936.0).abs() < 5.0);
        assert_eq!(new_york.kilometres_to(new_york), 0.0);
    }

    proptest! {
        #[test]
        fn what_is_shown_is_the_number_to_four_decimals(latitude in -90.0..=90.0, longitude in -180.0..=180.0) {
            let text = shown(latitude, longitude);
            let (north, east) = text.split_once(',').unwrap();
            for (part, number) in [(north, latitude), (east, longitude)] {
                let read: f64 = part.parse().unwrap();
                prop_assert!((read - number).abs() <= 0.000_050_000_1, "{} is shown as {}", number, part);
                prop_assert!(part != "-0" && !(part.contains('.') && part.ends_with('0')), "{}", part);
                prop_assert!(part.split_once('.').is_none_or(|(_, decimals)| decimals.len() <= 4), "{}", part);
            }
        }

        #[test]
        fn no_number_panics(latitude in any::<f64>(), longitude in any::<f64>()) {
            let _ = Point::new(latitude, longitude);
        }
    }
}
