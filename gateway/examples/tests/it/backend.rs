//! The real weather backend, on its sample data.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread;

use tokio::sync::oneshot;

/// How everything that it says ends.
pub(crate) const SAMPLE: &str = "(This is sample data, not a real forecast or warning.)";

/// The backend in this process; it stops when it is dropped.
pub(crate) struct Backend {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Backend {
    pub(crate) fn start() -> Self {
        let (bound, address) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                bound.send(listener.local_addr().unwrap()).unwrap();
                let stopped = async { drop(stopped.await) };
                weather_backend::serve(listener, weather_backend::Source::sample(), stopped).await.unwrap();
            });
        });
        Self { address: address.recv().unwrap(), stop: Some(stop), thread: Some(thread) }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/mcp", self.address)
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || thread::panicking(), "the backend panicked");
        }
    }
}
