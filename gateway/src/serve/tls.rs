//! The gateway's certificate and key, whose certificates it asks for, and what TLS it speaks.

mod clients;
mod terms;

pub use clients::Clients;
pub use terms::Terms;

use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{self, kx_group, sign};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, ProtocolVersion};
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};
use zeroize::Zeroizing;

/// Who the gateway is to its clients: a certificate chain with its key.
#[derive(Clone)]
pub struct Identity {
    certified: Arc<CertifiedKey>,
    /// DNS names in lower case (wildcards as `*.example.com`) and IP addresses that the certificate is for.
    pub names: Vec<String>,
    /// The certificate is not valid before this moment.
    pub not_before: SystemTime,
    /// The certificate is not valid after this moment.
    pub not_after: SystemTime,
}

/// Why a certificate and a key make no [`Identity`]. Each names the file at fault; none quotes it.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{}: cannot be read: {cause}{}", file.display(), advice(cause))]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// The certificate file has no certificate.
    #[error("{}: holds no certificate; it must be PEM with -----BEGIN CERTIFICATE-----, the server's own first", .0.display())]
    NoCertificate(PathBuf),
    /// The key file has no private key.
    #[error("{}: holds no private key; it must be PEM with -----BEGIN PRIVATE KEY----- (PKCS#8, PKCS#1 or SEC1)", .0.display())]
    NoKey(PathBuf),
    /// The private key is encrypted.
    #[error("{}: the private key is encrypted; write it without a passphrase (openssl pkey -in OLD -out NEW) and protect the file by its mode, 0600", .0.display())]
    EncryptedKey(PathBuf),
    /// A PEM section that cannot be decoded.
    #[error("{}: is damaged PEM: a section does not end, or is not base64", .0.display())]
    Damaged(PathBuf),
    /// The first certificate cannot be parsed.
    #[error("{}: its first certificate cannot be parsed as X.509", .0.display())]
    BadCertificate(PathBuf),
    /// The private key is of a kind that cannot sign for TLS.
    #[error("{}: the private key is of no usable kind; use ECDSA P-256 or P-384, Ed25519, or RSA of 2048 bits or more", .0.display())]
    BadKey(PathBuf),
    /// The key belongs to another certificate.
    #[error("{}: does not belong to the first certificate in {}", key.display(), certificate.display())]
    Mismatch {
        /// The certificate file.
        certificate: PathBuf,
        /// The key file.
        key: PathBuf,
    },
    /// The file of client authorities has no certificate.
    #[error("{}: holds no certificate; it must be PEM with -----BEGIN CERTIFICATE-----, one for each authority whose clients may come", .0.display())]
    NoAuthority(PathBuf),
    /// A certificate in the file of client authorities signs nobody.
    #[error("{}: its certificate number {number} is no authority (basic constraints, CA:TRUE); name those that sign clients' certificates", file.display())]
    BadAuthority {
        /// The file.
        file: PathBuf,
        /// Which of its certificates, counted from 1.
        number: usize,
    },
    /// `min_version` is no version that can be spoken.
    #[error("TLS {0:?} cannot be the least version; use 1.2 or 1.3")]
    Version(ProtocolVersion),
    /// The cryptographic library refused.
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] rustls::Error),
}

impl TlsError {
    /// The file at fault, if it is one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            TlsError::Unreadable { file, .. }
            | TlsError::NoCertificate(file)
            | TlsError::NoKey(file)
            | TlsError::EncryptedKey(file)
            | TlsError::Damaged(file)
            | TlsError::BadCertificate(file)
            | TlsError::BadKey(file)
            | TlsError::NoAuthority(file)
            | TlsError::BadAuthority { file, .. }
            | TlsError::Mismatch { key: file, .. } => Some(file),
            TlsError::Version(_) | TlsError::Setup(_) => None,
        }
    }
}

