use super::*;

#[test]
fn the_audit_is_read() {
    let defaults = Audit {
        output: AuditOutput::Stdout,
        audit_arguments: false,
        overflow: Overflow::Block,
        queue: 8 << 20,
        rotate_size: 100 << 20,
        rotate_every: Duration::from_secs(24 * 60 * 60),
        keep: 30,
        fsync: Some(Duration::from_secs(1)),
    };
    assert_eq!(parse("").unwrap().audit, defaults);
    let written = r#"
        [audit]
        output = "audit/lines.jsonl"
        audit_arguments = true
        overflow = "drop"
        queue = "1MiB"
        rotate_size = 0
        rotate_every = "0s"
        keep = 0
        fsync = "never"
        "#;
    let audit = Audit {
        output: AuditOutput::File("/etc/gw/audit/lines.jsonl".into()),
        audit_arguments: true,
        overflow: Overflow::Drop,
        queue: 1 << 20,
        rotate_size: 0,
        rotate_every: Duration::ZERO,
        keep: 0,
        fsync: None,
    };
    assert_eq!(parse(written).unwrap().audit, audit);
    assert_eq!(parse("[audit]\noutput = \"off\"").unwrap().audit.output, AuditOutput::Off);
    assert_eq!(parse("[audit]\nfsync = \"always\"").unwrap().audit.fsync, Some(Duration::ZERO));
    for (text, place, words) in [
        ("[audit]\noutput = \"stderr\"", "2:10", "\"stdout\", \"off\", or the path"),
        ("[audit]\noutput = \"logs/\"", "2:10", "the path of a file"),
        ("[audit]\noverflow = \"wait\"", "2:12", "\"block\" or \"drop\""),
        ("[audit]\nfsync = \"sometimes\"", "2:9", "with its unit"),
        ("[audit]\nkeep = -1", "2:8", "out of range"),
        ("[audit]\nfile = \"x\"", "2:1", "unknown member `file` in [audit]"),
    ] {
        refuses(text, place, words);
    }
}
