//! Where a reply redirects to, if it does and may.

use http::{HeaderMap, StatusCode, header};
use url::Url;

use super::text;
use crate::source::{Trouble, on_origin_of};

/// The address that a reply for `from` redirects to; `None` if it does not redirect.
///
/// # Errors
/// [`Trouble::Elsewhere`] for another origin (scheme, host and port), and [`Trouble::Garbled`] for an address that cannot be
/// read or names a user.
pub(super) fn target(from: &Url, status: StatusCode, headers: &HeaderMap) -> Result<Option<Url>, Trouble> {
    if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let target = text(headers, header::LOCATION).and_then(|location| from.join(location).ok());
    match target {
        None => Err(Trouble::Garbled { what: "redirect" }),
        Some(target) => on_origin_of(from, target).map(Some),
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
            "https://api.weather.gov.evil.example/x",
            "https://api.weather.gov@evil.example/x",
            "https://api.weather.gov:443@evil.example/x",
            r"\\evil.example\x",
            "file:///etc/passwd",
            "data:,x",
        ] {
            assert_eq!(redirected(302, Some(location)), Err(Trouble::Elsewhere), "{location}");
        }
    }

    #[test]
    fn a_user_of_the_reply_s_choice_is_not_taken_along() {
        for location in
            ["https://user:password@api.weather.gov/x", "https://user@api.weather.gov/x", "//:p@api.weather.gov/"]
        {
            assert_eq!(redirected(302, Some(location)), Err(Trouble::Garbled { what: "address" }), "{location}");
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
