//! What the gateway says itself, whatever it says: nobody keeps it, nobody guesses what it is, and a page that is listed may
//! read it, each refusal too. Whoever came over TLS is told to stay with it; over plain HTTP nobody is (RFC 6797, section 7.2).
//! What the backend says is not marked.

use crate::harness::origin::ok;
use crate::harness::{Ask, Gateway, Key, Origin, Protocol, Reply, eventually};
use serde_json::json;
use tokio::net::TcpSocket;

const PAGE: &str = "https://app.example.com";
const LISTEN: &str = "[listen]\nplaintext = \"127.0.0.1:0\"\nallowed_origins = [\"https://app.example.com\"]\n";

/// How a request comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Plain,
    Tls(Protocol),
}

const WAYS: [Way; 3] = [Way::Plain, Way::Tls(Protocol::Http1), Way::Tls(Protocol::Http2)];

impl Way {
    async fn ask(self, gateway: &Gateway, ask: &Ask) -> Reply {
        match self {
            Way::Tls(protocol) => gateway.client(protocol).await.ask(ask).await,
            Way::Plain => {
                let named = ask.fields.has("host");
                let ask = if named { ask.clone() } else { ask.clone().field("Host", "localhost") };
                gateway.plain(gateway.plaintext.unwrap()).await.ask(&ask).await
            }
        }
    }

    /// Fails unless the reply is one of ours, for a page or for nobody.
    #[track_caller]
    fn marks(self, what: &str, reply: &Reply, page: bool) {
        let said = format!("{what}, {self:?}: {} {:?}", reply.status, reply.fields);
        assert_eq!(reply.fields.one("cache-control"), Some("no-store"), "{said}");
        assert_eq!(reply.fields.one("x-content-type-options"), Some("nosniff"), "{said}");
        assert_eq!(reply.fields.one("x-request-id").map(str::len), Some(32), "{said}");
        let stay = (self != Way::Plain).then_some("max-age=31536000");
        assert_eq!(reply.fields.one("strict-transport-security"), stay, "{said}");
        assert_eq!(reply.fields.one("access-control-allow-origin"), page.then_some(PAGE), "{said}");
        if page {
            let exposed = reply.fields.one("access-control-expose-headers").expect("what the page may read");
            for name in ["www-authenticate", "retry-after", "ratelimit", "ratelimit-policy", "x-request-id"] {
                assert!(exposed.split(", ").any(|exposed| exposed == name), "{name}: {said}");
            }
            assert!(reply.fields.all("vary").contains(&"Origin"), "{said}");
        }
    }

    /// Asks as a program, and as a listed page.
    async fn refuses(self, gateway: &Gateway, what: &str, status: u16, ask: &Ask) {
        for (ask, page) in [(ask.clone(), false), (ask.clone().field("Origin", PAGE), true)] {
            let reply = self.ask(gateway, &ask).await;
            assert_eq!(reply.status, status, "{what}, {self:?}: {}", reply.text());
            self.marks(what, &reply, page);
        }
    }
}

fn preflight() -> Ask {
    Ask::new("OPTIONS", "/mcp").field("Access-Control-Request-Method", "POST")
}

