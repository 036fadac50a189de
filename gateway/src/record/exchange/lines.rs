//! What the audit says of one request, and at `debug` the log.

use super::Exchange;
use crate::access::Decision;
use crate::mcp::{Call, Method as Rpc, Subject};
use crate::record::audit::{Field, Line, line};
use crate::record::{End, Outcome};
use std::time::{Duration, SystemTime};
use tracing::{Level, debug, enabled};

/// Most names of arguments in a line, and most bytes of these and of their values.
const ARGUMENTS: (usize, usize) = (32, 4096);

impl Exchange {
    /// Keeps what the call is about, for the audit line.
    pub(super) fn describe(&mut self, call: &Call<'_>) {
        if let Some(pen) = self.recorder.pen.as_ref().filter(|_| self.audited) {
            let mut room = pen.spare();
            describe(call, pen.wants_arguments(), &mut room);
            self.asked = room;
        }
    }

    /// Writes an audit line, if this is one for it.
    pub(super) fn write(&self, event: &'static str, fill: impl FnOnce(&mut Line<'_>)) {
        let Some(pen) = self.recorder.pen.as_ref().filter(|_| self.audited) else { return };
        pen.write(SystemTime::now(), event, |line| {
            line.digits(Field::RequestId, self.request_id());
            line.digits(Field::TraceId, &self.trace_id());
            match self.sender.as_deref() {
                None => line.members(self.peer.via().as_bytes()),
                Some(sender) => {
                    line.word(Field::Peer, &sender.to_string());
                    line.members(self.peer.via().replacen(Field::Peer.key(), Field::Proxy.key(), 1).as_bytes());
                }
            }
            if let Some(principal) = self.principal() {
                line.word(Field::Client, principal.client().id().as_str());
                line.word(Field::KeyId, principal.key().id().as_str());
            }
            line.word(Field::Method, self.method.as_str());
            line.text(Field::Route, self.recorder.metrics.route(self.route.into()));
            if let Some(rpc) = self.rpc {
                line.word(Field::Rpc, rpc.as_str());
            }
            line.members(&self.asked);
            if let Some((word, rule)) = self.decision.map(Decision::words) {
                line.numbered(Field::Decision, word, rule);
            }
            fill(line);
        });
    }

    pub(super) fn write_end(&self, outcome: Outcome, end: Option<End>, took: Duration) {
        if enabled!(Level::DEBUG) {
            self.log(outcome, took);
        }
        let event = if self.streaming { "stream_end" } else { "request" };
        self.write(event, |line| {
            line.number(Field::Status, outcome.status().into());
            line.word(Field::Outcome, outcome.word());
            if let Some(end) = end {
                line.word(Field::End, end.word());
            }
            if end == Some(End::LeaseEnded)
                && let Some(reason) = self.lease_ended()
            {
                line.word(Field::Reason, reason.word());
            }
            line.number(Field::Bytes, self.bytes);
            if self.streaming {
                line.number(Field::Events, self.events);
            }
            line.millis(Field::DurationMs, took);
        });
    }

    /// One line a request, in the log's form, for whoever asks for it: also of those of which the audit has none. Every word in
    /// it is ours or the operator's.
    #[cold]
    fn log(&self, outcome: Outcome, took: Duration) {
        let (principal, tools) = (self.principal(), self.live.meters.tools());
        debug!(
            request_id = std::str::from_utf8(self.request_id()).unwrap_or_default(),
            peer = %self.sender.as_deref().copied().unwrap_or(self.peer.address()),
            client = principal.as_ref().map(|principal| principal.client().id().as_str()),
            key_id = principal.as_ref().map(|principal| principal.key().id().as_str()),
            method = self.method.as_str(),
            rpc = self.rpc.map(Rpc::as_str),
            tool = self.tool.map(|number| tools.name(number.into())),
            status = outcome.status(),
            outcome = outcome.word(),
            duration_ms = Duration::from_micros(took.as_micros() as u64).as_secs_f64() * 1e3,
            "{}",
            if self.audited { "a request" } else { "a request that needed no key" }
        );
    }
}

/// What a call is about, as members of its audit line. Of arguments the names, unless the operator wants more.
fn describe(call: &Call<'_>, values: bool, out: &mut Vec<u8>) {
    if let Some((subject, name)) = call.subject() {
        let field = if subject == Subject::Tool { Field::Tool } else { Field::Subject };
        line::put_member(out, field, name);
    }
    if call.method() == Rpc::ToolsCall {
        line::put_members(out, Field::Arguments, call.argument_names().take(ARGUMENTS.0), ARGUMENTS.1);
        if let Some(arguments) = call.arguments().filter(|_| values) {
            line::put_json(out, Field::ArgumentValues, arguments, ARGUMENTS.1);
        }
    }
}
