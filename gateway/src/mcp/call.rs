//! What one message of a client asks.
//!
//! [`Call::judge`] walks the whole document and is what a policy decides on; [`Call::observe`] looks only as far as it must
//! and is for logs and metrics. On a message that `judge` accepts, both say the same.

mod places;
#[cfg(test)]
mod tests;

pub(super) use places::{Places, subject};

use std::borrow::Cow;

use super::envelope::Envelope;
use super::flaw::Flaw;
use super::glance::{Glance, Said};
use super::member::Member;
use super::method::Method;
use super::strict;

/// The longest id that a refusal repeats, in bytes of JSON text.
const MAX_ECHOED_ID: usize = 256;

/// The member of `params._meta` that holds the protocol version since revision 2026-07-28.
const VERSION_MEMBER: &str = "io.modelcontextprotocol/protocolVersion";

/// What one JSON-RPC message of a client asks.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    body: &'a [u8],
    method: Method,
    method_text: Cow<'a, str>,
    subject: Option<(Subject, Cow<'a, str>)>,
    places: Places,
}

/// The three forms of a JSON-RPC message.
///
/// The form says nothing about what a message may do: a `tools/call` without an id is a [`Kind::Notification`], and some
/// servers carry it out. Decide by [`Call::method`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Has a method and an id.
    Request,
    /// Has a method and no id.
    Notification,
    /// Has a result or an error and no method: the answer to a request of the server.
    Response,
}

/// What kind of thing a call is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A tool, by name.
    Tool,
    /// A prompt, by name.
    Prompt,
    /// A resource, by URI; in `completion/complete` by URI template.
    Resource,
    /// A task, by id.
    Task,
}

impl<'a> Call<'a> {
    /// Reads a message strictly. The whole body is walked; what it says is then unambiguous for every parser.
    ///
    /// # Errors
    ///
    /// A [`Flaw`] when the body is not one JSON object in UTF-8 without white space before it; has a member twice at any
    /// depth, half a surrogate pair, more than 64 levels, or anything behind the document; spells a protocol member in other
    /// case; or is not a request, notification or response as JSON-RPC 2.0 defines them, with MCP's rule that a request's id
    /// is a string or a number.
    pub fn judge(body: &'a [u8]) -> Result<Self, Flaw> {
        let Envelope { method, method_text, subject, places } = Envelope::read(body)?;
        Ok(Self { body, method, method_text, subject, places })
    }

    /// Reads as much of a message as logs and metrics need, and never refuses: `None` when something is odd on the way.
    ///
    /// Stops as soon as the method and the name are known, so a body that `judge` refuses may well have an answer here.
    pub fn observe(body: &'a [u8]) -> Option<Self> {
        u32::try_from(body.len()).ok()?;
        let mut glance = Glance::open(body)?;
        // So most clients begin.
        glance.pass(br#""jsonrpc":"2.0","#);
        let mut places = Places::default();
        let mut method = None;
        while let Some(name) = glance.member().ok()? {
            match name.plain()? {
                b"method" => {
                    let named = named(glance.string().ok()?)?;
                    let done = places.rest != 0 || named.0.pointer().is_none();
                    method = Some(named);
                    if done {
                        break;
                    }
                }
                b"params" => {
                    places.rest = glance.at(body);
                    if method.is_some() {
                        break;
                    }
                    glance.skip()?;
                }
                b"id" => {
                    places.id = glance.at(body);
                    glance.skip()?;
                }
                b"result" | b"error" => {
                    method = Some((Method::Response, Cow::Borrowed("")));
                    break;
                }
                _ => {
                    glance.skip()?;
                }
            }
        }
        let (method, method_text) = method?;
        let subject = method.pointer().and_then(|pointer| places.subject(body, method, pointer));
        Some(Self { body, method, method_text, subject, places })
    }

    /// The method, as one of a closed set.
    #[inline]
    pub fn method(&self) -> Method {
        self.method
    }

    /// The method as the message has it; empty for a response. Any text: not for metric labels.
    #[inline]
    pub fn method_text(&self) -> &str {
        &self.method_text
    }

    /// What the call is about: the tool of `tools/call`, the prompt of `prompts/get`, the resource of `resources/..`, the
    /// task of `tasks/..`, the prompt or resource template of `completion/complete`.
    #[inline]
    pub fn subject(&self) -> Option<(Subject, &str)> {
        self.subject.as_ref().map(|(subject, name)| (*subject, &**name))
    }

    /// The name or URI of [`Call::subject`].
    #[inline]
    pub fn name(&self) -> Option<&str> {
        self.subject.as_ref().map(|(_, name)| &**name)
    }

    /// The form of the message. After `observe` this may look through the body.
    pub fn kind(&self) -> Kind {
        match self.places.kind {
            Some(kind) => kind,
            None if self.method == Method::Response => Kind::Response,
            None if self.id_on().is_some() => Kind::Request,
            None => Kind::Notification,
        }
    }

    /// The JSON text of the id, to be repeated in a refusal: a string, a number or `null` of at most 256 bytes. `None`
    /// when there is no id or one that is not worth repeating; a refusal then says `null`. After `observe` this may look
    /// through the body.
    pub fn id(&self) -> Option<&'a str> {
        let on = self.id_on()?;
        strict::id(on.get(..=MAX_ECHOED_ID).unwrap_or(on)).filter(|id| id.len() <= MAX_ECHOED_ID)
    }

