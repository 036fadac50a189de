//! Every way an example ends badly, and the exit code of each.

use std::process::ExitCode;

/// `EX_USAGE` of `sysexits.h`, which `gateway` uses as well.
pub(crate) const USAGE: u8 = 64;

/// Why an example could not do its work. The text is one sentence for the person who started it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Failure {
    /// Arguments, environment or files of ours cannot work. Exit code 64.
    #[error("{0}")]
    Setup(String),
    /// HTTP 401: the key is missing, wrong, expired or disabled. Exit code 3.
    #[error("{0}")]
    Unauthorized(String),
    /// The server said no to this one request; another request may succeed. Exit code 1.
    #[error("{0}")]
    Refused(String),
    /// The other side was not reached, broke off, or sent what nobody can read. Exit code 1.
    #[error("{0}")]
    Broken(String),
}

impl Failure {
    /// What the process answers to its parent.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Setup(_) => ExitCode::from(USAGE),
            Self::Unauthorized(_) => ExitCode::from(3),
            Self::Refused(_) | Self::Broken(_) => ExitCode::FAILURE,
        }
    }
}
