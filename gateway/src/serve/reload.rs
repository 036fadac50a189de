//! Files that change while the gateway runs: the keys file, the certificate with its key, and the clients' authorities.
//!
//! One task looks at their contents four times a second (renames, mounts, editors and network file systems all tell of
//! changes in different ways, or not at all, but contents are contents) and, in the same breath, at the clock, because a
//! key may begin or end by time alone; it looks at the clock also while a file does not answer. What changed is read, built
//! whole and swapped whole; what cannot be used leaves everything as it runs.

mod changes;
mod watched;

use super::tls::{Clients, TlsError};
use super::{ServeError, Shared, certificate, identity, origins};
use crate::access::Access;
use crate::config::contents::regular;
use crate::config::settings::Settings;
use crate::config::{ConfigError, keys_file, moment};
use crate::record::{Live, Meters, ReloadedFile};
pub(super) use changes::Changes;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::signal::unix::Signal;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{Interval, MissedTickBehavior};
use tracing::{error, info, warn};
use watched::{Attempt, Watched};

/// How often files and clock are looked at.
const INTERVAL: Duration = Duration::from_millis(250);
/// Most keys that are named when they end at once.
const MOST: usize = 20;
/// How many looks one may take until it is said that a file does not answer: ten seconds.
const SILENCE: u32 = 40;

/// What is watched, and what was last seen of it.
pub(super) struct Reload {
    settings: Arc<Settings>,
    keys: Watched,
    pair: Watched,
    authorities: Watched,
    warnings: Vec<ConfigError>,
    turn: Turn,
}

/// Held from where a snapshot is taken until its successor is in its place: whoever looks at the clock meanwhile would else
/// put one in that knows nothing of the file. Nobody holds it while reading a file.
type Turn = Arc<Mutex<()>>;

impl Reload {
    /// Takes note of the files as they are. Before they are read for the first time, so that no change is missed.
    pub(super) fn of(settings: &Settings) -> Self {
        let tls = &settings.tls;
        Self {
            keys: Watched::of(vec![settings.keys_file.clone()]),
            pair: Watched::of(vec![tls.certificate.clone(), tls.private_key.clone()]),
            authorities: Watched::of(tls.client_auth.file().map(Path::to_owned).into_iter().collect()),
            warnings: keys_file::warnings(&settings.keys_file),
            settings: Arc::new(settings.clone()),
            turn: Turn::default(),
        }
    }

    /// What has been made of the files is not known.
    fn doubt(self) -> Self {
        Self { keys: self.keys.doubt(), pair: self.pair.doubt(), authorities: self.authorities.doubt(), ..self }
    }

    /// Looks for as long as the process lives; `hangup` makes it look at once.
    pub(super) async fn run(mut self, shared: Arc<Shared>, mut hangup: Signal) {
        let mut ticks = tokio::time::interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (settings, turn) = (self.settings.clone(), self.turn.clone());
        loop {
            let asked = tokio::select! {
                _ = ticks.tick() => false,
                _ = hangup.recv() => true,
            };
            if asked {
                shared.notify.reloading();
            }
            let looking = shared.clone();
            let look = tokio::task::spawn_blocking(move || {
                self.look(&looking, asked);
                self
            });
            self = match looked(look, &mut ticks, &shared, &turn).await {
                Ok(looked) => looked,
                Err(fault) if fault.is_panic() => {
                    error!("a fault of ours broke a reload off; all files are read again");
                    Self { turn: turn.clone(), ..Self::of(&settings) }.doubt()
                }
                Err(_) => return,
            };
            if asked {
                shared.notify.ready();
            }
        }
    }

    /// One look. Whoever `asked` for it also wants what failed before to be tried again.
    fn look(&mut self, shared: &Shared, asked: bool) {
        self.look_at_keys(shared, asked);
        self.look_at_mode();
        self.look_at_certificate(shared, asked);
        self.look_at_authorities(shared, asked);
        look_at_clock(shared, &self.turn, SystemTime::now());
    }

    fn look_at_keys(&mut self, shared: &Shared, asked: bool) {
        let file = &self.settings.keys_file;
        match self.keys.look(asked, || keys_file::read_known(file)) {
            Attempt::None => {}
            Attempt::Loaded((rows, fingerprint)) => {
                let now = SystemTime::now();
                let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
                let before = shared.live.load_full();
                // what contradicts itself was refused where it stands when the file was read
                let access = match before.access.rebuild(rows, now) {
                    Ok(access) => access,
                    Err(fault) => return error!("{}: {fault}; the keys that are in use stay in use", file.display()),
                };
                let changes = Changes::between(&before.access, &access);
                replace(shared, access);
                drop(turn);
                shared.metrics.reloaded(ReloadedFile::Keys, Some(now));
                shared.journal.keys_changed((file, fingerprint), &changes);
                changes.log(file);
            }
            Attempt::Failed { error, news } => {
                shared.metrics.reloaded(ReloadedFile::Keys, None);
                if news {
                    shared.journal.refused("keys_refused", file, &error);
                    warn!("{error}; the keys that are in use stay in use");
                }
            }
        }
    }

