//! Every secret that this process has made or sent, for the one check that none of them is ever printed.

use std::sync::Mutex;

static SECRETS: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// Shorter ones stand in a log by chance.
const SHORTEST: usize = 12;

/// No gateway of this process may print `secret`.
pub(crate) fn remember(secret: impl AsRef<[u8]>) {
    let secret = secret.as_ref();
    let mut secrets = SECRETS.lock().unwrap();
    if secret.len() >= SHORTEST && !secrets.iter().any(|known| known == secret) {
        secrets.push(secret.to_vec());
    }
}

/// The line of `output` that holds a secret.
pub(crate) fn leaked(output: &[u8]) -> Option<String> {
    let secrets = SECRETS.lock().unwrap();
    let at = secrets.iter().find_map(|secret| memchr::memmem::find(output, secret))?;
    let start = output[..at].iter().rposition(|b| *b == b'\n').map_or(0, |newline| newline + 1);
    let line = output[start..].split(|b| *b == b'\n').next().unwrap_or_default();
    Some(String::from_utf8_lossy(line).into_owned())
}
