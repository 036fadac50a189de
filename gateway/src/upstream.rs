//! The gateway's HTTP/1.1 client side: a strict parser of replies and one worker's pool of connections.

mod address;

pub use address::{Address, AddressError};
