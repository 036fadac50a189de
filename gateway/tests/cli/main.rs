//! What a person types at the gateway's binary: every command, its exit code, and what it says.
//!
//! `cfg(test)` is always true here; it tells clippy that helpers may unwrap as tests do.

#[cfg(test)]
mod home;

#[cfg(test)]
mod arguments;
#[cfg(test)]
mod certs;
#[cfg(test)]
mod check;
#[cfg(test)]
mod elsewhere;
#[cfg(test)]
mod explain;
#[cfg(test)]
mod health;
#[cfg(test)]
mod issue;
#[cfg(test)]
mod killed;
#[cfg(test)]
mod look;
#[cfg(test)]
mod revoke;
#[cfg(test)]
mod rotate;
#[cfg(test)]
mod serving;
