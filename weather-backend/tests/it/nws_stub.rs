//! A server of ours that speaks as the NWS API does, or as it should not. It writes raw bytes, so it can lie.

use std::{
    collections::HashMap,
    fmt::Write,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
    sync::{Notify, mpsc},
};
use weather_backend::{Nws, NwsSettings, Source};

const NEW_YORK: &str = include_str!("../../src/source/sample/new-york.json");

pub(crate) const POINT: &str = "/points/40.7128,-74.006";
pub(crate) const FORECAST: &str = "/gridpoints/OKX/33,35/forecast";
pub(crate) const CALIFORNIA: &str = "/alerts/active/area/CA";

/// What is sent back for one request.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// These bytes; the connection is kept.
    Bytes(Vec<u8>),
    /// These bytes, and the connection is closed.
    Last(Vec<u8>),
    /// Nothing, until the client leaves.
    Silence,
    /// These bytes once permission is given.
    Held(Arc<Notify>, Vec<u8>),
}

impl Answer {
    /// The same answer, held back until permission is given.
    pub(crate) fn held(self) -> (Self, Arc<Notify>) {
        let permission = Arc::new(Notify::new());
        match self {
            Self::Bytes(bytes) | Self::Last(bytes) | Self::Held(_, bytes) => {
                (Self::Held(permission.clone(), bytes), permission)
            }
            Self::Silence => panic!("there is nothing to hold back"),
        }
    }
}

/// One request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) headers: HashMap<String, String>,
}

/// The stub. For each path it gives the answers in turn and then the last one over and over; 404 for other paths.
pub(crate) struct Stub {
    pub(crate) base: String,
    scripts: Arc<Mutex<HashMap<String, Vec<Answer>>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
    left: mpsc::UnboundedReceiver<String>,
}

impl Stub {
    /// A stub that knows New York and the alerts of California.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let (stub, served) = Self::new(base);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(served.clone().connection(stream));
            }
        });
        stub
    }

    /// A stub reached at `base`, and what serves its connections, for those that are not plain TCP.
    pub(crate) fn new(base: String) -> (Self, Served) {
        let (sender, left) = mpsc::unbounded_channel();
        let stub = Self { base, scripts: Arc::default(), asked: Arc::default(), left };
        let served = Served { scripts: stub.scripts.clone(), asked: stub.asked.clone(), left: sender };
        let place: Value = serde_json::from_str(NEW_YORK).unwrap();
        stub.on(POINT, [ok(&stub.own(&place["point"]["body"]))]);
        stub.on(FORECAST, [ok(&stub.own(&place["forecast"]["body"]))]);
        stub.on(
            CALIFORNIA,
            [ok(&json!({"features": [{"properties": {"event": "Gale Warning", "severity": "Severe"}}]}))],
        );
        (stub, served)
    }

    pub(crate) fn on(&self, path: &str, answers: impl IntoIterator<Item = Answer>) {
        self.scripts.lock().unwrap().insert(path.to_owned(), answers.into_iter().collect());
    }

    /// The first answer that `path` has at the moment.
    pub(crate) fn scripted(&self, path: &str) -> Answer {
        self.scripts.lock().unwrap()[path][0].clone()
    }

    /// What was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// The paths that were asked for so far.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.path).collect()
    }

    /// Waits until a client has left while it got silence, and gives the path it had asked for.
    pub(crate) async fn client_left(&mut self) -> String {
        self.left.recv().await.unwrap()
    }

    /// Waits until `count` requests have come.
    pub(crate) async fn asked_times(&self, count: usize) {
        while self.asked().len() < count {
            tokio::task::yield_now().await;
        }
    }

    /// A source that asks this stub, and retries quickly.
    pub(crate) fn source(&self) -> Source {
        Source::Nws(Nws::new(&self.settings()).unwrap())
    }

    pub(crate) fn settings(&self) -> NwsSettings {
        NwsSettings {
            base_url: self.base.parse().unwrap(),
            contact: Some("ops@example.com".to_owned()),
            first_wait: std::time::Duration::from_millis(1),
            ..NwsSettings::default()
        }
    }

    /// A body with this stub's address in the place of the Service's.
    pub(crate) fn own(&self, body: &Value) -> Value {
        serde_json::from_str(&body.to_string().replace("https://api.weather.gov", &self.base)).unwrap()
    }
}

#[derive(Clone)]
pub(crate) struct Served {
    scripts: Arc<Mutex<HashMap<String, Vec<Answer>>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
    left: mpsc::UnboundedSender<String>,
}

impl Served {
    pub(crate) async fn connection(self, mut stream: impl AsyncRead + AsyncWrite + Unpin) {
        while let Some(asked) = read_head(&mut stream).await {
            self.asked.lock().unwrap().push(asked.clone());
            match self.answer(&asked.path) {
                Answer::Bytes(bytes) => {
                    if stream.write_all(&bytes).await.is_err() {
                        return;
                    }
                }
                Answer::Held(permission, bytes) => {
                    permission.notified().await;
                    let _ = stream.write_all(&bytes).await;
                }
                Answer::Last(bytes) => {
                    let _ = stream.write_all(&bytes).await;
                    let _ = stream.shutdown().await;
                    return;
                }
                Answer::Silence => {
                    while stream.read(&mut [0; 64]).await.is_ok_and(|read| read > 0) {}
                    let _ = self.left.send(asked.path);
                    return;
                }
            }
        }
    }

    fn answer(&self, path: &str) -> Answer {
        let mut scripts = self.scripts.lock().unwrap();
        match scripts.get_mut(path) {
            None => reply(404, &[], b"{}"),
            Some(answers) if answers.len() > 1 => answers.remove(0),
            Some(answers) => answers[0].clone(),
        }
    }
}

async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> Option<Asked> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    Some(Asked { path, headers: lines.filter_map(header).collect() })
}

/// A whole reply.
pub(crate) fn reply(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let mut head = format!("HTTP/1.1 {status} Stub\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    Answer::Bytes([head.as_bytes(), b"\r\n", body].concat())
}

pub(crate) fn gzip(body: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut gzip, body).unwrap();
    gzip.finish().unwrap()
}

pub(crate) fn ok(body: &Value) -> Answer {
    reply(200, &[("Content-Type", "application/geo+json")], body.to_string().as_bytes())
}

pub(crate) fn problem(status: u16, kind: &str, title: &str) -> Answer {
    let kind = format!("https://api.weather.gov/problems/{kind}");
    let body = json!({"type": kind, "title": title, "status": status, "correlationId": "c0ffee"}).to_string();
    reply(status, &[("Content-Type", "application/problem+json")], body.as_bytes())
}

pub(crate) fn redirect(status: u16, location: &str) -> Answer {
    reply(status, &[("Location", location)], b"")
}
