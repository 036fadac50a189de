//! A key on standard input: never in the arguments, which every process can read.

use crate::access::secret::{ImportError, Secret};
use crate::cli::failure::{Failure, say};
use std::io::{self, BufRead, IsTerminal, Read};
use zeroize::Zeroizing;

/// More than any key has; what is beyond is not read.
const MOST: u64 = 4_096;

/// Reads one key and hands it to `read`. The buffer is overwritten afterwards; the standard library's own is not, and
/// goes with the process, which ends soon.
pub(super) fn key(read: fn(&[u8]) -> Result<Secret, ImportError>) -> Result<Secret, Failure> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(MOST as usize + 1));
    let stdin = io::stdin();
    let result = if stdin.is_terminal() {
        say("paste the key and press Enter; it will be visible");
        stdin.lock().take(MOST).read_until(b'\n', &mut bytes)
    } else {
        stdin.lock().take(MOST).read_to_end(&mut bytes)
    };
    result.map_err(|error| Failure::ours(format!("cannot read standard input: {error}")))?;
    Ok(read(&bytes)?)
}
