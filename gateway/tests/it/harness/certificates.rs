//! A private authority and a server certificate, made once for the process.

use super::secrets;
use gateway::serve::tls::provider;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use std::sync::{Arc, LazyLock};

/// PEM texts of the server, and whom a client has to trust.
pub(crate) struct Certificates {
    pub(crate) server: String,
    pub(crate) server_key: String,
    /// Its own certificate, in PEM.
    pub(crate) ca: String,
    authority: CertificateDer<'static>,
}

/// The names in the certificate.
pub(crate) const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

static CERTIFICATES: LazyLock<Certificates> = LazyLock::new(Certificates::make);

impl Certificates {
    pub(crate) fn get() -> &'static Self {
        &CERTIFICATES
    }

    fn make() -> Self {
        Self::other(&NAMES, |_| ())
    }

    /// Others, for `names` and by an authority of their own; `change` may change the server's.
    pub(crate) fn other(names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Self {
        let authority_key = KeyPair::generate().unwrap();
        let mut authority = CertificateParams::new([]).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = authority.self_signed(&authority_key).unwrap();
        let issuer = Issuer::new(authority, authority_key);
        let server_key = KeyPair::generate().unwrap();
        let mut server =
            CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
        server.use_authority_key_identifier_extension = true;
        change(&mut server);
        let server = server.signed_by(&server_key, &issuer).unwrap().pem();
        let server_key = server_key.serialize_pem();
        server_key.lines().filter(|line| !line.starts_with("-----")).for_each(secrets::remember);
        Self { server, server_key, ca: certificate.pem(), authority: certificate.der().clone() }
    }

    /// What a client needs to speak `protocols` over one of `versions`.
    pub(crate) fn client(&self, protocols: &[&str], versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
        self.client_showing(None, protocols, versions)
    }

    /// The same for a client that shows a certificate when it is asked for one.
    pub(crate) fn client_showing(
        &self,
        shown: Option<&Certificates>,
        protocols: &[&str],
        versions: &[&'static SupportedProtocolVersion],
    ) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match shown {
            None => builder.with_no_client_auth(),
            Some(shown) => {
                let chain = vec![CertificateDer::from_pem_slice(shown.server.as_bytes()).unwrap()];
                let key = PrivateKeyDer::from_pem_slice(shown.server_key.as_bytes()).unwrap();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        };
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        config
    }
}
