//! `/readyz` says whether requests should be sent here, and why not.

use crate::harness::certificates::{Certificates, NAMES};
use crate::harness::{Gateway, Origin, eventually};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

#[tokio::test]
async fn readiness_is_told_check_by_check() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(&origin).settings("[drain]\ndelay = \"1h\"").start().await;
    let verbose = gateway.admin("/readyz?verbose").await.with(200).text();
    assert_eq!(verbose, "[+]configuration ok\n[+]serving ok\n[+]certificate ok\n[+]upstream ok\nready\n");
    gateway.signal(rustix::process::Signal::TERM);
    let draining = async || Some(gateway.admin("/readyz?verbose").await).filter(|reply| reply.status == 503);
    let verbose = eventually("it drains", draining).await.text();
    assert!(verbose.contains("[-]serving failed: draining\n") && verbose.ends_with("\nnot ready\n"), "{verbose}");
    assert_eq!(gateway.admin("/readyz").await.with(503).text(), "draining\n");
}

/// What is loaded has to be valid, so a certificate that expires is one that was and has come to its end.
#[tokio::test]
async fn readiness_ends_with_the_certificate() {
    let origin = Origin::start().await;
    let gateway = Gateway::before(&origin).start().await;
    // on a busy machine it may have expired before it is read: then the next one lives longer
    let mut life = Duration::from_secs(3);
    let is_read = |line: &Value| line["message"] == "reloaded the certificate";
    let is_over = |line: &Value| line["message"].as_str().is_some_and(|said| said.contains("is not valid now"));
    loop {
        let end = SystemTime::now() + life;
        let short = Certificates::other(&NAMES, |certificate| certificate.not_after = end.into());
        let from = gateway.log.len();
        gateway.replace("server.key", &short.server_key);
        gateway.replace("server.pem", &short.server);
        if is_read(&gateway.log.wait("the certificate", from, 1, |line| is_read(line) || is_over(line)).await[0]) {
            break;
        }
        life *= 2;
    }
    let unready = async || Some(gateway.admin("/readyz").await).filter(|reply| reply.status == 503);
    assert_eq!(eventually("it expires", unready).await.text(), "the certificate has expired\n");
    assert_eq!(gateway.admin("/livez").await.status, 200, "a restart would not help");
}

#[tokio::test]
async fn the_upstream_is_looked_for_and_required_if_asked() {
    // a part of loopback that only this process binds: who else would be there could be taken for the upstream
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    let nobody = std::net::SocketAddr::from(([127, 128 | high, middle, low], 21_200));
    let url = format!("http://{nobody}");
    let gateway = Gateway::before(&*url).start().await;
    assert_eq!(gateway.admin("/readyz").await.with(200).text(), "ok\n");
    let verbose = gateway.admin("/readyz?verbose").await.with(200).text();
    assert!(verbose.contains("[-]upstream failed: ") && verbose.ends_with(" (not required)\nready\n"), "{verbose}");
    let upstream = &gateway.admin("/status.json").await.json()["upstream"];
    assert_eq!((&upstream["url"], &upstream["reachable"]), (&json!(url), &json!(false)));

    let strict = Gateway::before(&*url).settings("[upstream]\nrequired = true").start().await;
    assert!(strict.admin("/readyz").await.with(503).text().contains("refused"));
    assert!(strict.admin("/readyz?verbose").await.with(503).text().ends_with("not ready\n"));
    assert_eq!(strict.admin("/livez").await.status, 200);
    let _origin = Origin::start_at(nobody).await;
    let ready = async || (strict.admin("/readyz").await.status == 200).then_some(());
    eventually("the upstream is there", ready).await;
    assert_eq!(strict.admin("/status.json").await.json()["upstream"]["reachable"], true);
}
