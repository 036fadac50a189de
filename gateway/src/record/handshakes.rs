//! TLS handshakes, by what they agreed on.

use super::tally::Tally;
use rustls::{NamedGroup, ProtocolVersion};

const VERSIONS: [&str; 3] = ["1.3", "1.2", "other"];
const GROUPS: [&str; 6] = ["X25519MLKEM768", "X25519", "secp256r1", "secp384r1", "none", "other"];

/// What one worker counts of handshakes.
#[derive(Default)]
pub struct Handshakes {
    done: [[Tally; GROUPS.len()]; VERSIONS.len()],
    /// Broken off by either side.
    pub failed: Tally,
    /// Not done in time.
    pub timed_out: Tally,
}

/// The word for a version in metrics and audit.
pub fn tls_version(version: Option<ProtocolVersion>) -> &'static str {
    match version {
        Some(ProtocolVersion::TLSv1_3) => "1.3",
        Some(ProtocolVersion::TLSv1_2) => "1.2",
        _ => "other",
    }
}

impl Handshakes {
    /// One that was done. TLS 1.2 has no `group` where it resumes.
    pub fn count(&self, version: Option<ProtocolVersion>, group: Option<NamedGroup>) {
        let group = match group {
            Some(NamedGroup::X25519MLKEM768) => "X25519MLKEM768",
            Some(NamedGroup::X25519) => "X25519",
            Some(NamedGroup::secp256r1) => "secp256r1",
            Some(NamedGroup::secp384r1) => "secp384r1",
            None => "none",
            Some(_) => "other",
        };
        let place = |words: &[&str], word| words.iter().position(|known| *known == word);
        let row = place(&VERSIONS, tls_version(version)).and_then(|at| self.done.get(at));
        if let Some(tally) = row.and_then(|row| row.get(place(&GROUPS, group)?)) {
            tally.add(1);
        }
    }

    /// All of them as version, group, result and count.
    pub fn iter(&self) -> impl Iterator<Item = ([&'static str; 3], u64)> {
        let done = VERSIONS.iter().zip(&self.done).flat_map(|(version, row)| {
            GROUPS.iter().zip(row).map(move |(group, tally)| ([*version, *group, "ok"], tally.get()))
        });
        let undone = [("failed", &self.failed), ("timeout", &self.timed_out)];
        done.filter(|(_, count)| *count > 0)
            .chain(undone.into_iter().map(|(result, tally)| (["", "", result], tally.get())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_counted_once_by_what_it_agreed_on() {
        let handshakes = Handshakes::default();
        handshakes.count(Some(ProtocolVersion::TLSv1_3), Some(NamedGroup::X25519MLKEM768));
        handshakes.count(Some(ProtocolVersion::TLSv1_2), None);
        handshakes.count(None, Some(NamedGroup::FFDHE2048));
        handshakes.failed.add(1);
        let rows: Vec<_> = handshakes.iter().collect();
        let expected = [
            (["1.3", "X25519MLKEM768", "ok"], 1),
            (["1.2", "none", "ok"], 1),
            (["other", "other", "ok"], 1),
            (["", "", "failed"], 1),
            (["", "", "timeout"], 0),
        ];
        assert_eq!(rows, expected);
    }
}
