//! Auth gateway for MCP servers: TLS outside, `X-API-Key` checked against rotating keys, requests and Server-Sent
//! Events forwarded unbuffered to an MCP server on loopback.
//!
//! The rooms, lowest floor first; a room never names one above it (`tests/it/house.rs` holds that):
//! [`reject`], [`stock`] · [`mcp`], [`upstream`] · [`access`] · [`config`] · [`record`] · [`proxy`] · [`serve`] · [`cli`].

pub mod access;
pub mod cli;
pub mod clock;
pub mod config;
pub mod mcp;
pub mod proxy;
pub mod record;
pub mod reject;
pub mod serve;
pub mod stock;
pub mod upstream;
#[cfg(test)]
mod wakes;
