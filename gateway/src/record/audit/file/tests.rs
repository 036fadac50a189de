use super::*;

fn plan(dir: &Path) -> FilePlan {
    FilePlan { path: dir.join("audit.jsonl"), size: 0, age: Duration::ZERO, keep: 0, fsync: Some(Duration::ZERO) }
}

fn put(file: &mut AuditFile, text: &str) {
    file.prepare(text.len() as u64).unwrap();
    assert_eq!(file.write(text.as_bytes()).unwrap(), text.len());
    file.sync(false).unwrap();
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_large_file_is_put_aside_whole_and_old_ones_are_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let mut file = AuditFile::open(&FilePlan { size: 25, keep: 2, ..plan(dir.path()) }).unwrap();
    fs::write(dir.path().join("audit.jsonl.bak"), "not ours").unwrap();
    for n in 0..10 {
        put(&mut file, &format!("{{\"line\":{n}}}\n"));
    }
    let names = names(dir.path());
    assert_eq!((names.len(), names[0].as_str(), names[3].as_str()), (4, "audit.jsonl", "audit.jsonl.bak"));
    let read = |name: &String| fs::read_to_string(dir.path().join(name)).unwrap();
    assert_eq!(read(&names[1]), "{\"line\":4}\n{\"line\":5}\n");
    assert_eq!(read(&names[2]), "{\"line\":6}\n{\"line\":7}\n");
    assert_eq!(read(&names[0]), "{\"line\":8}\n{\"line\":9}\n");
}

/// A file that cannot be removed is no reason to write on into one that was put aside.
#[test]
fn whatever_fails_behind_it_a_new_file_is_begun() {
    let dir = tempfile::tempdir().unwrap();
    let mut file = AuditFile::open(&FilePlan { size: 3, keep: 1, ..plan(dir.path()) }).unwrap();
    fs::create_dir(dir.path().join("audit.jsonl.00000101T000000000Z")).unwrap();
    let text = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
    for n in 0..4 {
        assert_eq!(file.prepare(2).is_err(), n > 0, "it is said that one cannot be removed");
        file.write(format!("{n}\n").as_bytes()).unwrap();
        assert_eq!(text("audit.jsonl"), format!("{n}\n"));
    }
    let names = names(dir.path());
    assert_eq!(names.len(), 3, "{names:?}");
    assert_eq!(text(&names[2]), "2\n", "all others that are too many are gone");
}

#[test]
fn a_file_that_was_put_aside_and_not_opened_anew_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let mut file = AuditFile::open(&FilePlan { size: 3, ..plan(dir.path()) }).unwrap();
    put(&mut file, "1\n");
    fs::rename(dir.path().join("audit.jsonl"), dir.path().join("audit.jsonl.20270115T080000007Z")).unwrap();
    put(&mut file, "2\n");
    assert_eq!(fs::read_to_string(dir.path().join("audit.jsonl")).unwrap(), "2\n");
}

#[test]
fn the_last_ones_stay_however_fast_they_come() {
    let dir = tempfile::tempdir().unwrap();
    let mut file = AuditFile::open(&FilePlan { size: 3, keep: 2, ..plan(dir.path()) }).unwrap();
    (100..200).for_each(|n| put(&mut file, &format!("{n}\n")));
    let kept = names(dir.path());
    let texts: Vec<_> = kept.iter().map(|name| fs::read_to_string(dir.path().join(name)).unwrap()).collect();
    assert_eq!(texts, ["199\n", "197\n", "198\n"], "{kept:?}");
}

#[test]
fn an_old_file_is_put_aside() {
    let dir = tempfile::tempdir().unwrap();
    let mut file = AuditFile::open(&FilePlan { age: Duration::from_nanos(1), ..plan(dir.path()) }).unwrap();
    (0..3).for_each(|_| put(&mut file, "{}\n"));
    assert_eq!(names(dir.path()).len(), 3);
}

#[test]
fn whoever_else_puts_it_aside_gets_a_new_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut file = AuditFile::open(&plan(dir.path())).unwrap();
    put(&mut file, "1\n");
    fs::rename(dir.path().join("audit.jsonl"), dir.path().join("audit.jsonl.1")).unwrap();
    file.looked = file.looked.checked_sub(LOOK).unwrap();
    put(&mut file, "2\n");
    assert_eq!(fs::read_to_string(dir.path().join("audit.jsonl.1")).unwrap(), "1\n");
    assert_eq!(fs::read_to_string(dir.path().join("audit.jsonl")).unwrap(), "2\n");
    let mode = fs::metadata(dir.path().join("audit.jsonl")).unwrap().mode();
    assert_eq!(mode & 0o137, 0, "{mode:o}");
}

#[test]
fn an_unfinished_line_is_cut_off_and_nothing_else_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.jsonl");
    for (before, after, torn) in [
        ("", "", 0),
        ("{\"time\":\"1\"}\n", "{\"time\":\"1\"}\n", 0),
        ("{\"time\":\"1\"}\n{\"time\":\"2", "{\"time\":\"1\"}\n", 10),
        ("{\"time\":\"1\"}\n{\"ti", "{\"time\":\"1\"}\n", 4),
        ("{\"time\":\"1", "", 10),
    ] {
        fs::write(&path, before).unwrap();
        let file = AuditFile::open(&plan(dir.path())).unwrap();
        assert_eq!((file.torn(), fs::read_to_string(&path).unwrap().as_str()), (torn, after), "{before:?}");
    }
    for foreign in ["root:x:0:0", "{\"time\":\"1\"}\nhello", &"x".repeat(2 << 20)] {
        fs::write(&path, foreign).unwrap();
        assert!(AuditFile::open(&plan(dir.path())).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), foreign, "another's file is left alone");
    }
}
