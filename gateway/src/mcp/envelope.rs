//! The envelope of a message, read strictly: which members it has, and that they make one request, notification or
//! response (JSON-RPC 2.0 sections 4 and 5).

use std::borrow::Cow;

use super::call::{self, Kind, Subject};
use super::flaw::Flaw;
use super::method::{Method, Pointer};
use super::strict::Walk;
use super::text::{self, Text};

/// Members of the envelope.
const ENVELOPE: [&str; 6] = ["jsonrpc", "id", "method", "params", "result", "error"];

/// Members of `params` that a policy, a log or a header agreement reads.
const PARAMS: [&str; 7] = ["name", "uri", "arguments", "_meta", "ref", "taskId", "protocolVersion"];

/// Members of the reference in `completion/complete`.
const REFERENCE: [&str; 3] = ["type", "name", "uri"];

/// What a message says, once the whole of it was walked.
pub(super) struct Envelope<'a> {
    pub(super) kind: Kind,
    pub(super) id: Option<&'a str>,
    pub(super) method: Method,
    pub(super) method_text: Cow<'a, str>,
    pub(super) subject: Option<(Subject, Cow<'a, str>)>,
    pub(super) meta: Option<&'a [u8]>,
    pub(super) arguments: Option<&'a [u8]>,
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
    id_at: usize,
    method: Option<Text<'a>>,
    result: bool,
    error: bool,
    params: Params<'a>,
}

impl<'a> Members<'a> {
    fn member(&mut self, walk: &mut Walk<'a>, name: Text<'a>) -> Result<(), Flaw> {
        match &*name.read() {
            "jsonrpc" => self.version(walk),
            "id" => self.id(walk),
            "method" => {
                self.method = Some(string(walk, "method")?);
                Ok(())
            }
            "params" if walk.peek() == Some(b'{') => walk.object(|walk, name| self.params.member(walk, name)),
            "params" => Err(Flaw::Wrong { member: "params", wanted: "an object", at: walk.at() }),
            "result" => {
                self.result = true;
                walk.value()
            }
            "error" => {
                self.error = true;
                walk.value()
            }
            other => unknown(other, &ENVELOPE, name.at).and_then(|()| walk.value()),
        }
    }

    fn version(&mut self, walk: &mut Walk<'a>) -> Result<(), Flaw> {
        let text = string(walk, "jsonrpc")?;
        self.version = text.read() == "2.0";
        if self.version {
            return Ok(());
        }
        Err(Flaw::Wrong { member: "jsonrpc", wanted: "the string \"2.0\"", at: text.at })
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

    fn wrong_id(&self, at: usize) -> Flaw {
        Flaw::Wrong { member: "id", wanted: "a string or a number", at }
    }

    /// What they make together.
    fn envelope(self) -> Result<Envelope<'a>, Flaw> {
        if !self.version {
            return Err(Flaw::Missing { member: "jsonrpc" });
        }
        let kind = self.kind()?;
        let (method, method_text) = match self.method {
            Some(text) => {
                let text = text.read();
                (Method::named(&text), text)
            }
            None => (Method::Response, Cow::Borrowed("")),
        };
        let subject = match method.pointer() {
            Some(pointer) => Some(self.params.subject(method, pointer)?),
            None => None,
        };
        let Params { meta, arguments, .. } = self.params;
        Ok(Envelope { kind, id: self.id, method, method_text, subject, meta, arguments })
    }

