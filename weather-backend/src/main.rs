//! The weather backend's program.
fn main() {}
