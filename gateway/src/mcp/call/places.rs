//! Where in a message the parts stand that are rarely asked for.

use std::borrow::Cow;

use super::{Kind, Subject};
use crate::mcp::glance::Glance;
use crate::mcp::method::{Method, Pointer};

/// Where in the body the parts begin that are rarely asked for; 0 when they were not met.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::mcp) struct Places {
    /// Known once the whole body was walked: what was not met is then not there.
    pub(in crate::mcp) kind: Option<Kind>,
    pub(in crate::mcp) id: u32,
    pub(in crate::mcp) meta: u32,
    pub(in crate::mcp) arguments: u32,
    pub(in crate::mcp) subscriptions: u32,
    /// Where to look on for the members of `params`: at its brace, or behind one of its values; 0 when that was not met.
    pub(in crate::mcp) rest: u32,
}

impl Places {
    /// Looks through `params` for the subject of a call, and remembers what it meets on the way.
    #[inline]
    pub(super) fn subject<'a>(
        &mut self,
        body: &'a [u8],
        method: Method,
        pointer: Pointer,
    ) -> Option<(Subject, Cow<'a, str>)> {
        let member = pointer.member().as_str();
        if self.rest == 0 {
            return None;
        }
        let mut glance = Glance::open(body.get(self.rest as usize..)?)?;
        while let Some(name) = glance.member().ok()? {
            if name.is(member) {
                let on = glance.rest();
                let subject = match pointer {
                    Pointer::Ref => reference(on)?,
                    Pointer::Name | Pointer::Uri | Pointer::TaskId => {
                        (subject(method, pointer), glance.string().ok()?.read()?)
                    }
                };
                if pointer != Pointer::Ref {
                    self.rest = glance.at(body);
                }
                return Some(subject);
            }
            if name.is("_meta") {
                self.meta = glance.at(body);
            } else if name.is("arguments") {
                self.arguments = glance.at(body);
            }
            glance.skip()?;
        }
        None
    }
}

/// What a call of this method is about, when it does not say so itself.
pub(in crate::mcp) fn subject(method: Method, pointer: Pointer) -> Subject {
    match pointer {
        Pointer::Name if method == Method::ToolsCall => Subject::Tool,
        Pointer::Name => Subject::Prompt,
        Pointer::Uri | Pointer::Ref => Subject::Resource,
        Pointer::TaskId => Subject::Task,
    }
}

/// What the reference is about that `bytes` begins with, read without judging.
fn reference(bytes: &[u8]) -> Option<(Subject, Cow<'_, str>)> {
    let text = |member| {
        let mut glance = Glance::open(bytes)?;
        glance.find(member)?;
        glance.string().ok()?.read()
    };
    match &*text("type")? {
        "ref/prompt" => Some((Subject::Prompt, text("name")?)),
        "ref/resource" => Some((Subject::Resource, text("uri")?)),
        _ => None,
    }
}
