//! Each worker has a listener of its own on the same port, and the kernel spreads connections over them. A request id is
//! unique, and its first half tells the worker.

use crate::harness::origin::ok;
use crate::harness::{Ask, Gateway, Origin, Protocol};
use std::collections::HashSet;

/// All of them go to one of two workers by a chance of one in 2^39.
const CONNECTIONS: usize = 40;

#[tokio::test]
async fn of_one_port() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let gateway = Gateway::before(&origin).settings("workers = 2").start().await;
    let (mut workers, mut ids) = (HashSet::new(), HashSet::new());
    for n in 0..CONNECTIONS {
        let mut client = gateway.client(Protocol::BOTH[n % 2]).await;
        for _ in 0..3 {
            let reply = client.ask(&Ask::ping().key(&gateway.key().secret)).await.with(200);
            let id = reply.fields.one("x-request-id").unwrap().to_owned();
            workers.insert(id[..16].to_owned());
            assert!(ids.insert(id), "an id came twice");
        }
    }
    assert_eq!((workers.len(), ids.len()), (2, 3 * CONNECTIONS));
    let counted = "gateway_requests_total{client=\"weather-agent\",route=\"/mcp\",method=\"POST\",outcome=\"relayed\"}";
    gateway.audited(ids.len()).await;
    assert_eq!(gateway.metric(counted).await, Some(ids.len() as f64), "a scrape adds the workers up");
}

#[tokio::test]
async fn and_a_crash_leaves_a_port_that_can_be_bound_again() {
    let origin = Origin::answering(|_| ok("{}")).await;
    let mut gateway = Gateway::before(&origin).start().await;
    let mut client = gateway.http1().await;
    client.ask(&Ask::get("/")).await.with(200);
    gateway.restart().await;
    client.closed("the process is gone").await;
    gateway.http1().await.ask(&Ask::ping().key(&gateway.key().secret)).await.with(200);
}
