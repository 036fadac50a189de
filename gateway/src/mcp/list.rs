//! What a reply lists, cut down to what a client may use.
//!
//! Everything else stays byte for byte as the server wrote it. Whatever cannot be read without doubt is a [`Flaw`], and the
//! reply must then not be passed on.

mod kind;

pub use kind::ListKind;

use std::borrow::Cow;

use super::flaw::{Flaw, Wanted};
use super::member::Member;
use super::strict::{Span, Walk};

/// Filters the reply to a list request: entries that `allowed` refuses are cut out, and `cacheScope`, where it is there,
/// becomes `private`, since the list is one client's.
///
/// `allowed` gets the name, URI or URI template of each entry, once. An error and a message that is no reply (on an event
/// stream, notifications and requests of the server come before it) pass unchanged. White space before the message is let
/// through.
///
/// # Errors
///
/// A [`Flaw`] when the message is not one strictly valid JSON-RPC message, as [`super::Call::judge`] is strict; when the
/// result lacks the array, or has the array of another list too; when an entry is no object or has no name.
pub fn filter(reply: &[u8], kind: ListKind, mut allowed: impl FnMut(&str) -> bool) -> Result<Cow<'_, [u8]>, Flaw> {
    Filter::new(Some(kind), |_, name| allowed(name)).run(reply)
}

/// Filters a message of which it is not known what it replies to, as on the stream of a GET with `Last-Event-ID`: if its
/// result has one of the four arrays, it is filtered as [`filter`] does; if not, it passes unchanged.
///
/// # Errors
///
/// As [`filter`], but a result without any of the arrays is none.
pub fn filter_any(reply: &[u8], allowed: impl FnMut(ListKind, &str) -> bool) -> Result<Cow<'_, [u8]>, Flaw> {
    Filter::new(None, allowed).run(reply)
}

/// The members of a result that are read, so that none of them hides behind another case.
const RESULT: [Member; 5] =
    [Member::Tools, Member::Resources, Member::ResourceTemplates, Member::Prompts, Member::CacheScope];

struct Filter<A> {
    /// The list that was asked for, if that is known.
    asked: Option<ListKind>,
    found: Option<ListKind>,
    allowed: A,
    cuts: Vec<Cut>,
    method: bool,
    result: bool,
    error: bool,
}

/// A part of the reply that something else takes the place of.
struct Cut {
    from: u32,
    to: u32,
    instead: &'static str,
}

impl<A: FnMut(ListKind, &str) -> bool> Filter<A> {
    fn new(asked: Option<ListKind>, allowed: A) -> Self {
        Self { asked, found: None, allowed, cuts: Vec::new(), method: false, result: false, error: false }
    }

