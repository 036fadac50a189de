//! `serve` as it runs: what it logs for people, and what other commands learn of it on its admin port.

use crate::home::{Home, Ran, ended, free};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, ErrorKind, Lines, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStderr, Stdio};
use std::time::Duration;

/// A running gateway with a plaintext listener, and its log.
struct Serving {
    child: Child,
    log: Lines<BufReader<ChildStderr>>,
    said: Vec<String>,
}

impl Serving {
    fn start(home: &Home) -> Self {
        let mut child = home.command(&["serve"]).stdout(Stdio::null()).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut serving = Self { child, log, said: Vec::new() };
        while !serving.said.last().is_some_and(|line| line.contains("ready")) {
            let line = serving.log.next().expect("it starts").unwrap();
            serving.said.push(line);
        }
        serving
    }

    /// Ends it; gives all that it logged.
    fn end(mut self) -> Vec<String> {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        self.said.extend(self.log.map_while(Result::ok));
        assert_eq!(ended(self.child).code, 0);
        self.said
    }
}

/// Asks with a key over HTTP without TLS; gives the status line.
fn ask(address: SocketAddr, path: &str, key: &str) -> String {
    send(address, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {key}\r\nConnection: close\r\n\r\n"))
}

/// The same for a call of a tool.
fn call(address: SocketAddr, key: &str) -> String {
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_alerts"}}"#;
    let head = "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n";
    send(address, &format!("{head}X-API-Key: {key}\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
}

fn send(address: SocketAddr, request: &str) -> String {
    let mut connection = TcpStream::connect(address).unwrap();
    connection.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    answer.lines().next().unwrap().to_owned()
}

/// Settings with ports of their own, in front of nobody; gives where to ask without TLS.
fn settings(home: &Home, more: &str) -> SocketAddr {
    let (admin, plaintext, nobody) = (free(), free(), free());
    home.write(
        "gateway.toml",
        &format!(
            "[listen]\npublic = \"127.0.0.1:0\"\nadmin = \"{admin}\"\nplaintext = \"{plaintext}\"\n\
            [upstream]\nurl = \"http://{nobody}\"\n{more}"
        ),
    );
    plaintext
}

/// Requests are lines of it at `debug`, also those whose line in the audit, which is JSON whatever the log is, is not switched
/// off by any level.
#[test]
fn its_log_is_text_for_people_unless_the_settings_say_json() {
    for (format, text) in [("", true), ("format = \"text\"", true), ("format = \"json\"", false)] {
        let home = Home::complete();
        let address = settings(&home, &format!("[log]\nlevel = \"gateway=debug\"\n{format}"));
        let key = home.run(&["keys", "new", "agent"]).good().to_owned();
        let serving = Serving::start(&home);
        let id = key.split('_').nth(1).unwrap();
        assert_eq!(call(address, &key), "HTTP/1.1 502 Bad Gateway");
        assert_eq!(ask(address, "/mcp", "wrong"), "HTTP/1.1 401 Unauthorized");
        assert_eq!(ask(address, "/none", &key), "HTTP/1.1 404 Not Found");
        let log = serving.end();
        let expected = match text {
            true => [
                " INFO gateway::serve: listening version=\"".to_owned(),
                " WARN gateway::proxy::refusal: cannot connect to the upstream: ".to_owned(),
                format!(
                    " client=\"agent\" key_id=\"{id}\" method=\"POST\" rpc=\"tools/call\" tool=\"get_alerts\" status=502 \
                     outcome=\"upstream_unreachable\" duration_ms="
                ),
                " method=\"GET\" status=401 outcome=\"key_unknown\" duration_ms=".to_owned(),
                " method=\"GET\" status=404 outcome=\"unknown_path\" duration_ms=".to_owned(),
            ],
            false => [
                "\"level\":\"INFO\",\"message\":\"listening\",\"version\":\"".to_owned(),
                "\"level\":\"WARN\",\"message\":\"cannot connect to the upstream: ".to_owned(),
                format!(
                    "\"client\":\"agent\",\"key_id\":\"{id}\",\"method\":\"POST\",\"rpc\":\"tools/call\",\"tool\":\"get_alerts\",\
                     \"status\":502,\"outcome\":\"upstream_unreachable\",\"duration_ms\":"
                ),
                "\"method\":\"GET\",\"status\":401,\"outcome\":\"key_unknown\",\"duration_ms\":".to_owned(),
                "\"method\":\"GET\",\"status\":404,\"outcome\":\"unknown_path\",\"duration_ms\":".to_owned(),
            ],
        };
        for words in expected {
            assert!(log.iter().any(|line| line.contains(&words)), "{words}\n{log:?}");
        }
        let is_json = |line: &String| serde_json::from_str::<serde_json::Value>(line).is_ok();
        assert!(log.iter().all(|line| is_json(line) != text && !line.contains('\u{1b}')), "{log:?}");
        assert!(!log.concat().contains(&key), "a key was logged");
    }
}

/// On the port of the settings may be anybody.
#[test]
fn keys_are_listed_whatever_answers_on_the_admin_port() {
    let (home, id) = (Home::with_keys(), "agentone");
    let body = |text: &str| format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{text}");
    let (known, twice) = (format!("{{\"id\":\"{id}\","), "\"last_used_at\":\"2026-01-01T00:00:00Z\"}");
    for (answer, tells) in [
        (String::new(), false),
        ("HTTP/1.1 200 OK\r\n\r\n<html>It works!</html>".to_owned(), false),
        ("SSH-2.0-OpenSSH_9.2\r\n".to_owned(), false),
        (format!("HTTP/1.1 404 Not Found\r\n\r\n{{\"keys\":[{known}{twice}]}}"), false),
        (body("{\"keys\":"), false),
        (body("{\"keys\":{}}"), false),
        (body("[[[["), false),
        (body("\0\u{1b}[2J"), false),
        (body("{\"keys\":[7,null,{},{\"id\":7},{\"id\":\"agentone\",\"last_used_at\":\"\\u001b[2J\"}]}"), true),
        (body(&format!("{{\"keys\":[{known}\"last_used_at\":9e999}}]}}")), false),
        (body(&format!("{{\"keys\":[{known}{twice}]}}")), true),
    ] {
        let ran = answered(&home, |mut connection| drop(connection.write_all(answer.as_bytes())));
        let lines: Vec<_> = ran.good().lines().collect();
        assert_eq!((lines.len(), lines[0].contains("LAST USED")), (4, tells), "{answer}\n{ran:?}");
        assert!(!ran.stdout.contains('\u{1b}'), "{ran:?}");
    }
    // whoever never comes to an end is not waited for, nor whoever says more than there can be
    for piece in [&b"x"[..], &[b'x'; 1 << 20]] {
        let ran = answered(&home, |mut connection| {
            // piece by piece, until nobody takes any more
            connection.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
            let left = |read: std::io::Result<usize>| match read {
                Ok(read) => read == 0,
                Err(error) => error.kind() != ErrorKind::WouldBlock,
            };
            while connection.write_all(piece).is_ok() && !left(connection.read(&mut [0; 64])) {}
        });
        assert!(!ran.good().contains("LAST USED"), "{ran:?}");
    }
}

/// What `keys list` comes to when this answers on the admin port.
fn answered(home: &Home, answer: impl FnOnce(TcpStream) + Send) -> Ran {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    home.write("gateway.toml", &format!("[listen]\nadmin = \"{}\"", listener.local_addr().unwrap()));
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let (mut connection, _) = listener.accept().unwrap();
            let mut asked = [0; 1024];
            assert!(connection.read(&mut asked).unwrap() > 0);
            answer(connection);
        });
        home.run(&["keys", "list"])
    })
}

