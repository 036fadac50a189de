//! Which tools a client may call.

use std::collections::BTreeSet;

/// The tools a client may call. Nothing written in the file means none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolSet {
    /// Every tool, known or not: `tools = "all"`.
    All,
    /// These and no other: `tools = ["get_alerts"]`.
    Only(BTreeSet<Box<str>>),
}

impl Default for ToolSet {
    fn default() -> Self {
        ToolSet::Only(BTreeSet::new())
    }
}

impl ToolSet {
    /// The tools that it names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let names = match self {
            ToolSet::All => None,
            ToolSet::Only(names) => Some(names),
        };
        names.into_iter().flatten().map(|name| &**name)
    }

    /// Whether `tool` is in the set.
    pub fn allows(&self, tool: &str) -> bool {
        match self {
            ToolSet::All => true,
            ToolSet::Only(names) => names.contains(tool),
        }
    }
}
