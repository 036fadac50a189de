//! What one message of a client asks.
//!
//! [`Call::judge`] walks the whole document and is what a policy decides on; [`Call::observe`] looks only as far as it must
//! and is for logs and metrics. On a message that `judge` accepts, both say the same.

use std::borrow::Cow;

use super::envelope::Envelope;
use super::flaw::Flaw;
use super::glance::{Glance, Said};
use super::member::Member;
use super::method::{Method, Pointer};
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

/// Where in the body the parts begin that are rarely asked for; 0 when they were not met.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Places {
    /// Known once the whole body was walked: what was not met is then not there.
    pub(super) kind: Option<Kind>,
    pub(super) id: u32,
    pub(super) meta: u32,
    pub(super) arguments: u32,
    pub(super) subscriptions: u32,
    /// Where to look on for the members of `params`: at its brace, or behind one of its values; 0 when that was not met.
    pub(super) rest: u32,
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

impl Places {
    /// Looks through `params` for the subject of a call, and remembers what it meets on the way.
    #[inline]
    fn subject<'a>(&mut self, body: &'a [u8], method: Method, pointer: Pointer) -> Option<(Subject, Cow<'a, str>)> {
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
pub(super) fn subject(method: Method, pointer: Pointer) -> Subject {
    match pointer {
        Pointer::Name if method == Method::ToolsCall => Subject::Tool,
        Pointer::Name => Subject::Prompt,
        Pointer::Uri | Pointer::Ref => Subject::Resource,
        Pointer::TaskId => Subject::Task,
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

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: &str = r#"{"jsonrpc":"2.0","id":"a-1","method":"tools/call","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"},"name":"get_forecast","arguments":{"latitude":37.8,"longitude":-122.27,"no\u0074e":null}}}"#;

    fn both(body: &str) -> [Call<'_>; 2] {
        [Call::judge(body.as_bytes()).unwrap(), Call::observe(body.as_bytes()).unwrap()]
    }

    fn flaw(body: &str) -> Flaw {
        Call::judge(body.as_bytes()).expect_err(body)
    }

    #[test]
    fn a_tool_call_says_everything() {
        for call in both(CALL) {
            assert_eq!(call.kind(), Kind::Request);
            assert_eq!(call.id(), Some("\"a-1\""));
            assert_eq!(call.method(), Method::ToolsCall);
            assert_eq!(call.method_text(), "tools/call");
            assert_eq!(call.subject(), Some((Subject::Tool, "get_forecast")));
            assert_eq!(call.protocol_version().as_deref(), Some("2026-07-28"));
            assert_eq!(call.argument_names().collect::<Vec<_>>(), ["latitude", "longitude", "note"]);
        }
    }

    #[test]
    fn members_come_in_any_order_with_any_white_space() {
        let body = "{ \"params\" : {\t\"arguments\":{} , \"name\":\"a\" }\r\n, \"method\":\"tools\\/call\",\"id\":-1.5e3 , \"jsonrpc\":\"2.0\"} \n";
        for call in both(body) {
            assert_eq!((call.kind(), call.id()), (Kind::Request, Some("-1.5e3")));
            assert_eq!((call.method(), call.name()), (Method::ToolsCall, Some("a")));
            assert_eq!(call.argument_names().count(), 0);
        }
    }

    #[test]
    fn each_method_has_its_own_subject() {
        for (method, params, subject) in [
            ("prompts/get", r#"{"uri":"no","name":"p"}"#, Some((Subject::Prompt, "p"))),
            ("resources/read", r#"{"name":"no","uri":"file:///\u00e9"}"#, Some((Subject::Resource, "file:///é"))),
            ("resources/subscribe", r#"{"uri":"u"}"#, Some((Subject::Resource, "u"))),
            ("resources/unsubscribe", r#"{"uri":"u"}"#, Some((Subject::Resource, "u"))),
            ("tasks/cancel", r#"{"taskId":"t"}"#, Some((Subject::Task, "t"))),
            ("completion/complete", r#"{"ref":{"type":"ref/prompt","name":"p"}}"#, Some((Subject::Prompt, "p"))),
            ("completion/complete", r#"{"ref":{"uri":"u","type":"ref/resource"}}"#, Some((Subject::Resource, "u"))),
            ("tools/list", r#"{"name":"no"}"#, None),
            ("vendor/own", r#"{"name":5}"#, None),
        ] {
            let body = format!(r#"{{"jsonrpc":"2.0","id":0,"method":"{method}","params":{params}}}"#);
            for call in both(&body) {
                assert_eq!(call.subject(), subject, "{body}");
            }
        }
    }

    #[test]
    fn a_subscription_names_its_resources() {
        let listen = |method: &str, notifications: &str| {
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{"notifications":{notifications}}}}}"#)
        };
        for (notifications, resources) in [
            (r#"{"toolsListChanged":true,"resourceSubscriptions":["a", "\u0062" ,"c d"]}"#, &["a", "b", "c d"][..]),
            (r#"{"resourceSubscriptions":[ "a" ]}"#, &["a"]),
            (r#"{"resourceSubscriptions":[]}"#, &[]),
            ("{}", &[]),
        ] {
            let body = listen("subscriptions/listen", notifications);
            let found: Vec<_> = Call::judge(body.as_bytes()).unwrap().subscriptions().collect();
            assert_eq!(found, resources, "{notifications}");
        }
        for wrong in [
            "[]",
            r#"{"resourceSubscriptions":"a"}"#,
            r#"{"resourceSubscriptions":["a",1]}"#,
            r#"{"resourceSubscriptions":[["a"]]}"#,
            r#"{"ResourceSubscriptions":["a"]}"#,
        ] {
            assert!(Call::judge(listen("subscriptions/listen", wrong).as_bytes()).is_err(), "{wrong}");
            let other = listen("vendor/own", wrong);
            assert_eq!(Call::judge(other.as_bytes()).unwrap().subscriptions().count(), 0, "{wrong}");
        }
    }

    #[test]
    fn the_three_kinds_are_told_apart() {
        for (body, kind, id) in [
            (r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#, Kind::Notification, None),
            (r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"a"}}"#, Kind::Notification, None),
            (r#"{"jsonrpc":"2.0","method":"ping","id":7}"#, Kind::Request, Some("7")),
            (r#"{"jsonrpc":"2.0","id":7,"result":{"method":"x"}}"#, Kind::Response, Some("7")),
            (r#"{"jsonrpc":"2.0","error":{"code":-1,"message":""},"id":null}"#, Kind::Response, Some("null")),
        ] {
            for call in both(body) {
                assert_eq!((call.kind(), call.id()), (kind, id), "{body}");
                assert_eq!(call.method() == Method::Response, kind == Kind::Response);
            }
        }
    }

    #[test]
    fn a_long_id_is_not_repeated() {
        for (length, echoed) in [(254, true), (255, false)] {
            let body = format!(r#"{{"jsonrpc":"2.0","method":"ping","id":"{}"}}"#, "x".repeat(length));
            for call in both(&body) {
                assert_eq!(call.kind(), Kind::Request);
                assert_eq!(call.id().is_some(), echoed);
            }
        }
    }

    #[test]
    fn an_observed_id_is_repeated_only_if_it_is_valid_json() {
        for id in ["\"\u{1}\"", r#""\x""#, "01", "nul", "true", "{}", "[1]", "1e", r#""\ud800""#] {
            let body = format!(r#"{{"jsonrpc":"2.0","method":"ping","id":{id}}}"#);
            assert_eq!(Call::observe(body.as_bytes()).unwrap().id(), None, "{id}");
        }
    }

    #[test]
    fn an_observer_stops_early_and_gives_up_quietly() {
        let stopped = Call::observe(br#"{"method":"tools/call","params":{"name":"a","arguments":{"cut"#).unwrap();
        assert_eq!((stopped.name(), stopped.id(), stopped.kind()), (Some("a"), None, Kind::Notification));
        assert_eq!(stopped.argument_names().count(), 0);
        assert_eq!(Call::observe(br#"{"method":"ping" garbage"#).unwrap().method(), Method::Ping);
        for odd in ["", "[]", " {}", "{", "{}", "null", "{\"method\":5}", "{\"method\"", "{\"a\":1 \"b\":2}", "{,}"] {
            assert!(Call::observe(odd.as_bytes()).is_none(), "{odd}");
        }
        assert!(Call::observe(b"{\"method\":\"\xff\"}").is_none());
    }

    /// One message of each kind that clients of all revisions send, in the order in which their SDKs write the members.
    #[test]
    fn what_clients_send_is_accepted() {
        let meta = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"c","version":"1"},"io.modelcontextprotocol/clientCapabilities":{"roots":{"listChanged":true}},"progressToken":1}"#;
        for (method, params) in [
            (
                "initialize",
                r#""protocolVersion":"2025-11-25","capabilities":{"sampling":{}},"clientInfo":{"name":"c","version":"1"}"#,
            ),
            ("ping", ""),
            ("server/discover", meta),
            ("tools/list", r#""cursor":"x""#),
            ("tools/call", r#""name":"a","arguments":{"name":"b","Method":1},"task":{"ttl":60000}"#),
            ("resources/list", ""),
            ("resources/templates/list", ""),
            ("resources/read", r#""uri":"file:///a""#),
            ("resources/subscribe", r#""uri":"file:///a""#),
            ("prompts/list", ""),
            ("prompts/get", r#""name":"p","arguments":{"language":"en"}"#),
            (
                "completion/complete",
                r#""ref":{"type":"ref/prompt","name":"p","title":"P"},"argument":{"name":"a","value":"b"},"context":{"arguments":{}}"#,
            ),
            ("logging/setLevel", r#""level":"info""#),
            (
                "subscriptions/listen",
                r#""notifications":{"toolsListChanged":true,"resourceSubscriptions":["file:///a"]}"#,
            ),
            ("tasks/get", r#""taskId":"t""#),
            ("notifications/initialized", ""),
            ("notifications/cancelled", r#""requestId":1,"reason":"r""#),
            ("notifications/progress", r#""progressToken":1,"progress":0.5,"total":1,"message":"m""#),
            ("notifications/roots/list_changed", ""),
        ] {
            let params =
                if params == meta || params.is_empty() { params.to_owned() } else { format!("{meta},{params}") };
            let id = if method.starts_with("notifications/") { "" } else { r#","id":1"# };
            for body in [
                format!(r#"{{"jsonrpc":"2.0"{id},"method":"{method}","params":{{{params}}}}}"#),
                format!(r#"{{"method":"{method}","params":{{{params}}},"jsonrpc":"2.0"{id}}}"#),
            ] {
                for call in both(&body) {
                    assert_eq!(call.method().as_str(), method, "{body}");
                    assert_eq!(call.method_text(), method);
                    assert_eq!(call.kind() == Kind::Notification, id.is_empty());
                }
            }
        }
    }

    #[test]
    fn what_is_no_single_message_is_refused() {
        assert_eq!(flaw(""), Flaw::NotAnObject);
        assert_eq!(flaw("[{}]"), Flaw::NotAnObject);
        assert_eq!(flaw(" {}"), Flaw::NotAnObject);
        assert_eq!(flaw("\u{feff}{}"), Flaw::NotAnObject);
        assert_eq!(flaw("{}"), Flaw::Missing { member: Member::JsonRpc });
        assert_eq!(flaw(r#"{"jsonrpc":"2.0"}"#), Flaw::Missing { member: Member::Method });
        assert_eq!(flaw(r#"{"jsonrpc":"2.0","result":1}"#), Flaw::Missing { member: Member::Id });
        assert_eq!(flaw(r#"{"jsonrpc":"2.0","method":"ping"}{}"#), Flaw::Trailing { at: 33 });
        let both = |one, other| Flaw::Both { one, other };
        assert_eq!(flaw(r#"{"jsonrpc":"2.0","id":1,"method":"a","result":1}"#), both(Member::Method, Member::Result));
        assert_eq!(flaw(r#"{"jsonrpc":"2.0","id":1,"method":"a","error":1}"#), both(Member::Method, Member::Error));
        assert_eq!(flaw(r#"{"jsonrpc":"2.0","id":1,"error":{},"result":1}"#), both(Member::Result, Member::Error));
    }

    #[test]
    fn protocol_members_have_their_type() {
        let wrong = |body: &str| {
            let Flaw::Wrong { member, at, .. } = flaw(body) else { panic!("{body}") };
            (member, at)
        };
        assert_eq!(wrong(r#"{"jsonrpc":"1.0","method":"a"}"#), (Member::JsonRpc, 11));
        assert_eq!(wrong(r#"{"jsonrpc":2.0,"method":"a"}"#), (Member::JsonRpc, 11));
        assert_eq!(wrong(r#"{"jsonrpc":"2.0","method":null}"#), (Member::Method, 26));
        for id in ["null", "{}", "[1]", "true", "false"] {
            assert_eq!(wrong(&format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"a"}}"#)), (Member::Id, 22));
        }
        assert_eq!(wrong(r#"{"jsonrpc":"2.0","id":null,"result":1}"#), (Member::Id, 22));
        for params in ["[]", "null", "\"\""] {
            assert_eq!(wrong(&format!(r#"{{"jsonrpc":"2.0","method":"a","params":{params}}}"#)), (Member::Params, 39));
        }
        assert_eq!(wrong(r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":5}}"#), (Member::Name, 56));
        assert_eq!(
            wrong(r#"{"jsonrpc":"2.0","method":"completion/complete","params":{"ref":{"type":"x"}}}"#),
            (Member::Ref, 64)
        );
    }

    #[test]
    fn a_call_without_its_subject_is_refused() {
        let missing = |member| Flaw::Missing { member };
        assert_eq!(flaw(r#"{"jsonrpc":"2.0","method":"tools/call"}"#), missing(Member::Name));
        assert_eq!(flaw(r#"{"jsonrpc":"2.0","method":"resources/read","params":{"name":"a"}}"#), missing(Member::Uri));
        assert_eq!(flaw(r#"{"jsonrpc":"2.0","method":"tasks/get","params":{}}"#), missing(Member::TaskId));
        assert_eq!(
            flaw(r#"{"jsonrpc":"2.0","method":"completion/complete","params":{"ref":"x"}}"#),
            missing(Member::Type)
        );
        let two = r#"{"jsonrpc":"2.0","method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"a","uri":"b"}}}"#;
        assert_eq!(flaw(two), Flaw::Both { one: Member::Name, other: Member::Uri });
    }

    #[test]
    fn no_member_stands_twice_at_any_depth() {
        for body in [
            r#"{"jsonrpc":"2.0","method":"ping","method":"tools/call"}"#,
            r#"{"jsonrpc":"2.0","method":"ping","m\u0065thod":"tools/call"}"#,
            r#"{"jsonrpc":"2.0","method":"a","params":{"name":"a","nam\u0065":"b"}}"#,
            r#"{"jsonrpc":"2.0","method":"a","params":{"x":[{"deep":{"":1,"":2}}]}}"#,
            r#"{"jsonrpc":"2.0","method":"a","params":{"é":1,"\u00e9":2}}"#,
        ] {
            assert!(matches!(flaw(body), Flaw::Duplicate { .. }), "{body}");
        }
        assert_eq!(flaw(r#"{"jsonrpc":"2.0","method":"a","params":{"name\u0000":1}}"#), Flaw::NulInName { at: 40 });
    }

    #[test]
    fn no_member_is_spelled_in_other_case() {
        for (body, of) in [
            (r#"{"jsonrpc":"2.0","method":"a","Method":"b"}"#, Member::Method),
            (r#"{"JSONRPC":"2.0","method":"a"}"#, Member::JsonRpc),
            (r#"{"jsonrpc":"2.0","method":"a","param\u017f":{}}"#, Member::Params),
            (r#"{"jsonrpc":"2.0","method":"a","params":{"name":"a","Name":"b"}}"#, Member::Name),
            (r#"{"jsonrpc":"2.0","method":"a","params":{"URI":"b"}}"#, Member::Uri),
            (r#"{"jsonrpc":"2.0","method":"a","params":{"taskID":"b"}}"#, Member::TaskId),
            (r#"{"jsonrpc":"2.0","method":"a","params":{"ref":{"Uri":"b"}}}"#, Member::Uri),
        ] {
            assert!(matches!(flaw(body), Flaw::CaseVariant { of: found, .. } if found == of), "{body}");
        }
        // Deeper down, names are the tool's own.
        both(r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"a","arguments":{"name":1,"Name":2,"ID":3}}}"#);
    }
}
