//! What the record of a request counts once it is over.

use super::Exchange;
use crate::record::meters::ClientShard;
use crate::record::requests::Cell;
use crate::record::{End, Outcome};
use std::time::Duration;

impl Exchange {
    /// Where its client's counters of this worker are.
    pub(super) fn shard(&self) -> Option<&ClientShard> {
        match self.principal() {
            Some(principal) => self.live.meters.shard(principal.client().slot(), self.recorder.worker),
            None => Some(&self.recorder.meters().anonymous),
        }
    }

    pub(super) fn count(&self, outcome: Outcome, end: Option<End>, took: Duration) {
        let (routes, meters) = (self.recorder.metrics.routes(), self.recorder.meters());
        let (route, outcome) = (usize::from(self.route).min(routes - 1), outcome.index());
        if let Some(tally) = meters.outcomes.get(outcome) {
            tally.add(1);
        }
        if let Some(shard) = self.shard() {
            shard.requests.count(routes, Cell { route, method: self.method, outcome });
            if let Some(tool) = self.tool {
                shard.tools.count(tool, outcome);
            }
            if self.streaming {
                shard.streams_open.sub(1);
            }
        }
        if !self.long {
            meters.request_duration.observe(took);
        }
        if end == Some(End::UpstreamCut) {
            meters.upstream_cuts.add(1);
        }
        if self.streaming {
            meters.streams.duration.observe(took);
            if let Some(tally) = end.and_then(|end| meters.streams.ends.get(end as usize)) {
                tally.add(1);
            }
        }
    }
}
