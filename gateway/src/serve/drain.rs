//! The end of the process, phase by phase, told to every thread.

use tokio::sync::watch;

/// Where in its life the process is. Phases only go forward.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Serving.
    #[default]
    Serving,
    /// A signal came: `/readyz` says so, connections are still accepted.
    Unready,
    /// No new connections; what runs may finish.
    Finishing,
    /// What still runs is ended.
    Closing,
}

impl Phase {
    /// The word in status and audit.
    pub fn word(self) -> &'static str {
        match self {
            Phase::Serving => "serving",
            Phase::Unready => "unready",
            Phase::Finishing | Phase::Closing => "draining",
        }
    }
}

/// Tells every thread of the phase.
pub(super) struct Drain(watch::Sender<Phase>);

impl Default for Drain {
    fn default() -> Self {
        Self(watch::Sender::new(Phase::Serving))
    }
}

impl Drain {
    /// Goes on to `phase`.
    pub(super) fn enter(&self, phase: Phase) {
        self.0.send_replace(phase);
    }

    /// A view for one thread.
    pub(super) fn watch(&self) -> watch::Receiver<Phase> {
        self.0.subscribe()
    }
}
