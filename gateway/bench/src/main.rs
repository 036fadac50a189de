//! The bench's backend and its clients. Each client measures one thing over a fixed number of operations and prints one
//! line of JSON. Loopback only; every run is bounded in count and time.

mod backend;
mod http1;
mod lane;
mod modes;
mod tally;

use clap::{Args, Parser, Subcommand};
use lane::{Lane, Target};
use serde_json::Value;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::LocalSet;

/// The end of whatever hangs, and of a backend that was forgotten.
const LIFE: Duration = Duration::from_secs(30 * 60);

/// Measures proxies that end TLS and check API keys
#[derive(Parser)]
#[command(name = "gateway-bench", version)]
struct Arguments {
    #[command(subcommand)]
    mode: Mode,
}

#[derive(Subcommand)]
enum Mode {
    /// Answers behind a proxy: /mcp, /sse?count=N&every=US&size=BYTES, /idle, /big?bytes=N
    Backend {
        /// Address to listen on; port 0 is a free one
        #[arg(long, default_value = "127.0.0.1:0", value_parser = loopback)]
        listen: SocketAddr,
        /// How long a call takes
        #[arg(long, default_value_t = 0, value_name = "MS")]
        delay: u64,
    },
    /// Says whether a proxy does the work: 200 and 401 by the key, events as they come
    Check(Load),
    /// Calls, each sent when the one before it is answered
    Requests {
        #[command(flatten)]
        load: Load,
        /// Pause after each answer
        #[arg(long, default_value_t = 0, value_name = "MS")]
        pause: u64,
    },
    /// A new connection for each call
    Handshakes {
        #[command(flatten)]
        load: Load,
        /// Resume sessions
        #[arg(long)]
        resumed: bool,
    },
    /// Event streams of `count` events each
    Events {
        #[command(flatten)]
        load: Load,
        /// Time between two events of a stream
        #[arg(long, default_value_t = 10_000, value_name = "US")]
        every: u64,
    },
    /// Memory of streams that are open and silent
    Idle {
        #[command(flatten)]
        load: Load,
        /// Hold them after the report, until this is ended
        #[arg(long)]
        hold: bool,
    },
    /// Calls at a fixed rate, for the latency of a proxy that is not busy
    Rate {
        #[command(flatten)]
        load: Load,
        /// Calls a second
        #[arg(long, default_value_t = 500)]
        per_second: u64,
    },
    /// One reply of `count` bytes
    Bulk(Load),
}

/// What all measures have in common.
#[derive(Args)]
struct Load {
    /// The proxy
    #[arg(long, value_parser = loopback)]
    connect: SocketAddr,
    /// PEM file with the authority of its certificate
    #[arg(long)]
    ca: PathBuf,
    /// File with keys, one a line; the one in the middle is used
    #[arg(long)]
    keys: PathBuf,
    /// Show a key that nobody has, and expect 401
    #[arg(long)]
    wrong_key: bool,
    /// Status that calls are answered with, instead of 200, or of 401 for a wrong key
    #[arg(long)]
    status: Option<u16>,
    /// HTTP/2 instead of HTTP/1.1
    #[arg(long)]
    http2: bool,
    #[arg(long, default_value_t = 1)]
    connections: usize,
    /// Streams of each connection, over HTTP/2
    #[arg(long, default_value_t = 1)]
    streams: usize,
    /// How many operations
    #[arg(long, default_value_t = 1000)]
    count: u64,
    /// No operation begins after so much time
    #[arg(long, default_value_t = 20_000, value_name = "MS")]
    at_most: u64,
    /// Processes of the proxy: their CPU time and memory are measured
    #[arg(long, value_delimiter = ',')]
    pids: Vec<u32>,
}

impl Load {
    /// As the key's owner, or as nobody.
    fn target(&self, resumed: bool) -> io::Result<Target> {
        let keys = std::fs::read_to_string(&self.keys)?;
        let key = keys.lines().nth(keys.lines().count() / 2).filter(|_| !self.wrong_key).unwrap_or("a-key-of-nobody");
        Target::new(self.connect, &self.ca, Some(key), self.http2, resumed)
    }

    /// All lanes, open.
    async fn lanes(&self) -> io::Result<Vec<Lane>> {
        let target = Rc::new(self.target(false)?);
        let mut lanes = Vec::new();
        for _ in 0..self.connections {
            lanes.extend(self.connection(&target).await?);
        }
        Ok(lanes)
    }

    /// The lanes of one more connection: one a stream.
    async fn connection(&self, target: &Rc<Target>) -> io::Result<Vec<Lane>> {
        let first = Lane::open(target.clone()).await?;
        let streams = if self.http2 { self.streams } else { 1 };
        let mut lanes: Vec<_> = (1..streams).filter_map(|_| first.beside()).collect();
        lanes.push(first);
        Ok(lanes)
    }

    fn expected(&self) -> u16 {
        self.status.unwrap_or(if self.wrong_key { 401 } else { 200 })
    }
}

fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text.parse().map_err(|_| format!("`{text}` is not ADDRESS:PORT"))?;
    if address.ip().is_loopback() { Ok(address) } else { Err("only loopback is measured".into()) }
}

fn main() -> ExitCode {
    let mode = Arguments::parse().mode;
    let ended = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .and_then(|runtime| LocalSet::new().block_on(&runtime, run(mode)));
    match ended {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(cause) => {
            eprintln!("error: {cause}");
            ExitCode::FAILURE
        }
    }
}

async fn run(mode: Mode) -> io::Result<Value> {
    tokio::time::timeout(LIFE, measure(mode)).await.map_err(|_| io::Error::other("this takes too long"))?
}

async fn measure(mode: Mode) -> io::Result<Value> {
    match mode {
        Mode::Backend { listen, delay } => backend::serve(listen, Duration::from_millis(delay)).await,
        Mode::Check(load) => modes::check(&load).await,
        Mode::Requests { load, pause } => modes::requests(&load, Duration::from_millis(pause)).await,
        Mode::Handshakes { load, resumed } => modes::handshakes(&load, resumed).await,
        Mode::Events { load, every } => modes::events(&load, every).await,
        Mode::Idle { load, hold } => modes::idle(&load, hold).await,
        Mode::Rate { load, per_second } => modes::rate(&load, per_second).await,
        Mode::Bulk(load) => modes::bulk(&load).await,
    }
}
