//! Ids of requests, traces and spans, made without asking for random numbers each time.

/// One worker's source of ids.
pub(super) struct Ids {
    /// What all of them begin with, as text.
    first: [u8; 16],
    low: u64,
}

impl Ids {
    /// `seed` is random, and makes ids of different workers and processes differ.
    pub(super) fn new([high, low]: [u64; 2]) -> Self {
        Self { first: hex(high), low }
    }

    /// The id of request `number`: 32 hexadecimal digits, unique in this fleet for all that chance allows. The second half
    /// is its span's id, and never zero.
    pub(super) fn request(&self, number: u64) -> [u8; 32] {
        join(self.first, hex(spread(self.low.wrapping_add(number)).max(1)))
    }
}

/// Thirty-two digits.
pub(super) fn hex2([high, low]: [u64; 2]) -> [u8; 32] {
    join(hex(high), hex(low))
}

fn join(first: [u8; 16], second: [u8; 16]) -> [u8; 32] {
    let mut text = [0; 32];
    let (before, behind) = text.split_at_mut(16);
    before.copy_from_slice(&first);
    behind.copy_from_slice(&second);
    text
}

/// Numbers in a row become numbers that share nothing; no two become one (splitmix64's finalizer is a bijection).
fn spread(mut n: u64) -> u64 {
    n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

/// Sixteen digits without a loop over bytes: each nibble is spread into a byte of a 128-bit word, and all are turned into
/// digits at once.
fn hex(n: u64) -> [u8; 16] {
    const LOW: u128 = 0x0f0f_0f0f_0f0f_0f0f_0f0f_0f0f_0f0f_0f0f;
    const ONES: u128 = 0x0101_0101_0101_0101_0101_0101_0101_0101;
    let mut x = u128::from(n);
    x = (x | x << 32) & 0x0000_0000_ffff_ffff_0000_0000_ffff_ffff;
    x = (x | x << 16) & 0x0000_ffff_0000_ffff_0000_ffff_0000_ffff;
    x = (x | x << 8) & 0x00ff_00ff_00ff_00ff_00ff_00ff_00ff_00ff;
    x = (x | x << 4) & LOW;
    let letters = (x + ONES * 6) >> 4 & ONES; // 1 where the nibble is 10 or more
    (x + ONES * u128::from(b'0') + letters * u128::from(b'a' - b'0' - 10)).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn hex_is_hex(n: u64) {
            let digits = format!("{n:016x}");
            prop_assert!(hex(n) == digits.as_bytes());
        }

        #[test]
        fn neighbours_get_different_ids(n: u64) {
            prop_assert_ne!(spread(n), spread(n.wrapping_add(1)));
        }
    }
}