    fn run(mut self, reply: &[u8]) -> Result<Cow<'_, [u8]>, Flaw> {
        let mut walk = Walk::open_reply(reply)?;
        walk.object(|walk, name| self.member(walk, name))?;
        walk.close()?;
        match (self.method, self.result, self.error) {
            (true, true, _) => Err(Flaw::Both { one: Member::Method, other: Member::Result }),
            (true, _, true) => Err(Flaw::Both { one: Member::Method, other: Member::Error }),
            (_, true, true) => Err(Flaw::Both { one: Member::Result, other: Member::Error }),
            (false, false, false) => Err(Flaw::Missing { member: Member::Result }),
            (true, ..) | (_, _, true) => Ok(Cow::Borrowed(reply)),
            (_, true, _) => match (self.asked, self.found) {
                (Some(asked), None) => Err(Flaw::NotAList { wanted: asked.array() }),
                (None, None) => Ok(Cow::Borrowed(reply)),
                (_, Some(_)) if self.cuts.is_empty() => Ok(Cow::Borrowed(reply)),
                (_, Some(_)) => Ok(Cow::Owned(cut(reply, &self.cuts))),
            },
        }
    }

    fn member(&mut self, walk: &mut Walk<'_>, name: Span) -> Result<(), Flaw> {
        match &*walk.read(name) {
            "method" => self.method = true,
            "error" => self.error = true,
            "result" => {
                self.result = true;
                if walk.peek() == Some(b'{') {
                    return walk.object(|walk, name| self.result_member(walk, name));
                }
            }
            other if !matches!(other, "jsonrpc" | "id" | "params") => {
                if let Some(of) = Member::confused(other, &Member::ENVELOPE) {
                    return Err(Flaw::CaseVariant { of, at: name.at() });
                }
            }
            _ => {}
        }
        walk.value()
    }

    fn result_member(&mut self, walk: &mut Walk<'_>, name: Span) -> Result<(), Flaw> {
        let text = walk.read(name);
        if text == "cacheScope" {
            return self.cache_scope(walk);
        }
        let Some(kind) = ListKind::held_by(&text) else {
            return match Member::confused(&text, &RESULT) {
                Some(of) => Err(Flaw::CaseVariant { of, at: name.at() }),
                None => walk.value(),
            };
        };
        let other = self.found.or(self.asked).filter(|other| *other != kind);
        if let Some(other) = other {
            return Err(Flaw::Both { one: other.array(), other: kind.array() });
        }
        self.found = Some(kind);
        if walk.peek() != Some(b'[') {
            return Err(Flaw::Wrong { member: kind.array(), wanted: Wanted::Array, at: walk.at() });
        }
        self.entries(walk, kind)
    }

    /// Forces the scope. Nothing else is added: a reply without it is not cached by anybody.
    fn cache_scope(&mut self, walk: &mut Walk<'_>) -> Result<(), Flaw> {
        let from = walk.at();
        walk.value()?;
        if walk.since(from) != r#""private""# {
            self.cuts.push(Cut { from, to: walk.at(), instead: r#""private""# });
        }
        Ok(())
    }

    /// Reads the array and cuts out what is not allowed, each entry with one comma.
    fn entries(&mut self, walk: &mut Walk<'_>, kind: ListKind) -> Result<(), Flaw> {
        let mut kept = false;
        // Where the entries begin that were refused before the first one was kept.
        let mut leading = None;
        let mut last = walk.at();
        walk.array(|walk| {
            let from = walk.at();
            let name = entry(walk, kind)?;
            let before = std::mem::replace(&mut last, walk.at());
            if (self.allowed)(kind, &name) {
                if let (false, Some(first)) = (kept, leading) {
                    self.cut(first, from);
                }
                kept = true;
            } else if kept {
                self.cut(before, last);
            } else {
                leading.get_or_insert(from);
            }
            Ok(())
        })?;
        if let (false, Some(first)) = (kept, leading) {
            self.cut(first, last);
        }
        Ok(())
    }

    fn cut(&mut self, from: u32, to: u32) {
        self.cuts.push(Cut { from, to, instead: "" });
    }
}

/// Reads one entry: its name, URI or URI template.
fn entry<'a>(walk: &mut Walk<'a>, kind: ListKind) -> Result<Cow<'a, str>, Flaw> {
    if walk.peek() != Some(b'{') {
        return Err(Flaw::Wrong { member: kind.array(), wanted: Wanted::Array, at: walk.at() });
    }
    let key = kind.key();
    let mut found = None;
    walk.object(|walk, name| {
        let text = walk.read(name);
        if text == key.as_str() {
            found = Some(walk.string_of(key)?);
            return Ok(());
        }
        match Member::confused(&text, &[key]) {
            Some(of) => Err(Flaw::CaseVariant { of, at: name.at() }),
            None => walk.value(),
        }
    })?;
    found.ok_or(Flaw::Missing { member: key })
}

/// The reply without the cuts, which are in order.
fn cut(reply: &[u8], cuts: &[Cut]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(reply.len() + 16);
    let mut from = 0;
    for cut in cuts {
        kept.extend_from_slice(reply.get(from..cut.from as usize).unwrap_or_default());
        kept.extend_from_slice(cut.instead.as_bytes());
        from = cut.to as usize;
    }
    kept.extend_from_slice(reply.get(from..).unwrap_or_default());
    kept
}

#[cfg(test)]
mod tests;
