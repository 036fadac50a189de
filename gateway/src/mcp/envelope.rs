//! The envelope of a message, read strictly: which members it has, and that they make one request, notification or
//! response (JSON-RPC 2.0 sections 4 and 5).

use std::borrow::Cow;

use super::call::{self, Kind, Places, Subject};
use super::flaw::{Flaw, Wanted};
use super::member::Member;
use super::method::{Method, Pointer};
use super::strict::{Span, Walk};
use super::text;

/// What a message says, once the whole of it was walked.
pub(super) struct Envelope<'a> {
    pub(super) method: Method,
    pub(super) method_text: Cow<'a, str>,
    pub(super) subject: Option<(Subject, Cow<'a, str>)>,
    pub(super) places: Places,
}

impl<'a> Envelope<'a> {
    pub(super) fn read(body: &'a [u8]) -> Result<Self, Flaw> {
        let mut walk = Walk::open(body)?;
        let mut members = Members::default();
        walk.object(|walk, name| members.member(walk, name))?;
        walk.close()?;
        members.envelope()
    }
}

/// The members of the envelope, as the walk meets them.
#[derive(Default)]
struct Members<'a> {
    version: bool,
    id: Option<&'a str>,
    id_at: u32,
    method: Option<Cow<'a, str>>,
    result: bool,
    error: bool,
    params: Params<'a>,
}

impl<'a> Members<'a> {
    fn member(&mut self, walk: &mut Walk<'a>, name: Span) -> Result<(), Flaw> {
        match &*walk.read(name) {
            "jsonrpc" => self.version(walk),
            "id" => self.id(walk),
            "method" => {
                self.method = Some(walk.string_of(Member::Method)?);
                Ok(())
            }
            "params" if walk.peek() == Some(b'{') => walk.object(|walk, name| self.params.member(walk, name)),
            "params" => Err(Flaw::Wrong { member: Member::Params, wanted: Wanted::Object, at: walk.at() }),
            "result" => {
                self.result = true;
                walk.value()
            }
            "error" => {
                self.error = true;
                walk.value()
            }
            other => unknown(other, &Member::ENVELOPE, name.at()).and_then(|()| walk.value()),
        }
    }

    fn version(&mut self, walk: &mut Walk<'a>) -> Result<(), Flaw> {
        let at = walk.at();
        self.version = walk.string_of(Member::JsonRpc)? == "2.0";
        if self.version {
            return Ok(());
        }
        Err(Flaw::Wrong { member: Member::JsonRpc, wanted: Wanted::Version, at })
    }

    fn id(&mut self, walk: &mut Walk<'a>) -> Result<(), Flaw> {
        let at = walk.at();
        if let Some(b'{' | b'[' | b't' | b'f') = walk.peek() {
            return Err(self.wrong_id(at));
        }
        walk.value()?;
        self.id = Some(walk.since(at));
        self.id_at = at;
        Ok(())
    }

    fn wrong_id(&self, at: u32) -> Flaw {
        Flaw::Wrong { member: Member::Id, wanted: Wanted::Id, at }
    }

    /// What they make together.
    fn envelope(mut self) -> Result<Envelope<'a>, Flaw> {
        if !self.version {
            return Err(Flaw::Missing { member: Member::JsonRpc });
        }
        let kind = self.kind()?;
        let (method, method_text) = match self.method {
            Some(text) => (Method::named(text.as_bytes()), text),
            None => (Method::Response, Cow::Borrowed("")),
        };
        let subject = match method.pointer() {
            Some(pointer) => Some(self.params.subject(method, pointer)?),
            None => None,
        };
        let Params { meta, arguments, subscriptions, .. } = self.params;
        let subscriptions = if method == Method::SubscriptionsListen { subscriptions.place()? } else { 0 };
        let places = Places { kind: Some(kind), id: self.id_at, meta, arguments, subscriptions, rest: 0 };
        Ok(Envelope { method, method_text, subject, places })
    }

    fn kind(&self) -> Result<Kind, Flaw> {
        let null = self.id == Some("null");
        match (self.method.is_some(), self.result, self.error) {
            (true, true, _) => Err(Flaw::Both { one: Member::Method, other: Member::Result }),
            (true, _, true) => Err(Flaw::Both { one: Member::Method, other: Member::Error }),
            (false, true, true) => Err(Flaw::Both { one: Member::Result, other: Member::Error }),
            (false, false, false) => Err(Flaw::Missing { member: Member::Method }),
            // JSON-RPC 2.0 section 5: an error that belongs to no request has the id null.
            (false, false, true) if null => Ok(Kind::Response),
            _ if null => Err(self.wrong_id(self.id_at)),
            (true, false, false) => Ok(if self.id.is_some() { Kind::Request } else { Kind::Notification }),
            (false, ..) if self.id.is_none() => Err(Flaw::Missing { member: Member::Id }),
            (false, ..) => Ok(Kind::Response),
        }
    }
}

/// What `params` holds, as the walk meets it.
#[derive(Default)]
struct Params<'a> {
    name: Option<Spot<'a>>,
    uri: Option<Spot<'a>>,
    task: Option<Spot<'a>>,
    reference: Option<Reference<'a>>,
    meta: u32,
    arguments: u32,
    subscriptions: Subscriptions,
}

/// A member that must be a string if the method uses it, and may be anything if it does not.
struct Spot<'a> {
    text: Option<Cow<'a, str>>,
    at: u32,
}

