//! The commands that change the file.

use super::{client_id, no_client, stdin, tool_set};
use crate::access::secret::{Form, Secret, fresh_id};
use crate::access::{ClientId, ClientRow, KeyId, KeyRow, KeyState, Policy, ToolSet, policy};
use crate::cli::failure::{Failure, print, say};
use crate::cli::when;
use crate::config::keys_edit::{KeysFile, NewKey};
use crate::config::moment;
use clap::Args;
use std::io::{self, Write};
use std::path::Path;
use std::time::SystemTime;

/// What a new key comes with.
#[derive(Debug, Default, Args)]
pub(super) struct Terms {
    /// The key works until then: a length of time such as 90d, or a date; without it, until it is revoked
    #[arg(long, value_name = "WHEN")]
    expires: Option<String>,
    /// The key works from then on: a length of time, or a date
    #[arg(long, value_name = "WHEN")]
    not_before: Option<String>,
    /// Something to remember; kept in the file
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

/// Adds a key to a client.
pub(super) struct Add<'a> {
    pub(super) file: &'a Path,
    /// The tools that the upstream is known to offer; empty if nobody said.
    pub(super) known: &'a [String],
    pub(super) client: String,
    pub(super) tools: Option<String>,
    pub(super) terms: Terms,
    pub(super) now: SystemTime,
}

impl Add<'_> {
    /// `keys new`
    pub(super) fn make(&self) -> Result<(), Failure> {
        let client = client_id(&self.client)?;
        let mut keys = self.open(&client)?;
        let id = unused_id(&keys)?;
        let secret = Secret::make(&id)?;
        let key = self.key(id, &secret)?;
        keys.add_key(&client, &key)?;
        save(keys)?;
        self.tell(&client, &key);
        hand_over(&secret, &key.id)
    }

    /// `keys hash CLIENT`
    pub(super) fn import(&self) -> Result<(), Failure> {
        let client = client_id(&self.client)?;
        let secret = stdin::key(Secret::import)?;
        let mut keys = self.open(&client)?;
        if let Some((owner, row)) = rows(&keys).find(|(_, row)| row.digest == secret.digest()) {
            let sentence =
                format!("{} has this key already: `{}` of client `{}`", self.file.display(), row.id, owner.id);
            return Err(Failure::configuration(sentence));
        }
        let own = match Secret::read(secret.expose().as_bytes()) {
            Form::Ours { id } => KeyId::parse(id).ok().filter(|id| rows(&keys).all(|(_, row)| row.id != *id)),
            Form::Typo | Form::Foreign => None,
        };
        let id = own.map_or_else(|| unused_id(&keys), Ok)?;
        let key = self.key(id, &secret)?;
        keys.add_key(&client, &key)?;
        save(keys)?;
        self.tell(&client, &key);
        print(&key.id)
    }

    /// `keys rotate`
    pub(super) fn rotate(&self, overlap: &str) -> Result<(), Failure> {
        let client = client_id(&self.client)?;
        let until = when::moment("--overlap", overlap, self.now)?;
        if until < self.now {
            return Err(Failure::configuration(
                "--overlap lies in the past; to end older keys now, write --overlap 0s",
            ));
        }
        let mut keys = KeysFile::open(self.file)?;
        let owner = keys.written().clients.iter().find(|row| row.id == client);
        let older = match owner {
            Some(row) => row.keys.clone(),
            None => return Err(Failure::configuration(no_client(self.file, &client, &keys.written().clients))),
        };
        let id = unused_id(&keys)?;
        let secret = Secret::make(&id)?;
        let key = self.key(id, &secret)?;
        let living = |row: &&KeyRow| matches!(row.state(self.now), KeyState::Active | KeyState::NotYetValid);
        let mut ends = Vec::new();
        for row in older.iter().filter(living) {
            let shortened = keys.shorten(row, until)?;
            let end = if shortened { Some(until) } else { row.expires_at };
            ends.push(format!("key {} ends {}", row.id, end.map(moment::text).unwrap_or_default()));
        }
        keys.add_key(&client, &key)?;
        save(keys)?;
        self.tell(&client, &key);
        ends.iter().for_each(say);
        hand_over(&secret, &key.id)
    }

    /// Opens the file, and makes the client where that was asked for.
    fn open(&self, client: &ClientId) -> Result<KeysFile, Failure> {
        let tools = self.tools.as_deref().map(tool_set).transpose()?;
        let mut keys = KeysFile::open(self.file)?;
        let there = keys.written().clients.iter().find(|row| row.id == *client).map(|row| row.policy.clone());
        match (there, tools) {
            (Some(_), None) => {}
            (Some(there), Some(asked)) if there == Policy::from(&asked) => {}
            (Some(_), Some(_)) => {
                let sentence = "exists with other tools; change them in the file, or leave --tools out";
                return Err(Failure::configuration(format!("client `{client}` {sentence}: {}", self.file.display())));
            }
            (None, None) => {
                let sentence = no_client(self.file, client, &keys.written().clients);
                let advice = "to make it, add --tools all, or --tools with tool names such as get_alerts,get_forecast";
                return Err(Failure::configuration(format!("{sentence}; {advice}")));
            }
            (None, Some(tools)) => {
                self.warn_of_unknown(&tools);
                keys.add_client(client, &tools);
            }
        }
        Ok(keys)
    }

    fn warn_of_unknown(&self, tools: &ToolSet) {
        let ToolSet::Only(names) = tools else { return };
        let known = |name: &str| self.known.is_empty() || self.known.iter().any(|k| policy::matches(name, k));
        let unknown = names.iter().filter(|name| !known(name));
        unknown
            .for_each(|name| say(format_args!("warning: tool `{name}` is not among upstream.tools in the settings")));
    }

    fn key(&self, id: KeyId, secret: &Secret) -> Result<NewKey, Failure> {
        let moment =
            |option, text: &Option<String>| text.as_deref().map(|t| when::moment(option, t, self.now)).transpose();
        let not_before = moment("--not-before", &self.terms.not_before)?;
        let expires_at = moment("--expires", &self.terms.expires)?;
        if expires_at.is_some_and(|end| end <= not_before.unwrap_or(self.now)) {
            return Err(Failure::configuration(
                "--expires lies in the past, or before --not-before: the key would never work",
            ));
        }
        let digest = secret.digest();
        Ok(NewKey { id, digest, created_at: self.now, not_before, expires_at, note: self.terms.note.clone() })
    }

    fn tell(&self, client: &ClientId, key: &NewKey) {
        let end = key.expires_at.map_or("until it is revoked".to_owned(), |end| format!("until {}", moment::text(end)));
        let begin = key.not_before.map_or(String::new(), |begin| format!("from {} ", moment::text(begin)));
        say(format_args!(
            "key {} of client {client} works {begin}{end}; its digest is in {}",
            key.id,
            self.file.display()
        ));
    }
}

