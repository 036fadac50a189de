//! Whose certificates clients show.

use super::{TlsError, contents, moment, provider};
use crate::config::Fingerprint;
use crate::config::settings::ClientAuth;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;
use x509_parser::prelude::{FromDer, X509Certificate};

/// The authorities whose clients may come, and whether anybody else may. A certificate is asked for beside the key, never
/// in its place: it proves no identity here.
#[derive(Clone, Debug)]
pub struct Clients {
    verifier: Arc<dyn ClientCertVerifier>,
    /// When the first of the authorities ends.
    pub not_after: Option<SystemTime>,
    /// Which contents of the file were read, if there is one.
    pub fingerprint: Option<Fingerprint>,
}

impl Clients {
    /// Reads a PEM file of authorities, if clients are to show certificates.
    ///
    /// # Errors
    /// A file that cannot be read, and one that holds anything but authorities.
    pub fn load(auth: &ClientAuth) -> Result<Self, TlsError> {
        let (file, required) = match auth {
            ClientAuth::Off => {
                let verifier = WebPkiClientVerifier::no_client_auth();
                return Ok(Self { verifier, not_after: None, fingerprint: None });
            }
            ClientAuth::Optional(file) => (file, false),
            ClientAuth::Required(file) => (file, true),
        };
        let text = contents(file)?;
        let (roots, not_after) = roots(&text, file)?;
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::new(provider()));
        let builder = if required { builder } else { builder.allow_unauthenticated() };
        let verifier = builder.build().map_err(|_| TlsError::NoAuthority(file.clone()))?;
        Ok(Self { verifier, not_after, fingerprint: Some(Fingerprint::of(&text)) })
    }

    pub(super) fn verifier(&self) -> Arc<dyn ClientCertVerifier> {
        self.verifier.clone()
    }

    /// Whether a handshake asks for a certificate.
    pub(super) fn are_asked(&self) -> bool {
        self.verifier.offer_client_auth()
    }
}

fn roots(text: &[u8], file: &Path) -> Result<(RootCertStore, Option<SystemTime>), TlsError> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    let certificates = certificates.map_err(|_| TlsError::Damaged(file.to_owned()))?;
    let (mut roots, mut first) = (RootCertStore::empty(), None::<SystemTime>);
    for (index, certificate) in certificates.into_iter().enumerate() {
        let bad = || TlsError::BadAuthority { file: file.to_owned(), number: index + 1 };
        let end = end(&certificate).ok_or_else(bad)?;
        first = Some(first.map_or(end, |first| first.min(end)));
        roots.add(certificate).map_err(|_| bad())?;
    }
    Ok((roots, first))
}

/// When an authority ends; nothing if this is none.
fn end(certificate: &CertificateDer<'_>) -> Option<SystemTime> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    certificate.is_ca().then(|| moment(certificate.validity().not_after.timestamp()))
}
