use super::*;

/// The settings file that is shipped, which is their reference.
pub(super) const SHIPPED: &str = include_str!("../../../../../config/gateway.toml");

#[test]
fn the_shipped_file_holds_the_defaults() {
    assert_eq!(parse(SHIPPED), parse(""));
}

#[test]
fn the_shipped_file_has_every_member() {
    for (table, members) in written::MEMBERS.iter().filter(|(table, _)| !table.is_empty()) {
        let section = SHIPPED.split(&format!("\n[{table}]\n")).nth(1).unwrap_or_else(|| panic!("[{table}]"));
        let section = section.split("\n[").next().unwrap();
        for member in *members {
            let line = |line: &str| line.trim_start_matches("# ").starts_with(&format!("{member} = "));
            assert!(section.lines().any(line), "{member} in [{table}]");
        }
    }
}

#[test]
fn what_the_shipped_file_shows_as_a_comment_can_be_written() {
    let commented: Vec<&str> =
        SHIPPED.lines().filter(|line| line.starts_with("# ") && line.contains(" = \"")).collect();
    assert_eq!(commented.len(), 5, "{commented:?}");
    let text = SHIPPED
        .lines()
        .map(|line| if commented.contains(&line) { &line[2..] } else { line })
        .collect::<Vec<_>>()
        .join("\n")
        .replace("http://127.0.0.1:8081", "https://mcp.example.com")
        .replace("allow_remote = false", "allow_remote = true")
        .replace("client_auth = \"off\"", "client_auth = \"required\"");
    let settings = parse(&text).unwrap();
    assert_eq!(settings.listen.plaintext, Some("127.0.0.1:8080".parse().unwrap()));
    assert_eq!(settings.upstream.ca.as_deref(), Some(Path::new("/etc/gw/upstream-ca.pem")));
    assert_eq!(settings.tls.client_auth, ClientAuth::Required("/etc/gw/client-ca.pem".into()));
    assert_eq!(settings.upstream.metrics.unwrap().path, "/metrics");
}