    /// What is unwise about the keys file is said when it begins.
    fn look_at_mode(&mut self) {
        let warnings = keys_file::warnings(&self.settings.keys_file);
        if warnings != self.warnings {
            warnings.iter().for_each(|warning| warn!("{warning}"));
            self.warnings = warnings;
        }
    }

    fn look_at_certificate(&mut self, shared: &Shared, asked: bool) {
        let load = || Ok::<_, ServeError>(shared.tls.load().with_identity(identity(&self.settings)?)?);
        match self.pair.look(asked, load) {
            Attempt::None => {}
            Attempt::Loaded(terms) => {
                let identity = &terms.identity;
                shared.origins.store(Arc::new(origins(&self.settings, identity)));
                shared.metrics.renew(certificate(identity));
                shared.metrics.reloaded(ReloadedFile::Certificate, Some(SystemTime::now()));
                shared.journal.certificate_changed(&self.settings.tls.certificate, identity);
                let (names, ends) = (identity.names.join(" "), moment::text(identity.not_after));
                shared.tls.store(Arc::new(terms));
                info!(names, ends, "reloaded the certificate");
            }
            Attempt::Failed { error, news } => {
                shared.metrics.reloaded(ReloadedFile::Certificate, None);
                if news {
                    let file = &self.settings.tls.certificate;
                    shared.journal.refused("certificate_refused", file, &error);
                    warn!("{error}; the certificate that is in use stays in use");
                }
            }
        }
    }

    /// Whoever is connected stays so; whoever connects is asked for a certificate of the new authorities.
    fn look_at_authorities(&mut self, shared: &Shared, asked: bool) {
        let auth = &self.settings.tls.client_auth;
        let load = || {
            let clients = Clients::load(auth)?;
            let fingerprint = clients.fingerprint;
            Ok::<_, TlsError>((shared.tls.load().with_clients(clients)?, fingerprint))
        };
        match self.authorities.look(asked, load) {
            Attempt::None => {}
            Attempt::Loaded((terms, fingerprint)) => {
                shared.tls.store(Arc::new(terms));
                shared.metrics.reloaded(ReloadedFile::ClientCa, Some(SystemTime::now()));
                if let Some(read) = auth.file().zip(fingerprint) {
                    shared.journal.authorities_changed(read);
                }
                info!("reloaded the clients' authorities");
            }
            Attempt::Failed { error, news } => {
                shared.metrics.reloaded(ReloadedFile::ClientCa, None);
                if news {
                    let file = auth.file().unwrap_or(Path::new(""));
                    shared.journal.refused("authorities_refused", file, &error);
                    warn!("{error}; the clients' authorities that are in use stay in use");
                }
            }
        }
    }
}

/// Refuses what is watched and would never be read to its end. What is not there at all is told of where it is read.
pub(super) fn readable(settings: &Settings) -> Result<(), ConfigError> {
    let tls = &settings.tls;
    let files = [&*settings.keys_file, &tls.certificate, &tls.private_key].into_iter().chain(tls.client_auth.file());
    for file in files {
        match regular(file) {
            Err(cause) if cause.kind() == ErrorKind::InvalidInput => {
                return Err(ConfigError::of_file(file, format_args!("cannot be read: {cause}")));
            }
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

/// Waits for a look. A file may lie on a network that does not answer: nothing else has to wait for it, and keys end on time
/// all the same.
async fn looked(
    mut look: JoinHandle<Reload>,
    ticks: &mut Interval,
    shared: &Shared,
    turn: &Turn,
) -> Result<Reload, JoinError> {
    for waited in 1_u32.. {
        tokio::select! {
            looked = &mut look => return looked,
            _ = ticks.tick() => look_at_clock(shared, turn, SystemTime::now()),
        }
        if waited == SILENCE {
            warn!("a file of the settings does not answer; what changes in any of them is not seen until it does");
        }
    }
    look.await
}

/// Puts the snapshot of `now` in, if time alone has changed what keys are.
fn look_at_clock(shared: &Shared, turn: &Turn, now: SystemTime) {
    let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
    if shared.live.load().access.is_stale(now) {
        let renewed = shared.live.load().access.renew(now);
        replace(shared, renewed);
    }
}

/// Swaps a snapshot in and ends what it ended, in this order: whoever is authenticated by the old one meanwhile finds its
/// lease ended.
fn replace(shared: &Shared, access: Access) {
    let before = shared.live.load_full();
    let meters = Meters::build(&access, shared.metrics.workers(), &before.meters);
    let after = Arc::new(Live { access, meters });
    shared.live.store(after.clone());
    let ended = before.access.end_leases(&after.access);
    ended.iter().for_each(|(client, key, reason)| shared.journal.key_ended(client, key, *reason));
    for (client, key, reason) in ended.iter().take(MOST) {
        info!(client = client.id().as_str(), key_id = key.id().as_str(), reason = reason.word(), "a key has ended");
    }
    if !ended.is_empty() {
        info!(keys = ended.len(), "streams of these keys end");
    }
    shared.bell.send_replace(());
}
