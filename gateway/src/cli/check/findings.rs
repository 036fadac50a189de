//! What is wrong, and what is unwise.

use crate::access::policy::{self, Role, Rule, Scope};
use crate::access::{ClientRow, KeyState};
use crate::cli::when;
use crate::config::keys_file::Written;
use crate::config::settings::AuditOutput;
use crate::config::{ConfigError, Settings, keys_file, moment, session_secret};
use crate::mcp::ListKind;
use crate::serve::memory::{Known, WorstCase};
use crate::serve::sandbox::{self, Sandbox};
use crate::serve::tls::{Clients, Identity, TlsError};
use crate::serve::{ServeError, remote, worker_count};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// A key or certificate that ends sooner than this is a warning.
const SOON: Duration = Duration::from_secs(14 * 86_400);

/// All that was found. The files are independent of each other: a fault in one hides none in another.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) errors: Vec<ConfigError>,
    pub(super) warnings: Vec<ConfigError>,
    pub(super) clients: Option<Vec<ClientRow>>,
    pub(super) identity: Option<Identity>,
    pub(super) sandbox: Option<Sandbox>,
    pub(super) memory: Option<WorstCase>,
}

impl Findings {
    pub(super) fn of(config: &Path, now: SystemTime) -> Self {
        let mut findings = Self::default();
        match Settings::read(config) {
            Ok(settings) => {
                findings.proxies(&settings, config);
                findings.keys(&settings, now);
                findings.certificate(&settings, config, now);
                findings.clients(&settings, config, now);
                findings.authorities(&settings, config);
                findings.session_secret(&settings);
                findings.audit(&settings, config);
                findings.bodies(&settings, config);
                findings.sandbox = Some(Sandbox::rehearse(&settings, config));
                let clients = findings.clients.as_deref().unwrap_or_default();
                let known = Known::of(clients, &settings.upstream.tools);
                findings.memory = Some(WorstCase::of(&settings, worker_count(&settings), known));
                if sandbox::is_root() {
                    findings.warn(config, sandbox::ROOT);
                }
            }
            Err(error) => findings.errors.push(error),
        }
        findings
    }

    fn warn(&mut self, file: &Path, sentence: impl std::fmt::Display) {
        self.warnings.push(ConfigError::of_file(file, sentence));
    }

    /// Where a request comes from is only as certain as those are who say so.
    fn proxies(&mut self, settings: &Settings, config: &Path) {
        let listen = &settings.listen;
        for network in listen.trusted_proxies.iter().filter(|network| network.is_everywhere()) {
            let why = "so everybody may say where a request comes from; name the proxies";
            self.warn(config, format_args!("listen.trusted_proxies has `{network}`, {why}"));
        }
        let trusted = |address: SocketAddr| listen.trusted_proxies.iter().any(|network| network.contains(address.ip()));
        if let Some(plaintext) = listen.plaintext.filter(|plaintext| !trusted(*plaintext)) {
            let why =
                "is not among listen.trusted_proxies, so all requests on listen.plaintext seem to come from there";
            self.warn(config, format_args!("`{}` {why}", plaintext.ip()));
        }
    }

    fn keys(&mut self, settings: &Settings, now: SystemTime) {
        let file = &settings.keys_file;
        let Written { clients, roles, .. } = match keys_file::read_all(file) {
            Ok(written) => written,
            Err(error) => return self.errors.push(error),
        };
        self.warnings.extend(keys_file::warnings(file));
        for role in &roles {
            let has = |client: &ClientRow| client.policy.roles().iter().any(|its| Arc::ptr_eq(its, role));
            let name = role.name().unwrap_or_default();
            if !clients.iter().any(has) {
                self.warn(file, format_args!("role `{name}` is of no client; give it to one, or remove it"));
            }
            self.tools(file, &format!("role `{name}`"), role, &settings.upstream.tools);
        }
        for client in &clients {
            self.policy(file, client, &settings.upstream.tools);
            self.limits(file, client, &settings.upstream.tools);
            for key in &client.keys {
                let (id, owner) = (&key.id, &client.id);
                let ending = key.expires_at.filter(|end| *end <= now + SOON && key.state(now) == KeyState::Active);
                if let Some(end) = ending {
                    self.warn(
                        file,
                        format_args!(
                            "key `{id}` of client `{owner}` ends {}; `gateway keys rotate {owner}` makes the next",
                            when::relative(end, now)
                        ),
                    );
                }
                if key.expires_at.zip(key.not_before).is_some_and(|(end, begin)| end <= begin) {
                    self.warn(
                        file,
                        format_args!("key `{id}` of client `{owner}` never works: it ends before it begins"),
                    );
                }
            }
            if !client.keys.iter().any(|key| matches!(key.state(now), KeyState::Active | KeyState::NotYetValid)) {
                self.warn(file, format_args!("client `{}` has no key that works", client.id));
            }
        }
        self.clients = Some(clients);
    }

