//! What happened: one [`Outcome`] drives status, metric and log line, in one place.

pub mod audit;
mod decimal;
mod exchange;
mod handshakes;
mod id;
mod limit;
mod live;
mod loss;
mod meters;
mod metrics;
mod pause;
mod peer;
mod recorder;
mod requests;
mod seats;
mod tally;
mod tools;
mod trace;

pub use audit::Audit;
pub use decimal::decimal;
pub use exchange::Exchange;
pub use handshakes::tls_version;
pub use limit::Limit;
pub use live::{Follow, Live, Snapshot};
pub use loss::LogLoss;
pub use meters::{ClientMeters, Meters, WorkerMeters};
pub use metrics::{Certificate, Metrics, ReloadedFile};
pub use pause::Pause;
pub use peer::Peer;
pub use recorder::Recorder;
pub use requests::HttpMethod;
pub use seats::{Hall, Seats};
pub use tools::ToolNames;
pub use trace::Trace;

use crate::reject::Reject;
use http::StatusCode;

/// How the head of a reply came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The upstream answered, and its answer was passed on.
    Relayed(StatusCode),
    /// The gateway said no.
    Rejected(Reject),
    /// The gateway answered by itself and it was no refusal: a CORS preflight.
    Answered(StatusCode),
    /// The client left before there was an answer.
    Abandoned,
    /// A fault of ours broke the request off.
    Crashed,
}

impl Outcome {
    /// How many words there are.
    pub const WORDS: usize = Reject::ALL.len() + 5;

    /// The word in metrics and logs.
    pub const fn word(self) -> &'static str {
        match self {
            Outcome::Relayed(status) if status.as_u16() >= 500 => "relayed_5xx",
            Outcome::Relayed(_) => "relayed",
            Outcome::Rejected(reject) => reject.word(),
            Outcome::Answered(_) => "answered",
            Outcome::Abandoned => "abandoned",
            Outcome::Crashed => "crashed",
        }
    }

    /// The status that the client saw, or would have seen; 499 stands for a client that left, as in nginx's logs.
    pub const fn status(self) -> u16 {
        match self {
            Outcome::Relayed(status) | Outcome::Answered(status) => status.as_u16(),
            Outcome::Rejected(reject) => reject.status().as_u16(),
            Outcome::Abandoned => 499,
            Outcome::Crashed => 500,
        }
    }

    /// Its slot among [`Outcome::WORDS`].
    pub const fn index(self) -> usize {
        match self {
            Outcome::Rejected(reject) => reject.index(),
            Outcome::Relayed(status) if status.as_u16() >= 500 => Reject::ALL.len() + 4,
            Outcome::Relayed(_) => Reject::ALL.len(),
            Outcome::Answered(_) => Reject::ALL.len() + 1,
            Outcome::Abandoned => Reject::ALL.len() + 2,
            Outcome::Crashed => Reject::ALL.len() + 3,
        }
    }

    /// The word of a slot.
    pub fn word_at(index: usize) -> &'static str {
        Self::at(index).map_or("other", Outcome::word)
    }

    /// Whether the slot is for requests that failed by our or the upstream's fault: what an error budget is spent on.
    pub fn is_error_at(index: usize) -> bool {
        let asked_for = |outcome| matches!(outcome, Outcome::Rejected(Reject::Upgrade | Reject::Connect));
        Self::at(index).is_some_and(|outcome| outcome.status() >= 500 && !asked_for(outcome))
    }

    /// Whether the slot is for one of our refusals.
    pub fn is_refusal_at(index: usize) -> bool {
        index < Reject::ALL.len()
    }

    /// An outcome of a slot.
    fn at(index: usize) -> Option<Outcome> {
        let ours = [
            Outcome::Relayed(StatusCode::OK),
            Outcome::Answered(StatusCode::OK),
            Outcome::Abandoned,
            Outcome::Crashed,
            Outcome::Relayed(StatusCode::INTERNAL_SERVER_ERROR),
        ];
        let rejected = Reject::ALL.get(index).map(|reject| Outcome::Rejected(*reject));
        rejected.or_else(|| ours.get(index.checked_sub(Reject::ALL.len())?).copied())
    }
}

/// How the body of a relayed reply ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// To its last byte.
    Complete,
    /// The client left.
    ClientLeft,
    /// The upstream broke off.
    UpstreamCut,
    /// The key's lease ended: revoked, expired, removed.
    LeaseEnded,
    /// The process stopped.
    Drained,
    /// The client stopped reading.
    Stalled,
}

impl End {
    /// All ends, in the order of their declaration.
    pub const ALL: [End; 6] =
        [End::Complete, End::ClientLeft, End::UpstreamCut, End::LeaseEnded, End::Drained, End::Stalled];

    /// The word in metrics and logs.
    pub const fn word(self) -> &'static str {
        match self {
            End::Complete => "complete",
            End::ClientLeft => "client_left",
            End::UpstreamCut => "upstream_cut",
            End::LeaseEnded => "lease_ended",
            End::Drained => "drained",
            End::Stalled => "stalled",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_a_slot_of_its_own() {
        let mut outcomes: Vec<_> = Reject::ALL.into_iter().map(Outcome::Rejected).collect();
        outcomes.extend([
            Outcome::Relayed(StatusCode::OK),
            Outcome::Answered(StatusCode::OK),
            Outcome::Abandoned,
            Outcome::Crashed,
            Outcome::Relayed(StatusCode::BAD_GATEWAY),
        ]);
        assert_eq!(outcomes.len(), Outcome::WORDS);
        for (i, outcome) in outcomes.into_iter().enumerate() {
            assert_eq!((outcome.index(), Outcome::word_at(i)), (i, outcome.word()));
        }
    }
}
