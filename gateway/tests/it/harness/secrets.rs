//! Every secret that this process has made or sent, for the one check that none of them is ever told: whole, its beginning, in
//! hexadecimal or in base64, wherever in what is told it stands.

use std::collections::{HashMap, HashSet};
use std::sync::{LazyLock, Mutex};

static SECRETS: LazyLock<Mutex<Secrets>> = LazyLock::new(Mutex::default);

/// Shorter ones stand in a log by chance.
const SHORTEST: usize = 12;
/// So much of its beginning gives a secret away.
const BEGINNING: usize = 16;
/// Beginnings of fewer different bytes say nothing: tests send keys of one letter.
const DIFFERENT: usize = 6;
/// By so many bytes what to look for is told apart.
const MARK: usize = 4;

/// What is looked for, by how it begins: there are thousands, and all of them are looked for in one pass.
struct Secrets {
    known: HashSet<Vec<u8>>,
    /// Whether anything begins with bytes that have this hash.
    marks: Vec<bool>,
    forms: HashMap<[u8; MARK], Vec<Vec<u8>>>,
}

impl Default for Secrets {
    fn default() -> Self {
        Self { known: HashSet::new(), marks: vec![false; 1 << 16], forms: HashMap::new() }
    }
}

impl Secrets {
    fn add(&mut self, form: Vec<u8>) {
        let mark: [u8; MARK] = form[..MARK].try_into().unwrap();
        self.marks[hash(mark)] = true;
        self.forms.entry(mark).or_default().push(form);
    }

    fn find(&self, output: &[u8]) -> Option<usize> {
        (0..output.len().saturating_sub(MARK - 1)).find(|at| {
            let mark = [output[*at], output[at + 1], output[at + 2], output[at + 3]];
            let here = |forms: &Vec<Vec<u8>>| forms.iter().any(|form| output[*at..].starts_with(form));
            self.marks[hash(mark)] && self.forms.get(&mark).is_some_and(here)
        })
    }
}

fn hash(mark: [u8; MARK]) -> usize {
    (u32::from_le_bytes(mark).wrapping_mul(0x9e37_79b1) >> 16) as usize
}

/// No gateway of this process may tell `secret`.
pub(crate) fn remember(secret: impl AsRef<[u8]>) {
    let secret = secret.as_ref();
    let mut secrets = SECRETS.lock().unwrap();
    if secret.len() >= SHORTEST && secrets.known.insert(secret.to_vec()) {
        forms(secret).into_iter().for_each(|form| secrets.add(form));
    }
}

/// What of a secret must not be seen.
fn forms(secret: &[u8]) -> Vec<Vec<u8>> {
    // the front of a key is public: it is how its row is found
    let public = if secret.starts_with(b"mcpgw_") { secret.iter().rposition(|b| *b == b'_') } else { None };
    let own = &secret[public.map_or(0, |end| end + 1)..];
    let beginning = &own[..own.len().min(BEGINNING)];
    if beginning.len() < SHORTEST || beginning.iter().collect::<HashSet<_>>().len() < DIFFERENT {
        return vec![secret.to_vec()];
    }
    let hex: String = beginning.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut forms = vec![beginning.to_vec(), hex.to_uppercase().into_bytes(), hex.into_bytes()];
    // base64 takes three bytes at a time, and the secret may stand behind any number of others
    for before in 0..3 {
        let text = base64(&[&vec![0; before][..], beginning].concat());
        let whole = (before + beginning.len()) * 8 / 6;
        let text = &text[(before * 8).div_ceil(6)..whole];
        forms.push(text.to_vec());
        let url_safe =
            |byte: &u8| [(b'+', b'-'), (b'/', b'_')].iter().find(|(old, _)| old == byte).map_or(*byte, |(_, new)| *new);
        forms.push(text.iter().map(url_safe).collect());
    }
    forms
}

/// Without `=`: what fills the last group up stands for zeros.
pub(crate) fn base64(bytes: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |group: &[u8]| {
        let bits = group.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        [18, 12, 6, 0].map(|shift| DIGITS[(bits >> shift & 63) as usize])
    };
    bytes.chunks(3).flat_map(group).collect()
}

/// The line of `output` that holds a secret.
pub(crate) fn leaked(output: &[u8]) -> Option<String> {
    let at = SECRETS.lock().unwrap().find(output)?;
    let start = output[..at].iter().rposition(|b| *b == b'\n').map_or(0, |newline| newline + 1);
    let line = output[start..].split(|b| *b == b'\n').next().unwrap_or_default();
    Some(String::from_utf8_lossy(line).into_owned())
}

/// Fails if a secret is told in `output`, which is `what`.
#[track_caller]
pub(crate) fn untold(what: &str, output: &[u8]) {
    if let Some(line) = leaked(output) {
        panic!("a secret is told in {what}: {line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_what_others_write() {
        assert_eq!(base64(b"Man"), b"TWFu");
        assert_eq!(&base64(b"light work")[..13], b"bGlnaHQgd29ya");
    }
}
