//! The weather backend's process: arguments, sockets, serving, and an orderly end.

mod cli;
mod log;
mod systemd;

use std::process::ExitCode;

use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{Signal, SignalKind, signal},
};
use tracing::{info, warn};
use weather_backend::{Address, Listener, Server, ask_health, serve_metrics};

use crate::{
    cli::{Cli, Command, HealthArgs, ServeArgs, USAGE},
    systemd::{Inherited, notify},
};

fn main() -> ExitCode {
    let cli = match Cli::read() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    match cli.command {
        Some(Command::Healthcheck(args)) => on(Builder::new_current_thread(), healthcheck(args)),
        None => {
            log::start(cli.serve.log_format, cli.serve.log_level);
            raise_file_limit();
            let inherited = Inherited::take().map_err(|sentence| Exit { code: USAGE, sentence });
            on(Builder::new_multi_thread(), async { serve(cli.serve, inherited?).await })
        }
    }
}

/// Runs `program` to its exit code. What it leaves running, such as a name look-up, does not hold up the end.
fn on(mut builder: Builder, program: impl Future<Output = Result<(), Exit>>) -> ExitCode {
    let ended = builder.enable_all().build().map_err(Exit::failure).and_then(|runtime: Runtime| {
        let ended = runtime.block_on(program);
        runtime.shutdown_background();
        ended
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(exit) => {
            eprintln!("error: {}", exit.sentence);
            ExitCode::from(exit.code)
        }
    }
}

async fn serve(args: ServeArgs, mut inherited: Inherited) -> Result<(), Exit> {
    let source = args.source().map_err(|sentence| Exit { code: USAGE, sentence })?;
    if args.lacks_contact() {
        warn!("give --nws-contact, so that the National Weather Service can turn to you before it blocks you");
    }
    let server = Server::new(source).drain_timeout(args.drain_timeout);
    // Signals are caught before anything listens: whoever sees us listen may stop us in an orderly way.
    let mut signals = Signals::catch()?;
    let listener = listen("MCP", &args.listen, &mut inherited).await?;
    let metrics = match &args.metrics_listen {
        Some(address) => Some(serve_metrics(listen("metrics", address, &mut inherited).await?, server.metrics())),
        None => None,
    };
    inherited.none_left().map_err(|sentence| Exit { code: USAGE, sentence })?;
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let serving = server.serve(listener, async {
        // An error is a sender that is gone, which is as good a reason to stop.
        let _ = stopped.await;
    });
    let twice = async {
        notify("READY=1");
        let first = signals.next().await;
        notify("STOPPING=1");
        info!(signal = first, "stopping: no new connections, running calls may finish");
        let _ = stop.send(());
        signals.next().await
    };
    tokio::select! {
        ended = serving => ended.map_err(Exit::failure)?,
        Some(ended) = async { Some(metrics?.await) } => ended.map_err(Exit::failure)?,
        second = twice => return Err(Exit::failure(format!("{second}: a second signal, so running calls were cut"))),
    }
    info!("stopped");
    Ok(())
}

/// A running call holds two descriptors; the soft limit that shells and container engines set is for programs that select().
/// Without one to spare no connection is accepted, and whoever waits for it does not learn why.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }) {
        warn!(%error, "cannot raise the limit of open files");
    }
}

async fn listen(what: &'static str, address: &Address, inherited: &mut Inherited) -> Result<Listener, Exit> {
    let listener = match inherited.on(address).map_err(Exit::failure)? {
        Some(listener) => listener,
        None => Listener::bind(address).await.map_err(Exit::failure)?,
    };
    let bound = listener.address().map_err(Exit::failure)?;
    info!(what, address = %bound, "listening");
    Ok(listener)
}

async fn healthcheck(args: HealthArgs) -> Result<(), Exit> {
    ask_health(&args.listen, args.timeout).await.map_err(Exit::failure)
}

/// The signals that stop us.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn catch() -> Result<Self, Exit> {
        let caught = |kind| signal(kind).map_err(Exit::failure);
        Ok(Self { terminate: caught(SignalKind::terminate())?, interrupt: caught(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// An end that is not the one that was asked for.
struct Exit {
    code: u8,
    sentence: String,
}

impl Exit {
    fn failure(why: impl ToString) -> Self {
        Self { code: 1, sentence: why.to_string() }
    }
}