#[test]
fn keys_are_listed_with_their_last_use() {
    let home = Home::complete();
    let address = settings(&home, "");
    let key = home.run(&["keys", "new", "agent"]).good().to_owned();
    let id = key.split('_').nth(1).unwrap();
    let header = |text: &str| text.lines().next().unwrap().contains("LAST USED");
    let list =
        || -> Vec<serde_json::Value> { serde_json::from_str(home.run(&["keys", "list", "--json"]).good()).unwrap() };
    assert!(!header(home.run(&["keys", "list"]).good()), "nobody knows");
    assert!(list().iter().all(|row| row.get("last_used_at").is_none()), "nobody knows");
    let serving = Serving::start(&home);
    ask(address, "/mcp", &key);
    let ran = home.run(&["keys", "list"]);
    assert!(header(ran.good()), "{ran:?}");
    for (row, line) in list().iter().zip(ran.stdout.lines().skip(1)) {
        let used = row["id"] == id;
        assert_eq!(row["last_used_at"].is_string(), used, "{row}");
        assert_eq!(line.contains("s ago"), used, "{line}");
    }
    // of a file that the gateway does not use it knows nothing
    assert!(!header(home.run(&["keys", "list", "--keys", "keys.toml"]).good()));
    serving.end();
    assert!(!header(home.run(&["keys", "list"]).good()));
}
