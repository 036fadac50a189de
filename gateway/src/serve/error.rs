//! Why the process did not serve.

use super::tls::TlsError;
use crate::config::ConfigError;
use std::io;

/// Why the process did not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A file of the operator's.
    #[error("{0}")]
    Config(#[from] ConfigError),
    /// Certificate or key.
    #[error("{0}")]
    Tls(#[from] TlsError),
    /// The certificate is not valid now.
    #[error("{file}: the certificate is not valid now; it runs from {from} to {to}")]
    Certificate {
        /// Its file.
        file: String,
        /// Start of its life, RFC 3339.
        from: String,
        /// End of its life, RFC 3339.
        to: String,
    },
    /// The platform offers nobody to check an upstream's certificate against.
    #[error(
        "this machine has no certificates of authorities to check an https:// upstream against ({0}); \
        name some with upstream.ca"
    )]
    NoAuthorities(io::Error),
    /// An address cannot be bound.
    #[error("cannot listen on {address} ({what}): {cause}")]
    Bind {
        /// The address.
        address: std::net::SocketAddr,
        /// The member that names it.
        what: &'static str,
        /// Why, and what to do.
        cause: String,
    },
    /// A socket that the process was started with.
    #[error("cannot take over a socket: {0}")]
    Inherited(String),
    /// The audit cannot be written.
    #[error("{name}: the audit cannot be written there: {cause}")]
    Audit {
        /// The file, or standard output.
        name: String,
        /// Why.
        cause: io::Error,
    },
    /// Something has ended that the process cannot do without.
    #[error("the gateway cannot serve any more, by a fault of which the log tells: ending, to be started anew")]
    Fault,
    /// Something of ours.
    #[error("cannot start: {0}")]
    Start(#[from] io::Error),
}

impl ServeError {
    /// Whether the operator's configuration is at fault (exit 64), or we are (exit 1).
    pub fn is_configuration(&self) -> bool {
        match self {
            ServeError::Config(_)
            | ServeError::Tls(_)
            | ServeError::Certificate { .. }
            | ServeError::NoAuthorities(_)
            | ServeError::Inherited(_)
            | ServeError::Audit { .. } => true,
            ServeError::Bind { .. } | ServeError::Fault | ServeError::Start(_) => false,
        }
    }
}
