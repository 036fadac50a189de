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

/// What a row of README's table says: the section, and its members.
fn row(line: &str) -> Option<(&str, Vec<&str>)> {
    let [section, _, members] = line.strip_prefix('|')?.strip_suffix('|')?.split('|').collect::<Vec<_>>()[..] else {
        return None;
    };
    let section = section.trim().trim_matches('`').trim_start_matches('[').trim_end_matches(']');
    Some((section, members.split_whitespace().map(|member| member.trim_matches('`')).collect()))
}

#[test]
fn the_readme_lists_every_member() {
    let readme = include_str!("../../../../../README.md");
    let table = readme.split("| `gateway.toml` | about | members |").nth(1).unwrap().split("\n\n").next().unwrap();
    let rows: Vec<_> = table.lines().filter_map(row).filter(|(section, _)| !section.starts_with("---")).collect();
    for (section, members) in written::MEMBERS {
        let (_, listed) = rows.iter().find(|(listed, _)| listed == section).unwrap_or_else(|| panic!("[{section}]"));
        let sorted = |mut names: Vec<&str>| {
            names.sort_unstable();
            names.join(" ")
        };
        // of the members that stand in no section, the sections have rows of their own
        let alone = |name: &&str| !section.is_empty() || written::MEMBERS.iter().all(|(table, _)| table != name);
        assert_eq!(sorted(listed.clone()), sorted(members.iter().copied().filter(alone).collect()), "[{section}]");
    }
    assert_eq!(rows.len(), written::MEMBERS.len());
}
