//! Patterns with `*`.

/// A pattern, taken apart once: each `*` stands for any text, also none and also with slashes in it. Nothing else is special.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Glob {
    /// What stands before the first `*`.
    head: Box<str>,
    /// What stands between two of them.
    middle: Box<[Box<str>]>,
    /// What stands behind the last; without any `*` there is none.
    tail: Option<Box<str>>,
}

impl Glob {
    pub(super) fn new(pattern: &str) -> Self {
        let mut parts = pattern.split('*').map(Box::<str>::from);
        let head = parts.next().unwrap_or_default();
        let mut rest: Vec<_> = parts.collect();
        let tail = rest.pop();
        rest.retain(|part| !part.is_empty());
        Self { head, middle: rest.into(), tail }
    }

    /// Whether `name` is what the pattern stands for. Looks at each byte of the name about once, whatever the pattern.
    pub(super) fn matches(&self, name: &str) -> bool {
        let Some(rest) = name.strip_prefix(&*self.head) else { return false };
        let Some(tail) = &self.tail else { return rest.is_empty() };
        let Some(mut rest) = rest.strip_suffix(&**tail) else { return false };
        self.middle.iter().all(|part| match rest.split_once(&**part) {
            Some((_, behind)) => {
                rest = behind;
                true
            }
            None => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The meaning, written down.
    fn means(pattern: &[u8], name: &[u8]) -> bool {
        match (pattern, name) {
            ([], []) => true,
            ([b'*', pattern @ ..], _) => {
                means(pattern, name)
                    || name.split_first().is_some_and(|(_, rest)| means(&[b"*", pattern].concat(), rest))
            }
            ([a, pattern @ ..], [b, name @ ..]) => a == b && means(pattern, name),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn a_pattern_stands_for_what_it_means(pattern in "[ab*]{0,6}", name in "[ab]{0,8}") {
            prop_assert_eq!(Glob::new(&pattern).matches(&name), means(pattern.as_bytes(), name.as_bytes()));
        }

        #[test]
        fn a_name_stands_for_itself_alone(name in "[^*]{0,12}", other in "[^*]{0,12}") {
            prop_assert!(Glob::new(&name).matches(&name));
            prop_assert_eq!(Glob::new(&name).matches(&other), name == other);
        }
    }

    #[test]
    fn a_tail_does_not_overlap_the_head() {
        assert!(!Glob::new("aa*aa").matches("aaa"));
        assert!(Glob::new("aa*aa").matches("aaaa"));
        assert!(Glob::new("file:///public/*").matches("file:///public/a/b.txt"));
    }
}
