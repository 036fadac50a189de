//! The real MCP server, in this process, on its sample data.

use super::deadline::within;
use super::setup::Upstream;
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use weather_backend::Source;

/// A running weather backend.
pub(crate) struct Backend {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    served: JoinHandle<std::io::Result<()>>,
}

impl Backend {
    pub(crate) async fn start() -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap()).await
    }

    /// On `address`, where another one may have been.
    pub(crate) async fn start_at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let stopped = async {
            let _ = stopped.await;
        };
        let served = tokio::spawn(weather_backend::serve(listener, Source::sample(), stopped));
        Self { address, stop, served }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops it; gives the address, at which nobody listens any more.
    pub(crate) async fn stop(self) -> SocketAddr {
        let _ = self.stop.send(());
        within("the backend stops", self.served).await.unwrap().unwrap();
        self.address
    }
}

impl Upstream for Backend {
    fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}
