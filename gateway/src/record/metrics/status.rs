//! What a person asks who is on call: `/status.json`. Every moment is RFC 3339, every length of time is in seconds.

use super::{Metrics, ReloadedFile};
use crate::access::{Allowance, Client, Hold, Key, KeyState, Uptime};
use crate::record::meters::ClientMeters;
use crate::record::{Live, Outcome};
use serde_json::{Map, Value, json};
use std::sync::atomic::Ordering::Relaxed;
use std::time::SystemTime;

impl Metrics {
    /// All that is known here, as members of one object.
    pub fn status(&self, now: SystemTime) -> Map<String, Value> {
        let live = self.live.load();
        let certificate = self.certificate.load();
        let reloads = ReloadedFile::ALL.into_iter().zip(&self.reloads);
        let reloads = reloads.map(
            |(file, reload)| json!({"file": file.word(), "ok": reload.is_ok(), "loaded_at": reload.when().map(moment)}),
        );
        let members = [
            ("version", json!(env!("CARGO_PKG_VERSION"))),
            ("time", json!(moment(now))),
            ("started_at", json!(moment(self.started))),
            ("streams_open", json!(self.streams_open())),
            ("connections_open", json!(self.workers.iter().map(|worker| worker.connections_open.get()).sum::<u64>())),
            ("clients", clients(&live)),
            ("keys", live.access.keys().map(|(client, key)| self::key(&live, client, key, now)).collect()),
            (
                "certificate",
                json!({
                    "name": certificate.name,
                    "not_after": moment(certificate.not_after),
                    "left_seconds": left(certificate.not_after, now),
                }),
            ),
            ("reloads", reloads.collect()),
            (
                "audit",
                json!({
                    "lines": self.audit.lines.load(Relaxed),
                    "dropped": self.audit.dropped.load(Relaxed),
                    "write_errors": self.audit.failures.load(Relaxed),
                    "queue_bytes": self.audit.queued(),
                }),
            ),
        ];
        members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

fn clients(live: &Live) -> Value {
    let clients = live.access.clients();
    let mut last_used = vec![None; clients.len()];
    for (client, key) in live.access.keys() {
        let last = live.meters.last_used(key.slot()).and_then(|last| last.get());
        if let Some(latest) = last_used.get_mut(client.slot()) {
            *latest = last.max(*latest);
        }
    }
    let all = clients.iter().zip(live.meters.iter()).zip(last_used);
    all.map(|((client, meters), last)| self::client(client, meters, last)).collect()
}

/// `requests` are those that are over, `refused` those that we said no to, `errors` those that we or the upstream failed.
fn client(client: &Client, meters: &ClientMeters, last_used: Option<SystemTime>) -> Value {
    let (mut requests, mut refused, mut errors) = (0, 0, 0);
    for (cell, count) in meters.shards.iter().flat_map(|shard| shard.requests.iter()) {
        requests += count;
        if Outcome::is_error_at(cell.outcome) {
            errors += count;
        } else if Outcome::is_refusal_at(cell.outcome) {
            refused += count;
        }
    }
    json!({
        "id": client.id().as_str(),
        "requests": requests,
        "refused": refused,
        "errors": errors,
        "streams_open": meters.shards.iter().map(|shard| shard.streams_open.get()).sum::<u64>(),
        "last_used_at": last_used.map(moment),
        "limits": client.allowance().map(limits),
    })
}

/// The limits that are written, and how much of each is left or held now.
fn limits(allowance: &Allowance) -> Value {
    let mut members = allowance.limits().members();
    if let Some(standing) = allowance.standings(None, Uptime::now()).next() {
        members.insert("left".to_owned(), standing.level.units.into());
    }
    for (name, hold) in [("streams_held", Hold::Stream), ("in_flight_held", Hold::Flight)] {
        if allowance.most(hold).is_some() {
            members.insert(name.to_owned(), allowance.held(hold).into());
        }
    }
    members.into()
}

fn key(live: &Live, client: &Client, key: &Key, now: SystemTime) -> Value {
    let row = key.row();
    let state = match row.state(now) {
        KeyState::Active => "active",
        KeyState::NotYetValid => "not_yet_valid",
        KeyState::Expired => "expired",
        KeyState::Disabled => "disabled",
    };
    json!({
        "id": key.id().as_str(),
        "client": client.id().as_str(),
        "state": state,
        "not_before": row.not_before.map(moment),
        "expires_at": row.expires_at.map(moment),
        "left_seconds": row.expires_at.map(|end| left(end, now)),
        "last_used_at": live.meters.last_used(key.slot()).and_then(|last| last.get()).map(moment),
    })
}

/// 0 once it is over.
fn left(end: SystemTime, now: SystemTime) -> u64 {
    end.duration_since(now).map_or(0, |left| left.as_secs())
}

/// RFC 3339 has no years beyond 9999, nor humantime any before 1970.
fn moment(time: SystemTime) -> Option<String> {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs();
    (seconds < 253_402_300_800).then(|| humantime::format_rfc3339_seconds(time).to_string())
}