    fn kind(&self) -> Result<Kind, Flaw> {
        let null = self.id == Some("null");
        match (self.method.is_some(), self.result, self.error) {
            (true, true, _) => Err(Flaw::Both { one: "method", other: "result" }),
            (true, _, true) => Err(Flaw::Both { one: "method", other: "error" }),
            (false, true, true) => Err(Flaw::Both { one: "result", other: "error" }),
            (false, false, false) => Err(Flaw::Missing { member: "method" }),
            // JSON-RPC 2.0 section 5: an error that belongs to no request has the id null.
            (false, false, true) if null => Ok(Kind::Response),
            _ if null => Err(self.wrong_id(self.id_at)),
            (true, false, false) => Ok(if self.id.is_some() { Kind::Request } else { Kind::Notification }),
            (false, ..) if self.id.is_none() => Err(Flaw::Missing { member: "id" }),
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
    meta: Option<&'a [u8]>,
    arguments: Option<&'a [u8]>,
}

/// A member that must be a string if the method uses it, and may be anything if it does not.
#[derive(Clone, Copy)]
struct Spot<'a> {
    text: Option<Text<'a>>,
    at: usize,
}

impl<'a> Params<'a> {
    fn member(&mut self, walk: &mut Walk<'a>, name: Text<'a>) -> Result<(), Flaw> {
        let at = walk.at();
        match &*name.read() {
            "name" => self.name = Some(Spot::read(walk)?),
            "uri" => self.uri = Some(Spot::read(walk)?),
            "taskId" => self.task = Some(Spot::read(walk)?),
            "arguments" => {
                walk.value()?;
                self.arguments = Some(walk.since(at).as_bytes());
            }
            "_meta" => {
                walk.value()?;
                self.meta = Some(walk.since(at).as_bytes());
            }
            "ref" => self.reference = Some(Reference::read(walk)?),
            other => {
                unknown(other, &PARAMS, name.at)?;
                walk.value()?;
            }
        }
        Ok(())
    }

    fn subject(&self, method: Method, pointer: Pointer) -> Result<(Subject, Cow<'a, str>), Flaw> {
        let spot = match pointer {
            Pointer::Name => self.name,
            Pointer::Uri => self.uri,
            Pointer::TaskId => self.task,
            Pointer::Ref => {
                return self.reference.as_ref().ok_or(Flaw::Missing { member: pointer.member() })?.subject();
            }
        };
        Ok((call::subject(method, pointer), Spot::wanted(spot, pointer.member())?))
    }
}

impl<'a> Spot<'a> {
    fn read(walk: &mut Walk<'a>) -> Result<Self, Flaw> {
        let at = walk.at();
        if walk.peek() == Some(b'"') {
            return Ok(Self { text: Some(walk.string()?), at });
        }
        walk.value()?;
        Ok(Self { text: None, at })
    }

    /// The text of a member that the method uses.
    fn wanted(spot: Option<Self>, member: &'static str) -> Result<Cow<'a, str>, Flaw> {
        let Self { text, at } = spot.ok_or(Flaw::Missing { member })?;
        Ok(text.ok_or(Flaw::Wrong { member, wanted: "a string", at })?.read())
    }
}

/// The `ref` of `completion/complete`, as the walk meets it.
struct Reference<'a> {
    at: usize,
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

    fn member(&mut self, walk: &mut Walk<'a>, name: Text<'a>) -> Result<(), Flaw> {
        match &*name.read() {
            "type" => self.kind = Some(Spot::read(walk)?),
            "name" => self.name = Some(Spot::read(walk)?),
            "uri" => self.uri = Some(Spot::read(walk)?),
            other => {
                unknown(other, &REFERENCE, name.at)?;
                walk.value()?;
            }
        }
        Ok(())
    }

    fn subject(&self) -> Result<(Subject, Cow<'a, str>), Flaw> {
        if self.name.is_some() && self.uri.is_some() {
            return Err(Flaw::Both { one: "name", other: "uri" });
        }
        match &*Spot::wanted(self.kind, "type")? {
            "ref/prompt" => Ok((Subject::Prompt, Spot::wanted(self.name, "name")?)),
            "ref/resource" => Ok((Subject::Resource, Spot::wanted(self.uri, "uri")?)),
            _ => Err(Flaw::Wrong { member: "ref", wanted: "a 'ref/prompt' or a 'ref/resource'", at: self.at }),
        }
    }
}

/// A member that is none of `known`, and must not look like one.
fn unknown(name: &str, known: &[&'static str], at: usize) -> Result<(), Flaw> {
    match text::variant(name, known) {
        Some(of) => Err(Flaw::CaseVariant { of, at }),
        None => Ok(()),
    }
}

/// Reads the value of `member`, which has to be a string.
fn string<'a>(walk: &mut Walk<'a>, member: &'static str) -> Result<Text<'a>, Flaw> {
    if walk.peek() == Some(b'"') {
        return walk.string();
    }
    Err(Flaw::Wrong { member, wanted: "a string", at: walk.at() })
}
