//! What a client may do, from TOML as written: `[role.NAME]`, and the `roles` and `tools` of a client.

use crate::access::Policy;
use crate::access::policy::{Role, RoleRow, Rule, RuleRows, Scope};
use crate::config::error::ConfigError;
use crate::config::reader::{Source, Table, Value};
use std::collections::HashSet;
use std::sync::Arc;

/// Most characters of a pattern; no name and no URI that anybody means is longer.
const LONGEST: usize = 1024;

/// Methods that are allowed by what they name, and the member that does so.
const BY_NAME: [(&str, Scope); 7] = [
    ("tools/call", Scope::Tools),
    ("prompts/get", Scope::Prompts),
    ("resources/read", Scope::Resources),
    ("resources/subscribe", Scope::Resources),
    ("resources/unsubscribe", Scope::Resources),
    ("subscriptions/listen", Scope::Resources),
    ("completion/complete", Scope::Prompts),
];

/// The lines of a text, so that a place among many is found without counting from the beginning.
pub(super) struct Lines(Vec<usize>);

impl Lines {
    pub(super) fn of(source: Source<'_>) -> Self {
        Self(memchr::memchr_iter(b'\n', source.text().as_bytes()).collect())
    }

    /// The line of a byte, counted from 1.
    pub(super) fn line(&self, offset: usize) -> u32 {
        u32::try_from(self.0.partition_point(|end| *end < offset) + 1).unwrap_or(u32::MAX)
    }
}

/// All `[role.NAME]`.
pub(super) fn roles(root: &mut Table<'_>, lines: &Lines) -> Result<Vec<Arc<Role>>, ConfigError> {
    let read = |(name, value): (Value<'_>, Value<'_>)| {
        let mut table = value.table("role")?;
        let sane = |text: &str| {
            let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
            ((1..=64).contains(&text.len()) && text.bytes().all(plain)).then(|| Box::from(text))
        };
        Ok(Arc::new(Role::new(RoleRow {
            name: Some(name.parsed("a name of 1 to 64 of A-Z, a-z, 0-9, '.', '_' and '-'", sane)?),
            tools: rules(&mut table, Scope::Tools, lines)?,
            resources: rules(&mut table, Scope::Resources, lines)?,
            prompts: rules(&mut table, Scope::Prompts, lines)?,
            methods: rules(&mut table, Scope::Methods, lines)?,
        })))
    };
    root.entries("role", "[role.NAME]")?.into_iter().map(read).collect()
}

/// What a client may do: `roles`, or `tools`.
pub(super) fn policy(table: &mut Table<'_>, roles: &[Arc<Role>], lines: &Lines) -> Result<Policy, ConfigError> {
    match (table.take("roles"), table.take("tools")) {
        (Some(_), Some(tools)) => {
            Err(tools.error("and `client.roles` exclude each other; a role may be for one client"))
        }
        (Some(names), None) => of_roles(&names, roles),
        (None, Some(tools)) => of_tools(&tools, lines),
        (None, None) => Ok(Policy::default()),
    }
}

fn of_roles(names: &Value<'_>, roles: &[Arc<Role>]) -> Result<Policy, ConfigError> {
    let mut seen = HashSet::new();
    let one = |item: Value<'_>| {
        let name = item.text()?;
        let role = roles.iter().find(|role| role.name() == Some(name)).ok_or_else(|| unknown(&item, name, roles))?;
        if seen.insert(name.to_owned()) { Ok(role.clone()) } else { Err(item.error("has this role twice")) }
    };
    Ok(Policy::of_roles(names.list()?.into_iter().map(one).collect::<Result<_, _>>()?))
}

fn unknown(item: &Value<'_>, name: &str, roles: &[Arc<Role>]) -> ConfigError {
    let names = roles.iter().filter_map(|role| role.name());
    let near = names.map(|known| (strsim::damerau_levenshtein(known, name), known)).min();
    match near.filter(|(distance, known)| *distance <= 1 + known.len() / 4) {
        Some((_, known)) => item.error(format!("names a role that is not in this file; did you mean `{known}`?")),
        None => item.error("names a role that is not in this file; write it as [role.NAME]"),
    }
}

fn of_tools(value: &Value<'_>, lines: &Lines) -> Result<Policy, ConfigError> {
    let form = "`tools` is \"all\", or a list of tool names such as [\"get_alerts\"]";
    if value.is_text() {
        return if value.text()? == "all" { Ok(Policy::All) } else { Err(value.complaint(form)) };
    }
    let allow = list(value, Scope::Tools, lines)?;
    Ok(if allow.is_empty() { Policy::default() } else { Policy::of_tools(allow) })
}

/// A list is what is allowed; a table has `allow` and `deny`.
fn rules(table: &mut Table<'_>, scope: Scope, lines: &Lines) -> Result<RuleRows, ConfigError> {
    let (member, name) = match scope {
        Scope::Tools => ("tools", "role.tools"),
        Scope::Resources => ("resources", "role.resources"),
        Scope::Prompts => ("prompts", "role.prompts"),
        Scope::Methods => ("methods", "role.methods"),
    };
    let Some(value) = table.take(member) else { return Ok(RuleRows::default()) };
    let allowed = |value: &Value<'_>| {
        let items = value.list()?;
        for (item, (method, home)) in items.iter().flat_map(|item| BY_NAME.iter().map(move |by_name| (item, by_name))) {
            if scope == Scope::Methods && item.text()? == *method {
                let why = format!("`{method}` is allowed by what it names; write that in `{}`", home.word());
                return Err(item.complaint(why));
            }
        }
        list(value, scope, lines)
    };
    match value.as_table(name) {
        Some(rules) => {
            let mut rules = rules?;
            Ok(RuleRows {
                allow: rules.read("allow", Vec::new(), allowed)?,
                deny: rules.read("deny", Vec::new(), |value| list(value, scope, lines))?,
            })
        }
        None if value.is_text() => Err(value.error("is a list of patterns, or a table with `allow` and `deny`")),
        None => Ok(RuleRows { allow: allowed(&value)?, deny: Vec::new() }),
    }
}

fn list(value: &Value<'_>, scope: Scope, lines: &Lines) -> Result<Vec<Rule>, ConfigError> {
    let (form, sane): (_, fn(&str) -> bool) = match scope {
        Scope::Tools => ("a list of tool names of 1 to 128 visible ASCII characters; `*` is any text", is_name),
        Scope::Methods => ("a list of methods of 1 to 128 visible ASCII characters; `*` is any text", is_name),
        Scope::Prompts => ("a list of prompt names of 1 to 1024 characters; `*` is any text", is_text),
        Scope::Resources => ("a list of URIs of 1 to 1024 characters; `*` is any text", is_text),
    };
    let mut seen = HashSet::new();
    let rule = |item: Value<'_>| {
        let pattern: Box<str> = item.parsed(form, |text| sane(text).then(|| text.into()))?;
        if !seen.insert(pattern.clone()) {
            return Err(item.error("has this entry twice"));
        }
        Ok(Rule { pattern, line: lines.line(item.offset()) })
    };
    value.list()?.into_iter().map(rule).collect()
}

fn is_name(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

fn is_text(text: &str) -> bool {
    (1..=LONGEST).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}
