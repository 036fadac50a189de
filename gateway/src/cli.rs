//! What a person types. Results go to standard output, everything else to standard error.
//!
//! Exit codes: 0; 64 for the operator's configuration or arguments; 1 for what the gateway could not do.

mod admin;
mod certs;
mod check;
mod explain;
mod failure;
mod healthcheck;
mod keys;
mod when;

use crate::access::secret::PREFIX;
use clap::{Parser, Subcommand};
use failure::Failure;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Auth gateway for MCP servers: TLS outside, API keys checked, streams passed on as they come.
#[derive(Debug, Parser)]
#[command(name = "gateway", version, arg_required_else_help = true, max_term_width = 110, after_help = EXAMPLES)]
struct Arguments {
    /// The settings; relative paths in it are relative to its directory
    #[arg(long, global = true, value_name = "FILE", default_value = "config/gateway.toml")]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  gateway certs new --out config --name localhost --name 127.0.0.1
  gateway keys new weather-agent --tools all > api-key
  gateway check
  gateway serve --config /etc/gateway/gateway.toml

Exit codes: 0; 64 for your configuration or arguments; 1 for what the gateway could not do.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve until SIGTERM or SIGINT; then drain and stop
    #[command(after_help = SERVE_EXAMPLES)]
    Serve {
        /// Keep what the process needs no more once it serves: any file, any address, new privileges
        #[arg(long)]
        no_sandbox: bool,
    },
    /// Read everything that `serve` would read, cross-check it, and say what is wrong
    Check(check::Check),
    /// Say whether a client may do something, and which line of the keys file decides
    Explain(explain::Explain),
    /// Make certificates
    #[command(subcommand)]
    Certs(certs::Certs),
    /// Make, import, rotate, revoke and look at keys
    Keys(keys::Keys),
    /// Ask the running gateway's admin port whether it is alive; exit 0 if so, for container health checks
    #[command(after_help = HEALTHCHECK_EXAMPLES)]
    Healthcheck,
}

const SERVE_EXAMPLES: &str = "\
Examples:
  gateway serve
  gateway serve --config /etc/gateway/gateway.toml
  GATEWAY_LOG=gateway=debug gateway serve";

const HEALTHCHECK_EXAMPLES: &str = "\
Examples:
  gateway healthcheck
  HEALTHCHECK CMD [\"/gateway\", \"healthcheck\", \"--config\", \"/etc/gateway/gateway.toml\"]   (in a Dockerfile)";

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    crate::serve::sandbox::keep_secrets();
    if std::env::args_os().skip(1).any(|argument| holds_key(&argument)) {
        return Failure::configuration(
            "a key of this gateway stands in the arguments, where every process of this machine can read it; \
            revoke it, and hand keys over on standard input",
        )
        .report();
    }
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(usage) => {
            let _ = usage.print();
            return if usage.use_stderr() { ExitCode::from(failure::CONFIGURATION) } else { ExitCode::SUCCESS };
        }
    };
    match arguments.command.run(&arguments.config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

impl Command {
    fn run(self, config: &Path) -> Result<(), Failure> {
        match self {
            Command::Serve { no_sandbox } => Ok(crate::serve::run(config, !no_sandbox)?),
            Command::Check(check) => check.run(config),
            Command::Explain(explain) => explain.run(config),
            Command::Certs(certs) => certs.run(),
            Command::Keys(keys) => keys.run(config),
            Command::Healthcheck => healthcheck::run(config),
        }
    }
}

/// Whether an argument holds what may be a key of ours. Messages about arguments repeat them, and logs keep those.
fn holds_key(argument: &OsString) -> bool {
    let text = argument.to_string_lossy();
    let tail = |at: usize| text.get(at + PREFIX.len()..).unwrap_or_default();
    let long = |tail: &str| tail.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count() >= 32;
    text.match_indices(PREFIX).any(|(at, _)| long(tail(at)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn every_help_ends_with_examples() {
        fn visit(command: &clap::Command) {
            let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(after.starts_with("Examples:\n  "), "{}", command.get_name());
            command.get_subcommands().filter(|c| c.get_name() != "help").for_each(visit);
        }
        Arguments::command().debug_assert();
        visit(&Arguments::command());
    }

    #[test]
    fn a_key_among_the_arguments_is_noticed() {
        let key = format!("{PREFIX}abcdefgh_{}", "x".repeat(49));
        for argument in [key.clone(), format!("--note={key}"), format!("see {key}!")] {
            assert!(holds_key(&argument.into()));
        }
        for argument in ["mcpgw_abcdefgh", "weather-agent", "the scanner looks for mcpgw_[a-z0-9]{8,16}_"] {
            assert!(!holds_key(&argument.into()), "{argument}");
        }
    }
}
