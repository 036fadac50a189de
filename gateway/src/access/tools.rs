//! A client's tools as its row and `--tools` write them.

use std::collections::BTreeSet;

/// The `tools` of a client that has no roles. Nothing written in the file means none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolSet {
    /// Everything, tools or not: `tools = "all"`.
    All,
    /// These and no other: `tools = ["get_alerts", "search_*"]`.
    Only(BTreeSet<Box<str>>),
}