    fn policy(&mut self, file: &Path, client: &ClientRow, known: &[String]) {
        if client.policy.roles().iter().all(|role| Scope::ALL.iter().all(|scope| role.allow(*scope).is_empty()))
            && client.policy.reads()
        {
            let advice = "write tools = \"all\", or name some";
            self.warn(file, format_args!("client `{}` may call no tool; {advice}", client.id));
        }
        for role in client.policy.roles().iter().filter(|role| role.name().is_none()) {
            self.tools(file, &format!("client `{}`", client.id), role, known);
        }
    }

    fn audit(&mut self, settings: &Settings, config: &Path) {
        let AuditOutput::File(file) = &settings.audit.output else { return };
        if file.is_dir() {
            let sentence = format!("`audit.output`: {} is a directory; name a file in it", file.display());
            return self.errors.push(ConfigError::of_file(config, sentence));
        }
        let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if !directory.is_dir() {
            let sentence = format!("`audit.output`: there is no directory {}; make it", directory.display());
            self.errors.push(ConfigError::of_file(config, sentence));
        }
    }

    fn bodies(&mut self, settings: &Settings, config: &Path) {
        let limits = &settings.limits;
        if limits.max_body > limits.max_held {
            let why =
                "so clients that may not do everything are refused bodies (413) that others may send; raise max_held";
            self.warn(config, format_args!("limits.max_body is larger than limits.max_held, {why}, or lower max_body"));
        }
    }

    /// Tools that the upstream does not have, if it is known which it has.
    fn tools(&mut self, file: &Path, whose: &str, role: &Role, known: &[String]) {
        if known.is_empty() {
            return;
        }
        let stranger = |rule: &Rule| !known.iter().any(|name| policy::matches(&rule.pattern, name));
        let rules = [("may call", role.allow(Scope::Tools)), ("denies", role.deny(Scope::Tools))];
        for (verb, rule) in rules.into_iter().flat_map(|(verb, rules)| rules.iter().map(move |rule| (verb, rule))) {
            if !stranger(rule) {
                continue;
            }
            let pattern = &*rule.pattern;
            if pattern.contains('*') {
                self.warn(file, format_args!("{whose} {verb} `{pattern}`, and none of upstream.tools is like that"));
                continue;
            }
            let near = known.iter().map(|k| (strsim::damerau_levenshtein(k, pattern), k)).min();
            let near = near.filter(|(distance, k)| *distance <= 1 + k.len() / 4);
            let advice = near.map(|(_, k)| format!("; did you mean `{k}`?")).unwrap_or_default();
            self.warn(file, format_args!("{whose} {verb} `{pattern}`, which is not among upstream.tools{advice}"));
        }
    }

    fn session_secret(&mut self, settings: &Settings) {
        let Some(file) = &settings.session_secret_file else { return };
        if let Err(error) = session_secret::read(file) {
            return self.errors.push(error);
        }
        if std::fs::metadata(file).is_ok_and(|meta| meta.permissions().mode() & 0o7 != 0) {
            self.warn(file, "every user of this machine may read the session secret; chmod 0640");
        }
    }