/// `keys hash` without a client.
pub(super) fn print_digest(terms: &Terms) -> Result<(), Failure> {
    if terms.expires.is_some() || terms.not_before.is_some() || terms.note.is_some() {
        return Err(Failure::configuration("without CLIENT nothing is stored; name the client whose key it is"));
    }
    print(stdin::key(Secret::import)?.digest())
}

/// `keys revoke`
pub(super) fn revoke(file: &Path, target: &str, reason: Option<&str>, now: SystemTime) -> Result<(), Failure> {
    let mut keys = KeysFile::open(file)?;
    let meant: Vec<(ClientId, KeyRow)> = meant(&keys, file, target)?;
    let (off, on): (Vec<_>, Vec<_>) = meant.into_iter().partition(|(_, row)| row.disabled);
    off.iter().for_each(|(client, row)| say(format_args!("key {} of client {client} was revoked before", row.id)));
    if on.is_empty() {
        return Ok(());
    }
    for (_, row) in &on {
        keys.disable(&row.id, now, reason)?;
    }
    save(keys)?;
    on.iter().for_each(|(client, row)| say(format_args!("key {} of client {client} is revoked", row.id)));
    Ok(())
}

/// The keys that `target` names.
fn meant(keys: &KeysFile, file: &Path, target: &str) -> Result<Vec<(ClientId, KeyRow)>, Failure> {
    let (key, client) = match (target.strip_prefix("key:"), target.strip_prefix("client:")) {
        (Some(key), _) => (Some(key), None),
        (_, Some(client)) => (None, Some(client)),
        (None, None) => (Some(target), Some(target)),
    };
    let copy = |(client, row): (&ClientRow, &KeyRow)| (client.id.clone(), row.clone());
    let by_id: Vec<_> = rows(keys).filter(|(_, row)| key == Some(row.id.as_str())).map(copy).collect();
    let of_client: Vec<_> = rows(keys).filter(|(owner, _)| client == Some(owner.id.as_str())).map(copy).collect();
    let is_client = keys.written().clients.iter().any(|row| client == Some(row.id.as_str()));
    match (by_id.is_empty(), is_client) {
        (false, true) => {
            let sentence = format!("`{target}` is a key and a client; write key:{target} or client:{target}");
            Err(Failure::configuration(sentence))
        }
        (false, false) => Ok(by_id),
        (true, true) if of_client.is_empty() => {
            say(format_args!("client `{target}` has no keys"));
            Ok(of_client)
        }
        (true, true) => Ok(of_client),
        (true, false) => {
            let sentence = format!("{} has no key and no client `{target}`; see: gateway keys list", file.display());
            Err(Failure::configuration(sentence))
        }
    }
}

fn rows(keys: &KeysFile) -> impl Iterator<Item = (&ClientRow, &KeyRow)> {
    keys.written().clients.iter().flat_map(|client| client.keys.iter().map(move |row| (client, row)))
}

fn unused_id(keys: &KeysFile) -> Result<KeyId, Failure> {
    loop {
        let id = fresh_id()?;
        if rows(keys).all(|(_, row)| row.id != id) {
            return Ok(id);
        }
    }
}

fn save(keys: KeysFile) -> Result<(), Failure> {
    keys.save()?.iter().for_each(|warning| say(format_args!("warning: {warning}")));
    Ok(())
}

/// Prints a key: once, alone, and only after its digest is safely stored.
fn hand_over(secret: &Secret, id: &KeyId) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let written = writeln!(stdout, "{}", secret.expose()).and_then(|()| stdout.flush());
    written.map_err(|error| {
        Failure::ours(format!(
            "the key could not be printed and is lost ({error}); revoke it: gateway keys revoke {id}"
        ))
    })
}
