//! Running the examples.

use std::ffi::OsStr;
use std::process::{Command, Output, Stdio};

/// The key that the tests send to the gateway.
pub(crate) const KEY: &str = "key-of-the-example-tests";

/// How a binary ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// Fails with everything that was printed unless the exit code is `code`.
    #[track_caller]
    pub(crate) fn with(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    /// Fails unless one line of stderr holds all of `words`.
    #[track_caller]
    pub(crate) fn says(self, words: &[&str]) -> Self {
        let said = self.stderr.lines().any(|line| words.iter().all(|word| line.contains(word)));
        assert!(said, "no line holds all of {words:?}: {}", self.stderr);
        self
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().expect("not ended by a signal"),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// `weather-client` with the key in its environment.
pub(crate) fn client(url: &str, arguments: &[&str]) -> Command {
    let mut command = bare(env!("CARGO_BIN_EXE_weather-client"), arguments);
    command.env("API_KEY", KEY).env("MCP_SERVER_URL", url);
    command
}

/// `weather-agent` with the key in its environment, and no model.
pub(crate) fn agent(url: &str, arguments: &[&str]) -> Command {
    let mut command = bare(env!("CARGO_BIN_EXE_weather-agent"), arguments);
    command.env("API_KEY", KEY).env("MCP_SERVER_URL", url);
    command
}

pub(crate) fn run(command: &mut Command) -> Ended {
    command.output().unwrap().into()
}

fn bare(binary: &str, arguments: &[impl AsRef<OsStr>]) -> Command {
    let mut command = Command::new(binary);
    command.env_clear().args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}
