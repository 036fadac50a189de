//! What `weather-client` and `weather-agent` share: how a client reaches an MCP server through the gateway with an
//! API key, and what it tells its user when that fails.
//!
//! The key travels in the header `X-API-Key` and nowhere else. It comes from a file or the environment, never from the
//! command line, where every user of the machine could read it.

mod connection;
mod failure;
mod key;
mod progress;
mod reach;
mod server;
pub mod terminal;
mod wire;

use std::process::ExitCode;

use clap::Parser;

pub use connection::{Connection, spoken};
pub use failure::Failure;
pub use key::Key;
pub use reach::{Advice, Trust, http_client, is_loopback, trouble};
pub use server::{Protocol, ServerArgs};

/// Runs one example to its end: arguments, work, one sentence on stderr if it fails, exit code.
///
/// Exit codes: 0; 1 for anything that went wrong on the way; 3 for a key that was refused; 64 for arguments and
/// settings that cannot work, as `gateway` has it.
pub fn run<A: Parser, W: Future<Output = Result<(), Failure>>>(name: &str, work: impl FnOnce(A) -> W) -> ExitCode {
    let arguments = match A::try_parse() {
        Ok(arguments) => arguments,
        Err(usage) => {
            // Only a closed terminal makes this fail, and then nobody reads it.
            let _ = usage.print();
            return if usage.use_stderr() { ExitCode::from(failure::USAGE) } else { ExitCode::SUCCESS };
        }
    };
    match run_to_end(work(arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            terminal::note(&format!("{name}: {failure}"));
            failure.exit_code()
        }
    }
}

fn run_to_end(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    // reqwest takes the process's provider; a second call finds the first one's, which is the same.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Broken(format!("the asynchronous runtime does not start: {error}")))?;
    runtime.block_on(work)
}
