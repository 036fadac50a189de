//! `healthcheck`: exit 0 exactly if a gateway's admin port says that it lives.

use crate::home::{Home, ended, free};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::Stdio;

fn asked(answer: &'static str) -> (crate::home::Ran, String) {
    let home = Home::empty();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    home.write("gateway.toml", &format!("[listen]\nadmin = \"0.0.0.0:{port}\""));
    let server = std::thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        let mut request = vec![0; 1024];
        let n = connection.read(&mut request).unwrap();
        connection.write_all(answer.as_bytes()).unwrap();
        String::from_utf8(request[..n].to_vec()).unwrap()
    });
    (home.run(&["healthcheck"]), server.join().unwrap())
}

#[test]
fn the_answer_decides() {
    let (ran, request) = asked("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok\n");
    assert!(ran.good().is_empty());
    assert!(request.starts_with("GET /livez HTTP/1.1\r\nHost: 127.0.0.1:"), "{request}");
    asked("HTTP/1.1 503 Service Unavailable\r\n\r\n").0.refused(1, "answers /livez with 503");
    asked("SSH-2.0-OpenSSH_9.2p1\r\n").0.refused(1, "does not answer as the admin port of a gateway does");
    asked("").0.refused(1, "no answer from the admin port");
}

#[test]
fn a_gateway_that_serves_is_healthy_and_one_that_ended_is_not() {
    let home = Home::complete();
    home.write("gateway.toml", &format!("[listen]\npublic = \"127.0.0.1:0\"\nadmin = \"{}\"", free()));
    let mut gateway = home.command(&["serve"]).stdout(Stdio::null()).spawn().unwrap();
    let mut log = BufReader::new(gateway.stderr.take().unwrap()).lines();
    assert!(log.by_ref().map_while(Result::ok).any(|line| line.contains("ready")));
    home.run(&["healthcheck"]).good();
    rustix::process::kill_process(rustix::process::Pid::from_child(&gateway), rustix::process::Signal::TERM).unwrap();
    log.by_ref().map_while(Result::ok).for_each(drop);
    assert_eq!(ended(gateway).code, 0);
    home.run(&["healthcheck"]).refused(1, "no answer from the admin port");
}

#[test]
fn a_port_that_is_taken_is_our_failure() {
    let home = Home::complete();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    home.write("gateway.toml", &format!("[listen]\npublic = \"{address}\"\nadmin = \"127.0.0.1:0\""));
    let ran = home.run(&["serve"]);
    assert!(ran.code == 1 && format!("{}{}", ran.stdout, ran.stderr).contains(&address.to_string()), "{ran:?}");
}
