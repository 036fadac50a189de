//! The way to an upstream on another machine, which `allow_remote` opens.

use super::ServeError;
use super::tls::provider;
use crate::config::ConfigError;
use crate::config::contents::contents;
use crate::config::settings::Upstream;
use crate::upstream::{Address, Connector};
use hyper_rustls::{ConfigBuilderExt, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::path::Path;
use std::sync::Arc;

/// The connector for a remote upstream; none is needed for loopback and Unix sockets.
///
/// # Errors
/// Authorities that cannot be read: those of `upstream.ca`, or a platform that has none.
pub fn connector(upstream: &Upstream) -> Result<Option<Connector>, ServeError> {
    let Address::Remote { https, .. } = upstream.address else { return Ok(None) };
    let builder = ClientConfig::builder_with_provider(Arc::new(provider()))
        .with_safe_default_protocol_versions()
        .map_err(std::io::Error::other)?;
    let config = match &upstream.ca {
        Some(file) => builder.with_root_certificates(roots(file)?),
        None if !https => builder.with_root_certificates(RootCertStore::empty()),
        None => builder.with_native_roots().map_err(ServeError::NoAuthorities)?,
    };
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_nodelay(true);
    let connector = HttpsConnectorBuilder::new().with_tls_config(config.with_no_client_auth()).https_or_http();
    Ok(Some(connector.enable_http1().wrap_connector(http)))
}

fn roots(file: &Path) -> Result<RootCertStore, ConfigError> {
    let error = |sentence: String| ConfigError::of_file(file, sentence);
    let mut roots = RootCertStore::empty();
    let text = contents(file).map_err(|e| error(format!("cannot be read: {e}")))?;
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|e| error(format!("is no PEM certificate file: {e}")))?;
        roots.add(certificate).map_err(|e| error(format!("holds a certificate that cannot be trusted: {e}")))?;
    }
    if roots.is_empty() { Err(error("holds no certificate".to_owned())) } else { Ok(roots) }
}
