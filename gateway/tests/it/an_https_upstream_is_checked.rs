//! `upstream.url = "https://..."`: the upstream's certificate is checked against `upstream.ca`, or against the platform's
//! authorities, which `SSL_CERT_FILE` can replace; what they did not sign is never spoken to. Another machine needs `allow_remote = true`; the second gateway of this test stands for one.

use crate::harness::certificates::Certificates;
use crate::harness::origin::ok;
use crate::harness::{Ask, Gateway, Origin, Protocol};
use serde_json::Value;

#[tokio::test]
async fn against_the_authority_that_the_settings_name() {
    let origin = Origin::answering(|request| ok(&format!("{:?}", request.target()))).await;
    let remote = Gateway::before(&origin).start().await;
    let url = format!("https://localhost:{}", remote.public.port());
    std::fs::write(remote.dir().join("ca.pem"), &Certificates::get().ca).unwrap();
    let settings = format!("[upstream]\nca = {:?}\nallow_remote = true", remote.dir().join("ca.pem"));
    let gateway = Gateway::before(&*url).settings(&settings).start().await;
    for protocol in Protocol::BOTH {
        let mut client = gateway.client(protocol).await;
        for _ in 0..3 {
            assert_eq!(client.ask(&Ask::get("/health")).await.with(200).json(), "/health");
        }
    }
    // our key is not the next one's: it is not passed on, and the other gateway misses one
    let ask = Ask::ping().key(&gateway.key().secret);
    let sentence = gateway.http1().await.ask(&ask).await.refuses(401, -32001, Value::Null);
    assert_eq!(sentence, "Missing API key. Provide 'X-API-Key' header.");
}

#[tokio::test]
async fn and_an_unknown_one_is_502() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let remote = Gateway::before(&origin).start().await;
    let url = format!("https://localhost:{}", remote.public.port());
    let other = Certificates::other(&["localhost"], |_| ());
    std::fs::write(remote.dir().join("ca.pem"), &other.ca).unwrap();
    let settings = format!("[upstream]\nca = {:?}\nallow_remote = true", remote.dir().join("ca.pem"));
    let gateway = Gateway::before(&*url).settings(&settings).start().await;
    gateway.http1().await.ask(&Ask::get("/health")).await.refuses(502, -32010, Value::Null);
    assert_eq!(origin.requests().len(), 0);
}

#[tokio::test]
async fn the_platforms_authorities_are_asked_unless_others_are_named() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let remote = Gateway::before(&origin).start().await;
    let url = format!("https://localhost:{}", remote.public.port());
    let other = Certificates::other(&["localhost"], |_| ());
    for (roots, good) in [(&Certificates::get().ca, true), (&other.ca, false)] {
        let file = remote.dir().join(format!("platform-{good}.pem"));
        std::fs::write(&file, roots).unwrap();
        let setup = Gateway::before(&*url).settings("[upstream]\nallow_remote = true");
        let gateway = setup.variable("SSL_CERT_FILE", file.to_str().unwrap()).start().await;
        let before = origin.requests().len();
        let reply = gateway.http1().await.ask(&Ask::get("/health")).await;
        if good {
            reply.with(200);
        } else {
            reply.refuses(502, -32010, Value::Null);
        }
        assert_eq!(origin.requests().len() - before, usize::from(good));
    }
}
