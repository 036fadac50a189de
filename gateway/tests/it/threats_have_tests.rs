//! `gateway/THREATS.md` names a test for each defence, and each of them is there.

use std::path::Path;

#[test]
fn that_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let threats = std::fs::read_to_string(root.join("THREATS.md")).unwrap();
    let rows: Vec<&str> =
        threats.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| threat")).collect();
    assert!(rows.len() > 20, "the table is where it was");
    for row in rows {
        let names: Vec<&str> = row.split('`').filter(|word| word.contains("::")).collect();
        assert!(!names.is_empty(), "no test: {row}");
        for name in names {
            let (file, function) = name.split_once("::").unwrap();
            let text = std::fs::read_to_string(root.join(format!("tests/it/{file}.rs"))).unwrap_or_default();
            assert!(text.contains(&format!("fn {function}()")), "there is no test {name}");
        }
    }
}
