//! Whether clients should be sent here, check by check.

use super::Admin;
use crate::serve::Phase;
use crate::upstream::Address;
use std::fmt::Write as _;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::Mutex;

/// How long the upstream may take to accept a connection before it counts as not there.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long what was found out is believed: probes may come as often as they like.
const BELIEF: Duration = Duration::from_secs(1);

/// One thing that may be wrong.
pub(super) struct Check {
    name: &'static str,
    /// What is wrong.
    fault: Option<String>,
    /// Whether clients should go elsewhere for it.
    required: bool,
}

impl Check {
    pub(super) fn fails(&self) -> bool {
        self.required && self.fault.is_some()
    }

    /// What is wrong, as a sentence.
    pub(super) fn fault(&self) -> Option<&str> {
        self.fault.as_deref()
    }
}

impl Admin {
    /// All of them. The upstream is only looked for if that makes a difference, or is to be `shown`.
    pub(super) async fn checks(&self, shown: bool) -> Vec<Check> {
        let check = |name, fault: Option<&str>| Check { name, fault: fault.map(str::to_owned), required: true };
        let draining = *self.phase.borrow() != Phase::Serving;
        let expired = self.metrics.certificate_ends() < SystemTime::now();
        let mut checks = vec![
            // there is no process without one
            check("configuration", None),
            check("serving", draining.then_some("draining")),
            check("certificate", expired.then_some("the certificate has expired")),
        ];
        if shown || self.upstream.required {
            let fault = self.upstream.reached().await.err();
            checks.push(Check { name: "upstream", fault, required: self.upstream.required });
        }
        checks
    }
}

/// One line each, as Kubernetes' own programs write them.
pub(super) fn listed(checks: &[Check]) -> String {
    let mut text = String::new();
    for Check { name, fault, required } in checks {
        let _ = match fault {
            None => writeln!(text, "[+]{name} ok"),
            Some(fault) if *required => writeln!(text, "[-]{name} failed: {fault}"),
            Some(fault) => writeln!(text, "[-]{name} failed: {fault} (not required)"),
        };
    }
    text.push_str(if checks.iter().any(Check::fails) { "not ready\n" } else { "ready\n" });
    text
}

/// The upstream, as somebody who only asks whether it is there.
#[derive(Clone)]
pub(in crate::serve) struct Reach {
    address: Address,
    /// Whether the gateway is only ready while it can be reached.
    required: bool,
    last: Arc<Mutex<Option<Found>>>,
}

/// When it was looked for, and why it was not there.
type Found = (Instant, Result<(), String>);

impl Reach {
    pub(in crate::serve) fn new(address: Address, required: bool) -> Self {
        Self { address, required, last: Arc::default() }
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// Whether it accepts connections now, or why not.
    pub(super) async fn reached(&self) -> Result<(), String> {
        let mut last = self.last.lock().await;
        if let Some((when, found)) = last.as_ref()
            && when.elapsed() < BELIEF
        {
            return found.clone();
        }
        let tried = tokio::time::timeout(PATIENCE, self.connect()).await;
        let found = match tried {
            Ok(connected) => connected.map_err(|cause| cause.to_string()),
            Err(_) => Err(format!("no connection within {PATIENCE:?}")),
        };
        *last = Some((Instant::now(), found.clone()));
        found
    }

    async fn connect(&self) -> io::Result<()> {
        match &self.address {
            Address::Tcp(address) => TcpStream::connect(address).await.map(drop),
            Address::Unix(path) => UnixStream::connect(path).await.map(drop),
            Address::Remote { host, port, .. } => TcpStream::connect((&**host, *port)).await.map(drop),
        }
    }
}
