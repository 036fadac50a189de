//! How many bytes the process holds for its clients beyond the few that each of them may have anyway: bodies and lists that
//! are read whole, events that are not whole yet, and replies that nobody takes.
//!
//! Each is bounded by itself; this bounds their sum. One number counts them, which small requests and replies do not touch.

use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What each request may hold whole without asking.
pub const FREE: usize = 64 << 10;
/// What each reply may have on its way to the client without asking, and what is read of it at once when there is little left.
pub const PIECE: usize = 1 << 10;

/// What the process may hold. Clones are of the same.
#[derive(Clone, Debug)]
pub struct Stock(Arc<Inner>);

#[derive(Debug)]
#[repr(align(128))] // nothing that a worker writes often stands beside it
struct Inner {
    most: u64,
    held: AtomicU64,
}

/// There is no room left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("as many bytes are held as may be")]
pub struct Full;

impl Stock {
    /// Of which `most` bytes may be held.
    pub fn new(most: u64) -> Self {
        Self(Arc::new(Inner { most, held: AtomicU64::new(0) }))
    }

    /// How many bytes may be held.
    pub fn most(&self) -> u64 {
        self.0.most
    }

    /// How many are held now.
    pub fn held(&self) -> u64 {
        self.0.held.load(Relaxed)
    }

    /// Whether replies may take some of it: half of it is for what has to be whole.
    #[inline]
    pub fn is_ample(&self) -> bool {
        self.held() < self.0.most / 2
    }

    /// Has `held` be for so many bytes, of which [`FREE`] cost nothing.
    ///
    /// # Errors
    /// They are not there. What was held still is.
    pub fn hold(&self, held: &mut Option<Held>, bytes: usize) -> Result<(), Full> {
        if bytes <= FREE {
            *held = None;
            return Ok(());
        }
        held.get_or_insert_with(|| Held { stock: self.clone(), bytes: 0 }).be(bytes as u64)
    }

    /// Makes room for `more` bytes in `bytes`, which `held` is for, with so many `copies` of them.
    ///
    /// # Errors
    /// There is none.
    pub fn make_room(
        &self,
        held: &mut Option<Held>,
        bytes: &mut Vec<u8>,
        more: usize,
        copies: usize,
    ) -> Result<(), Full> {
        let need = bytes.len().saturating_add(more);
        if need <= bytes.capacity() {
            return Ok(());
        }
        let room = need.max(bytes.capacity().saturating_mul(2));
        self.hold(held, room.saturating_mul(copies))?;
        bytes.reserve_exact(room - bytes.len());
        Ok(())
    }

    /// Counts a piece of a reply until nobody has it any more, unless it is small. It is there already, so it is counted even
    /// where it is one too many: who reads the next asks before ([`Stock::is_ample`]).
    #[inline]
    pub fn keep(&self, piece: Bytes) -> Bytes {
        if piece.len() <= PIECE { piece } else { self.counted(piece) }
    }

    fn counted(&self, piece: Bytes) -> Bytes {
        let bytes = piece.len() as u64;
        self.0.held.fetch_add(bytes, Relaxed);
        Bytes::from_owner(Kept { piece, _held: Held { stock: self.clone(), bytes } })
    }
}

/// Bytes that are counted for as long as this is there.
#[derive(Debug)]
pub struct Held {
    stock: Stock,
    bytes: u64,
}

impl Held {
    fn be(&mut self, bytes: u64) -> Result<(), Full> {
        let Inner { most, held } = &*self.stock.0;
        if let Some(more) = bytes.checked_sub(self.bytes) {
            let before = held.fetch_add(more, Relaxed);
            if before.saturating_add(more) > *most {
                held.fetch_sub(more, Relaxed);
                return Err(Full);
            }
        } else {
            held.fetch_sub(self.bytes - bytes, Relaxed);
        }
        self.bytes = bytes;
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.stock.0.held.fetch_sub(self.bytes, Relaxed);
    }
}

struct Kept {
    piece: Bytes,
    _held: Held,
}

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        &self.piece
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn never_more_than_there_is_and_nothing_is_lost(steps in prop::collection::vec((0..4usize, 0..400_000usize), 1..60)) {
            let stock = Stock::new(1 << 20);
            let mut all: [Option<Held>; 4] = Default::default();
            let mut sizes = [0; 4];
            for (who, bytes) in steps {
                let others: usize = sizes.iter().enumerate().filter(|(index, _)| *index != who).map(|(_, size)| size).sum();
                let cost = if bytes <= FREE { 0 } else { bytes };
                let fits = others + cost <= 1 << 20 || cost <= sizes[who];
                prop_assert_eq!(stock.hold(&mut all[who], bytes).is_ok(), fits);
                if fits {
                    sizes[who] = cost;
                }
                prop_assert_eq!(stock.held(), sizes.iter().sum::<usize>() as u64);
            }
            drop(all);
            prop_assert_eq!(stock.held(), 0);
        }

        #[test]
        fn what_is_put_together_is_counted_with_the_room_that_it_takes(pieces in prop::collection::vec(1..50_000usize, 1..40)) {
            let (stock, mut held, mut bytes) = (Stock::new(1 << 20), None, Vec::new());
            for piece in pieces {
                if stock.make_room(&mut held, &mut bytes, piece, 2).is_err() {
                    prop_assert!(2 * (bytes.len() + piece) > 1 << 19, "far too early");
                    break;
                }
                bytes.resize(bytes.len() + piece, 0);
                let cost = 2 * bytes.capacity();
                prop_assert_eq!(stock.held(), if cost <= FREE { 0 } else { cost as u64 });
            }
        }
    }

    #[test]
    fn a_piece_is_counted_until_its_last_reader_has_dropped_it() {
        let stock = Stock::new(4096);
        assert!(stock.is_ample());
        let small = stock.keep(vec![1; PIECE].into());
        assert_eq!((stock.held(), small.len()), (0, PIECE));
        let large = stock.keep(vec![2; 3000].into());
        let half = large.slice(1500..);
        drop(large);
        assert_eq!((stock.held(), stock.is_ample(), &half[..]), (3000, false, &[2; 1500][..]));
        drop(half);
        assert_eq!(stock.held(), 0);
    }
}
