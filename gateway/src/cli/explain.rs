//! `gateway explain`: whether a client may do something, and which line of the keys file decides.

use super::Failure;
use super::failure::print;
use crate::access::policy::{Act, Hit, Verdict};
use crate::access::{ClientRow, KeyState};
use crate::config::Settings;
use crate::config::keys_file::{Written, read_all};
use crate::mcp::{Method, Subject};
use clap::{ArgGroup, Args};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Say whether a client may do something, and which line of the keys file decides
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, group(ArgGroup::new("who").required(true)))]
pub(super) struct Explain {
    /// The client, by one of its keys
    #[arg(long, value_name = "ID", group = "who")]
    key_id: Option<String>,
    /// The client
    #[arg(long, value_name = "CLIENT", group = "who")]
    client: Option<String>,
    /// May it call this tool?
    #[arg(long, value_name = "NAME", group = "what")]
    tool: Option<String>,
    /// May it read this resource?
    #[arg(long, value_name = "URI", group = "what")]
    resource: Option<String>,
    /// May it get this prompt?
    #[arg(long, value_name = "NAME", group = "what")]
    prompt: Option<String>,
    /// May it send this method? With --tool, --resource or --prompt: the method that names it
    #[arg(long, value_name = "METHOD", required_unless_present = "what")]
    method: Option<String>,
    /// The keys file, instead of the one that the settings name
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  gateway explain --key-id a1b2c3d4e5f6 --tool get_alerts
  gateway explain --client weather-agent --resource weather://stations/KSFO --method resources/subscribe
  gateway explain --client weather-agent --method logging/setLevel --json

Exit code 0 only if it is allowed; what is denied is 64.";

/// Methods that are allowed by what they name.
const NAMED: [(Method, &[Subject], &str); 6] = [
    (Method::ToolsCall, &[Subject::Tool], "--tool"),
    (Method::PromptsGet, &[Subject::Prompt], "--prompt"),
    (Method::CompletionComplete, &[Subject::Prompt, Subject::Resource], "--prompt or --resource"),
    (Method::ResourcesRead, &[Subject::Resource], "--resource"),
    (Method::ResourcesSubscribe, &[Subject::Resource], "--resource"),
    (Method::ResourcesUnsubscribe, &[Subject::Resource], "--resource"),
];

/// What was found out.
struct Answer {
    allowed: bool,
    line: u32,
    why: String,
}

impl Explain {
    pub(super) fn run(self, config: &Path) -> Result<(), Failure> {
        let file = match &self.keys {
            Some(file) => file.clone(),
            None => Settings::read(config)?.keys_file,
        };
        let written = read_all(&file)?;
        let (client, line) = self.client(&written, &file)?;
        let act = self.act()?;
        let answer = match self.key(&written, client, SystemTime::now()) {
            Some(answer) => answer,
            None => Answer::of(client.policy.decide(act), line),
        };
        let word = if answer.allowed { "allow" } else { "deny" };
        let (place, id) = (format!("{}:{}", file.display(), answer.line), client.id.as_str());
        if self.json {
            let subject = act.subject.map(|(_, name)| name);
            print(format_args!(
                "{:#}",
                json!({
                    "decision": word, "client": id, "method": act.text, "name": subject,
                    "file": file.to_string_lossy(), "line": answer.line, "why": answer.why,
                })
            ))?;
        } else {
            print(format_args!("{word} {place}: client {id}: {}", answer.why))?;
        }
        if answer.allowed { Ok(()) } else { Err(Failure::said()) }
    }

    /// Whom it is about, and the line where its row begins.
    fn client<'a>(&self, written: &'a Written, file: &Path) -> Result<(&'a ClientRow, u32), Failure> {
        let mut rows = written.clients.iter().zip(written.lines.iter().copied());
        let found = rows.find(|(row, _)| match (&self.client, &self.key_id) {
            (Some(client), _) => row.id.as_str() == client,
            (None, Some(id)) => row.keys.iter().any(|key| key.id.as_str() == id),
            (None, None) => false,
        });
        found.ok_or_else(|| {
            let (what, name) = match (&self.client, &self.key_id) {
                (Some(client), _) => ("client", client.as_str()),
                (None, id) => ("key", id.as_deref().unwrap_or_default()),
            };
            Failure::configuration(format!("there is no {what} `{name}` in {}; see: gateway keys list", file.display()))
        })
    }

    fn act(&self) -> Result<Act<'_>, Failure> {
        let (own, subject) = match (&self.tool, &self.resource, &self.prompt) {
            (Some(tool), ..) => (Method::ToolsCall, Some((Subject::Tool, tool.as_str()))),
            (_, Some(uri), _) => (Method::ResourcesRead, Some((Subject::Resource, uri.as_str()))),
            (.., Some(prompt)) => (Method::PromptsGet, Some((Subject::Prompt, prompt.as_str()))),
            (None, None, None) => (Method::Other, None),
        };
        let text = self.method.as_deref().unwrap_or(own.as_str());
        let method = Method::named(text.as_bytes());
        let named = NAMED.iter().find(|(named, ..)| *named == method);
        match named {
            Some((_, wanted, option)) if !subject.is_some_and(|(subject, _)| wanted.contains(&subject)) => Err(
                Failure::configuration(format!("what may be done by `{text}` depends on what it names: add {option}")),
            ),
            _ => Ok(Act { method, text, subject }),
        }
    }

    /// A key that does not work gets nothing, whatever its client may do.
    fn key(&self, written: &Written, client: &ClientRow, now: SystemTime) -> Option<Answer> {
        let key = client.keys.iter().find(|key| Some(key.id.as_str()) == self.key_id.as_deref())?;
        let why = match key.state(now) {
            KeyState::Active => return None,
            KeyState::Disabled => "the key is disabled",
            KeyState::Expired => "the key has expired",
            KeyState::NotYetValid => "the key is not yet valid",
        };
        let remark = written.remarks.iter().find(|remark| remark.id == key.id);
        Some(Answer { allowed: false, line: remark.map_or(0, |remark| remark.line), why: why.to_owned() })
    }
}

impl Answer {
    /// `line` is where the client begins, for what no rule decides.
    fn of(verdict: Verdict<'_>, line: u32) -> Self {
        let rule = |hit: Hit<'_>, verb: &str| {
            let (scope, pattern) = (hit.scope.word(), &hit.rule.pattern);
            match hit.role {
                Some(role) => format!("role.{role}.{scope} {verb} \"{pattern}\""),
                None => format!("its {scope} {verb} \"{pattern}\""),
            }
        };
        let (line, why) = match verdict {
            Verdict::Everything => (line, "tools = \"all\"".to_owned()),
            Verdict::Everybody => (line, "every client may do this".to_owned()),
            Verdict::NoRule => (line, "no rule allows it".to_owned()),
            Verdict::Allowed(hit) => (hit.rule.line, rule(hit, "allow")),
            Verdict::Denied(hit) => (hit.rule.line, rule(hit, "deny")),
        };
        Self { allowed: verdict.allows(), line, why }
    }
}
