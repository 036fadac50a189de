//! A gateway before it runs: what its files will say.

use super::gateway::Gateway;
use super::key::Key;
use super::manager::ServiceManager;
use toml_edit::{DocumentMut, Item, Table};

/// The client that every gateway here knows: it may call all tools.
pub(crate) const CLIENT: &str = "weather-agent";

/// Something that a gateway can be put in front of.
pub(crate) trait Upstream {
    /// As `upstream.url` has it.
    fn url(&self) -> String;
}

impl Upstream for str {
    fn url(&self) -> String {
        self.to_owned()
    }
}

/// Settings and keys of a gateway to be.
pub(crate) struct Setup {
    pub(super) settings: DocumentMut,
    pub(super) keys: String,
    pub(super) key: Key,
    pub(super) files: Vec<(&'static str, String)>,
    pub(super) environment: Vec<(&'static str, String)>,
    pub(super) manager: ServiceManager,
    pub(super) arguments: Vec<&'static str>,
    pub(super) user: Option<u32>,
}

impl Setup {
    pub(super) fn new(upstream: &str) -> Self {
        let key = Key::new();
        let settings = format!(
            r#"
            workers = 2
            [listen]
            public = "127.0.0.1:0"
            admin = "127.0.0.1:0"
            [upstream]
            url = "{upstream}"
            [log]
            level = "trace"
            format = "json"
            "#
        );
        let (settings, keys, manager) = (settings.parse().unwrap(), String::new(), ServiceManager::default());
        let (files, environment, arguments) = (Vec::new(), Vec::new(), Vec::new());
        Self { settings, keys, key, manager, files, environment, arguments, user: None }.client(
            CLIENT,
            "tools = \"all\"",
            &[],
        )
    }

    /// Adds what `settings` says; what stands there already is replaced.
    pub(crate) fn settings(mut self, settings: &str) -> Self {
        let more: DocumentMut = settings.parse().unwrap_or_else(|error| panic!("{error}\n{settings}"));
        merge(self.settings.as_table_mut(), more.into_table());
        self
    }

    /// What the keys file begins with.
    pub(crate) fn keys(mut self, text: &str) -> Self {
        self.keys.insert_str(0, text);
        self
    }

    /// A client with the members of its row, in TOML, and its keys.
    pub(crate) fn client(mut self, id: &str, members: &str, keys: &[&Key]) -> Self {
        let rows: String = keys.iter().map(|key| key.row()).collect();
        let first = if id == CLIENT { self.key.row() } else { "" };
        self.keys += &format!("[[client]]\nid = \"{id}\"\n{members}\n{first}{rows}\n");
        self
    }

    /// Starts it as `manager` starts its services.
    pub(crate) fn under(mut self, manager: ServiceManager) -> Self {
        self.manager = manager;
        self
    }

    /// One more file in its directory.
    pub(crate) fn file(mut self, name: &'static str, text: &str) -> Self {
        self.files.push((name, text.to_owned()));
        self
    }

    /// A variable of its environment, which is else empty.
    pub(crate) fn variable(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.environment.push((name, value.into()));
        self
    }

    /// One more argument of `serve`.
    pub(crate) fn argument(mut self, argument: &'static str) -> Self {
        self.arguments.push(argument);
        self
    }

    /// Runs as this user; only root can have it so.
    pub(crate) fn user(mut self, user: u32) -> Self {
        self.user = Some(user);
        self
    }

    /// Runs it; it has said that it is ready when this returns.
    pub(crate) async fn start(self) -> Gateway {
        Gateway::start(self).await
    }
}

fn merge(into: &mut Table, from: Table) {
    for (name, item) in from {
        match (into.get_mut(&name), item) {
            (Some(Item::Table(into)), Item::Table(from)) => merge(into, from),
            (_, item) => drop(into.insert(&name, item)),
        }
    }
}
