//! The four files of `gateway certs new`.

use super::{Failure, say};
use rcgen::{Issuer, KeyPair};
use std::fs::{File, Metadata, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use x509_parser::pem::Pem;
use x509_parser::prelude::X509Certificate;
use zeroize::Zeroizing;

pub(super) struct Files {
    pub(super) ca: PathBuf,
    pub(super) ca_key: PathBuf,
    pub(super) server: PathBuf,
    pub(super) server_key: PathBuf,
    /// Whether the group may read a new server.key.
    pub(super) group_readable: bool,
}

/// An authority that can sign.
pub(super) struct Kept {
    pub(super) issuer: Issuer<'static, KeyPair>,
    pub(super) not_after: SystemTime,
}

impl Files {
    /// The files in `out`, which is made if it does not exist.
    pub(super) fn in_directory(out: &Path, group_readable: bool) -> Result<Self, Failure> {
        std::fs::create_dir_all(out).map_err(|e| failure(out, "cannot be made", &e))?;
        let file = |name: &str| out.join(name);
        let (ca, ca_key) = (file("ca.pem"), file("ca.key"));
        Ok(Self { ca, ca_key, server: file("server.pem"), server_key: file("server.key"), group_readable })
    }

    /// The authority that is there already. Nothing at all is fine; anything else that a new authority would replace is
    /// refused.
    pub(super) fn kept(&self) -> Result<Option<Kept>, Failure> {
        if !(self.ca.exists() && self.ca_key.exists()) {
            let there = [&self.ca, &self.ca_key, &self.server, &self.server_key].into_iter().find(|file| file.exists());
            return match there {
                None => Ok(None),
                Some(file) => Err(refused(file, "exists, and without both ca.pem and ca.key nothing can be renewed")),
            };
        }
        let ca_pem = read(&self.ca)?;
        let key_pem = read(&self.ca_key)?;
        let pem = first_pem(&ca_pem).ok_or_else(|| refused(&self.ca, "holds no certificate"))?;
        let ca = pem.parse_x509().map_err(|_| refused(&self.ca, "holds no certificate that can be read"))?;
        let key = KeyPair::from_pem(&key_pem).map_err(|_| refused(&self.ca_key, "holds no key that can be used"))?;
        if ca.public_key().subject_public_key.data.as_ref() != key.public_key_raw() {
            return Err(refused(&self.ca_key, "is not the key of ca.pem"));
        }
        self.is_ours(&ca)?;
        let not_after = u64::try_from(ca.validity().not_after.timestamp()).unwrap_or_default();
        let issuer = Issuer::from_ca_cert_pem(&ca_pem, key).map_err(super::ours)?;
        Ok(Some(Kept { issuer, not_after: SystemTime::UNIX_EPOCH + Duration::from_secs(not_after) }))
    }

    /// A server certificate of another authority is not ours to renew.
    fn is_ours(&self, ca: &X509Certificate<'_>) -> Result<(), Failure> {
        if !self.server.exists() {
            return Ok(());
        }
        let text = read(&self.server)?;
        let issued = first_pem(&text)
            .is_some_and(|pem| pem.parse_x509().is_ok_and(|server| server.issuer().as_raw() == ca.subject().as_raw()));
        if issued { Ok(()) } else { Err(refused(&self.server, "was not issued by ca.pem")) }
    }

    pub(super) fn write_authority(&self, pem: &str, key_pem: &str) -> Result<(), Failure> {
        write(&self.ca_key, key_pem, 0o600)?;
        write(&self.ca, pem, 0o644)
    }

    /// A gateway that reloads between the two sees a pair that does not match, and keeps what it has until it does.
    /// Whoever could read the old server.key can read the new one: that may be a gateway that runs as another user.
    pub(super) fn write_server(&self, pem: &str, key_pem: &str) -> Result<(), Failure> {
        write(&self.server_key, key_pem, if self.group_readable { 0o640 } else { 0o600 })?;
        write(&self.server, pem, 0o644)
    }
}

fn first_pem(text: &str) -> Option<Pem> {
    Pem::iter_from_buffer(text.as_bytes()).find_map(|pem| pem.ok().filter(|pem| pem.label == "CERTIFICATE"))
}

fn read(file: &Path) -> Result<Zeroizing<String>, Failure> {
    std::fs::read_to_string(file).map(Zeroizing::new).map_err(|e| failure(file, "cannot be read", &e))
}

/// Whole or not at all, never readable by others on the way. A file that is replaced hands on its group, and to that group
/// the right to read; everything else is as `mode` says.
fn write(file: &Path, text: &str, mode: u32) -> Result<(), Failure> {
    let mut name = std::ffi::OsString::from(".");
    name.push(file.file_name().unwrap_or_default());
    name.push(".tmp");
    let temporary = file.with_file_name(name);
    let _ = std::fs::remove_file(&temporary);
    let old = std::fs::metadata(file).ok();
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary).and_then(|mut new| {
        new.write_all(text.as_bytes())?;
        let readable =
            old.as_ref().map_or(0, |old| if hand_on_group(file, old, &new) { old.mode() & 0o040 } else { 0 });
        new.set_permissions(Permissions::from_mode(mode | readable))?;
        new.sync_all()?;
        std::fs::rename(&temporary, file)
    });
    written.map_err(|e| {
        let _ = std::fs::remove_file(&temporary);
        failure(file, "cannot be written", &e)
    })
}

fn hand_on_group(file: &Path, old: &Metadata, new: &File) -> bool {
    let same = new.metadata().is_ok_and(|new| new.gid() == old.gid()) || fchown(new, None, Some(old.gid())).is_ok();
    if !same {
        let (file, group) = (file.display(), old.gid());
        say(format_args!(
            "{file}: its group was {group}, which this user may not keep; can the gateway still read it?"
        ));
    }
    same
}

fn refused(file: &Path, why: &str) -> Failure {
    Failure::configuration(format!("{}: {why}; --force replaces everything, the CA too", file.display()))
}

fn failure(file: &Path, what: &str, error: &io::Error) -> Failure {
    let sentence = format!("{}: {what}: {error}", file.display());
    let theirs = [
        io::ErrorKind::NotFound,
        io::ErrorKind::PermissionDenied,
        io::ErrorKind::NotADirectory,
        io::ErrorKind::AlreadyExists,
        io::ErrorKind::ReadOnlyFilesystem,
        io::ErrorKind::IsADirectory,
        io::ErrorKind::InvalidData,
    ];
    if theirs.contains(&error.kind()) { Failure::configuration(sentence) } else { Failure::ours(sentence) }
}
