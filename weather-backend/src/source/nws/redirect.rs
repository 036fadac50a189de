//! Where a reply redirects to, if it does and may.

use http::{HeaderMap, StatusCode, header};
use url::Url;

use super::text;
use crate::source::Trouble;

/// The address that a reply for `from` redirects to; `None` if it does not redirect.
///
/// # Errors
/// [`Trouble::Elsewhere`] for another origin (scheme, host and port): what the Service's replies say must not make us ask
/// other servers, inside our network or outside.
pub(super) fn target(from: &Url, status: StatusCode, headers: &HeaderMap) -> Result<Option<Url>, Trouble> {
    if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let target = text(headers, header::LOCATION).and_then(|location| from.join(location).ok());
    match target {
        None => Err(Trouble::Garbled { what: "redirect" }),
        Some(target) if target.origin() == from.origin() => Ok(Some(target)),
        Some(_) => Err(Trouble::Elsewhere),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redirected(status: u16, location: Option<&str>) -> Result<Option<Url>, Trouble> {
        let from = Url::parse("https://api.weather.gov/points/1,2").unwrap();
        let mut headers = HeaderMap::new();
        if let Some(location) = location {
            headers.insert(header::LOCATION, location.parse().unwrap());
        }
        target(&from, StatusCode::from_u16(status).unwrap(), &headers)
    }

    #[test]
    fn the_same_origin_is_followed() {
        for location in
            ["/points/1,3", "1,3", "https://api.weather.gov/points/1,3", "https://API.weather.gov:443/points/1,3"]
        {
            assert_eq!(
                redirected(301, Some(location)).unwrap().unwrap().as_str(),
                "https://api.weather.gov/points/1,3"
            );
        }
    }

    #[test]
    fn another_origin_is_not() {
        for location in [
            "http://api.weather.gov/x",
            "https://weather.gov/x",
            "//evil.example/x",
            "https://api.weather.gov:8443/x",
            "file:///etc/passwd",
        ] {
            assert_eq!(redirected(302, Some(location)), Err(Trouble::Elsewhere), "{location}");
        }
    }

    #[test]
    fn a_redirect_to_nowhere_is_no_success() {
        for location in [None, Some("http://[")] {
            assert_eq!(redirected(308, location), Err(Trouble::Garbled { what: "redirect" }));
        }
    }

    #[test]
    fn other_statuses_do_not_redirect() {
        for status in [200, 300, 304, 404] {
            assert_eq!(redirected(status, Some("/x")), Ok(None));
        }
    }
}
