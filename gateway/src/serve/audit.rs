//! What the audit is told of the process itself.

use super::ServeError;
use super::fault::Fault;
use super::reload::Changes;
use crate::access::{Client, Key, LeaseEnd};
use crate::config::settings::{Audit as AuditSettings, AuditOutput, Overflow};
use crate::config::{Fingerprint, moment};
use crate::record::audit::{Audit, Field, FilePlan, Line, Pen, Plan, State};
use crate::serve::tls::Identity;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How long what is left may take to be written when the process ends.
const FAREWELL: Duration = Duration::from_secs(2);

/// A file that was read, and which contents of it: the file may have others by now.
type Read<'a> = (&'a Path, Fingerprint);

/// The audit, if there is one.
pub(super) struct Journal(Option<Audit>);

impl Journal {
    /// Opens what the settings say; that nobody can write to it any more is a `fault`.
    pub(super) fn open(settings: &AuditSettings, fault: &Fault) -> Result<Self, ServeError> {
        let file = match &settings.output {
            AuditOutput::Off => return Ok(Self(None)),
            AuditOutput::Stdout => None,
            AuditOutput::File(path) => Some(FilePlan {
                path: path.clone(),
                size: settings.rotate_size,
                age: settings.rotate_every,
                keep: settings.keep,
                fsync: settings.fsync,
            }),
        };
        let plan = Plan {
            file,
            arguments: settings.audit_arguments,
            drops: settings.overflow == Overflow::Drop,
            mark: settings.queue,
        };
        let name = plan.file.as_ref().map_or("standard output".into(), |file| file.path.display().to_string());
        Audit::start(&plan, fault.guard("audit"))
            .map(|audit| Self(Some(audit)))
            .map_err(|cause| ServeError::Audit { name, cause })
    }

    /// A worker's way into it, if there is one.
    pub(super) fn pen(&self) -> Option<Pen> {
        self.0.as_ref().map(Audit::pen)
    }

    /// What a scrape shows of it.
    pub(super) fn state(&self) -> Arc<State> {
        self.0.as_ref().map_or_else(Arc::default, Audit::state)
    }

    /// The process runs with the settings of this file.
    pub(super) fn started(&self, file: Read<'_>) {
        let Some(audit) = &self.0 else { return };
        audit.note("started", |line| {
            read(line, file);
            line.word(Field::Version, env!("CARGO_PKG_VERSION"));
        });
    }

    /// A new keys file is in use.
    pub(super) fn keys_changed(&self, file: Read<'_>, changes: &Changes) {
        let Some(audit) = &self.0 else { return };
        audit.note("keys_changed", |line| {
            read(line, file);
            line.list(Field::ClientsAdded, &changes.clients.added);
            line.list(Field::ClientsRemoved, &changes.clients.removed);
            line.list(Field::ClientsChanged, &changes.clients.changed);
            line.list(Field::KeysAdded, &changes.keys.added);
            line.list(Field::KeysRemoved, &changes.keys.removed);
            line.list(Field::KeysChanged, &changes.keys.changed);
        });
    }

    /// A file cannot be used; what was read before stays in use.
    pub(super) fn refused(&self, event: &'static str, file: &Path, error: &str) {
        let Some(audit) = &self.0 else { return };
        audit.note(event, |line| {
            line.text(Field::File, &file.to_string_lossy());
            line.text(Field::Error, error);
        });
    }

    /// Another certificate is in use.
    pub(super) fn certificate_changed(&self, file: &Path, identity: &Identity) {
        let Some(audit) = &self.0 else { return };
        audit.note("certificate_changed", |line| {
            line.text(Field::File, &file.to_string_lossy());
            line.list(Field::Names, &identity.names);
            line.text(Field::NotAfter, &moment::text(identity.not_after));
        });
    }

    /// Other authorities of the clients' certificates are in use.
    pub(super) fn authorities_changed(&self, file: Read<'_>) {
        let Some(audit) = &self.0 else { return };
        audit.note("authorities_changed", |line| {
            read(line, file);
        });
    }

    /// A key may no longer be used.
    pub(super) fn key_ended(&self, client: &Client, key: &Key, reason: LeaseEnd) {
        let Some(audit) = &self.0 else { return };
        audit.note("key_ended", |line| {
            line.word(Field::Client, client.id().as_str());
            line.word(Field::KeyId, key.id().as_str());
            line.word(Field::Reason, reason.word());
        });
    }

    /// A signal asks the process to end.
    pub(super) fn stopping(&self, signal: &'static str) {
        let Some(audit) = &self.0 else { return };
        audit.note("stopping", |line| line.word(Field::Signal, signal));
    }

    /// The process ends: the last line.
    pub(super) fn stopped(&self) {
        let Some(audit) = &self.0 else { return };
        audit.note("stopped", |_| {});
        audit.finish(FAREWELL);
    }
}

fn read(line: &mut Line<'_>, (file, fingerprint): Read<'_>) {
    line.text(Field::File, &file.to_string_lossy());
    line.word(Field::Sha256, &fingerprint.to_string());
}
