//! Where a body over HTTP/1.1 ends. Written for the tests alone: the gateway's own reader is what is tested.

use super::fields::{Fields, Head};
use super::wire::Wire;

/// What comes next of a body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Body bytes, as many as were there.
    Data(Vec<u8>),
    Trailers(Fields),
    /// The body is whole.
    End,
    /// The peer broke off; nobody can take the body for whole.
    Cut,
}

/// How much of a body is still to come.
#[derive(Debug, Default)]
pub(crate) enum Framing {
    #[default]
    Done,
    Length(u64),
    /// Bytes left of the current chunk; nothing before the first one.
    Chunked(Option<u64>),
    ToEof,
}

impl Framing {
    /// Of a request.
    pub(crate) fn of_request(head: &Head) -> Self {
        Self::told(head).unwrap_or(Framing::Done)
    }

    /// Of the reply to a request with `method`.
    pub(crate) fn of_reply(head: &Head, method: &str) -> Self {
        let bodyless = method == "HEAD" || matches!(head.status(), 100..=199 | 204 | 304);
        if bodyless { Framing::Done } else { Self::told(head).unwrap_or(Framing::ToEof) }
    }

    fn told(head: &Head) -> Option<Self> {
        let coding = head.fields.one("transfer-encoding");
        let length = head.fields.one("content-length");
        assert!(coding.is_none() || length.is_none(), "two framings: {head:?}");
        if let Some(coding) = coding {
            assert_eq!(coding, "chunked");
            return Some(Framing::Chunked(None));
        }
        length.map(|length| Framing::Length(length.parse().expect("a length is a number")))
    }

    /// The next piece, as soon as there is a byte of it.
    pub(crate) async fn piece(&mut self, wire: &mut Wire) -> Piece {
        let piece = match self {
            Framing::Done | Framing::Length(0) => Piece::End,
            Framing::ToEof => wire.some(u64::MAX).await.map_or(Piece::End, Piece::Data),
            Framing::Length(left) => data(wire, left).await,
            Framing::Chunked(chunk) => chunked(wire, chunk).await,
        };
        if !matches!(piece, Piece::Data(_)) {
            *self = Framing::Done; // after trailers comes the end
        }
        piece
    }
}

async fn data(wire: &mut Wire, left: &mut u64) -> Piece {
    match wire.some(*left).await {
        Some(data) => {
            *left -= data.len() as u64;
            Piece::Data(data)
        }
        None => Piece::Cut,
    }
}

async fn chunked(wire: &mut Wire, chunk: &mut Option<u64>) -> Piece {
    if *chunk == Some(0) {
        match wire.line().await {
            Some(line) => assert_eq!(line, "", "a chunk ends with its line"),
            None => return Piece::Cut,
        }
        *chunk = None;
    }
    let left = match chunk {
        Some(left) => left,
        None => {
            let Some(line) = wire.line().await else { return Piece::Cut };
            let size = u64::from_str_radix(&line, 16).unwrap_or_else(|_| panic!("no chunk size: {line:?}"));
            if size == 0 {
                return trailers(wire).await;
            }
            chunk.insert(size)
        }
    };
    data(wire, left).await
}

async fn trailers(wire: &mut Wire) -> Piece {
    let mut fields = Fields::default();
    loop {
        match wire.line().await {
            None => return Piece::Cut,
            Some(line) if line.is_empty() && fields.0.is_empty() => return Piece::End,
            Some(line) if line.is_empty() => return Piece::Trailers(fields),
            Some(line) => {
                let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("no trailer: {line:?}"));
                fields.push(name, value.trim());
            }
        }
    }
}
