//! How much a client may use, as its row says.

use super::Quota;
use crate::mcp::{Call, Method};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::num::NonZeroU32;

/// How much a client may use. What is not written is not limited.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Of calls, whatever they ask.
    pub quota: Option<Quota>,
    /// Of calls of one tool, beside that.
    pub tools: BTreeMap<Box<str>, Quota>,
    /// What a call of a tool costs; 1 where nothing is written.
    pub costs: BTreeMap<Box<str>, u32>,
    /// What any other message costs, where that is not what [`Limits::cost`] says.
    pub method_costs: Vec<(Method, u32)>,
    /// Streams that are open at once.
    pub max_streams: Option<NonZeroU32>,
    /// Other requests that are under way at once.
    pub max_in_flight: Option<NonZeroU32>,
}

impl Limits {
    /// Whether nothing is limited.
    pub fn is_none(&self) -> bool {
        self.quota.is_none() && self.tools.is_empty() && self.max_streams.is_none() && self.max_in_flight.is_none()
    }

    /// The limits as JSON, by the members of the keys file; those that are not written are left out.
    pub fn members(&self) -> Map<String, Value> {
        let mut members = Map::new();
        let mut put =
            |name: &str, value: Option<Value>| drop(value.map(|value| members.insert(name.to_owned(), value)));
        put("rate", self.quota.map(|quota| quota.rate().to_string().into()));
        put("burst", self.quota.map(|quota| quota.burst().into()));
        let tool = |quota: &Quota| json!({"rate": quota.rate().to_string(), "burst": quota.burst()});
        let tools: Map<_, _> = self.tools.iter().map(|(name, quota)| (name.to_string(), tool(quota))).collect();
        put("tool", (!tools.is_empty()).then(|| tools.into()));
        put("cost", (!self.costs.is_empty()).then(|| json!(self.costs)));
        let methods = self.method_costs.iter().map(|(method, cost)| (method.as_str().to_owned(), json!(cost)));
        let methods: Map<_, _> = methods.collect();
        put("method_cost", (!methods.is_empty()).then(|| methods.into()));
        put("max_streams", self.max_streams.map(|most| most.get().into()));
        put("max_in_flight", self.max_in_flight.map(|most| most.get().into()));
        members
    }

    /// What a message costs: 1, but nothing for the handshake, lists and notifications, unless told otherwise.
    ///
    /// The method decides, not whether there is an id: some servers carry out a `tools/call` that has none.
    pub fn cost(&self, call: &Call<'_>) -> u32 {
        let method = call.method();
        if method == Method::ToolsCall {
            return call.name().and_then(|tool| named(&self.costs, tool)).map_or(1, |(_, cost)| *cost);
        }
        let told = self.method_costs.iter().find(|(told, _)| *told == method).map(|(_, cost)| *cost);
        told.unwrap_or_else(|| u32::from(!is_free(method, call.method_text())))
    }
}

/// What is written for a tool. A server that does not care about the case of letters must not make a dear tool cheap.
pub(super) fn named<'a, T>(written: &'a BTreeMap<Box<str>, T>, tool: &str) -> Option<(&'a str, &'a T)> {
    let like = || written.iter().find(|(name, _)| name.eq_ignore_ascii_case(tool));
    written.get_key_value(tool).or_else(like).map(|(name, value)| (&**name, value))
}

/// What clients send without being asked to, and what tells them what there is.
fn is_free(method: Method, text: &str) -> bool {
    matches!(
        method,
        Method::Initialize
            | Method::Ping
            | Method::ServerDiscover
            | Method::ToolsList
            | Method::ResourcesList
            | Method::ResourcesTemplatesList
            | Method::PromptsList
            | Method::TasksList
            | Method::SkillsList
            | Method::Response
    ) || text.starts_with("notifications/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(limits: &Limits, message: &str) -> u32 {
        limits.cost(&Call::judge(message.as_bytes()).unwrap())
    }

    fn request(method: &str, params: &str) -> String {
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#)
    }

    #[test]
    fn only_what_makes_work_costs() {
        let limits = Limits::default();
        for (method, params, expected) in [
            ("initialize", "{}", 0),
            ("ping", "{}", 0),
            ("server/discover", "{}", 0),
            ("tools/list", "{}", 0),
            ("resources/templates/list", "{}", 0),
            ("notifications/initialized", "{}", 0),
            ("notifications/vendor/own", "{}", 0),
            ("tools/call", r#"{"name":"a"}"#, 1),
            ("resources/read", r#"{"uri":"a"}"#, 1),
            ("prompts/get", r#"{"name":"a"}"#, 1),
            ("vendor/list", "{}", 1),
        ] {
            assert_eq!(cost(&limits, &request(method, params)), expected, "{method}");
        }
        assert_eq!(cost(&limits, r#"{"jsonrpc":"2.0","id":1,"result":{}}"#), 0);
        assert_eq!(
            cost(&limits, r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"a"}}"#),
            1,
            "without an id"
        );
    }

    #[test]
    fn unless_told_otherwise() {
        let limits = Limits {
            costs: BTreeMap::from([("a".into(), 5), ("free".into(), 0)]),
            method_costs: vec![(Method::ToolsList, 2), (Method::ResourcesRead, 0)],
            ..Limits::default()
        };
        let call = |tool: &str| cost(&limits, &request("tools/call", &format!(r#"{{"name":"{tool}"}}"#)));
        assert_eq!((call("a"), call("\\u0061"), call("b"), call("free"), call("A")), (5, 5, 1, 0, 5));
        assert_eq!(cost(&limits, &request("tools/list", "{}")), 2);
        assert_eq!(cost(&limits, &request("resources/read", r#"{"uri":"a"}"#)), 0);
    }
}