impl<'a> Params<'a> {
    fn member(&mut self, walk: &mut Walk<'a>, name: Span) -> Result<(), Flaw> {
        match &*walk.read(name) {
            "name" => self.name = Some(Spot::read(walk)?),
            "uri" => self.uri = Some(Spot::read(walk)?),
            "taskId" => self.task = Some(Spot::read(walk)?),
            "arguments" => {
                self.arguments = walk.at();
                walk.value()?;
            }
            "_meta" => {
                self.meta = walk.at();
                walk.value()?;
            }
            "notifications" => self.subscriptions = Subscriptions::read(walk)?,
            "ref" => self.reference = Some(Reference::read(walk)?),
            other => {
                unknown(other, &Member::PARAMS, name.at())?;
                walk.value()?;
            }
        }
        Ok(())
    }

    fn subject(&mut self, method: Method, pointer: Pointer) -> Result<(Subject, Cow<'a, str>), Flaw> {
        let member = pointer.member();
        let spot = match pointer {
            Pointer::Name => self.name.take(),
            Pointer::Uri => self.uri.take(),
            Pointer::TaskId => self.task.take(),
            Pointer::Ref => return self.reference.take().ok_or(Flaw::Missing { member })?.subject(),
        };
        Ok((call::subject(method, pointer), Spot::wanted(spot, member)?))
    }
}

impl<'a> Spot<'a> {
    fn read(walk: &mut Walk<'a>) -> Result<Self, Flaw> {
        let at = walk.at();
        if walk.peek() == Some(b'"') {
            return Ok(Self { text: Some(walk.string_of(Member::Name)?), at });
        }
        walk.value()?;
        Ok(Self { text: None, at })
    }

    /// The text of a member that the method uses.
    fn wanted(spot: Option<Self>, member: Member) -> Result<Cow<'a, str>, Flaw> {
        let Self { text, at } = spot.ok_or(Flaw::Missing { member })?;
        text.ok_or(Flaw::Wrong { member, wanted: Wanted::String, at })
    }
}

/// The `ref` of `completion/complete`, as the walk meets it.
struct Reference<'a> {
    at: u32,
    kind: Option<Spot<'a>>,
    name: Option<Spot<'a>>,
    uri: Option<Spot<'a>>,
}

impl<'a> Reference<'a> {
    fn read(walk: &mut Walk<'a>) -> Result<Self, Flaw> {
        let mut reference = Self { at: walk.at(), kind: None, name: None, uri: None };
        if walk.peek() == Some(b'{') {
            walk.object(|walk, name| reference.member(walk, name))?;
        } else {
            walk.value()?;
        }
        Ok(reference)
    }

    fn member(&mut self, walk: &mut Walk<'a>, name: Span) -> Result<(), Flaw> {
        match &*walk.read(name) {
            "type" => self.kind = Some(Spot::read(walk)?),
            "name" => self.name = Some(Spot::read(walk)?),
            "uri" => self.uri = Some(Spot::read(walk)?),
            other => {
                unknown(other, &Member::REFERENCE, name.at())?;
                walk.value()?;
            }
        }
        Ok(())
    }

    fn subject(self) -> Result<(Subject, Cow<'a, str>), Flaw> {
        if self.name.is_some() && self.uri.is_some() {
            return Err(Flaw::Both { one: Member::Name, other: Member::Uri });
        }
        match &*Spot::wanted(self.kind, Member::Type)? {
            "ref/prompt" => Ok((Subject::Prompt, Spot::wanted(self.name, Member::Name)?)),
            "ref/resource" => Ok((Subject::Resource, Spot::wanted(self.uri, Member::Uri)?)),
            _ => Err(Flaw::Wrong { member: Member::Ref, wanted: Wanted::Reference, at: self.at }),
        }
    }
}

/// The `notifications` of `subscriptions/listen`, as the walk meets them.
#[derive(Default)]
struct Subscriptions {
    /// Where the array of resources begins; 0 when there is none.
    at: u32,
    flaw: Option<Flaw>,
}

impl Subscriptions {
    fn read(walk: &mut Walk<'_>) -> Result<Self, Flaw> {
        let mut subscriptions = Self::default();
        if walk.peek() == Some(b'{') {
            walk.object(|walk, name| subscriptions.member(walk, name))?;
        } else {
            let (member, wanted) = (Member::Notifications, Wanted::Object);
            subscriptions.flaw = Some(Flaw::Wrong { member, wanted, at: walk.at() });
            walk.value()?;
        }
        Ok(subscriptions)
    }

    fn member(&mut self, walk: &mut Walk<'_>, name: Span) -> Result<(), Flaw> {
        let member = Member::ResourceSubscriptions;
        let text = walk.read(name);
        if text != member.as_str() {
            if text::alike(&text, member.as_str()) {
                self.flaw = Some(Flaw::CaseVariant { of: member, at: name.at() });
            }
            return walk.value();
        }
        self.at = walk.at();
        let mut wrong = |at| self.flaw = Some(Flaw::Wrong { member, wanted: Wanted::Strings, at });
        if walk.peek() != Some(b'[') {
            wrong(walk.at());
            return walk.value();
        }
        walk.array(|walk| {
            if walk.peek() != Some(b'"') {
                wrong(walk.at());
            }
            walk.value()
        })
    }

    fn place(self) -> Result<u32, Flaw> {
        match self.flaw {
            Some(flaw) => Err(flaw),
            None => Ok(self.at),
        }
    }
}

/// A member that is none of `known`, and must not look like one.
fn unknown(name: &str, known: &[Member], at: u32) -> Result<(), Flaw> {
    match Member::confused(name, known) {
        Some(of) => Err(Flaw::CaseVariant { of, at }),
        None => Ok(()),
    }
}
