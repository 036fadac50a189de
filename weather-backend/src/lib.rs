//! An MCP server for US National Weather Service alerts and forecasts.
//!
//! It has no authentication and serves loopback only; whoever wants to offer it to others puts a gateway in front.
//!
//! A test, or another program, runs it in its own process: the caller owns the socket and says when to stop.
//!
//! ```no_run
//! # async fn run() -> std::io::Result<()> {
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! let address = listener.local_addr()?;
//! tokio::spawn(weather_backend::serve(listener, weather_backend::Source::sample(), std::future::pending()));
//! println!("http://{address}/mcp");
//! # Ok(())
//! # }
//! ```

mod health;
mod listener;
mod loopback;
mod metrics;
mod server;
mod source;
mod tools;
pub mod weather;

pub use health::{Unhealthy, ask_health};
pub use listener::{Address, AddressError, BindError, Listener, SocketFile};
pub use metrics::Metrics;
pub use server::{Server, serve, serve_metrics};
pub use source::{BaseUrl, Nws, NwsError, NwsSettings, Sample, Source, Step, Trouble, Watch};
