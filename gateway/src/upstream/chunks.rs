//! A request's body in chunks (RFC 9112, section 7.1).

use http::{HeaderMap, HeaderName};

/// Writes a chunk; nothing for no data, because an empty chunk would be the last one.
pub fn write_chunk(data: &[u8], out: &mut Vec<u8>) {
    if !data.is_empty() {
        out.extend_from_slice(format!("{:x}\r\n", data.len()).as_bytes());
        out.extend_from_slice(data);
        out.extend_from_slice(b"\r\n");
    }
}

/// Ends a chunked body with those of the trailers that pass.
pub fn write_last_chunk(trailers: &HeaderMap, passes: fn(&HeaderName) -> bool, out: &mut Vec<u8>) {
    out.extend_from_slice(b"0\r\n");
    for (name, value) in trailers.iter().filter(|(name, _)| passes(name)) {
        [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"]
            .iter()
            .for_each(|part| out.extend_from_slice(part));
    }
    out.extend_from_slice(b"\r\n");
}
