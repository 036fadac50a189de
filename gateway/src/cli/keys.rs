//! `gateway keys`: the life of a key, in one plain file.

mod edit;
mod list;
mod look;
mod stdin;

use super::Failure;
use crate::access::{ClientId, ClientRow, ToolSet};
use crate::config::Settings;
use clap::{Args, Subcommand};
use edit::Terms;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Make, import, rotate, revoke and look at keys
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Keys {
    /// The keys file, instead of the one that the settings name
    #[arg(long, global = true, value_name = "FILE")]
    keys: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  gateway keys new weather-agent --tools get_alerts,get_forecast --expires 90d > api-key
  gateway keys rotate weather-agent --overlap 7d > api-key
  gateway keys revoke weather-agent --reason \"laptop lost\"
  gateway keys list

A running gateway takes a changed file up by itself, while requests and streams run on.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a key, print it once on standard output, and store its digest
    #[command(after_help = NEW_EXAMPLES)]
    New {
        /// Whose key it is
        client: String,
        /// Make the client if there is none of this name: `all`, or tool names with commas between them
        #[arg(long, value_name = "TOOLS")]
        tools: Option<String>,
        #[command(flatten)]
        terms: Terms,
    },
    /// Import a key that was made elsewhere: read it on standard input, and store (or, without CLIENT, print) its digest
    #[command(after_help = HASH_EXAMPLES)]
    Hash {
        /// Whose key it is; without it the digest is printed and nothing is stored
        client: Option<String>,
        /// Make the client if there is none of this name: `all`, or tool names with commas between them
        #[arg(long, value_name = "TOOLS", requires = "client")]
        tools: Option<String>,
        #[command(flatten)]
        terms: Terms,
    },
    /// Make a new key for a client, and let its older keys end after an overlap; no key ever ends later than it did
    #[command(after_help = ROTATE_EXAMPLES)]
    Rotate {
        /// Whose keys
        client: String,
        /// How long the older keys go on working: a length of time, or a date
        #[arg(long, value_name = "WHEN", default_value = "7d")]
        overlap: String,
        #[command(flatten)]
        terms: Terms,
    },
    /// Switch off one key, or all keys of a client
    #[command(after_help = REVOKE_EXAMPLES)]
    Revoke {
        /// Key id or client; where it is both, write key:ID or client:ID
        #[arg(value_name = "ID|CLIENT")]
        target: String,
        /// Why; kept in the file
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// List all keys; when each was used last, as far as a running gateway tells on its admin port
    #[command(after_help = LIST_EXAMPLES)]
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Read a key on standard input and say whose it is and whether it works; exit 0 only if it does
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify,
}

const NEW_EXAMPLES: &str = "\
Examples:
  gateway keys new weather-agent > api-key
  gateway keys new phone --tools get_alerts --expires 2027-06-30 --note \"for the beta\" > api-key
  gateway keys new weather-agent | kubectl create secret generic agent-key --from-file=api-key=/dev/stdin";

const HASH_EXAMPLES: &str = "\
Examples:
  gateway keys hash weather-agent < old-api-key
  gateway keys hash < old-api-key";

const ROTATE_EXAMPLES: &str = "\
Examples:
  gateway keys rotate weather-agent > api-key
  gateway keys rotate weather-agent --overlap 12h --expires 90d > api-key
  gateway keys rotate weather-agent --overlap 2027-01-31T12:00:00Z > api-key";

const REVOKE_EXAMPLES: &str = "\
Examples:
  gateway keys revoke a1b2c3d4e5f6 --reason \"leaked in a log\"
  gateway keys revoke weather-agent --reason \"contract ended\"";

const LIST_EXAMPLES: &str = "\
Examples:
  gateway keys list
  gateway keys list --json | jq '.[] | select(.state == \"active\") | .id'";

const VERIFY_EXAMPLES: &str = "\
Examples:
  gateway keys verify < api-key";

impl Keys {
    pub(super) fn run(self, config: &Path) -> Result<(), Failure> {
        let now = SystemTime::now();
        // without a client nothing is stored, so no file is needed
        if let Command::Hash { client: None, terms, .. } = &self.command {
            return edit::print_digest(terms);
        }
        // a file that the settings do not name is no running gateway's
        let (file, known, admin) = match self.keys {
            Some(file) => (file, Vec::new(), None),
            None => {
                let settings = Settings::read(config)?;
                (settings.keys_file, settings.upstream.tools, Some(settings.listen.admin))
            }
        };
        let add =
            |client, tools: Option<String>, terms| edit::Add { file: &file, known: &known, client, tools, terms, now };
        match self.command {
            Command::New { client, tools, terms } => add(client, tools, terms).make(),
            Command::Hash { client, tools, terms } => add(client.unwrap_or_default(), tools, terms).import(),
            Command::Rotate { client, overlap, terms } => add(client, None, terms).rotate(&overlap),
            Command::Revoke { target, reason } => edit::revoke(&file, &target, reason.as_deref(), now),
            Command::List { json } => list::run(&file, admin, json, now),
            Command::Verify => look::verify(&file, now),
        }
    }
}

fn client_id(text: &str) -> Result<ClientId, Failure> {
    ClientId::parse(text).map_err(Failure::configuration)
}

/// Reads `--tools`.
fn tool_set(text: &str) -> Result<ToolSet, Failure> {
    if text == "all" {
        return Ok(ToolSet::All);
    }
    let name = |name: &str| {
        let sane = (1..=128).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic());
        sane.then(|| Box::<str>::from(name))
    };
    let names: Option<_> = text.split(',').map(|part| name(part.trim())).collect();
    let sentence = "--tools is `all`, or tool names with commas between them, such as get_alerts,get_forecast";
    names.map(ToolSet::Only).ok_or_else(|| Failure::configuration(sentence))
}

/// What to say of a client that is not in the file.
fn no_client(file: &Path, client: &ClientId, clients: &[ClientRow]) -> String {
    let near = clients.iter().map(|row| (strsim::damerau_levenshtein(row.id.as_str(), client.as_str()), &row.id)).min();
    let advice = match near {
        Some((distance, near)) if distance <= 1 + client.as_str().len() / 4 => format!("; did you mean `{near}`?"),
        _ => String::new(),
    };
    format!("there is no client `{client}` in {}{advice}", file.display())
}
