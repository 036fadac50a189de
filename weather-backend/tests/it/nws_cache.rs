//! Replies are used again for as long as RFC 9111 allows, and confirmed by a conditional request after that.

use serde_json::json;

use super::{
    harness::{Backend, text},
    nws_stub::{Answer, CALIFORNIA, FORECAST, POINT, Stub, redirect, reply},
};

const NOTHING: &[u8] = br#"{"features":[]}"#;
const GALE: &[u8] = br#"{"features":[{"properties":{"event":"Gale Warning"}}]}"#;
const MODIFIED: (&str, &str) = ("Last-Modified", "Wed, 07 Oct 2026 08:41:09 GMT");

async fn alerts(backend: &Backend) -> String {
    text(&backend.call("get_alerts", json!({"state": "CA"})).await).to_owned()
}

fn counted(backend: &Backend, result: &str, count: u32) {
    let series = format!("weather_cache_lookups_total{{result=\"{result}\"}} {count}\n");
    let text = backend.metrics.text();
    assert!(text.contains(&series), "{series} is not in\n{text}");
}

#[tokio::test]
async fn a_fresh_reply_is_used_again_by_every_client() {
    let stub = Stub::start().await;
    stub.on(CALIFORNIA, [reply(200, &[("Cache-Control", "public, max-age=600")], NOTHING)]);
    let backend = Backend::start(stub.source()).await;
    for _ in 0..5 {
        assert_eq!(alerts(&backend).await, "No active alerts for this state.");
    }
    assert_eq!(stub.paths(), [CALIFORNIA]);
    counted(&backend, "miss", 1);
    counted(&backend, "hit", 4);
}

#[tokio::test]
async fn what_is_not_to_be_stored_is_asked_for_each_time() {
    for control in ["no-store", "private, max-age=600", "max-age=0", ""] {
        let stub = Stub::start().await;
        stub.on(CALIFORNIA, [reply(200, &[("Cache-Control", control)], NOTHING)]);
        let backend = Backend::start(stub.source()).await;
        alerts(&backend).await;
        alerts(&backend).await;
        assert_eq!(stub.paths().len(), 2, "{control}");
    }
}

/// How often two calls ask, by what the reply says of itself (RFC 9111, sections 4.1, 4.2 and 5.2.2). The cache is shared, so
/// `s-maxage` wins. The second row is how the Service says it.
#[tokio::test]
async fn what_a_reply_says_decides_whether_it_is_used_again() {
    const LONG: (&str, &str) = ("Cache-Control", "max-age=600");
    const NEVER: (&str, &str) = ("Expires", "Thu, 01 Jan 1970 00:00:00 GMT");
    const PAST: (&str, &str) = ("Date", "Wed, 07 Oct 2026 08:41:09 GMT");
    for (asked, headers) in [
        (1, vec![LONG]),
        (
            1,
            vec![
                ("Cache-Control", "public, max-age=0, s-maxage=3600"),
                ("Vary", "Accept,Feature-Flags,Accept-Language"),
            ],
        ),
        (2, vec![("Cache-Control", "public, max-age=600, s-maxage=0")]),
        (2, vec![LONG, ("Vary", "*")]),
        (2, vec![LONG, ("Vary", "Accept"), ("Vary", "*")]),
        (2, vec![("Cache-Control", "no-cache, max-age=600")]),
        (2, vec![("Cache-Control", "max-age=600, must-revalidate"), ("Age", "601")]),
        (1, vec![LONG, ("Age", "10")]),
        (1, vec![("Expires", "Fri, 31 Dec 9999 23:59:59 GMT"), PAST]),
        (2, vec![NEVER]),
        (1, vec![NEVER, LONG]),
        (2, vec![("Last-Modified", "Wed, 07 Oct 2020 08:41:09 GMT")]),
        (2, vec![LONG, ("Cache-Control", "no-store")]),
    ] {
        let stub = Stub::start().await;
        stub.on(CALIFORNIA, [reply(200, &headers, NOTHING)]);
        let backend = Backend::start(stub.source()).await;
        for _ in 0..2 {
            assert_eq!(alerts(&backend).await, "No active alerts for this state.");
        }
        assert_eq!(stub.paths().len(), asked, "{headers:?}");
    }
}

