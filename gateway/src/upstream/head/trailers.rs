//! The fields behind a chunked body (RFC 9112, section 7.1.2), read as strictly as those of a head.

use super::Lie;
use super::field::{Name, field};
use super::lines::Lines;
use http::header::{HeaderMap, HeaderName, HeaderValue};

/// Most fields behind one body.
const MOST: usize = 32;

/// Reads the fields in `text`, which ends with an empty line; those that are `dropped` have to be well-formed all the same.
///
/// # Errors
/// [`Lie::Chunk`]
pub(in crate::upstream) fn trailers(text: &[u8], dropped: impl Fn(&HeaderName) -> bool) -> Result<HeaderMap, Lie> {
    let (mut lines, mut fields, mut count) = (Lines::of(text), HeaderMap::new(), 0);
    while let Some(line) = lines.next().map_err(broken)?.filter(|line| !line.is_empty()) {
        count += 1;
        if count > MOST {
            return Err(Lie::Chunk);
        }
        let (name, value) = field(line).map_err(broken)?;
        let name = match name {
            Name::Known(known) => known.name(),
            Name::Other(name) => name,
        };
        let value = HeaderValue::from_bytes(value).map_err(|_| Lie::Chunk)?;
        if !dropped(&name) {
            fields.append(name, value);
        }
    }
    if lines.at() == text.len() { Ok(fields) } else { Err(Lie::Chunk) }
}

/// Where a chunked body is at fault, that is what is said.
fn broken(_: Lie) -> Lie {
    Lie::Chunk
}
