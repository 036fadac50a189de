//! How much a client may use: `rate`, `burst`, costs, and how much at once.

use crate::access::{Limits, Network, Quota, Rate};
use crate::config::error::ConfigError;
use crate::config::reader::{Table, Value};
use crate::mcp::Method;
use std::collections::BTreeMap;
use std::num::NonZeroU32;

const TOOL: &str = "a tool's name: 1 to 128 visible ASCII characters";

/// Takes the members of a client's table that limit it.
pub(super) fn limits(table: &mut Table<'_>) -> Result<Limits, ConfigError> {
    let quota = quota(table)?;
    let mut tools = BTreeMap::new();
    for (name, value) in table.entries("tool", "[client.tool.NAME]")? {
        let mut tool = value.table("client.tool")?;
        let Some(quota) = self::quota(&mut tool)? else { return Err(tool.error("[client.tool] has no `rate`")) };
        tools.insert(self::tool(&name)?, quota);
    }
    let mut costs = BTreeMap::new();
    for (name, value) in table.entries("cost", "cost.TOOL = NUMBER")? {
        let tool = tool(&name)?;
        let payers = quota.iter().chain(tools.get(&tool));
        costs.insert(tool.clone(), cost(&value, payers)?);
    }
    let mut method_costs = Vec::new();
    for (name, value) in table.entries("method_cost", "method_cost.\"METHOD\" = NUMBER")? {
        method_costs.push((method(&name)?, cost(&value, quota.iter())?));
    }
    let at_once = |value: &Value<'_>| Ok(NonZeroU32::new(value.count(1)?));
    let max_streams = table.read("max_streams", None, at_once)?;
    let max_in_flight = table.read("max_in_flight", None, at_once)?;
    Ok(Limits { quota, tools, costs, method_costs, max_streams, max_in_flight })
}

/// `allow_from`: the networks that a client may come from.
pub(super) fn networks(value: &Value<'_>) -> Result<Vec<Network>, ConfigError> {
    let network = |item: Value<'_>| Network::parse(item.text()?).map_err(|error| item.complaint(error));
    match value.list()? {
        items if items.is_empty() => {
            Err(value.error("is empty, so this client could come from nowhere; leave it out for any address"))
        }
        items => items.into_iter().map(network).collect(),
    }
}

/// `rate`, all of which may be used at once unless `burst` says otherwise.
fn quota(table: &mut Table<'_>) -> Result<Option<Quota>, ConfigError> {
    let burst = table.take("burst");
    let Some(rate) = table.take("rate") else {
        let lonely =
            |burst: Value<'_>| burst.error("is how much of a `rate` may be used at once, and there is no `rate`");
        return burst.map_or(Ok(None), |burst| Err(lonely(burst)));
    };
    let rate = Rate::parse(rate.text()?).map_err(|error| rate.complaint(error))?;
    let burst = burst.map(|burst| burst.count(1)).transpose()?;
    Ok(Some(burst.map_or_else(|| rate.at_once(), |burst| rate.burst(burst))))
}

/// What something costs; each of the `payers` must be able to hold as much.
fn cost<'a>(value: &Value<'_>, payers: impl Iterator<Item = &'a Quota>) -> Result<u32, ConfigError> {
    let cost = value.count(0)?;
    match payers.map(Quota::burst).min() {
        None => Err(value.error("is paid from a `rate`, and there is none")),
        Some(least) if cost > least => {
            Err(value.error(format!("is {cost}, but no more than {least} can ever be used at once; raise `burst`")))
        }
        Some(_) => Ok(cost),
    }
}

fn tool(name: &Value<'_>) -> Result<Box<str>, ConfigError> {
    name.parsed(TOOL, |text| {
        let sane = (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        sane.then(|| text.into())
    })
}

fn method(name: &Value<'_>) -> Result<Method, ConfigError> {
    let method = Method::named(name.text()?.as_bytes());
    if method == Method::Other {
        return Err(name.error("names no method of MCP; write one such as \"tools/list\""));
    }
    if method == Method::ToolsCall {
        return Err(name.error("is for other methods; what a tool costs is written cost.TOOL"));
    }
    Ok(method)
}
