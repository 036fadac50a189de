use super::*;

const NOW: &str = "2027-01-01T00:00:00Z";

fn written(clients: &[(&str, &str, &[&str])]) -> Vec<ClientRow> {
    let mut text = String::new();
    for (id, tools, keys) in clients {
        text += &format!("[[client]]\nid = \"{id}\"\ntools = {tools}\n");
        for key in *keys {
            let (id, rest) = key.split_once(' ').unwrap_or((key, ""));
            text += &format!("[[client.key]]\nid = \"{id}\"\ndigest = \"{}\"\n{rest}\n", KeyDigest::of(id.as_bytes()));
        }
    }
    Written::parse(&text, Path::new("keys.toml")).unwrap().clients
}

fn lines(old: &[(&str, &str, &[&str])], new: &[(&str, &str, &[&str])]) -> Vec<String> {
    let changes = between(&written(old), &written(new), moment::parse(NOW).unwrap());
    changes.iter().map(ToString::to_string).collect()
}

#[test]
fn nothing_that_nobody_would_notice_is_listed() {
    let old = [("a", "\"all\"", &["aaaaaaaa", "bbbbbbbb disabled = true"][..]), ("b", "[\"x\"]", &["cccccccc"])];
    let new = [("b", "[\"x\"]", &["cccccccc note = \"hello\""][..]), ("a", "\"all\"", &["aaaaaaaa"])];
    assert_eq!(lines(&old, &old), Vec::<String>::new());
    assert_eq!(lines(&old, &new), Vec::<String>::new());
}

#[test]
fn keys_are_lost_and_gained_by_their_state() {
    let old = [("a", "\"all\"", &["aaaaaaaa", "bbbbbbbb", "cccccccc", "dddddddd disabled = true", "eeeeeeee"][..])];
    let new = [(
        "a",
        "\"all\"",
        &[
            "bbbbbbbb disabled = true",
            "cccccccc expires_at = 2026-12-31T00:00:00Z",
            "dddddddd",
            "eeeeeeee expires_at = 2027-01-08T00:00:00Z",
            "ffffffff",
            "gggggggg not_before = 2028-01-01T00:00:00Z",
            "hhhhhhhh disabled = true",
        ][..],
    )];
    let mut found = lines(&old, &new);
    found.sort();
    assert_eq!(
        found,
        [
            "+ client a, key dddddddd: the key works now",
            "+ client a, key ffffffff: the key is new",
            "- client a, key aaaaaaaa: the key is removed",
            "- client a, key bbbbbbbb: the key is disabled",
            "- client a, key cccccccc: the key has expired",
            "~ client a, key eeeeeeee: the key's end was never and is 2027-01-08T00:00:00Z",
            "~ client a, key gggggggg: the key is new and not yet valid",
        ]
    );
}

#[test]
fn limits_and_addresses_that_change_are_named() {
    let old = [("a", "\"all\"\nrate = \"5/s\"", &[][..]), ("b", "\"all\"", &[])];
    let new = [("a", "\"all\"\nrate = \"6/s\"", &[][..]), ("b", "\"all\"\nallow_from = [\"::1\"]", &[])];
    assert_eq!(lines(&old, &old), Vec::<String>::new());
    assert_eq!(
        lines(&old, &new),
        [
            "~ client a: its limits are other than they were",
            "~ client b: the addresses it may come from are other than they were",
        ]
    );
}

#[test]
fn clients_and_their_tools_come_and_go() {
    let old = [("a", "\"all\"", &["aaaaaaaa"][..]), ("b", "[\"x\", \"y\"]", &[]), ("c", "\"all\"", &["cccccccc"])];
    let new = [("a", "[\"x\"]", &[][..]), ("b", "[\"y\", \"z\"]", &["aaaaaaaa"]), ("d", "\"all\"", &[])];
    assert_eq!(
        lines(&old, &new),
        [
            "- client a: all tools but x",
            "- client b: tools x",
            "+ client b: tools z",
            "- client c: the client is removed",
            "+ client d: the client is new",
            "- client a, key aaaaaaaa: the key is now of client b",
            "+ client b, key aaaaaaaa: the key was of client a",
            "- client c, key cccccccc: the key is removed",
        ][..]
            .iter()
            .map(|line| (*line).to_owned())
            .collect::<Vec<_>>()
    );
    assert_eq!(lines(&new[..1], &[("a", "\"all\"", &[])]), ["+ client a: all tools but x"]);
}

#[test]
fn what_roles_give_comes_and_goes() {
    let read = |role: &str, client: &str| {
        let text = format!("[role.r]\n{role}\n[[client]]\nid = \"a\"\n{client}\n");
        Written::parse(&text, Path::new("keys.toml")).unwrap().clients
    };
    let lines = |old: &[ClientRow], new: &[ClientRow]| -> Vec<String> {
        between(old, new, moment::parse(NOW).unwrap()).iter().map(ToString::to_string).collect()
    };
    let all = read("", "tools = \"all\"");
    let old = read("tools = [\"get_a\", \"get_b\", \"set\"]\nprompts = [\"p\"]", "roles = [\"r\"]");
    let new = read("tools = {allow = [\"get_*\"], deny = [\"get_b\"]}", "roles = [\"r\"]");
    assert_eq!(lines(&old, &old), Vec::<String>::new());
    let there = ["- client a: tools set; prompts p; tools denied: get_b", "+ client a: tools get_*"];
    assert_eq!(lines(&old, &new), there);
    let back = ["- client a: tools get_*", "+ client a: tools set; prompts p; tools no longer denied: get_b"];
    assert_eq!(lines(&new, &old), back);
    let kept = "everything but tools get_a, get_b, set; prompts p";
    assert_eq!(lines(&all, &old), [format!("- client a: {kept}")]);
    assert_eq!(lines(&old, &all), [format!("+ client a: {kept}")]);
    assert_eq!(lines(&old, &read("", "roles = [\"r\"]")), ["- client a: tools get_a, get_b, set; prompts p"]);
}
