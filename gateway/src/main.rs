//! The gateway's binary; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    gateway::cli::run()
}
