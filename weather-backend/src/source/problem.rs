//! Judging a reply by its status; errors come as `application/problem+json` (RFC 9457).

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use tracing::warn;

use super::{Step, Trouble};

/// The members that we read; any of them may be missing.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Problem {
    #[serde(rename = "type")]
    kind: Option<String>,
    title: Option<String>,
    detail: Option<String>,
    correlation_id: Option<String>,
}

/// The body of a reply that succeeded.
///
/// # Errors
/// What the reply's status, or the problem in its body, means. The problem goes to the log, with the correlation id that the
/// Service asks for in bug reports.
pub(super) fn judge(
    step: Step,
    status: StatusCode,
    headers: &HeaderMap,
    retry_after: Option<Duration>,
    body: Bytes,
) -> Result<Bytes, Trouble> {
    if status == StatusCode::OK {
        return Ok(body);
    }
    let problem: Problem = serde_json::from_slice(&body).unwrap_or_default();
    let header_id = || headers.get("x-correlation-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
    warn!(
        ?step,
        status = status.as_u16(),
        problem = line(problem.kind.as_deref().unwrap_or("none")),
        title = line(problem.title.as_deref().unwrap_or("")),
        detail = line(problem.detail.as_deref().unwrap_or("")),
        correlation_id = line(&problem.correlation_id.clone().or_else(header_id).unwrap_or_default()),
        "the National Weather Service answered with an error"
    );
    Err(trouble(status, retry_after, &problem))
}

fn trouble(status: StatusCode, retry_after: Option<Duration>, problem: &Problem) -> Trouble {
    // The last segment only: the documentation writes it as a URL here and as a URN there.
    match problem.kind.as_deref().and_then(|kind| kind.rsplit(['/', ':']).next()) {
        Some("InvalidPoint") => return Trouble::InvalidPoint,
        Some("MarineForecastNotSupported") => return Trouble::Marine,
        Some("ForecastMissingData") => return Trouble::MissingData,
        _ => {}
    }
    match status.as_u16() {
        403 => Trouble::Forbidden,
        429 => Trouble::RateLimited { retry_after },
        status @ 502..=504 => Trouble::Unavailable { status },
        status => Trouble::Unexpected { status, title: line(problem.title.as_deref().unwrap_or("no title given")) },
    }
}

/// The first words of `text` on one line: it comes from outside, and goes into a log line or a sentence.
fn line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::weather::Area;

    fn judged(status: u16, body: &str) -> Result<Bytes, Trouble> {
        let status = StatusCode::from_u16(status).unwrap();
        let step = Step::Alerts(Area::parse("CA").unwrap());
        judge(step, status, &HeaderMap::new(), None, Bytes::copy_from_slice(body.as_bytes()))
    }

    #[test]
    fn problems_are_known_by_the_last_segment_of_their_type() {
        for (kind, trouble) in [
            ("https://api.weather.gov/problems/InvalidPoint", Trouble::InvalidPoint),
            ("urn:noaa:nws:api:InvalidPoint", Trouble::InvalidPoint),
            ("https://api.weather.gov/problems/MarineForecastNotSupported", Trouble::Marine),
            ("ForecastMissingData", Trouble::MissingData),
        ] {
            assert_eq!(judged(404, &format!(r#"{{"type":"{kind}"}}"#)), Err(trouble.clone()));
        }
    }

    #[test]
    fn a_status_without_a_known_problem_speaks_for_itself() {
        assert_eq!(judged(200, "x"), Ok(Bytes::from_static(b"x")));
        assert_eq!(judged(429, "slow down"), Err(Trouble::RateLimited { retry_after: None }));
        assert_eq!(judged(403, ""), Err(Trouble::Forbidden));
        assert_eq!(judged(503, "<html>"), Err(Trouble::Unavailable { status: 503 }));
        assert_eq!(
            judged(500, r#"{"type":"x/UnexpectedProblem","title":"Unexpected Problem\nHere"}"#),
            Err(Trouble::Unexpected { status: 500, title: "Unexpected Problem Here".to_owned() })
        );
    }

    proptest! {
        #[test]
        fn no_other_status_is_a_success(status in 100u16..600, body in "\\PC{0,40}") {
            prop_assert_eq!(judged(status, &body).is_ok(), status == 200);
        }
    }
}