impl Identity {
    /// Reads a PEM chain (leaf first) and its key. A certificate that is not valid now is no error here: its dates are
    /// in the result, for whoever starts or reloads to judge.
    ///
    /// # Errors
    /// A file that cannot be read or has not what it should, and a key that is not the certificate's.
    pub fn load(certificate: &Path, private_key: &Path) -> Result<Self, TlsError> {
        let chain = chain(certificate)?;
        let leaf = Leaf::read(&chain).ok_or_else(|| TlsError::BadCertificate(certificate.to_owned()))?;
        let key = sign::any_supported_type(&*key(private_key)?);
        let key = key.map_err(|_| TlsError::BadKey(private_key.to_owned()))?;
        let certified = CertifiedKey::new(chain, key);
        match certified.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
            Err(rustls::Error::InconsistentKeys(_)) => {
                return Err(TlsError::Mismatch { certificate: certificate.to_owned(), key: private_key.to_owned() });
            }
            Err(_) => return Err(TlsError::BadCertificate(certificate.to_owned())),
        }
        let certified = Arc::new(certified);
        Ok(Self { certified, names: leaf.names, not_before: leaf.not_before, not_after: leaf.not_after })
    }

    /// Whether the certificate is valid at `now`.
    pub fn is_valid(&self, now: SystemTime) -> bool {
        (self.not_before..=self.not_after).contains(&now)
    }
}

impl fmt::Debug for Identity {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { names, not_before, not_after, .. } = self;
        write!(f, "Identity {{ names: {names:?}, not_before: {not_before:?}, not_after: {not_after:?} }}")
    }
}

/// The one source of cryptography, passed explicitly: no process-wide default that a dependency could change.
pub fn provider() -> CryptoProvider {
    let kx_groups = vec![kx_group::X25519MLKEM768, kx_group::X25519, kx_group::SECP256R1, kx_group::SECP384R1];
    CryptoProvider { kx_groups, ..aws_lc_rs::default_provider() }
}

fn chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = contents(file)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match chain {
        Ok(chain) if chain.is_empty() => Err(TlsError::NoCertificate(file.to_owned())),
        Ok(chain) => Ok(chain),
        Err(_) => Err(TlsError::Damaged(file.to_owned())),
    }
}

fn key(file: &Path) -> Result<Zeroizing<PrivateKeyDer<'static>>, TlsError> {
    let text = contents(file)?;
    let encrypted = |mark: &[u8]| memchr::memmem::find(&text, mark).is_some();
    if encrypted(b"-----BEGIN ENCRYPTED PRIVATE KEY-----") || encrypted(b"Proc-Type: 4,ENCRYPTED") {
        return Err(TlsError::EncryptedKey(file.to_owned()));
    }
    let none = |e| matches!(e, pem::Error::NoItemsFound);
    let error = |e| if none(e) { TlsError::NoKey(file.to_owned()) } else { TlsError::Damaged(file.to_owned()) };
    PrivateKeyDer::from_pem_slice(&text).map(Zeroizing::new).map_err(error)
}

/// For who starts the gateway for the first time.
fn advice(cause: &io::Error) -> &'static str {
    let missing = cause.kind() == io::ErrorKind::NotFound;
    if missing { "; `gateway certs new --out DIR` makes a certificate and its key" } else { "" }
}

fn contents(file: &Path) -> Result<Zeroizing<Vec<u8>>, TlsError> {
    let unreadable = |cause| TlsError::Unreadable { file: file.to_owned(), cause };
    crate::config::contents::contents(file).map_err(unreadable)
}

/// What the first certificate of a chain says.
struct Leaf {
    names: Vec<String>,
    not_before: SystemTime,
    not_after: SystemTime,
}

impl Leaf {
    fn read(chain: &[CertificateDer<'_>]) -> Option<Self> {
        let (_, leaf) = X509Certificate::from_der(chain.first()?).ok()?;
        let names =
            leaf.subject_alternative_name().ok()?.map(|san| san.value.general_names.iter().filter_map(name).collect());
        let validity = leaf.validity();
        Some(Self {
            names: names.unwrap_or_default(),
            not_before: moment(validity.not_before.timestamp()),
            not_after: moment(validity.not_after.timestamp()),
        })
    }
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    if let GeneralName::DNSName(name) = name {
        return Some(name.to_ascii_lowercase());
    }
    let GeneralName::IPAddress(octets) = name else { return None };
    let v4 = <[u8; 4]>::try_from(*octets).ok().map(IpAddr::from);
    let ip = v4.or_else(|| <[u8; 16]>::try_from(*octets).ok().map(IpAddr::from))?;
    Some(ip.to_string())
}

/// X.509 can name moments before 1970; for a certificate they are all equally long ago.
fn moment(seconds: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.try_into().unwrap_or_default())
}

#[cfg(test)]
mod tests;
