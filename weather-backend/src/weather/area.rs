//! The areas that alerts are asked for by.

use std::fmt;

use super::quoted;

/// States, the District of Columbia, territories and freely associated states.
const STATES: [&str; 59] = [
    "AL", "AK", "AS", "AR", "AZ", "CA", "CO", "CT", "DE", "DC", "FL", "GA", "GU", "HI", "ID", "IL", "IN", "IA", "KS",
    "KY", "LA", "ME", "MD", "MA", "MI", "MN", "MS", "MO", "MT", "NE", "NV", "NH", "NJ", "NM", "NY", "NC", "ND", "OH",
    "OK", "OR", "PA", "PR", "RI", "SC", "SD", "TN", "TX", "UT", "VT", "VI", "VA", "WA", "WV", "WI", "WY", "MP", "PW",
    "FM", "MH",
];

/// Coastal waters and the Great Lakes.
const MARINE: [&str; 15] = ["AM", "AN", "GM", "LC", "LE", "LH", "LM", "LO", "LS", "PH", "PK", "PM", "PS", "PZ", "SL"];

/// A state, territory or marine area, by its two-letter code (`AreaCode` of the NWS API).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area(&'static str);

impl Area {
    /// The area that `code` names, in upper or lower case and with spaces around it.
    ///
    /// # Errors
    /// [`UnknownArea`], whose text lists the codes there are.
    pub fn parse(code: &str) -> Result<Self, UnknownArea> {
        let wanted = code.trim();
        Self::all().find(|area| area.0.eq_ignore_ascii_case(wanted)).ok_or_else(|| UnknownArea { shown: quoted(code) })
    }

    /// Every area there is: 59 states and territories, then 15 marine areas.
    pub fn all() -> impl Iterator<Item = Self> {
        STATES.into_iter().chain(MARINE).map(Self)
    }

    /// The code in upper case.
    pub fn code(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// A code that names no area.
#[derive(Debug, thiserror::Error)]
#[error(
    "{shown} is no state or area code. Use a two-letter code, in either case. States and territories: {}. Marine areas: {}.",
    STATES.join(" "), MARINE.join(" ")
)]
pub struct UnknownArea {
    shown: String,
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn there_are_59_and_15_different_codes() {
        assert_eq!(Area::all().count(), 59 + 15);
        assert_eq!(Area::all().map(Area::code).collect::<HashSet<_>>().len(), 59 + 15);
    }

    #[test]
    fn any_case_and_spaces_around_it_are_fine() {
        for area in Area::all() {
            assert_eq!(Area::parse(area.code()).unwrap(), area);
            assert_eq!(Area::parse(&format!(" {}\n", area.code().to_lowercase())).unwrap(), area);
        }
        assert_eq!(Area::parse("cA").unwrap().to_string(), "CA");
    }

    #[test]
    fn an_unknown_code_is_answered_with_what_is_allowed() {
        let said = Area::parse("ZZ").unwrap_err().to_string();
        assert!(said.starts_with("\"ZZ\" is no state or area code."), "{said}");
        for area in Area::all() {
            assert!(said.contains(area.code()), "{area} is missing in: {said}");
        }
    }

    #[test]
    fn a_code_cannot_drown_the_sentence_or_break_its_line() {
        let said = Area::parse(&"\n".repeat(1_000_000)).unwrap_err().to_string();
        assert!(said.len() < 600, "{}", said.len());
        assert!(!said.contains('\n'));
    }

    proptest! {
        #[test]
        fn whatever_is_accepted_is_a_known_code(code in "\\PC{0,4}") {
            if let Ok(area) = Area::parse(&code) {
                prop_assert_eq!(code.trim().to_ascii_uppercase(), area.code());
            }
        }
    }
}