    /// The protocol version that the message itself names (since revision 2026-07-28, in `params._meta`).
    pub fn protocol_version(&self) -> Option<Cow<'a, str>> {
        let mut glance = Glance::open(self.params_on(self.places.meta, Member::Meta)?)?;
        glance.find(VERSION_MEMBER)?;
        glance.string().ok()?.read()
    }

    /// The names of the arguments, in the order of the message. Names only: values never leave the body.
    ///
    /// Looks through the body as it goes; ends early where the body is odd.
    pub fn argument_names(&self) -> impl Iterator<Item = Cow<'a, str>> + use<'a> {
        let mut glance = self.params_on(self.places.arguments, Member::Arguments).and_then(Glance::open);
        std::iter::from_fn(move || {
            let glance = glance.as_mut()?;
            let name = glance.member().ok()??;
            glance.skip()?;
            name.read()
        })
    }

    /// The body from the arguments on, if there are any: their JSON, with whatever follows it. Nobody has judged it after
    /// `observe`.
    pub fn arguments(&self) -> Option<&'a [u8]> {
        self.params_on(self.places.arguments, Member::Arguments)
    }

    /// The URIs of the resources of which `subscriptions/listen` asks to hear; each is a [`Subject::Resource`] like that
    /// of `resources/subscribe` in older revisions. None after `observe`.
    pub fn subscriptions(&self) -> impl Iterator<Item = Cow<'a, str>> + use<'a> {
        let place = self.places.subscriptions;
        let on = self.body.get(place as usize..).filter(|_| place != 0);
        Glance::strings(on.unwrap_or_default()).filter_map(|said| said.read())
    }

    /// The body from the id on.
    fn id_on(&self) -> Option<&'a [u8]> {
        let Places { kind, id, .. } = self.places;
        match (id, kind) {
            (0, Some(_)) => None,
            (0, None) => Glance::open(self.body)?.find("id"),
            _ => self.body.get(id as usize..),
        }
    }

    /// The body from the value of a member of `params` on, which was met at `place`.
    fn params_on(&self, place: u32, member: Member) -> Option<&'a [u8]> {
        let Places { kind, rest, .. } = self.places;
        match (place, kind, rest) {
            (0, Some(_), _) => None,
            (0, None, 0) => Glance::open(Glance::open(self.body)?.find("params")?)?.find(member.as_str()),
            (0, None, _) => Glance::resume(self.body.get(rest as usize..)?).find(member.as_str()),
            _ => self.body.get(place as usize..),
        }
    }
}

/// A method and its text, read without judging.
#[inline]
fn named(said: Said<'_>) -> Option<(Method, Cow<'_, str>)> {
    let method = said.plain().map_or(Method::Other, Method::named);
    if method != Method::Other {
        return Some((method, Cow::Borrowed(method.as_str())));
    }
    let text = said.read()?;
    Some((Method::named(text.as_bytes()), text))
}