#[tokio::test]
async fn whatever_it_refuses() {
    let origin = Origin::answering(|request| match request.target() {
        "/mcp?lie" => b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n".to_vec(),
        _ => ok("{}"),
    });
    let (origin, bound, slow) = (origin.await, Key::new(), Key::new());
    let gateway = Gateway::before(&origin)
        .settings(&format!("{LISTEN}[limits]\nmax_body = \"1KiB\""))
        .client("phone", "tools = [\"get_alerts\"]", &[&bound])
        .client("slow", "tools = \"all\"\nrate = \"1/day\"\nburst = 1", &[&slow])
        .start()
        .await;
    let free = &gateway.key().secret;
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"delete_everything"}}"#;
    let post = || Ask::new("POST", "/mcp").key(&bound.secret);
    let ping = || Ask::ping().key(free);
    let paid = || Ask::call(1, "get_alerts", json!({})).key(&slow.secret);
    gateway.http1().await.ask(&paid()).await.with(200);
    let both = [
        ("a target", 400, Ask::get("/mcp/../x")),
        ("a name like ours", 400, ping().field("X_Client_Id", "admin")),
        ("a batch under a policy", 400, post().field("content-type", "application/json").body("[]")),
        ("no key", 401, Ask::ping()),
        ("a wrong key", 401, Ask::ping().key("nobody-has-this-one")),
        ("a tool", 403, post().field("content-type", "application/json").body(call)),
        ("a path", 404, Ask::get("/none")),
        ("another name", 421, ping().field("Host", "evil.example")),
        ("a session", 404, ping().field("Mcp-Session-Id", "somebody-elses")),
        ("a long body", 413, Ask::post(vec![b' '; 1025]).key(free)),
        ("another type", 415, post().field("content-type", "text/plain").body("{}")),
        ("a rate", 429, paid()),
        ("a lie of the backend", 502, Ask::get("/mcp?lie").key(free)),
    ];
    for way in WAYS {
        for (what, status, ask) in &both {
            way.refuses(&gateway, what, *status, ask).await;
        }
        // another page learns nothing of what it asked for
        let page = way.ask(&gateway, &ping().field("Origin", "https://evil.example")).await.with(403);
        way.marks("another page", &page, false);
        let answer = way.ask(&gateway, &preflight().field("Origin", PAGE)).await.with(204);
        way.marks("a preflight", &answer, true);
        let relayed = way.ask(&gateway, &ping()).await.with(200);
        for name in ["strict-transport-security", "cache-control", "x-content-type-options"] {
            assert!(!relayed.fields.has(name), "the backend did not say `{name}`");
        }
    }
    // hyper itself refuses these over the other protocol
    for way in [Way::Plain, Way::Tls(Protocol::Http1)] {
        way.refuses(&gateway, "another protocol", 501, &ping().field("Upgrade", "websocket")).await;
        let coded = Ask::new("POST", "/mcp").key(free).field("Transfer-Encoding", "gzip, chunked").body("0\r\n\r\n");
        way.refuses(&gateway, "a coding", 400, &coded).await;
    }
    let long = ping().field("x-long", "x".repeat(17 << 10));
    Way::Tls(Protocol::Http2).refuses(&gateway, "a long list", 431, &long).await;
}

#[tokio::test]
async fn when_there_is_too_much() {
    let origin = Origin::start().await;
    let requests = Gateway::before(&origin).settings(&format!("{LISTEN}[limits]\nmax_in_flight = 1")).start().await;
    let ask = Ask::ping().key(&requests.key().secret);
    let mut waiting = requests.http1().await;
    waiting.open(&ask).await;
    let _held = origin.whole().await;
    let connections =
        Gateway::before(&origin).settings(&format!("{LISTEN}[limits]\nmax_connections = 1")).start().await;
    let mut only = connections.http1().await;
    only.ask(&Ask::get("/none")).await.with(404);
    for way in WAYS {
        for (what, gateway) in [("too many requests", &requests), ("too many connections", &connections)] {
            way.refuses(gateway, what, 503, &ask).await;
            way.refuses(gateway, what, 503, &preflight()).await;
        }
    }
}

#[tokio::test]
async fn when_the_backend_is_silent_or_gone() {
    let origin = Origin::answering(|_| Vec::new()).await;
    let silent =
        Gateway::before(&origin).settings(&format!("{LISTEN}[upstream]\nhead_timeout = \"200ms\"")).start().await;
    for way in WAYS {
        way.refuses(&silent, "a silent backend", 504, &Ask::ping().key(&silent.key().secret)).await;
    }
    // bound, so that nobody else takes the port, and not listening
    let reserved = TcpSocket::new_v4().unwrap();
    reserved.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = reserved.local_addr().unwrap();
    let gone = Gateway::before(&*format!("http://{address}")).settings(&format!("workers = 1\n{LISTEN}")).start().await;
    let ask = Ask::ping().key(&gone.key().secret).field("Origin", PAGE);
    for way in WAYS {
        let down = eventually("the breaker opens", async || {
            let reply = way.ask(&gone, &ask).await;
            way.marks("a backend that is gone", &reply, true);
            (reply.status == 503).then_some(reply)
        });
        assert_eq!(down.await.fields.one("retry-after"), Some("1"));
    }
}
