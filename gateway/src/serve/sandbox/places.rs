//! The directories that a serving process needs.

use crate::config::settings::{AuditOutput, Settings};
use crate::upstream::Address;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Links that are followed one after the other, as the kernel does.
const LINKS: usize = 40;

/// Directories, not files: a file that is replaced is another one.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Places {
    read: BTreeSet<PathBuf>,
    write: BTreeSet<PathBuf>,
}

impl Places {
    /// For the settings that stand in `file`: what is read again while the process runs, and where it writes.
    pub fn of(settings: &Settings, file: &Path) -> Self {
        let mut places = Self::default();
        let files = [file, &settings.keys_file, &settings.tls.certificate, &settings.tls.private_key];
        let more = settings.tls.client_auth.file().into_iter().chain(settings.session_secret_file.as_deref());
        files.into_iter().chain(more).for_each(|file| places.reads(file));
        places.read.insert("/proc/self".into()); // for the metrics about the process
        if matches!(settings.upstream.address, Address::Remote { .. }) {
            // names are looked up by the system's own library, which loads what it needs
            for directory in ["/etc", "/lib", "/lib64", "/usr/lib", "/usr/lib64"] {
                places.read.insert(directory.into());
            }
            places.reads(Path::new("/etc/resolv.conf"));
        }
        if let AuditOutput::File(file) = &settings.audit.output {
            places.write.extend(directories(file));
        }
        places
    }

    /// What may be read.
    pub fn read(&self) -> &BTreeSet<PathBuf> {
        &self.read
    }

    /// What may be written, too.
    pub fn write(&self) -> &BTreeSet<PathBuf> {
        &self.write
    }

    fn reads(&mut self, file: &Path) {
        self.read.extend(directories(file));
    }
}

/// The directory of a file as written, and those that its links lead to, one after the other: Kubernetes has
/// `keys.toml` -> `..data/keys.toml`, certbot has `live/NAME/privkey.pem` -> `../../archive/NAME/privkey7.pem`.
fn directories(file: &Path) -> Vec<PathBuf> {
    let (mut file, mut found) = (file.to_owned(), Vec::new());
    for _ in 0..LINKS {
        let directory = parent(&file);
        found.push(directory.clone());
        match std::fs::read_link(&file) {
            Ok(target) => file = directory.join(target),
            Err(_) => break,
        }
    }
    found
}

fn parent(file: &Path) -> PathBuf {
    match file.parent() {
        Some(parent) if parent.as_os_str().is_empty() => PathBuf::from("."),
        Some(parent) => parent.to_owned(),
        None => PathBuf::from("/"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_followed_one_after_the_other() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        for directory in ["live", "archive", "far"] {
            std::fs::create_dir(at(directory)).unwrap();
        }
        std::os::unix::fs::symlink("../archive/key7.pem", at("live/key.pem")).unwrap();
        std::os::unix::fs::symlink(at("far/key"), at("archive/key7.pem")).unwrap();
        let mut places = Places::default();
        places.reads(&at("live/key.pem"));
        let expected = [at("far"), at("live"), at("live/../archive")];
        assert_eq!(places.read, expected.into_iter().collect());
        std::os::unix::fs::symlink("loop", at("loop")).unwrap();
        places.reads(&at("loop"));
        // the audit may be a link, too
        std::os::unix::fs::symlink("../far/audit.jsonl", at("live/audit.jsonl")).unwrap();
        let settings = Settings::parse("[audit]\noutput = \"live/audit.jsonl\"", &at("gateway.toml")).unwrap();
        let places = Places::of(&settings, &at("gateway.toml"));
        assert_eq!(places.write, [at("live"), at("live/../far")].into_iter().collect());
    }

    #[test]
    fn nothing_is_written_but_the_audit() {
        let file = Path::new("/c/gateway.toml");
        let of = |text: &str| Places::of(&Settings::parse(text, file).unwrap(), file);
        assert!(of("").write().is_empty());
        assert_eq!(of("[audit]\noutput = \"log/a.jsonl\"").write(), &BTreeSet::from(["/c/log".into()]));
        assert_eq!(of("").read(), &BTreeSet::from(["/c".into(), "/proc/self".into()]));
        let remote = of("[upstream]\nurl = \"https://a.example\"\nallow_remote = true");
        assert!(remote.read().contains(Path::new("/etc")));
    }
}
