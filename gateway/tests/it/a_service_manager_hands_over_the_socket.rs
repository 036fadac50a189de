//! Started by systemd or its like: the public socket is the one that was handed over, all workers take connections from
//! it, and connections that come while the gateway is restarted wait in the kernel. It says when it is ready, reloads and
//! stops. A socket that the settings know nothing of is refused.

use crate::harness::origin::ok;
use crate::harness::{Ask, Gateway, Http1, Origin, Protocol, ServiceManager, eventually};
use rustix::process::Signal;
use std::collections::HashSet;
use tokio::net::TcpStream;

fn on_socket(manager: &ServiceManager) -> String {
    format!("[listen]\npublic = \"{}\"", manager.address())
}

#[tokio::test]
async fn connections_wait_while_it_is_restarted() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let manager = ServiceManager::new();
    let settings = on_socket(&manager);
    let address = manager.address();
    let mut gateway = Gateway::before(&origin).settings(&settings).under(manager).start().await;
    assert_eq!(gateway.public, address);
    let ask = Ask::ping().key(&gateway.key().secret);
    gateway.http1().await.ask(&ask).await.with(200);
    gateway.signal(Signal::TERM);
    assert_eq!(gateway.exited().await, 0);
    // nobody accepts, and nobody is refused
    let waiting = TcpStream::connect(address).await.expect("the socket is still there");
    gateway.restart().await;
    let io = gateway.tls_over(waiting, Protocol::Http1).await.expect("the connection waited");
    Http1::new(io, gateway.authority()).ask(&ask).await.with(200);
}

#[tokio::test]
async fn all_workers_share_it() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let manager = ServiceManager::new();
    let settings = on_socket(&manager);
    let gateway = Gateway::before(&origin).settings(&settings).under(manager).start().await;
    // both are woken by each connection, and whoever comes first takes it
    let both = async || {
        let mut clients = Vec::new();
        for _ in 0..8 {
            clients.push(gateway.http1().await);
        }
        let mut workers = HashSet::new();
        for client in &mut clients {
            let reply = client.ask(&Ask::ping().key(&gateway.key().secret)).await.with(200);
            workers.insert(reply.fields.one("x-request-id").unwrap()[..16].to_owned());
        }
        (workers.len() == 2).then_some(())
    };
    eventually("both workers have taken connections", both).await;
}

#[tokio::test]
async fn it_says_how_it_is() {
    let origin = Origin::start().await;
    let manager = ServiceManager::new();
    let settings = on_socket(&manager);
    let mut gateway = Gateway::before(&origin).settings(&settings).under(manager).start().await;
    assert_eq!(gateway.manager.heard().await, "READY=1");
    gateway.signal(Signal::HUP);
    let reloading = gateway.manager.heard().await;
    let since = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap_or_else(|| panic!("{reloading}"));
    assert!(since.parse::<u64>().unwrap() > 0);
    assert_eq!(gateway.manager.heard().await, "READY=1");
    gateway.signal(Signal::TERM);
    assert_eq!(gateway.manager.heard().await, "STOPPING=1");
    assert_eq!(gateway.exited().await, 0);
}

#[tokio::test]
async fn a_socket_that_the_settings_do_not_know_is_refused() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(&origin).start().await;
    let manager = ServiceManager::new();
    let address = manager.address();
    // another port; and another address, since the socket might be one that more people reach
    for public in ["127.0.0.1:0".to_owned(), format!("127.0.0.2:{}", address.port())] {
        let settings = format!("[listen]\npublic = \"{public}\"\nadmin = \"127.0.0.1:0\"\n");
        std::fs::write(gateway.dir().join("other.toml"), settings).unwrap();
        let mut command = manager.command(env!("CARGO_BIN_EXE_gateway"));
        let output = command.current_dir(gateway.dir()).args(["serve", "--config", "other.toml"]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{said}");
        assert!(said.contains(&format!("a socket on {address}, and no listener of the settings is there")), "{said}");
    }
}
