//! A role: rules by what they are about, compiled once when the file is read.

use super::decision::Hit;
use super::glob::Glob;
use super::uri;
use std::collections::BTreeMap;

/// What a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Tools, by name.
    Tools,
    /// Resources and resource templates, by URI.
    Resources,
    /// Prompts, by name.
    Prompts,
    /// Methods that name none of these.
    Methods,
}

impl Scope {
    /// All of them.
    pub const ALL: [Scope; 4] = [Scope::Tools, Scope::Resources, Scope::Prompts, Scope::Methods];

    /// The member of a role that holds its rules.
    pub const fn word(self) -> &'static str {
        match self {
            Scope::Tools => "tools",
            Scope::Resources => "resources",
            Scope::Prompts => "prompts",
            Scope::Methods => "methods",
        }
    }
}

/// One rule: a name, or a pattern with `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// As it is written.
    pub pattern: Box<str>,
    /// Its line in the keys file; 0 for a rule that stands in none.
    pub line: u32,
}

/// The rules of one scope, as written.
#[derive(Clone, Debug, Default)]
pub struct RuleRows {
    /// What is allowed.
    pub allow: Vec<Rule>,
    /// What of that is denied after all.
    pub deny: Vec<Rule>,
}

/// A role, as written.
#[derive(Clone, Debug, Default)]
pub struct RoleRow {
    /// Its name; a client's own list of tools is a role without one.
    pub name: Option<Box<str>>,
    /// `tools`
    pub tools: RuleRows,
    /// `resources`
    pub resources: RuleRows,
    /// `prompts`
    pub prompts: RuleRows,
    /// `methods`
    pub methods: RuleRows,
}

/// A role, compiled.
#[derive(Debug)]
pub struct Role {
    name: Option<Box<str>>,
    tools: Rules,
    resources: Rules,
    prompts: Rules,
    methods: Rules,
}

#[derive(Debug)]
struct Rules {
    allow: Patterns,
    deny: Patterns,
}

/// Rules in the order of the file, found by name in one look, and by pattern one after the other.
#[derive(Debug)]
struct Patterns {
    rules: Vec<Rule>,
    /// Not hashed: a name from outside is compared with a few, which takes half as long as a hash that resists whoever chose it.
    names: BTreeMap<Box<str>, usize>,
    globs: Vec<(Glob, usize)>,
}

impl Role {
    /// Compiles a role.
    pub fn new(row: RoleRow) -> Self {
        let RoleRow { name, tools, resources, prompts, methods } = row;
        let [tools, resources, prompts, methods] = [tools, resources, prompts, methods].map(Rules::new);
        Self { name, tools, resources, prompts, methods }
    }

    /// Its name.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// What it allows, in the order of the file.
    pub fn allow(&self, scope: Scope) -> &[Rule] {
        &self.rules(scope).allow.rules
    }

    /// What it denies, in the order of the file.
    pub fn deny(&self, scope: Scope) -> &[Rule] {
        &self.rules(scope).deny.rules
    }

    /// The rule that allows this, letter by letter.
    pub(super) fn allows(&self, scope: Scope, name: &str) -> Option<Hit<'_>> {
        let plain = || scope != Scope::Resources || uri::is_plain(name);
        self.hit(scope, self.rules(scope).allow.find(name, plain))
    }

    /// The rule that denies this. The case of ASCII letters makes no difference: to a server that ignores it, another
    /// spelling must not be a way around the rule.
    pub(super) fn denies(&self, scope: Scope, name: &str) -> Option<Hit<'_>> {
        let deny = &self.rules(scope).deny;
        if deny.rules.is_empty() {
            return None;
        }
        self.hit(scope, deny.find(&name.to_ascii_lowercase(), || true))
    }

    fn hit<'a>(&'a self, scope: Scope, rule: Option<&'a Rule>) -> Option<Hit<'a>> {
        rule.map(|rule| Hit { role: self.name(), scope, rule })
    }

    fn rules(&self, scope: Scope) -> &Rules {
        match scope {
            Scope::Tools => &self.tools,
            Scope::Resources => &self.resources,
            Scope::Prompts => &self.prompts,
            Scope::Methods => &self.methods,
        }
    }
}

impl Rules {
    fn new(rows: RuleRows) -> Self {
        let (same, fold) = (|pattern: &str| pattern.into(), |pattern: &str| pattern.to_ascii_lowercase().into());
        Self { allow: Patterns::new(rows.allow, same), deny: Patterns::new(rows.deny, fold) }
    }
}

impl Patterns {
    fn new(rules: Vec<Rule>, spell: impl Fn(&str) -> Box<str>) -> Self {
        let (mut names, mut globs) = (BTreeMap::new(), Vec::new());
        for (index, rule) in rules.iter().enumerate() {
            let pattern = spell(&rule.pattern);
            if pattern.contains('*') {
                globs.push((Glob::new(&pattern), index));
            } else {
                names.entry(pattern).or_insert(index);
            }
        }
        Self { rules, names, globs }
    }

    fn find(&self, name: &str, may_be_any: impl FnOnce() -> bool) -> Option<&Rule> {
        let index = self.names.get(name).or_else(|| {
            let any = !self.globs.is_empty() && may_be_any();
            self.globs.iter().find(|(glob, _)| any && glob.matches(name)).map(|(_, index)| index)
        });
        self.rules.get(*index?)
    }
}
