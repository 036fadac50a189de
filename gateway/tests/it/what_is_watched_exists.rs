//! Every metric that the rules and the dashboard in `deploy/observability` name is in a real scrape, every label that they
//! tell apart by a word has that word, and every metric has a HELP text and a type.

use crate::harness::origin::ok;
use crate::harness::{Ask, Gateway, Key, Origin, Piece, eventually};
use gateway::record::{End, Outcome};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// What is shipped to watch the gateway, but for its pages.
fn watched() -> String {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/observability");
    let mut files = files(&directory);
    files.retain(|file| file.extension().is_some_and(|kind| kind == "yml" || kind == "json"));
    assert!(files.len() >= 6, "{files:?}");
    files.into_iter().map(|file| std::fs::read_to_string(file).unwrap() + "\n").collect()
}

/// The names of metrics in `text`; those that a rule records have a `:` in front.
fn named(text: &str) -> BTreeSet<&str> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let words = text.split(|c| !word(c)).filter(|word| word.starts_with("gateway_") || word.starts_with("process_"));
    words.collect()
}

/// The words that `text` compares the label with, as regular expressions.
fn compared<'a>(text: &'a str, label: &str) -> BTreeSet<&'a str> {
    let operators = ["=~", "!~", "!=", "="];
    let quotes = ["\\\"", "\""];
    let mut words = BTreeSet::new();
    for rest in text.split(label).skip(1) {
        let Some(rest) = operators.iter().find_map(|operator| rest.strip_prefix(operator)) else { continue };
        let Some(quote) = quotes.iter().find(|quote| rest.starts_with(**quote)) else { continue };
        words.extend(rest[quote.len()..].split(quote).next().unwrap().split('|'));
    }
    words
}

/// A scrape of a gateway in which everything has happened once.
async fn scrape() -> String {
    let origin = Origin::answering(|request| {
        let stream = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\ndata: 1\n\n";
        if request.method() == "GET" { stream.as_bytes().to_vec() } else { ok("{}") }
    })
    .await;
    let limited = Key::new().with("expires_at = 2100-01-01T00:00:00Z");
    let members = "tools = \"all\"\nrate = \"1/h\"\nburst = 1";
    let gateway = Gateway::before(&origin).client("limited", members, &[&limited]).start().await;
    let mut client = gateway.http1().await;
    let call = Ask::call(1, "get_alerts", json!({})).key(&limited.secret);
    client.ask(&call).await.with(200);
    client.ask(&call).await.with(429);
    client.ask(&Ask::ping().key("unknown")).await.with(401);
    client.open(&Ask::get("/mcp").key(&gateway.key().secret)).await;
    client.head().await;
    assert!(matches!(client.piece().await, Piece::Data(_)));
    assert_eq!(client.piece().await, Piece::End);
    let over = "gateway_stream_ends_total{reason=\"complete\"}";
    eventually("the stream is over", async || gateway.metric(over).await.filter(|count| *count == 1.0)).await;
    gateway.admin("/metrics").await.with(200).text()
}

#[tokio::test]
async fn every_metric_in_a_scrape_and_every_word_among_ours() {
    let (text, scrape) = (watched(), scrape().await);
    let there = |name: &str| {
        let of = |line: &str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']));
        scrape.lines().any(of)
    };
    let names = named(&text);
    assert!(names.len() > 25, "{names:?}");
    let missing: Vec<_> = names.iter().filter(|name| !there(name)).collect();
    assert_eq!(missing, Vec::<&&str>::new(), "{scrape}");

    let mut outcomes: Vec<_> = (0..Outcome::WORDS).map(Outcome::word_at).collect();
    outcomes.extend(End::ALL.map(End::word));
    let mut checked = 0;
    for word in compared(&text, "outcome").union(&compared(&text, "reason")) {
        let known = match word.strip_suffix(".*") {
            Some(prefix) => outcomes.iter().any(|outcome| outcome.starts_with(prefix)),
            None => outcomes.contains(word) || scrape.contains(&format!("reason=\"{word}\"")),
        };
        assert!(known, "{word}");
        checked += 1;
    }
    assert!(checked > 8, "{checked}");
    for word in compared(&text, "result") {
        assert!(scrape.contains(&format!("result=\"{word}\"")), "{word}");
    }
}

#[tokio::test]
async fn and_the_readme_names_every_metric_of_ours() {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")).unwrap();
    let scrape = scrape().await;
    let ours = scrape.lines().filter_map(|line| line.strip_prefix("# TYPE gateway_")?.split(' ').next());
    let is_named = |name: &&str| ["`", "{"].iter().any(|end| readme.contains(&format!("`gateway_{name}{end}")));
    let missing: Vec<_> = ours.filter(|name| !is_named(name)).collect();
    assert_eq!(missing, Vec::<&str>::new());
}

/// Whatever spends the error budget is counted where the budget is watched, and nothing else is.
#[test]
fn errors_are_the_same_everywhere() {
    let text = watched();
    let expressions: BTreeSet<_> =
        text.split("outcome=~").skip(1).map(|rest| rest.trim_start_matches(['\\', '"'])).collect();
    let lists: BTreeSet<_> = expressions.iter().map(|rest| rest.split(['"', '\\']).next().unwrap()).collect();
    let errors: Vec<_> = lists.iter().filter(|list| list.contains("relayed_5xx")).collect();
    assert_eq!(errors.len(), 1, "one definition: {errors:?}");
    let counted = |word: &str| {
        errors[0].split('|').any(|form| form.strip_suffix(".*").map_or(form == word, |start| word.starts_with(start)))
    };
    for index in 0..Outcome::WORDS {
        let word = Outcome::word_at(index);
        assert_eq!(counted(word), Outcome::is_error_at(index), "{word}");
    }
}

#[tokio::test]
async fn with_a_help_text_and_a_type_each() {
    let scrape = scrape().await;
    let described = |name: &str, kind: &str| {
        let line = scrape.lines().find_map(|line| line.strip_prefix(&format!("# {kind} {name} ")));
        line.is_some_and(|text| !text.is_empty())
    };
    let mut families = BTreeSet::new();
    for line in scrape.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        let family = family.filter(|family| described(family, "TYPE")).unwrap_or(name);
        assert!(described(family, "HELP") && described(family, "TYPE"), "{family}");
        families.insert(family.to_owned());
    }
    assert!(families.len() > 30, "{families:?}");
}
