//! What a client may do: the rules of its roles, compiled once, and the one function that decides by them.
//!
//! [`Policy::decide`] decides a call, and a list shows what it would let its reader call: there is no second opinion. What
//! one role of a client denies, no other role gives back. Nothing written is nothing allowed, but for what every client
//! needs to talk at all.

mod decision;
mod glob;
mod role;
mod uri;

pub use decision::{Decision, Hit, Verdict};
pub use role::{Role, RoleRow, Rule, RuleRows, Scope};

use super::ToolSet;
use crate::mcp::{Call, ListKind, Method, Subject};
use glob::Glob;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a client may do.
#[derive(Clone, Debug)]
pub enum Policy {
    /// Everything: `tools = "all"`. Its messages are not even read strictly.
    All,
    /// What these roles allow and none of them denies.
    Roles(Arc<[Arc<Role>]>),
}

/// Something that somebody wants to do.
#[derive(Clone, Copy, Debug)]
pub struct Act<'a> {
    /// The method, as one of a closed set.
    pub method: Method,
    /// The method as it is written.
    pub text: &'a str,
    /// What it is about.
    pub subject: Option<(Subject, &'a str)>,
}

/// What an act needs, beside not being denied.
enum Need<'a> {
    /// Nothing: without it no client could talk to a server.
    Nothing,
    /// A rule for what it names.
    Name(Option<(Scope, &'a str)>),
    /// A rule for the method.
    Method,
    /// Both.
    Both(Option<(Scope, &'a str)>),
}

impl Default for Policy {
    /// Nothing written.
    fn default() -> Self {
        Self::Roles(Arc::default())
    }
}

impl From<&ToolSet> for Policy {
    fn from(tools: &ToolSet) -> Self {
        let ToolSet::Only(names) = tools else { return Self::All };
        if names.is_empty() {
            return Self::default();
        }
        let allow = names.iter().map(|name| Rule { pattern: name.clone(), line: 0 }).collect();
        Self::of_tools(allow)
    }
}

impl Policy {
    /// What the roles of a client give together.
    pub fn of_roles(roles: Vec<Arc<Role>>) -> Self {
        Self::Roles(roles.into())
    }

    /// For a client whose own list of tools stands in the place of roles.
    pub fn of_tools(allow: Vec<Rule>) -> Self {
        let tools = RuleRows { allow, deny: Vec::new() };
        Self::of_roles(vec![Arc::new(Role::new(RoleRow { tools, ..RoleRow::default() }))])
    }

    /// Whether calls must be read strictly before they may pass.
    pub fn reads(&self) -> bool {
        matches!(self, Self::Roles(_))
    }

    /// Its roles; a client's own list of tools is one without a name.
    pub fn roles(&self) -> &[Arc<Role>] {
        match self {
            Self::All => &[],
            Self::Roles(roles) => roles,
        }
    }

    /// The tools that it allows by name.
    pub fn tool_names(&self) -> impl Iterator<Item = &str> {
        let rules = self.roles().iter().flat_map(|role| role.allow(Scope::Tools));
        rules.map(|rule| &*rule.pattern).filter(|pattern| !pattern.contains('*'))
    }

    /// Whether a message may be sent. `None` stands for a request without one, such as GET or DELETE.
    pub fn judge(&self, call: Option<&Call<'_>>) -> Verdict<'_> {
        let Self::Roles(_) = self else { return Verdict::Everything };
        let Some(call) = call else { return Verdict::Everybody };
        let act = Act { method: call.method(), text: call.method_text(), subject: call.subject() };
        let mut verdict = self.decide(act);
        for uri in call.subscriptions() {
            if !verdict.allows() {
                break;
            }
            verdict = self.decide(Act { subject: Some((Subject::Resource, &uri)), ..act });
        }
        verdict
    }

    /// Whether a list may show an entry: if its reader may call it.
    pub fn lists(&self, kind: ListKind, name: &str) -> bool {
        let (method, subject) = match kind {
            ListKind::Tools => (Method::ToolsCall, Subject::Tool),
            ListKind::Prompts => (Method::PromptsGet, Subject::Prompt),
            ListKind::Resources | ListKind::ResourceTemplates => (Method::ResourcesRead, Subject::Resource),
        };
        self.decide(Act { method, text: method.as_str(), subject: Some((subject, name)) }).allows()
    }

    /// Decides, by [`Act::method`] and never by whether the message has an id: some servers carry a call out that has none.
    pub fn decide(&self, act: Act<'_>) -> Verdict<'_> {
        let Self::Roles(roles) = self else { return Verdict::Everything };
        if let Some(hit) = denied(roles, Scope::Methods, act.text) {
            return Verdict::Denied(hit);
        }
        match act.need() {
            Need::Nothing => Verdict::Everybody,
            Need::Name(name) => named(roles, name),
            Need::Method => allowed(roles, Scope::Methods, act.text),
            Need::Both(name) => {
                let verdict = allowed(roles, Scope::Methods, act.text);
                if verdict.allows() { named(roles, name) } else { verdict }
            }
        }
    }

    /// All that its rules say, in an order of its own.
    fn says(&self) -> BTreeSet<(bool, Scope, &str)> {
        let mut says = BTreeSet::new();
        for (role, scope) in self.roles().iter().flat_map(|role| Scope::ALL.map(|scope| (role, scope))) {
            says.extend(role.allow(scope).iter().map(|rule| (true, scope, &*rule.pattern)));
            says.extend(role.deny(scope).iter().map(|rule| (false, scope, &*rule.pattern)));
        }
        says
    }

    /// What somebody loses whose policy was this one and is `next`, as patterns: which of them `next` no longer allows, and
    /// which it now denies.
    pub fn lost<'a>(&'a self, next: &'a Policy) -> Vec<(Loss, Scope, &'a str)> {
        if !next.reads() {
            return Vec::new();
        }
        let (was, is) = (self.says(), next.says());
        let still = |scope, pattern: &str| {
            let denied = denied(next.roles(), scope, pattern).is_some(); // which is told apart
            denied || !pattern.contains('*') && allowed(next.roles(), scope, pattern).allows()
        };
        let gone = was.difference(&is).filter(|(allow, scope, pattern)| *allow && !still(*scope, pattern));
        let denied = is.difference(&was).filter(|(allow, ..)| !allow);
        let gone = gone.map(|(_, scope, pattern)| (Loss::NotAllowed, *scope, *pattern));
        gone.chain(denied.map(|(_, scope, pattern)| (Loss::Denied, *scope, *pattern))).collect()
    }
}

/// How something is lost; see [`Policy::lost`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Nothing allows it any more.
    NotAllowed,
    /// Something denies it now.
    Denied,
}

impl PartialEq for Policy {
    /// Whether both say the same, wherever they say it.
    fn eq(&self, other: &Self) -> bool {
        self.reads() == other.reads() && self.says() == other.says()
    }
}

impl Eq for Policy {}

impl<'a> Act<'a> {
    fn need(&self) -> Need<'a> {
        use Method as M;
        match self.method {
            M::Initialize | M::Ping | M::ServerDiscover | M::Response => Need::Nothing,
            M::ToolsList | M::ResourcesList | M::ResourcesTemplatesList | M::PromptsList => Need::Nothing,
            M::Initialized | M::Cancelled | M::Progress | M::RootsListChanged | M::TasksStatus => Need::Nothing,
            // `Tools/Call` is no method, but whoever takes it for one would call a tool that nobody has looked at
            M::Other if M::is_like(self.text) => Need::Name(None),
            M::Other if self.text.starts_with("notifications/") => Need::Nothing,
            M::ToolsCall
            | M::PromptsGet
            | M::ResourcesRead
            | M::ResourcesSubscribe
            | M::ResourcesUnsubscribe
            | M::CompletionComplete => Need::Name(self.name()),
            // without a resource it asks to hear of lists that change
            M::SubscriptionsListen if self.subject.is_none() => Need::Nothing,
            M::SubscriptionsListen => Need::Name(self.name()),
            M::ResourcesDirectoryRead | M::SkillsGet => Need::Both(self.name()),
            M::LoggingSetLevel
            | M::TasksList
            | M::TasksGet
            | M::TasksResult
            | M::TasksUpdate
            | M::TasksCancel
            | M::SkillsList
            | M::Other => Need::Method,
        }
    }

    /// What it names, if rules may name it too.
    fn name(&self) -> Option<(Scope, &'a str)> {
        let (subject, name) = self.subject?;
        let scope = match subject {
            Subject::Tool => Scope::Tools,
            Subject::Prompt => Scope::Prompts,
            Subject::Resource => Scope::Resources,
            Subject::Task => return None,
        };
        Some((scope, name))
    }
}

fn named<'a>(roles: &'a [Arc<Role>], name: Option<(Scope, &str)>) -> Verdict<'a> {
    let Some((scope, name)) = name else { return Verdict::NoRule };
    allowed(roles, scope, name)
}

/// What is allowed is looked for after what is denied.
fn allowed<'a>(roles: &'a [Arc<Role>], scope: Scope, name: &str) -> Verdict<'a> {
    if let Some(hit) = denied(roles, scope, name) {
        return Verdict::Denied(hit);
    }
    roles.iter().find_map(|role| role.allows(scope, name)).map_or(Verdict::NoRule, Verdict::Allowed)
}

fn denied<'a>(roles: &'a [Arc<Role>], scope: Scope, name: &str) -> Option<Hit<'a>> {
    roles.iter().find_map(|role| role.denies(scope, name))
}

/// Whether `name` is what `pattern` stands for: the same text, where each `*` of the pattern is any text.
pub fn matches(pattern: &str, name: &str) -> bool {
    Glob::new(pattern).matches(name)
}

#[cfg(test)]
mod tests;