    /// A limit for a tool that the client cannot call is a misspelt one, or forgotten.
    fn limits(&mut self, file: &Path, client: &ClientRow, known: &[String]) {
        let limited: BTreeSet<_> = client.limits.tools.keys().chain(client.limits.costs.keys()).collect();
        let callable = |tool: &str| {
            client.policy.lists(ListKind::Tools, tool) && (known.is_empty() || known.iter().any(|k| k == tool))
        };
        for tool in limited.into_iter().filter(|tool| !callable(tool)) {
            let id = &client.id;
            self.warn(file, format_args!("client `{id}` has a limit or a cost for `{tool}`, which it cannot call"));
        }
    }

    fn certificate(&mut self, settings: &Settings, config: &Path, now: SystemTime) {
        let tls = &settings.tls;
        let identity = match Identity::load(&tls.certificate, &tls.private_key) {
            Ok(identity) => identity,
            Err(error) => return self.errors.push(located(&error, config)),
        };
        let file = &tls.certificate;
        let (begin, end) = (moment::text(identity.not_before), moment::text(identity.not_after));
        if !identity.is_valid(now) {
            let sentence = format!("the certificate is not valid now; it runs from {begin} to {end}");
            self.errors.push(ConfigError::of_file(file, sentence));
        } else if identity.not_after <= now + SOON {
            self.warn(file, format_args!("the certificate ends {}, on {end}", when::relative(identity.not_after, now)));
        }
        if identity.names.is_empty() {
            self.warn(file, "the certificate names no host (subject alternative name), so clients refuse it");
        }
        for host in settings.listen.public_hosts.iter().filter(|host| !covers(&identity.names, host)) {
            self.warn(file, format_args!("the certificate is not for `{host}`, which listen.public_hosts names"));
        }
        if std::fs::metadata(&tls.private_key).is_ok_and(|meta| meta.permissions().mode() & 0o7 != 0) {
            self.warn(&tls.private_key, "every user of this machine may read the private key; chmod 0600");
        }
        self.identity = Some(identity);
    }

    /// Authorities are trusted whatever their dates, so their end is a warning; clients' own certificates are judged by
    /// theirs in each handshake.
    fn clients(&mut self, settings: &Settings, config: &Path, now: SystemTime) {
        let auth = &settings.tls.client_auth;
        let clients = match Clients::load(auth) {
            Ok(clients) => clients,
            Err(error) => return self.errors.push(located(&error, config)),
        };
        if let (Some(file), Some(end)) = (auth.file(), clients.not_after.filter(|end| *end <= now + SOON)) {
            self.warn(file, format_args!("an authority's certificate ends {}", when::relative(end, now)));
        }
    }

    /// Whom a remote upstream is checked against.
    fn authorities(&mut self, settings: &Settings, config: &Path) {
        match remote::connector(&settings.upstream) {
            Ok(_) => {}
            Err(ServeError::Config(error)) => self.errors.push(error),
            Err(error) => self.errors.push(ConfigError::of_file(config, error)),
        }
    }
}

/// The error as one about its file; those that concern no single file are about the settings.
fn located(error: &TlsError, config: &Path) -> ConfigError {
    let text = error.to_string();
    let file = error.file().unwrap_or(config);
    let sentence = text.strip_prefix(&format!("{}: ", file.display())).unwrap_or(&text);
    ConfigError::of_file(file, sentence)
}

/// Whether one of the certificate's names is for this host; `*` stands for one label (RFC 6125, section 6.4.3).
fn covers(names: &[String], host: &str) -> bool {
    let wildcard = host.split_once('.').map(|(_, parent)| format!("*.{parent}"));
    names.iter().any(|name| name == host || Some(name) == wildcard.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_covers_one_label() {
        let names = ["*.example.com".to_owned(), "localhost".to_owned()];
        for (host, covered) in [
            ("a.example.com", true),
            ("*.example.com", true),
            ("localhost", true),
            ("example.com", false),
            ("a.b.example.com", false),
            ("127.0.0.1", false),
        ] {
            assert_eq!(covers(&names, host), covered, "{host}");
        }
    }
}
