//! What was decided, and by which rule.

use super::{Rule, Scope};
use crate::access::Permit;
use crate::reject::Reject;
use std::fmt;

/// What a policy says of an act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// The client may do everything.
    Everything,
    /// Every client may do this.
    Everybody,
    /// A rule allows it.
    Allowed(Hit<'a>),
    /// A rule denies it.
    Denied(Hit<'a>),
    /// No rule allows it.
    NoRule,
}

/// The rule that decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit<'a> {
    /// The name of its role; a client's own list has none.
    pub role: Option<&'a str>,
    /// What it is about.
    pub scope: Scope,
    /// The rule.
    pub rule: &'a Rule,
}

impl Verdict<'_> {
    /// Whether it is a yes.
    pub fn allows(&self) -> bool {
        match self {
            Verdict::Everything | Verdict::Everybody | Verdict::Allowed(_) => true,
            Verdict::Denied(_) | Verdict::NoRule => false,
        }
    }

    /// The same for whatever outlives the policy. In this room only: a [`Decision`] can become a [`Permit`].
    pub(in crate::access) fn decision(self) -> Decision {
        Decision(match self {
            Verdict::Everything => By::All,
            Verdict::Everybody => By::Everybody,
            Verdict::Allowed(hit) => By::Allow(hit.rule.line),
            Verdict::Denied(hit) => By::Deny(hit.rule.line),
            Verdict::NoRule => By::NoRule,
        })
    }
}

/// What was decided about one message, and by which line of the keys file. Only [`super::super::Principal::authorize`] makes
/// one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "it may be a no"]
pub struct Decision(By);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    All,
    Everybody,
    Allow(u32),
    Deny(u32),
    NoRule,
}

impl Decision {
    /// Leave to forward the message, if it is a yes.
    ///
    /// # Errors
    /// [`Reject::Denied`], alike for what is not allowed and what does not exist.
    pub fn permit(self) -> Result<Permit, Reject> {
        match self.0 {
            By::All | By::Everybody | By::Allow(_) => Ok(Permit::earned()),
            By::Deny(_) | By::NoRule => Err(Reject::Denied),
        }
    }
}

impl Decision {
    /// Why, and the line of the rule in the keys file, if one decided: `allow:` and 12, `deny:` and 12, `allow:all`,
    /// `allow:everybody`, `deny:no-rule`.
    pub fn words(self) -> (&'static str, Option<u32>) {
        match self.0 {
            By::All => ("allow:all", None),
            By::Everybody => ("allow:everybody", None),
            By::Allow(line) => ("allow:", Some(line)),
            By::Deny(line) => ("deny:", Some(line)),
            By::NoRule => ("deny:no-rule", None),
        }
    }
}

impl fmt::Display for Decision {
    /// [`Decision::words`] without a gap.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, line) = self.words();
        f.write_str(word)?;
        line.map_or(Ok(()), |line| write!(f, "{line}"))
    }
}
