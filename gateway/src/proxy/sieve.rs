//! Cuts the lists in a reply down to what their reader may use.
//!
//! Only for clients with a policy, and only where a list may come. What cannot be read without doubt is not passed on.

use super::reply::Broken;
use crate::access::Policy;
use crate::mcp::list::{filter, filter_any};
use crate::mcp::sse::{Event, Splitter, rewrite_data};
use crate::mcp::{Flaw, ListKind, Member};
use crate::stock::Held;
use crate::upstream::Body;
use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;
use std::borrow::Cow;
use std::task::{Context, Poll, ready};

/// Which lists the reply to a request may bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lists {
    /// The one that it asks for.
    Asked(ListKind),
    /// Any: the stream of a GET may go on with what another request asked for.
    Any,
}

/// Cuts down one reply.
pub struct Sieve {
    policy: Policy,
    lists: Lists,
}

impl Sieve {
    /// For a reader with this policy.
    pub fn new(policy: Policy, lists: Lists) -> Self {
        Self { policy, lists }
    }

    /// Whether the reply has to be a list, if it is not an error.
    pub(super) fn expects_list(&self) -> bool {
        self.lists != Lists::Any
    }

    /// Cuts a message down.
    ///
    /// # Errors
    /// A message that may be a list and cannot be read as one.
    pub(super) fn message<'a>(&self, message: &'a [u8]) -> Result<Cow<'a, [u8]>, Flaw> {
        match self.lists {
            Lists::Asked(kind) => filter(message, kind, |name| self.policy.lists(kind, name)),
            Lists::Any => match filter_any(message, |kind, name| self.policy.lists(kind, name)) {
                // read to its end, and there is no result in it that could hold a list
                Err(Flaw::Missing { member: Member::Result }) => Ok(Cow::Borrowed(message)),
                filtered => filtered,
            },
        }
    }

    /// Passes an event on, cut down if it has to be.
    fn event(&self, event: Event<'_>, out: &mut Vec<u8>) -> Result<(), Flaw> {
        match event.data() {
            Some(data) if may_be_message(event, &data) => match self.message(&data)? {
                Cow::Borrowed(_) => out.extend_from_slice(event.bytes()),
                Cow::Owned(less) => out.append(&mut rewrite_data(event.bytes(), &less)),
            },
            _ => out.extend_from_slice(event.bytes()),
        }
        Ok(())
    }
}

/// Whether a client may take an event for a message. Not the empty data that begins a stream since 2025-11-25, nor an event
/// of a kind of its own that holds no JSON, such as `endpoint` in 2024-11-05.
fn may_be_message(event: Event<'_>, data: &[u8]) -> bool {
    match data.trim_ascii().first() {
        None => false,
        Some(b'{' | b'[' | 0xef) => true, // 0xef begins a byte order mark
        Some(_) => event.kind().is_none_or(|kind| kind == b"message"),
    }
}

/// An event stream, cut down event by event: each is passed on when it is whole.
pub struct Sifted {
    body: Body,
    sieve: Sieve,
    splitter: Splitter,
    trailers: Option<HeaderMap>,
    held: Option<Held>,
}

/// An event with the room behind it, what is left of what it says, and that as it is passed on, twice.
const COPIES: usize = 5;

impl Sifted {
    /// Cuts the events of `body` down, of which none may be longer than `max_event` bytes.
    pub fn new(body: Body, sieve: Sieve, max_event: usize) -> Self {
        Self { body, sieve, splitter: Splitter::new(max_event), trailers: None, held: None }
    }

