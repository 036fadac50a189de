//! `[limits]`.

use super::super::Limits;
use crate::access::{PerSource, Quota, Rate};
use crate::config::error::ConfigError;
use crate::config::reader::{Table, Value};
use std::num::NonZeroU32;

/// What a limit is called that is none.
const UNLIMITED: &str = "unlimited";

pub(super) fn limits(mut table: Table<'_>) -> Result<Limits, ConfigError> {
    let above_zero = |value: &Value<'_>| match value.size()? {
        0 => Err(value.error("must be more than zero: every message and every list has a body")),
        size => Ok(size),
    };
    let head = |value: &Value<'_>| within(value, value.size()?, (8 << 10, 128 << 10), "8KiB to 128KiB");
    let held = |value: &Value<'_>| within(value, value.size()?, (1 << 20, 1 << 50), "1MiB or more");
    let list = |value: &Value<'_>| within(value, value.size()?, (4 << 10, 128 << 10), "4KiB to 128KiB");
    let fields = |value: &Value<'_>| within(value, value.number()?, (10, 100), "10 to 100");
    let streams = |value: &Value<'_>| within(value, value.number()?, (1, 1000), "1 to 1000");
    let or = Limits::default();
    Ok(Limits {
        max_body: table.read("max_body", or.max_body, above_zero)?,
        max_list: table.read("max_list", or.max_list, above_zero)?,
        max_held: table.read("max_held", or.max_held, held)?,
        handshake_timeout: table.read("handshake_timeout", or.handshake_timeout, Value::wait)?,
        per_address: per_address(&mut table, or.per_address)?,
        max_head: table.read("max_head", or.max_head, head)?,
        max_fields: table.read("max_fields", or.max_fields, fields)?,
        max_header_list: table.read("max_header_list", or.max_header_list, list)?,
        header_timeout: table.read("header_timeout", or.header_timeout, Value::wait)?,
        idle_timeout: table.read("idle_timeout", or.idle_timeout, Value::wait)?,
        min_body_rate: table.read("min_body_rate", or.min_body_rate, Value::size)?,
        stall_timeout: table.read("stall_timeout", or.stall_timeout, Value::wait)?,
        max_connections: table.read("max_connections", or.max_connections, count::<usize>)?,
        max_in_flight: table.read("max_in_flight", or.max_in_flight, count::<u64>)?,
        max_streams: table.read("max_streams", or.max_streams, streams)?,
        max_control_frames: table.read("max_control_frames", or.max_control_frames, count::<u32>)?,
        keep_alive: table.read("keep_alive", or.keep_alive, Value::wait_or_zero)?,
    })
}

fn count<T: TryFrom<u64>>(value: &Value<'_>) -> Result<T, ConfigError> {
    within(value, value.number()?, (1, 10_000_000), "1 to 10000000")
}

/// A number that may be from the one to the other of `bounds`, which `form` says in words.
fn within<T: TryFrom<u64>>(value: &Value<'_>, number: u64, bounds: (u64, u64), form: &str) -> Result<T, ConfigError> {
    let number = Some(number).filter(|number| (bounds.0..=bounds.1).contains(number));
    number.and_then(|number| T::try_from(number).ok()).ok_or_else(|| value.error(format!("must be {form}")))
}

fn per_address(table: &mut Table<'_>, or: PerSource) -> Result<PerSource, ConfigError> {
    Ok(PerSource {
        failures: table.read("failures_per_address", or.failures, quota)?,
        connections: table.read("max_connections_per_address", or.connections, connections)?,
        handshakes: table.read("handshakes_per_address", or.handshakes, quota)?,
    })
}

fn connections(value: &Value<'_>) -> Result<Option<NonZeroU32>, ConfigError> {
    if value.is_text() {
        return value.parsed("\"unlimited\" or a number", |text| (text == UNLIMITED).then_some(None));
    }
    count(value).map(NonZeroU32::new)
}

fn quota(value: &Value<'_>) -> Result<Option<Quota>, ConfigError> {
    value.parsed("a rate such as \"60/min\", with the unit s, min, h or day, or \"unlimited\"", |text| match text {
        UNLIMITED => Some(None),
        rate => Some(Some(Rate::parse(rate).ok()?.at_once())),
    })
}
