//! How a command fails: a sentence and an exit code.

use crate::access::secret::{ImportError, NoRandomness};
use crate::config::ConfigError;
use crate::config::keys_edit::EditError;
use crate::serve::ServeError;
use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

/// The operator's configuration or arguments.
pub(super) const CONFIGURATION: u8 = 64;
const OURS: u8 = 1;

/// Why a command failed.
#[derive(Debug)]
pub(super) struct Failure {
    code: u8,
    sentence: Option<String>,
}

impl Failure {
    /// The operator's configuration or arguments: exit 64.
    pub(super) fn configuration(sentence: impl Display) -> Self {
        Self { code: CONFIGURATION, sentence: Some(sentence.to_string()) }
    }

    /// What the gateway could not do: exit 1.
    pub(super) fn ours(sentence: impl Display) -> Self {
        Self { code: OURS, sentence: Some(sentence.to_string()) }
    }

    /// A configuration at fault about which everything has been said.
    pub(super) fn said() -> Self {
        Self { code: CONFIGURATION, sentence: None }
    }

    /// Says why, and gives the exit code.
    pub(super) fn report(self) -> ExitCode {
        if let Some(sentence) = &self.sentence {
            say(sentence);
        }
        ExitCode::from(self.code)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::configuration(error)
    }
}

impl From<EditError> for Failure {
    fn from(error: EditError) -> Self {
        if error.is_configuration() { Self::configuration(error) } else { Self::ours(error) }
    }
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        if error.is_configuration() { Self::configuration(error) } else { Self::ours(error) }
    }
}

impl From<ImportError> for Failure {
    fn from(error: ImportError) -> Self {
        Self::configuration(error)
    }
}

impl From<NoRandomness> for Failure {
    fn from(error: NoRandomness) -> Self {
        Self::ours(error)
    }
}

/// Says something to the person at the terminal. Whether anybody listens does not matter.
pub(super) fn say(sentence: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{sentence}");
}

/// Prints a result. A reader that has seen enough, such as `head`, is no failure.
pub(super) fn print(result: impl Display) -> Result<(), Failure> {
    match writeln!(io::stdout().lock(), "{result}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::ours(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}
