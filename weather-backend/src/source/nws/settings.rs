//! How the API is asked.

use std::{fmt, str::FromStr, time::Duration};

use url::Url;

/// How the API is asked.
#[derive(Clone, Debug)]
pub struct NwsSettings {
    /// Where the API is.
    pub base_url: BaseUrl,
    /// Whom the Service can turn to: a mail address or a web page. It becomes part of `User-Agent`, which the API demands.
    pub contact: Option<String>,
    /// Certificates (PEM) of authorities that are trusted beside the bundled ones.
    pub ca_pem: Option<Vec<u8>>,
    /// How long a connection may take.
    pub connect_timeout: Duration,
    /// How long a call may take in all: every step, redirect and retry.
    pub deadline: Duration,
    /// How long to wait before the first retry, about; each further wait is twice as long.
    pub first_wait: Duration,
}

impl Default for NwsSettings {
    fn default() -> Self {
        Self {
            base_url: BaseUrl::default(),
            contact: None,
            ca_pem: None,
            connect_timeout: Duration::from_secs(2),
            deadline: Duration::from_secs(30),
            first_wait: Duration::from_millis(300),
        }
    }
}

/// Where the API is: `http` or `https`, a host, perhaps a path, nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl(Url);

impl BaseUrl {
    pub(super) fn as_url(&self) -> &Url {
        &self.0
    }
}

impl Default for BaseUrl {
    fn default() -> Self {
        Self(Url::parse("https://api.weather.gov/").expect("a constant that a test reads"))
    }
}

impl FromStr for BaseUrl {
    type Err = NwsError;

    fn from_str(text: &str) -> Result<Self, NwsError> {
        let refuse = |why| Err(NwsError::BaseUrl { why });
        let Ok(mut url) = Url::parse(text) else { return refuse("it is not a URL") };
        if !matches!(url.scheme(), "http" | "https") {
            return refuse("it must begin with https:// or http://");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return refuse("it must not hold a user name or password");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return refuse("it must not have a query or fragment");
        }
        // Paths are joined to it, and joining replaces what follows the last slash.
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        Ok(Self(url))
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum NwsError {
    /// Not a base URL. What was given is not repeated, since it may hold a password.
    #[error("this is no base URL for the National Weather Service's API: {why}; an example is https://api.weather.gov")]
    BaseUrl {
        /// What is wrong.
        why: &'static str,
    },
    /// Not a contact.
    #[error("the contact must be a mail address or a web page, in plain ASCII without line breaks")]
    Contact,
    /// No certificate in the PEM.
    #[error("the file holds no PEM certificate; it must have at least one BEGIN CERTIFICATE block")]
    NoCertificate,
    /// A certificate that cannot be used as an authority.
    #[error("certificate {number} in the file cannot be used: {why}")]
    Certificate {
        /// Which, from 1.
        number: usize,
        /// What is wrong with it.
        why: String,
    },
    /// The HTTP client could not be built.
    #[error("the HTTP client could not be built: {0}")]
    Client(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A gateway in front waits 75 seconds for the head of a reply; every call must be answered well before that.
    #[test]
    fn a_connection_has_2_seconds_and_a_call_30() {
        let settings = NwsSettings::default();
        assert_eq!((settings.connect_timeout, settings.deadline), (Duration::from_secs(2), Duration::from_secs(30)));
    }

    #[test]
    fn a_base_url_ends_in_a_slash() {
        assert_eq!(BaseUrl::default().to_string(), "https://api.weather.gov/");
        for (text, url) in [
            ("https://api.weather.gov", "https://api.weather.gov/"),
            ("http://127.0.0.1:9000/nws", "http://127.0.0.1:9000/nws/"),
            ("http://127.0.0.1:9000/nws/", "http://127.0.0.1:9000/nws/"),
        ] {
            assert_eq!(text.parse::<BaseUrl>().unwrap().to_string(), url);
        }
    }

    #[test]
    fn what_is_no_base_url_is_refused_with_the_reason_and_not_repeated() {
        for (text, why) in [
            ("api.weather.gov", "it is not a URL"),
            ("ftp://api.weather.gov", "it must begin with https:// or http://"),
            ("https://user:secret@api.weather.gov", "it must not hold a user name or password"),
            ("https://api.weather.gov/?x=1", "it must not have a query or fragment"),
        ] {
            let said = text.parse::<BaseUrl>().unwrap_err().to_string();
            assert!(said.contains(why) && !said.contains("secret"), "{said}");
        }
    }
}
