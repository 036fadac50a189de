//! Whether an object has two members of the same name.

use std::hash::{BuildHasher, RandomState};

use super::flaw::Flaw;
use super::strict::Span;

/// Up to here the names of an object are compared with each other, beyond that hashed.
const FEW: usize = 16;

/// The member names of one object.
///
/// A few names are compared with each other, and only where a filter of 64 bits does not tell them apart. More, or one with
/// escapes, are hashed with a key of their own and the hashes sorted: no choice of names makes that slow, and two names
/// whose 64 bits are equal by chance are refused, never let through.
#[derive(Default)]
pub(super) struct Names {
    filter: u64,
    count: usize,
    few: [(u32, u32); FEW],
    many: Option<Box<Many>>,
}

struct Many {
    hasher: RandomState,
    names: Vec<(u64, u32)>,
}

impl Names {
    /// Adds a name that stands in `text`.
    #[inline(always)]
    pub(super) fn add(&mut self, text: &str, name: Span) -> Result<(), Flaw> {
        let Some(slot) = self.few.get_mut(self.count) else {
            return self.add_to_many(text, name);
        };
        if name.escaped || self.many.is_some() {
            return self.add_to_many(text, name);
        }
        *slot = (name.from, name.to);
        let bit = bit(text.as_bytes().get(name.from as usize..name.to as usize).unwrap_or_default());
        if self.filter & bit != 0 && self.has(text, name) {
            return Err(Flaw::Duplicate { at: name.at() });
        }
        self.filter |= bit;
        self.count += 1;
        Ok(())
    }

    /// Ends the object.
    #[inline]
    pub(super) fn close(self) -> Result<(), Flaw> {
        match self.many {
            None => Ok(()),
            Some(many) => many.close(),
        }
    }

    #[inline(never)]
    fn has(&self, text: &str, name: Span) -> bool {
        let raw = |from: u32, to: u32| text.as_bytes().get(from as usize..to as usize);
        let name = raw(name.from, name.to);
        self.few.iter().take(self.count).any(|(from, to)| raw(*from, *to) == name)
    }

    #[cold]
    fn add_to_many(&mut self, text: &str, name: Span) -> Result<(), Flaw> {
        let many = self.many.get_or_insert_with(|| {
            let hasher = RandomState::new();
            let few = self.few.iter().take(self.count).map(|&(from, to)| Span { from, to, escaped: false });
            let names = few.map(|span| (hasher.hash_one(span.read(text)), span.at())).collect();
            Box::new(Many { hasher, names })
        });
        let said = name.read(text);
        if name.escaped && said.contains('\0') {
            return Err(Flaw::NulInName { at: name.at() });
        }
        many.names.push((many.hasher.hash_one(said), name.at()));
        Ok(())
    }
}

impl Many {
    fn close(mut self) -> Result<(), Flaw> {
        self.names.sort_unstable();
        let pairs = self.names.iter().zip(self.names.iter().skip(1));
        match pairs.filter(|(one, two)| one.0 == two.0).map(|(_, two)| two.1).min() {
            Some(at) => Err(Flaw::Duplicate { at }),
            None => Ok(()),
        }
    }
}

/// One of 64 bits, the same for the same name and another for most others.
#[inline]
fn bit(name: &[u8]) -> u64 {
    let mixed = match (name.first_chunk::<4>(), name.last_chunk::<4>()) {
        (Some(head), Some(tail)) => u32::from_le_bytes(*head).wrapping_add(u32::from_le_bytes(*tail).rotate_left(9)),
        _ => name.iter().fold(0, |mixed, byte| mixed << 8 | u32::from(*byte)),
    };
    let mixed = mixed.wrapping_add(name.len() as u32).wrapping_mul(0x9e37_79b1);
    1 << (mixed >> 26)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Adds names as a walk would, and says where the first one is that stands there twice.
    fn twice(names: &[String]) -> Option<usize> {
        let mut text = String::new();
        let mut starts = Vec::new();
        let mut object = Names::default();
        let mut flaw = Ok(());
        for name in names {
            text.push('"');
            starts.push(text.len() as u32);
            text.push_str(name);
        }
        for (name, from) in names.iter().zip(&starts) {
            let span = Span { from: *from, to: from + name.len() as u32, escaped: name.contains('\\') };
            flaw = flaw.and_then(|()| object.add(&text, span));
        }
        match flaw.and_then(|()| object.close()) {
            Err(Flaw::Duplicate { at }) => starts.iter().position(|start| start - 1 == at),
            other => {
                other.unwrap();
                None
            }
        }
    }

    #[test]
    fn a_name_is_found_twice_at_any_number_of_names() {
        for count in [2, 3, 15, 16, 17, 18, 40, 1000] {
            let names: Vec<String> = (0..count).map(|name| format!("n{name}")).collect();
            assert_eq!(twice(&names), None, "{count}");
            for at in [0, 1, count / 2, count - 2] {
                let mut again = names.clone();
                again[count - 1] = again[at].clone();
                assert_eq!(twice(&again), (at < count - 1).then_some(count - 1), "{count} {at}");
                // n is U+006E
                again[count - 1] = again[at].replacen('n', "\\u006e", 1);
                assert_eq!(twice(&again), (at < count - 1).then_some(count - 1), "{count} {at}");
            }
        }
    }

    #[test]
    fn names_that_share_a_bit_are_told_apart() {
        // More names than bits.
        let names: Vec<String> = (0..15).map(|name| "x".repeat(name)).collect();
        assert_eq!(twice(&names), None);
        for one in 0..200 {
            assert_eq!(twice(&[format!("k{one}"), format!("k{}", one + 1), format!("{one}")]), None);
        }
    }
}
