//! Calls by tool. Which tools are told apart is the operator's word (`upstream.tools` and the lists in the keys file): a
//! name that only a client says counts as `other`.

use super::Outcome;
use super::tally::{Tally, tallies};
use std::sync::{Arc, OnceLock};

/// Most tools that are told apart; those that are named after them count as `other`.
const MOST: usize = 255;

/// The names that are told apart. Each keeps its number for as long as the process lives, so that counts outlive reloads.
#[derive(Clone, Default)]
pub struct ToolNames {
    by_number: Vec<Arc<str>>,
    /// By length, then bytes.
    sorted: Vec<(Arc<str>, u8)>,
}

impl ToolNames {
    /// The number of all names that are not told apart.
    pub const OTHER: u8 = u8::MAX;

    /// These names, and `more`.
    pub fn with<'a>(&self, more: impl Iterator<Item = &'a str>) -> Self {
        let mut names = self.clone();
        for name in more {
            if let (Err(at), Ok(number)) = (names.find(name), u8::try_from(names.by_number.len()))
                && number != Self::OTHER
            {
                let name = Arc::<str>::from(name);
                names.by_number.push(name.clone());
                names.sorted.insert(at, (name, number));
            }
        }
        names
    }

    /// How many names are told apart.
    pub fn count(&self) -> usize {
        self.by_number.len()
    }

    /// The number of `name`.
    pub fn number(&self, name: &str) -> u8 {
        self.find(name).ok().and_then(|at| self.sorted.get(at)).map_or(Self::OTHER, |(_, number)| *number)
    }

    /// The name of a number, as a label has it.
    pub fn name(&self, number: usize) -> &str {
        self.by_number.get(number).map_or("other", |name| name)
    }

    fn find(&self, name: &str) -> Result<usize, usize> {
        self.sorted.binary_search_by(|(known, _)| known.len().cmp(&name.len()).then_with(|| (**known).cmp(name)))
    }
}

/// Finished calls of tools by one client, by tool and outcome. Rows are made when they are first needed.
#[derive(Default)]
pub struct ToolCalls(OnceLock<Box<[Row]>>);

#[derive(Default)]
struct Row(OnceLock<Box<[Tally]>>);

impl ToolCalls {
    /// Most bytes of the rows of a client that calls so many tools.
    pub fn size(tools: usize) -> usize {
        (MOST + 1) * size_of::<Row>() + tools.min(MOST + 1) * Outcome::WORDS * size_of::<Tally>()
    }

    /// Counts one call of a tool by its number and [`Outcome::index`].
    pub fn count(&self, tool: u8, outcome: usize) {
        let rows = self.0.get_or_init(|| (0..=MOST).map(|_| Row::default()).collect());
        let row = rows.get(usize::from(tool)).map(|row| row.0.get_or_init(|| tallies(Outcome::WORDS)));
        if let Some(tally) = row.and_then(|row| row.get(outcome)) {
            tally.add(1);
        }
    }

    /// All combinations of tool and outcome that were counted at least once.
    pub fn iter(&self) -> impl Iterator<Item = ((usize, usize), u64)> {
        let rows = self.0.get().into_iter().flatten().enumerate();
        rows.flat_map(|(tool, row)| {
            let tallies = row.0.get().into_iter().flatten().enumerate();
            tallies.map(move |(outcome, tally)| ((tool, outcome), tally.get())).filter(|(_, count)| *count > 0)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_number() {
        let first = ToolNames::default().with(["b", "aa", "b"].into_iter());
        let second = first.with(["a", "aa", ""].into_iter());
        for names in [&first, &second] {
            assert_eq!((names.number("b"), names.number("aa")), (0, 1));
            assert_eq!((names.name(0), names.name(1)), ("b", "aa"));
        }
        assert_eq!((first.number("a"), second.number("a"), second.number("")), (ToolNames::OTHER, 2, 3));
        assert_eq!(second.name(ToolNames::OTHER.into()), "other");
    }

    #[test]
    fn names_without_end_are_other() {
        let texts: Vec<_> = (0..1000).map(|n| format!("tool{n}")).collect();
        let names = ToolNames::default().with(texts.iter().map(String::as_str));
        assert_eq!(names.number("tool254"), 254);
        assert_eq!((names.number("tool255"), names.number("tool999")), (ToolNames::OTHER, ToolNames::OTHER));
        let calls = ToolCalls::default();
        texts.iter().for_each(|name| calls.count(names.number(name), 1));
        assert_eq!(calls.iter().count(), MOST + 1);
        assert_eq!(calls.iter().last(), Some(((MOST, 1), 745)));
    }
}
