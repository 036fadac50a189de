//! The worker looks for an upstream that cannot be reached, so that no request has to.

use super::Worker;
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;
use tracing::{info, warn};

/// For as long as the worker lives. The first worker that loses the upstream says so, and the last that finds it.
pub(super) async fn search(worker: Rc<Worker>) {
    let upstream = &worker.gateway.upstream;
    let (lost, open) = (&worker.shared.lost, &worker.gateway.recorder.meters().breaker_open);
    loop {
        upstream.lost().await;
        open.add(1);
        if lost.fetch_add(1, Relaxed) == 0 {
            warn!("the upstream cannot be reached: requests are answered with 503 until it can");
        }
        upstream.found().await;
        open.sub(1);
        if lost.fetch_sub(1, Relaxed) == 1 {
            info!("the upstream can be reached again");
        }
    }
}
