//! What the operator wrote, turned into what it means.
//!
//! Two shapes: TOML as written, values as meant. Past the conversion nobody asks again whether a string is an address.
//! Every error names file, line and column, says what is wrong and what to do, and never quotes the line.

pub mod contents;
pub mod error;
mod fingerprint;
pub mod keys_edit;
pub mod keys_file;
pub mod moment;
mod reader;
pub mod session_secret;
pub mod settings;

pub use error::ConfigError;
pub use fingerprint::Fingerprint;
pub use settings::Settings;
