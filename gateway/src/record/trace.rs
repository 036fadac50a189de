//! W3C Trace Context: which trace a request belongs to.
//!
//! The gateway takes part in a trace: the id stays, the parent is the gateway's own span. It records no spans, so it decides
//! nothing about sampling: flags are passed on, and are zero for a trace that begins here (section 3.2.2.3.1 of the
//! recommendation).

/// What a `traceparent` says. Never all zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The trace's id.
    pub id: [u64; 2],
    /// Whether it is sampled (1), and whether its id is random (2).
    pub flags: u8,
}

/// Flags that have a meaning; others must not be passed on.
const FLAGS: u8 = 0b11;

impl Trace {
    /// Reads the value of a `traceparent`. Strictly: whoever sends anything else begins a new trace.
    pub fn read(value: &[u8]) -> Option<Self> {
        let (value, rest) = value.split_at_checked(55)?;
        let version = hex(value.get(..2)?)?;
        // a later version may have more behind a dash
        let ends = if version == 0 { rest.is_empty() } else { rest.first().is_none_or(|b| *b == b'-') };
        let dashes = [2, 35, 52].iter().all(|at| value.get(*at) == Some(&b'-'));
        if version == 0xff || !ends || !dashes {
            return None;
        }
        let id = [hex(value.get(3..19)?)?, hex(value.get(19..35)?)?];
        let parent = hex(value.get(36..52)?)?;
        let flags = u8::try_from(hex(value.get(53..55)?)?).ok()? & FLAGS;
        (id != [0, 0] && parent != 0).then_some(Self { id, flags })
    }
}

/// Lower case only.
fn hex(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |n, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(n << 4 | u64::from(value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: [u64; 2] = [0x4bf9_2f35_77b3_4da6, 0xa3ce_929d_0e0e_4736];

    #[test]
    fn what_the_recommendation_shows_is_read() {
        for (value, flags) in [
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", 1),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", 0),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff", 3),
            ("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", 1),
            ("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-the-future-brings", 1),
        ] {
            assert_eq!(Trace::read(value.as_bytes()), Some(Trace { id: ID, flags }), "{value}");
        }
    }

    #[test]
    fn anything_else_is_not() {
        for value in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 ",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "0x-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.more",
        ] {
            assert_eq!(Trace::read(value.as_bytes()), None, "{value}");
        }
    }

    proptest! {
        #[test]
        fn no_value_breaks_it(value: Vec<u8>) {
            prop_assert_eq!(Trace::read(&value), None);
        }

        #[test]
        fn every_id_is_read_back(high: u64, low in 1u64.., parent in 1u64.., flags: u8) {
            let value = format!("00-{high:016x}{low:016x}-{parent:016x}-{flags:02x}");
            prop_assert_eq!(Trace::read(value.as_bytes()), Some(Trace { id: [high, low], flags: flags & 3 }));
        }
    }
}
