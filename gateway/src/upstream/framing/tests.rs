use super::*;
use proptest::prelude::*;

/// Feeds `wire` in pieces that end at `cuts`; gives the body, the trailers and how many bytes were used.
fn feed(framing: &mut Framing, wire: &[u8], cuts: &[usize]) -> Result<(Vec<u8>, Option<HeaderMap>, usize), Lie> {
    let (mut body, mut trailers, mut used) = (Vec::new(), None, 0);
    let mut cuts: Vec<usize> = cuts.iter().map(|c| c % (wire.len() + 1)).collect();
    cuts.push(wire.len());
    cuts.sort_unstable();
    let mut from = 0;
    for to in cuts {
        if framing.is_done() {
            break;
        }
        let piece = framing.take(&wire[from..to])?;
        body.extend_from_slice(&piece.data);
        trailers = trailers.or(piece.trailers);
        used += piece.used;
        from = to;
    }
    Ok((body, trailers, used))
}

#[test]
fn a_chunked_body_is_its_data() {
    let wire = b"5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\nX-Sum: 1\r\nContent-Length: 9\r\n\r\nnext";
    let mut framing = Framing::chunked();
    let (body, trailers, used) = feed(&mut framing, wire, &[]).unwrap();
    assert_eq!((body.as_slice(), used), (&b"hello world"[..], wire.len() - 4));
    let trailers = trailers.unwrap();
    assert_eq!(trailers.len(), 1);
    assert_eq!(trailers["x-sum"], "1");
    assert!(framing.is_done());
}

#[test]
fn broken_chunks_are_refused() {
    for wire in [
        "+5\r\nhello\r\n",
        "0x5\r\nhello\r\n",
        "-1\r\n",
        "\r\nhello",
        " 5\r\nhello\r\n",
        "5\nhello\r\n",
        "5\r\nhello\n",
        "5\r\nhelloX\r\n",
        "fffffffffffffffff\r\n",
        "5;a\nhello",
        "5\r\r\n",
        "g\r\n",
        "0\r\nbad trailer\r\n\r\n",
        "0\r\na: b\0\r\n\r\n",
        "0\r\na: b\nc: d\r\n\r\n",
        "0\r\na: b\n\nc: d\r\n\r\n",
        "0\r\na: b\r\n folded\r\n\r\n",
        "0\r\na : b\r\n\r\n",
    ] {
        assert_eq!(feed(&mut Framing::chunked(), wire.as_bytes(), &[]).map(|_| ()), Err(Lie::Chunk), "{wire:?}");
    }
    let many = format!("0\r\n{}\r\n", "a: b\r\n".repeat(33));
    assert_eq!(feed(&mut Framing::chunked(), many.as_bytes(), &[]).map(|_| ()), Err(Lie::Chunk));
    let endless = format!("5;{}", "x".repeat(LONGEST_LINE as usize + 1));
    assert_eq!(feed(&mut Framing::chunked(), endless.as_bytes(), &[]).map(|_| ()), Err(Lie::Chunk));
}

#[test]
fn a_length_is_a_length() {
    let mut framing = Framing::Length(5);
    assert_eq!(feed(&mut framing, b"hello and more", &[2]).unwrap().2, 5);
    assert!(framing.is_done());
}

proptest! {
    #[test]
    fn where_reads_end_changes_nothing(chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..300), 0..12), cuts in proptest::collection::vec(any::<usize>(), 0..8), rest: Vec<u8>) {
        let mut wire = Vec::new();
        for chunk in &chunks {
            wire.extend_from_slice(format!("{:X}\r\n", chunk.len()).as_bytes());
            wire.extend_from_slice(chunk);
            wire.extend_from_slice(b"\r\n");
        }
        wire.extend_from_slice(b"0\r\n\r\n");
        let length = wire.len();
        wire.extend_from_slice(&rest);
        let mut framing = Framing::chunked();
        let (body, trailers, used) = feed(&mut framing, &wire, &cuts).unwrap();
        prop_assert_eq!(body, chunks.concat());
        prop_assert!(framing.is_done() && trailers.is_none());
        prop_assert_eq!(used, length);
    }

    #[test]
    fn no_bytes_panic(wire: Vec<u8>, cuts: Vec<usize>) {
        let _ = feed(&mut Framing::chunked(), &wire, &cuts);
    }
}
