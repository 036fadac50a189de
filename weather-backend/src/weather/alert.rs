//! Alerts: watches, warnings and advisories in force.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use super::{Area, SEPARATOR};

/// More alerts than a reader, human or model, takes in at once; what is left out is the least severe, and is said.
const MOST: usize = 50;

/// How bad it is (CAP 1.2, section 3.2.2), worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub enum Severity {
    /// Extraordinary threat to life or property.
    Extreme,
    /// Significant threat.
    Severe,
    /// Possible threat.
    Moderate,
    /// Minimal or no known threat.
    Minor,
    /// Not known.
    Unknown,
}

impl Severity {
    /// The severity that `word` names; [`Severity::Unknown`] for any other word.
    pub fn parse(word: &str) -> Self {
        match word {
            "Extreme" => Self::Extreme,
            "Severe" => Self::Severe,
            "Moderate" => Self::Moderate,
            "Minor" => Self::Minor,
            _ => Self::Unknown,
        }
    }
}

/// One alert. Times are ISO 8601 with their offset, as sent.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    /// What is happening, such as "Winter Storm Warning".
    pub event: String,
    /// The counties or zones it holds for.
    pub area: String,
    /// How bad it is.
    pub severity: Severity,
    /// How soon to act: Immediate, Expected, Future, Past or Unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub urgency: Option<String>,
    /// How sure it is: Observed, Likely, Possible, Unlikely or Unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certainty: Option<String>,
    /// One line about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headline: Option<String>,
    /// The whole text.
    pub description: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instruction: Option<String>,
    /// When it was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent: Option<String>,
    /// When the event begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub onset: Option<String>,
    /// When this message expires; a newer one may follow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// When the event ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends: Option<String>,
    /// The office that issued it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Event: {}", self.event)?;
        writeln!(f, "Area: {}", self.area)?;
        writeln!(f, "Severity: {:?}", self.severity)?;
        writeln!(f, "Description: {}", self.description)?;
        write!(f, "Instructions: {}", self.instruction.as_deref().unwrap_or("No specific instructions provided"))
    }
}

/// The alerts in force for an area.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Alerts {
    /// The two-letter code of the area.
    pub state: String,
    /// How many alerts are in force there.
    pub total: usize,
    /// The alerts, in the order they came; where there are more than 50, the 50 most severe.
    pub alerts: Vec<Alert>,
}

impl Alerts {
    /// What holds for `area`: all of `alerts`, or the most severe of them where they are more than 50.
    pub fn new(area: Area, mut alerts: Vec<Alert>) -> Self {
        let total = alerts.len();
        if total > MOST {
            alerts.sort_by_key(|alert| alert.severity);
            alerts.truncate(MOST);
        }
        Self { state: area.code().to_owned(), total, alerts }
    }
}

impl fmt::Display for Alerts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.alerts.is_empty() {
            return f.write_str("No active alerts for this state.");
        }
        for (index, alert) in self.alerts.iter().enumerate() {
            write!(f, "{}{alert}", if index == 0 { "" } else { SEPARATOR })?;
        }
        if self.total > self.alerts.len() {
            let (shown, total) = (self.alerts.len(), self.total);
            write!(f, "{SEPARATOR}These are the {shown} most severe of {total} active alerts.")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(event: &str, severity: Severity) -> Alert {
        Alert {
            event: event.to_owned(),
            area: "Coast".to_owned(),
            severity,
            urgency: None,
            certainty: None,
            headline: None,
            description: "Gales.".to_owned(),
            instruction: None,
            sent: None,
            onset: None,
            expires: None,
            ends: None,
            sender: None,
        }
    }

    fn california(alerts: Vec<Alert>) -> Alerts {
        Alerts::new(Area::parse("CA").unwrap(), alerts)
    }

    #[test]
    fn no_alerts_read_as_one_sentence() {
        assert_eq!(california(vec![]).to_string(), "No active alerts for this state.");
    }

    #[test]
    fn alerts_read_with_every_part_and_a_line_between() {
        let mut second = alert("Flood Watch", Severity::Severe);
        second.instruction = Some("Move to higher ground.".to_owned());
        assert_eq!(
            california(vec![alert("Gale Warning", Severity::Moderate), second]).to_string(),
            "Event: Gale Warning\nArea: Coast\nSeverity: Moderate\nDescription: Gales.\n\
             Instructions: No specific instructions provided\n---\n\
             Event: Flood Watch\nArea: Coast\nSeverity: Severe\nDescription: Gales.\n\
             Instructions: Move to higher ground."
        );
    }

    #[test]
    fn more_than_fifty_are_cut_to_the_most_severe_and_it_is_said() {
        let mut many = vec![alert("Minor", Severity::Minor); 60];
        many.push(alert("Extreme", Severity::Extreme));
        let cut = california(many);
        assert_eq!((cut.total, cut.alerts.len()), (61, 50));
        assert_eq!(cut.alerts[0].event, "Extreme");
        assert!(cut.to_string().ends_with("\n---\nThese are the 50 most severe of 61 active alerts."));
    }

    #[test]
    fn fifty_keep_their_order() {
        let mut fifty = vec![alert("Minor", Severity::Minor); 49];
        fifty.push(alert("Extreme", Severity::Extreme));
        let kept = california(fifty.clone());
        assert_eq!(kept.alerts, fifty);
        assert!(!kept.to_string().contains("most severe"));
    }

    #[test]
    fn a_severity_that_nobody_knows_is_unknown() {
        for (word, severity) in [("Extreme", Severity::Extreme), ("Minor", Severity::Minor), ("?", Severity::Unknown)] {
            assert_eq!(Severity::parse(word), severity);
        }
    }
}
