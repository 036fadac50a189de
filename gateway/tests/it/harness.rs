//! What every test stands on: the built binary, real sockets, real TLS, and ends that a test controls byte by byte.
//!
//! Nothing here sleeps for luck. Whatever is waited for is waited for with [`deadline::within`], which fails with a
//! sentence; order and completeness are asserted, durations never.

pub(crate) mod ask;
pub(crate) mod audit;
pub(crate) mod backend;
pub(crate) mod certificates;
pub(crate) mod client;
pub(crate) mod deadline;
pub(crate) mod fields;
pub(crate) mod framing;
pub(crate) mod gateway;
pub(crate) mod key;
pub(crate) mod limits;
pub(crate) mod log;
pub(crate) mod manager;
pub(crate) mod mcp;
pub(crate) mod origin;
pub(crate) mod reply;
pub(crate) mod secrets;
pub(crate) mod setup;
pub(crate) mod wire;

pub(crate) use ask::Ask;
pub(crate) use backend::Backend;
pub(crate) use client::{Client, Http1, Http2, Protocol, raw2};
pub(crate) use deadline::{eventually, within};
pub(crate) use framing::Piece;
pub(crate) use gateway::Gateway;
pub(crate) use key::Key;
pub(crate) use manager::ServiceManager;
pub(crate) use origin::{Exchange, Origin};
pub(crate) use reply::Reply;