    /// The next events, or the end.
    ///
    /// # Errors
    /// The upstream broke off, or sent what may not be passed on.
    pub fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        loop {
            if let Some(trailers) = self.trailers.take() {
                return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
            }
            let sifted = match ready!(self.body.poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.sift(&data),
                    Err(frame) => {
                        self.trailers = frame.into_trailers().ok();
                        self.rest(Vec::new())
                    }
                },
                Some(Err(failure)) => return Poll::Ready(Some(Err(failure.into()))),
                None => self.rest(Vec::new()),
            };
            match sifted {
                Ok(events) if !events.is_empty() => {
                    let events = self.body.stock().keep(events.into());
                    return Poll::Ready(Some(Ok(Frame::data(events))));
                }
                Ok(_) if self.is_end() => return Poll::Ready(None),
                Ok(_) => {}
                Err(broken) => return Poll::Ready(Some(Err(broken))),
            }
        }
    }

    /// Whether nothing more will come.
    pub fn is_end(&self) -> bool {
        self.body.is_end() && self.trailers.is_none()
    }

    /// Whether the upstream has sent all of it.
    pub fn has_arrived(&self) -> bool {
        self.body.has_arrived()
    }

    fn sift(&mut self, data: &[u8]) -> Result<Vec<u8>, Broken> {
        let mut out = Vec::with_capacity(data.len());
        let Self { body, sieve, splitter, held, .. } = self;
        if splitter.held() > 0 {
            body.stock().hold(held, COPIES * (splitter.held() + data.len()))?;
        }
        splitter.feed(data, |event| sieve.event(event, &mut out))?;
        body.stock().hold(held, COPIES * splitter.held())?;
        // whoever reads looks at once whether this was all
        if self.body.is_end() { self.rest(out) } else { Ok(out) }
    }

    /// What came last and did not end as an event has to; some clients read it all the same.
    fn rest(&mut self, mut out: Vec<u8>) -> Result<Vec<u8>, Broken> {
        let splitter = std::mem::replace(&mut self.splitter, Splitter::new(0));
        if let Some(rest) = splitter.rest() {
            self.sieve.event(rest, &mut out)?;
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::policy::Rule;
    use proptest::prelude::*;

    fn sieve(lists: Lists) -> Sieve {
        Sieve::new(Policy::of_tools(vec![Rule { pattern: "mine*".into(), line: 1 }]), lists)
    }

    /// What comes out of a stream that comes in chunks of `size` bytes.
    fn sifted(stream: &[u8], size: usize, lists: Lists) -> Result<Vec<u8>, Flaw> {
        let (sieve, mut splitter, mut out) = (sieve(lists), Splitter::new(1 << 20), Vec::new());
        for chunk in stream.chunks(size) {
            splitter.feed(chunk, |event| sieve.event(event, &mut out))?;
        }
        if let Some(rest) = splitter.rest() {
            sieve.event(rest, &mut out)?;
        }
        Ok(out)
    }

    const KINDS: [Lists; 2] = [Lists::Asked(ListKind::Tools), Lists::Any];

    fn list(names: &[String]) -> String {
        let entries: Vec<_> = names.iter().map(|name| format!(r#"{{"name":"{name}"}}"#)).collect();
        format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{}]}}}}"#, entries.join(","))
    }

    #[test]
    fn what_is_no_message_passes_and_what_may_be_one_is_read() {
        for lists in KINDS {
            for event in [
                ": comment\n\n",
                "id: 1\ndata: \n\n",
                "data\n\n",
                "data:  \t \ndata:\n\n",
                "id: 1\n\n",
                "event: endpoint\ndata: /messages\n\n",
                "event: own\ndata: <p>\r\r",
                "data: {\"jsonrpc\":\"2.0\",\"method\":\"a\"}\n\n",
                "data: {\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{}}\n\n",
            ] {
                assert_eq!(sifted(event.as_bytes(), 3, lists).unwrap(), event.as_bytes(), "{lists:?}");
            }
            for event in [
                "data: <p>\n\n",
                "event: message\ndata: a\n\n",
                "event: own\ndata: {\n\n",
                "event: own\ndata: \u{feff}{}\n\n",
                "data: []\n\n",
                "data: [{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"tools\":[]}}]\n\n",
                "data: {\"result\":{\"tools\":[]},\"Result\":{}}\n\n",
                "data: {\"result\":{\"tools\":[{}]}}\n\n",
                "data: {\"resu",
            ] {
                assert!(sifted(event.as_bytes(), 3, lists).is_err(), "{lists:?} {event}");
            }
        }
        // where no list was asked for, other results pass; where one was, nothing else does
        for other in ["data: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[]}}\n\n", "data: {}\n\n"] {
            assert_eq!(sifted(other.as_bytes(), 3, Lists::Any).unwrap(), other.as_bytes());
            assert!(sifted(other.as_bytes(), 3, KINDS[0]).is_err());
        }
    }

    #[test]
    fn other_lists_are_cut_down_too_where_any_may_come() {
        let prompts = r#"data: {"id":1,"result":{"prompts":[{"name":"mine"}]}}"#;
        let none = r#"data: {"id":1,"result":{"prompts":[]}}"#;
        assert_eq!(sifted(prompts.as_bytes(), 9, Lists::Any).unwrap(), format!("{none}\n").as_bytes());
        assert!(sifted(prompts.as_bytes(), 9, KINDS[0]).is_err());
    }

    proptest! {
        #[test]
        fn chunks_make_no_difference_and_nothing_else_is_lost(
            events in prop::collection::vec((prop::collection::vec("(mine|theirs)[a-z]{0,3}", 0..4), any::<bool>()), 0..5),
            end in prop::sample::select(vec!["\n", "\r\n", "\r"]),
            size in 1..40usize,
            any_list: bool,
        ) {
            let written = |keep: fn(&String) -> bool| -> String {
                let event = |(names, comment): &(Vec<String>, bool)| {
                    let names: Vec<_> = names.iter().filter(|name| keep(name)).cloned().collect();
                    let comment = if *comment { format!(": ping{end}{end}") } else { String::new() };
                    format!("id: 7{end}data: {}{end}{end}{comment}", list(&names))
                };
                events.iter().map(event).collect()
            };
            let (all, mine) = (written(|_| true), written(|name| name.starts_with("mine")));
            let seen = sifted(all.as_bytes(), size, KINDS[usize::from(any_list)]).unwrap();
            prop_assert_eq!(String::from_utf8(seen).unwrap(), mine);
        }

        #[test]
        fn no_bytes_panic(stream: Vec<u8>, size in 1..9usize) {
            for lists in KINDS {
                let _ = sifted(&stream, size, lists);
            }
        }
    }
}
