//! Where the model is and which header lets us in, in the form `async-openai` asks for.

use async_openai::config::Config;
use gateway_examples::{Key, is_loopback};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName};
use reqwest::Url;
use secrecy::SecretString;

/// One chat completions endpoint and its key.
#[derive(Debug)]
pub(crate) struct Endpoint {
    /// Everything before `/chat/completions`.
    pub(super) url: Url,
    pub(super) key: Key,
    /// The variable that sets `url`, for error sentences.
    pub(super) setting: &'static str,
    base: String,
    api_version: Option<String>,
    /// `async-openai` wants a key of its own to look at; it sends only what `headers` says.
    unused: SecretString,
}

impl Endpoint {
    pub(super) fn openai(url: Url, key: Key) -> Self {
        Self::new(url, key, "OPENAI_BASE_URL", None)
    }

    /// `url` is that of the deployment.
    pub(super) fn azure(url: Url, key: Key, api_version: String) -> Self {
        Self::new(url, key, "AZURE_OPENAI_ENDPOINT", Some(api_version))
    }

    fn new(url: Url, key: Key, setting: &'static str, api_version: Option<String>) -> Self {
        let base = url.as_str().trim_end_matches('/').to_owned();
        Self { url, key, setting, base, api_version, unused: SecretString::default() }
    }

    /// Scheme, host and port.
    pub(super) fn place(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    pub(super) fn in_clear(&self) -> bool {
        self.url.scheme() == "http" && !is_loopback(&self.url)
    }
}

impl Config for Endpoint {
    fn headers(&self) -> HeaderMap {
        let (name, value) = match self.api_version {
            Some(_) => (HeaderName::from_static("api-key"), self.key.header("")),
            None => (AUTHORIZATION, self.key.header("Bearer ")),
        };
        HeaderMap::from_iter([(name, value)])
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn query(&self) -> Vec<(&str, &str)> {
        self.api_version.iter().map(|version| ("api-version", version.as_str())).collect()
    }

    fn api_base(&self) -> &str {
        &self.base
    }

    fn api_key(&self) -> &SecretString {
        &self.unused
    }
}
