//! Measured values, which the NWS API writes in three ways: a number, a string, or a value with a unit code.

use std::fmt;

/// A measured value as it was sent.
#[derive(Clone, Debug, PartialEq, Default)]
pub enum Quantity {
    /// Nothing was sent, or `null`.
    #[default]
    Missing,
    /// A number, with its unit as people write it (`F`, `mph`), if known.
    Number {
        /// How much.
        value: f64,
        /// The highest value where a range was sent.
        up_to: Option<f64>,
        /// The unit as people write it; empty if unknown.
        unit: String,
    },
    /// Words, such as `3 to 9 mph`.
    Words(String),
}

impl Quantity {
    /// A value, or a range up to `up_to`, whose unit is a WMO unit code such as `wmoUnit:km_h-1`; an empty code is no unit.
    pub fn measured(value: f64, up_to: Option<f64>, unit_code: &str) -> Self {
        Self::Number { value, up_to, unit: unit_for_people(unit_code).to_owned() }
    }

    /// The value, if it is one number or words that are one.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Number { value, .. } => Some(*value),
            Self::Words(words) => words.trim().parse().ok().filter(|number: &f64| number.is_finite()),
            Self::Missing => None,
        }
    }

    /// The same value with `unit`, if it came without one.
    pub fn or_unit(self, unit: &str) -> Self {
        match self {
            Self::Number { value, up_to, unit: own } if own.is_empty() => {
                Self::Number { value, up_to, unit: unit.to_owned() }
            }
            Self::Number { .. } | Self::Words(_) | Self::Missing => self,
        }
    }

    /// The unit that came with the value, if any.
    pub fn unit(&self) -> Option<&str> {
        match self {
            Self::Number { unit, .. } if !unit.is_empty() => Some(unit),
            Self::Number { .. } | Self::Words(_) | Self::Missing => None,
        }
    }
}

/// The value for people: `58 mph`, `5 to 15 km/h`, `3 to 9 mph`; nothing if it is missing.
impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => Ok(()),
            Self::Words(words) => f.write_str(words.trim()),
            Self::Number { value, up_to, unit } => {
                write!(f, "{}", Tenths(*value))?;
                if let Some(highest) = up_to {
                    write!(f, " to {}", Tenths(*highest))?;
                }
                if unit.is_empty() { Ok(()) } else { write!(f, " {unit}") }
            }
        }
    }
}

/// A number to one decimal, which is dropped where it is zero: `14.4`, `58`, never `-0`.
pub(super) struct Tenths(pub(super) f64);

impl fmt::Display for Tenths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Adding zero turns a negative zero into a positive one.
        write!(f, "{}", (self.0 * 10.0).round() / 10.0 + 0.0)
    }
}

/// The code's own name where it is not one of those that forecasts use.
fn unit_for_people(code: &str) -> &str {
    let name = code.rsplit(':').next().unwrap_or(code);
    match name {
        "degC" => "C",
        "degF" => "F",
        "km_h-1" => "km/h",
        "m_s-1" => "m/s",
        "mi_h-1" => "mph",
        "percent" => "%",
        "kt" => "kt",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(value: f64, up_to: Option<f64>, unit: &str) -> Quantity {
        Quantity::Number { value, up_to, unit: unit.to_owned() }
    }

    #[test]
    fn quantities_read_as_people_write_them() {
        assert_eq!(number(10.0, None, "mph").to_string(), "10 mph");
        assert_eq!(number(14.816, Some(24.06), "km/h").to_string(), "14.8 to 24.1 km/h");
        assert_eq!(number(-0.04, None, "").to_string(), "0");
        assert_eq!(Quantity::Words(" 3 to 9 mph ".into()).to_string(), "3 to 9 mph");
        assert_eq!(Quantity::Missing.to_string(), "");
    }

    #[test]
    fn a_unit_is_added_only_where_none_came() {
        assert_eq!(number(1.0, None, "").or_unit("F").unit(), Some("F"));
        assert_eq!(number(1.0, None, "C").or_unit("F").unit(), Some("C"));
        assert_eq!(Quantity::Words("58".into()).or_unit("F").number(), Some(58.0));
        assert_eq!(Quantity::Words("NaN".into()).number(), None);
    }

    #[test]
    fn unit_codes_become_units() {
        assert_eq!(unit_for_people("wmoUnit:degC"), "C");
        assert_eq!(unit_for_people("unit:km_h-1"), "km/h");
        assert_eq!(unit_for_people("wmoUnit:K"), "K");
        assert_eq!(unit_for_people(""), "");
    }

    proptest! {
        #[test]
        fn a_number_reads_back_to_a_tenth(value in -1000.0..1000.0f64) {
            let text = number(value, None, "").to_string();
            prop_assert!((text.parse::<f64>().unwrap() - value).abs() <= 0.050_001);
            prop_assert_ne!(text, "-0");
        }
    }
}