#[tokio::test]
async fn a_stale_reply_is_confirmed_by_its_etag_or_date_and_then_fresh_again() {
    for (validator, condition) in [(MODIFIED, "if-modified-since"), (("ETag", "\"v1\""), "if-none-match")] {
        let stub = Stub::start().await;
        let stale = reply(200, &[("Cache-Control", "max-age=0"), validator], GALE);
        let confirmed = reply(304, &[("Cache-Control", "max-age=600"), validator], b"");
        stub.on(CALIFORNIA, [stale, confirmed]);
        let backend = Backend::start(stub.source()).await;
        for _ in 0..3 {
            assert!(alerts(&backend).await.contains("Gale Warning"));
        }
        let asked = stub.asked();
        assert_eq!(asked.len(), 2);
        assert_eq!(asked[0].headers.get(condition), None);
        assert_eq!(asked[1].headers[condition], validator.1);
        assert_eq!(asked[1].headers["accept"], "application/geo+json");
        counted(&backend, "revalidated", 1);
        counted(&backend, "hit", 1);
    }
}

#[tokio::test]
async fn a_changed_reply_takes_the_place_of_the_stale_one() {
    let stub = Stub::start().await;
    let stale = reply(200, &[("Cache-Control", "max-age=0"), MODIFIED], NOTHING);
    stub.on(CALIFORNIA, [stale, reply(200, &[("Cache-Control", "max-age=600")], GALE)]);
    let backend = Backend::start(stub.source()).await;
    assert!(alerts(&backend).await.contains("No active alerts"));
    assert!(alerts(&backend).await.contains("Gale Warning"));
    assert!(alerts(&backend).await.contains("Gale Warning"));
    assert_eq!(stub.paths().len(), 2);
}

#[tokio::test]
async fn a_confirmation_of_another_version_is_not_taken_for_ours() {
    let stub = Stub::start().await;
    let stale = reply(200, &[("Cache-Control", "max-age=0"), ("ETag", "\"v1\"")], NOTHING);
    stub.on(CALIFORNIA, [stale, reply(304, &[("ETag", "\"v2\"")], b""), reply(200, &[], GALE)]);
    let backend = Backend::start(stub.source()).await;
    alerts(&backend).await;
    assert!(alerts(&backend).await.contains("Gale Warning"));
    assert_eq!(stub.asked()[2].headers.get("if-none-match"), None);
}

#[tokio::test]
async fn a_stale_reply_does_not_hide_a_failure() {
    let stub = Stub::start().await;
    let stale = reply(200, &[("Cache-Control", "max-age=0"), MODIFIED], NOTHING);
    stub.on(CALIFORNIA, [stale, reply(500, &[], b"")]);
    let backend = Backend::start(stub.source()).await;
    alerts(&backend).await;
    assert!(alerts(&backend).await.contains("answered with an error (500"));
}

#[tokio::test]
async fn failures_and_redirects_follow_the_same_rules() {
    let stub = Stub::start().await;
    let long = ("Cache-Control", "max-age=600");
    stub.on(CALIFORNIA, [Answer::clone(&redirect(301, "/moved"))]);
    stub.on("/moved", [reply(200, &[long], NOTHING)]);
    stub.on(POINT, [reply(404, &[long], br#"{"type":"x/InvalidPoint"}"#)]);
    let backend = Backend::start(stub.source()).await;
    alerts(&backend).await;
    alerts(&backend).await;
    assert_eq!(stub.paths(), [CALIFORNIA, "/moved", CALIFORNIA], "only what says how long it holds is kept");
    for _ in 0..2 {
        let result = backend.call("get_forecast", json!({"latitude": 40.7128, "longitude": -74.006})).await;
        assert!(text(&result).contains("outside the United States"), "{result}");
    }
    assert_eq!(stub.paths().iter().filter(|path| *path == POINT).count(), 1);
    assert!(!stub.paths().contains(&FORECAST.to_owned()));
}
