//! Decimal digits without the machinery of `fmt`, which takes ten times as long.

/// The digits of `n`, written to the end of `room`.
pub fn decimal(mut n: u64, room: &mut [u8; 20]) -> &[u8] {
    let mut start = room.len();
    for digit in room.iter_mut().rev() {
        *digit = b'0' + (n % 10) as u8;
        n /= 10;
        start -= 1;
        if n == 0 {
            break;
        }
    }
    room.get(start..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn decimals_are_decimals(n: u64) {
            prop_assert!(decimal(n, &mut [0; 20]) == n.to_string().as_bytes());
        }
    }
}
