//! `gateway check`: everything that `serve` would read, cross-checked, before it is deployed.

mod against;
mod findings;

use super::Failure;
use super::failure::{print, say};
use crate::access::{ClientRow, KeyState};
use crate::config::moment;
use crate::serve::memory::WorstCase;
use crate::serve::sandbox;
use clap::Args;
use findings::Findings;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Read everything that `serve` would read, cross-check it, and say what is wrong
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Check {
    /// As JSON
    #[arg(long)]
    json: bool,
    /// Also say which clients and keys lose or gain access, compared with this older keys file
    #[arg(long, value_name = "OLD_KEYS")]
    against: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  gateway check --config /etc/gateway/gateway.toml
  gateway check --against <(git show HEAD:config/keys.toml)
  gateway check --json | jq -r '.warnings[].message'

Errors exit with 64 and stand on standard error as FILE:LINE:COLUMN: SENTENCE; warnings do not change the exit code.";

impl Check {
    pub(super) fn run(self, config: &Path) -> Result<(), Failure> {
        let now = SystemTime::now();
        let findings = Findings::of(config, now);
        let changes = match (&self.against, &findings.clients) {
            (Some(old), Some(new)) => Some(against::changes(old, new, now)?),
            _ => None,
        };
        if self.json {
            print(format_args!("{:#}", json(&findings, changes.as_deref(), now)))?;
        } else {
            text(&findings, changes.as_deref(), config, now)?;
        }
        if findings.errors.is_empty() { Ok(()) } else { Err(Failure::said()) }
    }
}

fn text(
    findings: &Findings,
    changes: Option<&[against::Change]>,
    config: &Path,
    now: SystemTime,
) -> Result<(), Failure> {
    findings.errors.iter().for_each(say);
    findings.warnings.iter().for_each(|warning| say(format_args!("warning: {warning}")));
    if let Some(changes) = changes {
        changes.iter().try_for_each(print)?;
        if changes.is_empty() {
            print("nobody loses or gains access")?;
        }
    }
    if findings.errors.is_empty() {
        let clients = findings.clients.as_deref().unwrap_or_default();
        let end = findings.identity.as_ref().map(|identity| moment::text(identity.not_after)).unwrap_or_default();
        let (active, all) = keys(clients, now);
        let (file, count) = (config.display(), clients.len());
        print(format_args!("{file}: ok (clients: {count}; keys: {all}, active {active}; certificate until {end})"))?;
        let sandbox = findings.sandbox.iter().map(|sandbox| format!("sandbox: {sandbox}"));
        let memory = findings.memory.iter().map(|memory| format!("memory that clients can take: at most {memory}"));
        sandbox.chain(memory).try_for_each(print)?;
    }
    Ok(())
}

fn json(findings: &Findings, changes: Option<&[against::Change]>, now: SystemTime) -> Value {
    let list = |errors: &[crate::config::ConfigError]| -> Vec<Value> {
        let one = |error: &crate::config::ConfigError| {
            let (line, column) = error.place().map(|place| (place.line, place.column)).unzip();
            json!({ "file": error.file().to_string_lossy(), "line": line, "column": column, "message": error.sentence() })
        };
        errors.iter().map(one).collect()
    };
    let certificate = findings.identity.as_ref().map(|identity| {
        json!({
            "names": identity.names,
            "not_before": moment::text(identity.not_before),
            "not_after": moment::text(identity.not_after),
        })
    });
    let (active, all) = keys(findings.clients.as_deref().unwrap_or_default(), now);
    json!({
        "ok": findings.errors.is_empty(),
        "errors": list(&findings.errors),
        "warnings": list(&findings.warnings),
        "clients": findings.clients.as_ref().map(Vec::len),
        "keys": { "active": active, "all": all },
        "certificate": certificate,
        "sandbox": findings.sandbox.as_ref().map(ToString::to_string),
        "worst_case_memory_bytes": findings.memory.as_ref().map(WorstCase::bytes),
        "root": sandbox::is_root(),
        "changes": changes.map(|changes| changes.iter().map(against::Change::json).collect::<Vec<_>>()),
    })
}

/// How many keys are active, and how many there are.
fn keys(clients: &[ClientRow], now: SystemTime) -> (usize, usize) {
    let keys = || clients.iter().flat_map(|client| &client.keys);
    (keys().filter(|key| key.state(now) == KeyState::Active).count(), keys().count())
}
