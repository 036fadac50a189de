//! One request and its reply, over TLS with roots of our own.

use std::{error::Error, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, header};
use reqwest::redirect::Policy;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject},
};
use tracing::debug;
use url::{Host, Url};

use super::{NwsError, NwsSettings, Reply};
use crate::source::Trouble;

/// Without it, intermediaries have been seen to serve old copies.
const GEO_JSON: HeaderValue = HeaderValue::from_static("application/geo+json");

/// The largest body that is read, after decompression. The alerts of the whole nation are a tenth of it.
const BODY_LIMIT_MIB: usize = 16;

/// Sends requests; connections are kept and shared.
#[derive(Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    user_agent: HeaderValue,
    deadline: Duration,
}

impl Client {
    pub(super) fn new(settings: &NwsSettings) -> Result<Self, NwsError> {
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls(settings.ca_pem.as_deref())?)
            .connect_timeout(settings.connect_timeout)
            // Ours are counted, kept to the origin, and cached one by one.
            .redirect(Policy::none())
            .retry(reqwest::retry::never());
        if is_loopback(settings.base_url.as_url()) {
            // No proxy of the environment can reach our loopback.
            builder = builder.no_proxy();
        }
        Ok(Self {
            http: builder.build().map_err(|error| NwsError::Client(chain(&error)))?,
            user_agent: user_agent(settings.contact.as_deref())?,
            deadline: settings.deadline,
        })
    }

    /// What is sent to ask for `url`, apart from what the connection needs.
    pub(super) fn request(&self, url: &Url) -> Result<Request<()>, Trouble> {
        Request::builder()
            .method(Method::GET)
            .uri(url.as_str())
            .header(header::ACCEPT, GEO_JSON)
            .header(header::USER_AGENT, self.user_agent.clone())
            .body(())
            .map_err(|_| Trouble::Garbled { what: "address" })
    }

    /// Sends `request` and reads its reply, whatever its status, up to 16 MiB.
    pub(super) async fn send(&self, request: &Request<()>) -> Result<Reply, Trouble> {
        let sent = self.http.get(request.uri().to_string()).headers(request.headers().clone()).send().await;
        let mut response = sent.map_err(|error| self.trouble(&error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.trouble(&error))? {
            if body.len() + chunk.len() > BODY_LIMIT_MIB << 20 {
                return Err(Trouble::TooLarge { limit_mib: BODY_LIMIT_MIB });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Reply { status, headers, body: Bytes::from(body.into_boxed_slice()) })
    }

    fn trouble(&self, error: &reqwest::Error) -> Trouble {
        debug!(error = chain(error), "a request to the National Weather Service failed");
        if error.is_connect() {
            Trouble::Unreachable
        } else if error.is_timeout() {
            Trouble::TooSlow { limit: self.deadline }
        } else if error.is_decode() || error.is_body() {
            // A body cut short and one that does not unpack are not told apart.
            Trouble::BrokeOff
        } else {
            // The connection ended before a reply began, or what came was no HTTP.
            Trouble::Unreachable
        }
    }
}

fn tls(ca_pem: Option<&[u8]>) -> Result<ClientConfig, NwsError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(pem) = ca_pem {
        let bundled = roots.len();
        for (index, certificate) in CertificateDer::pem_slice_iter(pem).enumerate() {
            let refuse = |why: String| NwsError::Certificate { number: index + 1, why };
            let certificate = certificate.map_err(|error| refuse(error.to_string()))?;
            roots.add(certificate).map_err(|error| refuse(error.to_string()))?;
        }
        if roots.len() == bundled {
            return Err(NwsError::NoCertificate);
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| NwsError::Client(error.to_string()))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn user_agent(contact: Option<&str>) -> Result<HeaderValue, NwsError> {
    let contact = contact.unwrap_or("MCP weather server; its operator gave no contact");
    let product = concat!("weather-backend/", env!("CARGO_PKG_VERSION"));
    if contact.trim().is_empty() || !contact.chars().all(|c| c.is_ascii_graphic() || c == ' ') {
        return Err(NwsError::Contact);
    }
    format!("{product} ({contact})").parse().map_err(|_| NwsError::Contact)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// An error with all its causes: reqwest's own text leaves them out.
fn chain(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_agent_names_product_and_contact() {
        let agent = user_agent(Some("ops@example.com")).unwrap();
        assert_eq!(agent, concat!("weather-backend/", env!("CARGO_PKG_VERSION"), " (ops@example.com)"));
        assert!(user_agent(None).is_ok());
        for contact in ["", " ", "a\nb", "ä@example.com"] {
            assert!(matches!(user_agent(Some(contact)), Err(NwsError::Contact)), "{contact:?}");
        }
    }

    #[test]
    fn a_file_without_a_usable_certificate_is_refused() {
        assert!(matches!(tls(Some(b"")), Err(NwsError::NoCertificate)));
        assert!(matches!(tls(Some(b"no pem")), Err(NwsError::NoCertificate)));
        let broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(matches!(tls(Some(broken)), Err(NwsError::Certificate { number: 1, .. })));
        assert!(tls(None).is_ok());
    }

    #[test]
    fn loopback_is_known_by_address_and_name() {
        for (url, loopback) in [
            ("http://127.0.0.1:1/", true),
            ("http://[::1]:1/", true),
            ("http://localhost/", true),
            ("https://api.weather.gov/", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(url).unwrap()), loopback, "{url}");
        }
    }
}
