//! The HTTP side that gateway and chat model have in common: whom to trust, how long to wait, what went wrong.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Url};
use rustls::CertificateError;

use crate::Failure;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longer than the 75 s the gateway gives a tool to begin its answer, and than the 15 s between signs of life of a
/// stream.
const SILENCE: Duration = Duration::from_secs(90);

/// Who vouches for a server's certificate.
#[derive(Clone, Debug)]
pub enum Trust {
    /// The CAs that this machine trusts.
    System,
    /// The CAs in this PEM file and no others.
    Only(PathBuf),
}

/// An HTTP client for the one server at `url`.
///
/// It follows no redirect, because the key would follow it too, and goes to loopback addresses without a proxy.
///
/// # Errors
///
/// [`Failure::Setup`] when the CA file cannot be used, or when none is given and the machine has no CAs.
pub fn http_client(url: &Url, trust: &Trust) -> Result<Client, Failure> {
    let mut builder = Client::builder().redirect(Policy::none()).connect_timeout(CONNECT_TIMEOUT).read_timeout(SILENCE);
    if is_loopback(url) {
        builder = builder.no_proxy();
    }
    if let Trust::Only(file) = trust {
        builder = builder.tls_certs_only(certificates(file)?);
    } else if url.scheme() == "http" {
        // No TLS, so no CAs needed: works on a machine that has none.
        builder = builder.tls_certs_only([]);
    }
    builder.build().map_err(|error| {
        let reason = innermost(&error);
        Failure::Setup(match trust {
            Trust::Only(file) => format!("the CA file {} cannot be used: {reason}.", file.display()),
            Trust::System => format!(
                "the CAs that this machine trusts cannot be used: {reason}; install CA certificates or name a PEM file in \
                 SSL_CERT_FILE (for the gateway: --ca FILE)."
            ),
        })
    })
}

fn certificates(file: &PathBuf) -> Result<Vec<Certificate>, Failure> {
    let pem = std::fs::read(file)
        .map_err(|error| Failure::Setup(format!("the CA file {} cannot be read: {error}.", file.display())))?;
    match Certificate::from_pem_bundle(&pem) {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) | Err(_) => {
            Err(Failure::Setup(format!("the CA file {} holds no certificate in PEM form.", file.display())))
        }
    }
}

/// Whether `url` leads to this machine by its name alone: a loopback address or `localhost`.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    host == "localhost"
        || host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.to_canonical().is_loopback())
}

/// What to try; each is the end of a sentence.
#[derive(Clone, Copy, Debug)]
pub struct Advice<'a> {
    /// When nobody is there.
    pub absent: &'a str,
    /// When the certificate is signed by a CA that the machine does not know.
    pub stranger: &'a str,
}

/// One sentence on why no answer came from `url`.
#[must_use]
pub fn trouble(url: &Url, trust: &Trust, error: &reqwest::Error, advice: Advice<'_>) -> String {
    let place = url.origin().ascii_serialization();
    if let Some(tls) = cause::<rustls::Error>(error) {
        return tls_trouble(&place, trust, tls, advice.stranger);
    }
    if error.is_timeout() && !error.is_connect() {
        return format!("{place} was silent for {} s and was given up.", SILENCE.as_secs());
    }
    if let Some(hyper) = cause::<hyper::Error>(error)
        && hyper.is_parse()
    {
        return format!("{place} gave no answer that is HTTP ({hyper}): does it want https:// and not http://?");
    }
    match cause::<io::Error>(error).map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => format!("nothing listens at {place}: {}", advice.absent),
        _ if error.is_timeout() => format!("{place} did not accept a connection within 10 s: {}", advice.absent),
        _ if error.is_connect() => format!("{place} cannot be reached: {}; {}", innermost(error), advice.absent),
        _ => format!("{place} closed the connection without an answer ({}).", innermost(error)),
    }
}

fn tls_trouble(place: &str, trust: &Trust, error: &rustls::Error, advice: &str) -> String {
    use rustls::Error::{InvalidCertificate, InvalidMessage};
    // A bad signature is that of another CA under the same name, such as one that was made anew.
    let stranger =
        matches!(error, InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature));
    match (error, trust) {
        (_, Trust::Only(file)) if stranger => {
            format!("the certificate of {place} is not signed by a CA in {}.", file.display())
        }
        (_, Trust::System) if stranger => {
            format!("the certificate of {place} is signed by no CA that this machine trusts: {advice}")
        }
        (InvalidMessage(_), _) => {
            format!("{place} does not speak TLS: is it the right port, or a plain http:// address?")
        }
        (InvalidCertificate(_), _) => format!("the certificate of {place} is refused: {error}."),
        _ => format!("no TLS connection to {place} came about: {error}."),
    }
}

/// The first cause of type `T`. An `io::Error` hides what it wraps from `source`, so both ways are walked.
fn cause<'e, T: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e T> {
    if let Some(found) = error.downcast_ref() {
        return Some(found);
    }
    let wrapped =
        error.downcast_ref::<io::Error>().and_then(io::Error::get_ref).map(|inner| inner as &(dyn Error + 'static));
    wrapped.or_else(|| error.source()).and_then(cause)
}

fn innermost(error: &(dyn Error + 'static)) -> String {
    match error.source() {
        Some(source) => innermost(source),
        None => error.to_string(),
    }
}
