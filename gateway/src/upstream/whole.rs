//! Replies that are all here, read as those are that come piece by piece: what holds for the reader can be tried from outside.

use super::framing::Framing;
use super::head::{self, Lie, MOST_INTERIM, Step, Values};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

/// What was read of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whole {
    /// Status code.
    pub status: StatusCode,
    /// End-to-end header fields.
    pub headers: HeaderMap,
    /// Whether the body is a stream of Server-Sent Events.
    pub events: bool,
    /// The session that it names.
    pub session: Option<HeaderValue>,
    /// Its body, as far as it came.
    pub body: Vec<u8>,
    /// What came behind the body and is forwarded.
    pub trailers: Option<HeaderMap>,
    /// Whether the body's end came; the end of one that lasts as long as its connection never does here.
    pub ended: bool,
    /// Whether the connection may carry another request.
    pub reusable: bool,
    /// Bytes that belong to it; what follows is nobody's.
    pub used: usize,
}

/// Reads the reply at the front of `wire` to a request with `method`, of which at most `cut` bytes come at a time. Nothing if
/// its head is not whole.
///
/// # Errors
/// What would be 502, or break off the reply.
pub fn read_whole(wire: &[u8], method: &Method, cut: usize) -> Result<Option<Whole>, Lie> {
    let (mut room, values) = (HeaderMap::new(), Values::default());
    let (mut begin, mut end, mut interim) = (0, 0, 0);
    let (head, mut used) = loop {
        let come = wire.get(begin..end).unwrap_or_default();
        match head::read(come, method, &mut room, &values)? {
            Step::Done(head, length) => break (head, begin + length),
            Step::Interim(length) => {
                interim += 1;
                if interim > MOST_INTERIM {
                    return Err(Lie::TooLarge);
                }
                begin += length;
            }
            Step::Partial if end == wire.len() => return Ok(None),
            Step::Partial => end = end.saturating_add(cut.max(1)).min(wire.len()),
        }
    };
    let (mut framing, mut body, mut trailers) = (head.framing, Vec::new(), None);
    while framing != Framing::Done {
        let piece = framing.take(wire.get(used..end).unwrap_or_default())?;
        body.extend_from_slice(&piece.data);
        trailers = piece.trailers.or(trailers);
        used += piece.used;
        if end == wire.len() {
            break;
        }
        end = end.saturating_add(cut.max(1)).min(wire.len());
    }
    Ok(Some(Whole {
        status: head.status,
        headers: head.headers,
        events: head.events,
        session: head.session,
        body,
        trailers,
        ended: framing == Framing::Done,
        reusable: head.reusable,
        used,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_makes_no_difference_how_a_reply_comes() {
        let wire = b"HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\nserver: x\r\nconnection: x-hop\r\n\
            transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\nx-sum: 1\r\nx-hop: 2\r\n\r\nnext";
        for cut in 1..wire.len() {
            let whole = read_whole(wire, &Method::POST, cut).unwrap().unwrap();
            assert_eq!((whole.body.as_slice(), whole.used), (&b"hello world"[..], wire.len() - 4), "{cut}");
            assert_eq!(whole.trailers.unwrap().len(), 1);
            assert!(whole.ended && whole.reusable && whole.headers.is_empty());
        }
        assert_eq!(read_whole(&wire[..50], &Method::POST, 7), Ok(None));
        let cut = read_whole(&wire[..wire.len() - 10], &Method::POST, 9).unwrap().unwrap();
        assert!(!cut.ended);
    }
}
