//! Every way in which a source fails, one row each: the sentence for whoever asked, and the word for metrics.

use std::time::Duration;

/// Why a source gave no answer. Its text is for the caller of a tool; what only we need to know is in the log.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Trouble {
    /// Problem `InvalidPoint`.
    #[error(
        "The National Weather Service has no forecast for this point: it lies outside the United States, its territories \
         and adjacent waters. Use a latitude and longitude inside them."
    )]
    InvalidPoint,
    /// Problem `MarineForecastNotSupported`.
    #[error(
        "This point lies at sea, and the National Weather Service does not give marine forecasts this way. Use a point on \
         land; marine warnings are alerts of the marine areas."
    )]
    Marine,
    /// Problem `ForecastMissingData`.
    #[error(
        "The National Weather Service's forecast for this point lacks data at the moment. Try again later, or a point nearby."
    )]
    MissingData,
    /// 429.
    #[error("The National Weather Service answers too many requests from here with a refusal (429). Try again {}.", after(*retry_after))]
    RateLimited {
        /// When to come back, if it was said.
        retry_after: Option<Duration>,
    },
    /// 403, which the Service uses for throttling as well as for a User-Agent that it does not accept.
    #[error(
        "The National Weather Service refused the request (403): it does so when it throttles, and when it does not accept \
         the User-Agent. Try again in a minute."
    )]
    Forbidden,
    /// 502, 503 or 504, after all retries.
    #[error(
        "The National Weather Service is not available at the moment ({status}), also after another try. Try again in a minute."
    )]
    Unavailable {
        /// The HTTP status.
        status: u16,
    },
    /// Any other status.
    #[error("The National Weather Service answered with an error ({status}: {title}).")]
    Unexpected {
        /// The HTTP status.
        status: u16,
        /// The problem's title, cut to one short line.
        title: String,
    },
    /// The deadline passed.
    #[error("The National Weather Service took longer than {} to answer. Try again in a minute.", humantime::format_duration(*.limit))]
    TooSlow {
        /// How long a call may take.
        limit: Duration,
    },
    /// No connection, after all retries.
    #[error(
        "The National Weather Service cannot be reached from here: no connection to it could be made. Try again in a minute."
    )]
    Unreachable,
    /// The reply broke off, or did not unpack.
    #[error("The National Weather Service's reply broke off, or could not be unpacked. Try again.")]
    BrokeOff,
    /// The reply is larger than we read.
    #[error("The National Weather Service's reply is larger than {limit_mib} MiB, which is more than is read.")]
    TooLarge {
        /// How much is read.
        limit_mib: usize,
    },
    /// Not in the documented form.
    #[error("The National Weather Service's reply is not in its documented form ({what}). Try again later.")]
    Garbled {
        /// What was to be read.
        what: &'static str,
    },
    /// An address or redirect to another origin.
    #[error("The National Weather Service's reply points to another server, which is not followed.")]
    Elsewhere,
    /// More redirects than we follow.
    #[error("The National Weather Service redirects in circles.")]
    Circles,
    /// Sample data only: no place near the point.
    #[error("The sample data has no place near this point. Its places are: {places}.")]
    NoSamplePlace {
        /// Their names and points.
        places: String,
    },
}

impl Trouble {
    /// The word for metrics and log: a closed set.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::InvalidPoint => "invalid_point",
            Self::Marine => "marine",
            Self::MissingData => "missing_data",
            Self::RateLimited { .. } => "rate_limited",
            Self::Forbidden => "forbidden",
            Self::Unavailable { .. } => "unavailable",
            Self::Unexpected { .. } => "unexpected",
            Self::TooSlow { .. } => "too_slow",
            Self::Unreachable => "unreachable",
            Self::BrokeOff => "broke_off",
            Self::TooLarge { .. } => "too_large",
            Self::Garbled { .. } => "garbled",
            Self::Elsewhere => "elsewhere",
            Self::Circles => "circles",
            Self::NoSamplePlace { .. } => "no_sample_place",
        }
    }

    /// Every word that [`Trouble::kind`] gives for the National Weather Service, so that its series exist from the start.
    pub(crate) const KINDS: [&'static str; 14] = [
        "invalid_point",
        "marine",
        "missing_data",
        "rate_limited",
        "forbidden",
        "unavailable",
        "unexpected",
        "too_slow",
        "unreachable",
        "broke_off",
        "too_large",
        "garbled",
        "elsewhere",
        "circles",
    ];
}

/// The longest wait that is told. What asks for more is a mistake rather than a time that anybody could plan with.
const DAY: Duration = Duration::from_secs(86_400);

fn after(wait: Option<Duration>) -> String {
    match wait {
        Some(wait) if wait > DAY => "later".to_owned(),
        Some(wait) => format!("in {}", humantime::format_duration(Duration::from_secs(wait.as_secs().max(1)))),
        None => "in a few seconds".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_that_nobody_could_plan_with_is_not_told() {
        for (seconds, words) in [
            (None, "Try again in a few seconds."),
            (Some(0), "Try again in 1s."),
            (Some(90), "Try again in 1m 30s."),
            (Some(86_400), "Try again in 1day."),
            (Some(86_401), "Try again later."),
            (Some(4_000_000_000), "Try again later."),
            (Some(u64::MAX), "Try again later."),
        ] {
            let said = Trouble::RateLimited { retry_after: seconds.map(Duration::from_secs) }.to_string();
            assert!(said.ends_with(&format!(" (429). {words}")), "{said}");
        }
    }
}
