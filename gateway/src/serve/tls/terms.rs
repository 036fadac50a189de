//! What a handshake is made on.

use super::{Clients, Identity, TlsError, provider};
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::{NoServerSessionStorage, ProducesTickets};
use rustls::sign::SingleCertAndKey;
use rustls::{ProtocolVersion, ServerConfig, SupportedProtocolVersion, version};
use std::sync::Arc;

/// Who the gateway is and whose certificates it asks for, both of which may be replaced, and what stays the same then: the
/// versions, and the keys of tickets.
///
/// Resumption is by tickets alone, whose keys rotate and live in this process: no cache of sessions to grow, nothing kept
/// a client, and a new certificate does not cost every client a full handshake. Where clients show certificates there is
/// none: each handshake shows them again, so that an authority that is taken out counts from the next connection on. No
/// 0-RTT, because early data can be replayed and every call here may change something.
#[derive(Clone)]
pub struct Terms {
    provider: Arc<CryptoProvider>,
    versions: Vec<&'static SupportedProtocolVersion>,
    ticketer: Arc<dyn ProducesTickets>,
    /// The gateway's certificate.
    pub identity: Identity,
    clients: Clients,
    /// For a TLS acceptor.
    pub server: Arc<ServerConfig>,
}

impl Terms {
    /// The first of a process.
    ///
    /// # Errors
    /// A version that cannot be spoken, and what the cryptographic library refuses.
    pub fn new(min_version: ProtocolVersion, identity: Identity, clients: Clients) -> Result<Self, TlsError> {
        let (provider, versions, ticketer) = (Arc::new(provider()), versions(min_version)?, Ticketer::new()?);
        let server = Arc::new(server(&provider, &versions, &ticketer, &identity, &clients)?);
        Ok(Self { provider, versions, ticketer, identity, clients, server })
    }

    /// The same with another certificate.
    ///
    /// # Errors
    /// What the cryptographic library refuses.
    pub fn with_identity(&self, identity: Identity) -> Result<Self, TlsError> {
        self.with(identity, self.clients.clone())
    }

    /// The same with other authorities for clients.
    ///
    /// # Errors
    /// What the cryptographic library refuses.
    pub fn with_clients(&self, clients: Clients) -> Result<Self, TlsError> {
        self.with(self.identity.clone(), clients)
    }

    fn with(&self, identity: Identity, clients: Clients) -> Result<Self, TlsError> {
        let server = Arc::new(server(&self.provider, &self.versions, &self.ticketer, &identity, &clients)?);
        Ok(Self { identity, clients, server, ..self.clone() })
    }
}

fn server(
    provider: &Arc<CryptoProvider>,
    versions: &[&'static SupportedProtocolVersion],
    ticketer: &Arc<dyn ProducesTickets>,
    identity: &Identity,
    clients: &Clients,
) -> Result<ServerConfig, TlsError> {
    let mut server = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(versions)?
        .with_client_cert_verifier(clients.verifier())
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(identity.certified.clone())));
    server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    server.session_storage = Arc::new(NoServerSessionStorage {});
    server.send_tls13_tickets = 0;
    if !clients.are_asked() {
        server.ticketer = ticketer.clone();
        server.send_tls13_tickets = 1;
    }
    server.max_early_data_size = 0;
    Ok(server)
}

fn versions(min: ProtocolVersion) -> Result<Vec<&'static SupportedProtocolVersion>, TlsError> {
    if min == ProtocolVersion::TLSv1_2 {
        Ok(vec![&version::TLS13, &version::TLS12])
    } else if min == ProtocolVersion::TLSv1_3 {
        Ok(vec![&version::TLS13])
    } else {
        Err(TlsError::Version(min))
    }
}
