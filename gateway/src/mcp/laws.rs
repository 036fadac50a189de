//! Laws that hold for any input, with `serde_json` and a naive reader of event streams as oracles.

mod call;
mod list;
mod sse;
mod write;

use proptest::test_runner::Config;

/// As many cases as `PROPTEST_CASES` says, 256 otherwise; a failure is printed and leaves no file.
fn config() -> Config {
    Config { failure_persistence: None, ..Config::default() }
}
