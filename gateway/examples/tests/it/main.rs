//! The two examples as their users see them: the built binaries, real sockets, stdout, stderr and exit codes.
//!
//! Every binary runs with an empty environment, so that what the machine has set changes nothing.
//!
//! `cfg(test)` is always true here; it tells clippy that helpers may unwrap as tests do.

#[cfg(test)]
mod agent_answers;
#[cfg(test)]
mod agent_failures;
#[cfg(test)]
mod agent_settings;
#[cfg(test)]
mod authority;
#[cfg(test)]
mod backend;
#[cfg(test)]
mod backend_answers;
#[cfg(test)]
mod binary;
#[cfg(test)]
mod chat;
#[cfg(test)]
mod client_answers;
#[cfg(test)]
mod client_key;
#[cfg(test)]
mod client_refusals;
#[cfg(test)]
mod client_tls;
#[cfg(test)]
mod gateway_answers;
#[cfg(test)]
mod gateway_refusals;
#[cfg(test)]
mod mcp;
#[cfg(test)]
mod origin;
#[cfg(test)]
mod stack;
