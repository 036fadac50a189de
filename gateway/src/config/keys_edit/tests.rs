use super::*;
use crate::config::keys_file;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::time::Duration;

const BEFORE: &str = include_str!("golden/before.toml");

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn client(id: &str) -> ClientId {
    ClientId::parse(id).unwrap()
}

fn key(id: &str) -> KeyId {
    KeyId::parse(id).unwrap()
}

fn new_key(id: &str) -> NewKey {
    NewKey {
        id: key(id),
        digest: KeyDigest::of(id.as_bytes()),
        created_at: at(1_800_000_000),
        not_before: None,
        expires_at: None,
        note: None,
    }
}

/// A directory with one keys file in it.
struct Home {
    _dir: tempfile::TempDir,
    file: PathBuf,
}

impl Home {
    fn with(text: &str) -> Self {
        let home = Self::empty();
        fs::write(&home.file, text).unwrap();
        home
    }

    fn empty() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("keys.toml");
        Self { _dir: dir, file }
    }

    fn edit(&self, edit: impl FnOnce(&mut KeysFile)) -> String {
        let mut keys = KeysFile::open(&self.file).unwrap();
        edit(&mut keys);
        assert_eq!(keys.save().unwrap(), Vec::<String>::new());
        fs::read_to_string(&self.file).unwrap()
    }
}

fn edited(edit: impl FnOnce(&mut KeysFile)) -> String {
    Home::with(BEFORE).edit(edit)
}

fn row(keys: &KeysFile, id: &str) -> KeyRow {
    keys.written().clients.iter().flat_map(|client| &client.keys).find(|row| row.id.as_str() == id).unwrap().clone()
}

/// Compares with a golden file; `UPDATE_GOLDEN=1` writes it, for a person to read.
fn assert_golden(name: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/config/keys_edit/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&file, text).unwrap();
    }
    assert_eq!(text, fs::read_to_string(&file).unwrap(), "{name}");
}

#[test]
fn nothing_edited_is_nothing_changed() {
    assert_eq!(edited(|_| {}), BEFORE);
}

#[test]
fn a_new_key_follows_its_clients_others() {
    let full = NewKey {
        not_before: Some(at(1_800_003_600)),
        expires_at: Some(at(1_900_000_000)),
        note: Some("for \"staging\"".to_owned()),
        ..new_key("dddddddd")
    };
    assert_golden("new_key.toml", &edited(|keys| keys.add_key(&client("weather-agent"), &full).unwrap()));
    assert_golden("new_inline_key.toml", &edited(|keys| keys.add_key(&client("ops"), &new_key("dddddddd")).unwrap()));
    assert_golden("first_key.toml", &edited(|keys| keys.add_key(&client("nobody"), &new_key("dddddddd")).unwrap()));
}

#[test]
fn a_new_client_comes_last() {
    let tools = ToolSet::Only(["get_alerts".into(), "get_forecast".into()].into());
    let text = edited(|keys| {
        keys.add_client(&client("phone"), &tools);
        keys.add_key(&client("phone"), &new_key("dddddddd")).unwrap();
    });
    assert_golden("new_client.toml", &text);
}

#[test]
fn a_key_is_shortened_never_extended() {
    let text = edited(|keys| {
        let (first, second) = (row(keys, "aaaaaaaa"), row(keys, "bbbbbbbb"));
        assert!(!keys.shorten(&first, at(2_000_000_000)).unwrap(), "it ends before that");
        assert!(keys.shorten(&second, at(1_800_000_000)).unwrap());
        let inline = row(keys, "cccccccc");
        assert!(keys.shorten(&inline, at(1_800_000_000)).unwrap());
    });
    assert_golden("shortened.toml", &text);
}

#[test]
fn a_disabled_key_says_when_and_why() {
    let text = edited(|keys| {
        keys.disable(&key("aaaaaaaa"), at(1_800_000_000), Some("laptop \"lost\"\nin a train")).unwrap();
        keys.disable(&key("bbbbbbbb"), at(1_800_000_000), None).unwrap();
    });
    assert_golden("disabled.toml", &text);
}

#[test]
fn a_file_that_does_not_exist_is_made() {
    let home = Home::empty();
    let text = home.edit(|keys| {
        keys.add_client(&client("a"), &ToolSet::All);
        keys.add_key(&client("a"), &new_key("dddddddd")).unwrap();
    });
    assert_golden("made.toml", &text);
    assert_eq!(fs::metadata(&home.file).unwrap().mode() & 0o777, 0o640);
    assert_eq!(keys_file::read(&home.file).unwrap().len(), 1);
}

#[test]
fn line_ends_and_byte_order_mark_stay() {
    let windows = format!("\u{feff}{}", BEFORE.replace('\n', "\r\n"));
    let home = Home::with(&windows);
    assert_eq!(home.edit(|_| {}), windows);
    let text = home.edit(|keys| keys.add_key(&client("nobody"), &new_key("dddddddd")).unwrap());
    assert!(text.starts_with('\u{feff}') && text.matches('\n').count() == text.matches("\r\n").count());
    assert_eq!(
        Home::with("[[client]]\nid = \"a\"").edit(|_| {}),
        "[[client]]\nid = \"a\"\n",
        "the last line gets its end"
    );
}

#[test]
fn mode_stays_and_a_link_stays_a_link() {
    let home = Home::with(BEFORE);
    fs::set_permissions(&home.file, Permissions::from_mode(0o604)).unwrap();
    let link = home.file.with_file_name("link.toml");
    symlink("keys.toml", &link).unwrap();
    let mut keys = KeysFile::open(&link).unwrap();
    keys.add_client(&client("new"), &ToolSet::All);
    keys.save().unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::metadata(&home.file).unwrap().mode() & 0o777, 0o604);
    assert!(fs::read_to_string(&home.file).unwrap().contains("\"new\""));
}

/// Whoever runs this as root, or in a second group, sees that the group stays; others cannot make a file of another group.
#[test]
fn group_stays() {
    let home = Home::with(BEFORE);
    let mine = fs::metadata(&home.file).unwrap().gid();
    let mut others = rustix::process::getgroups().unwrap_or_default().into_iter().map(|group| group.as_raw());
    let other = others.find(|group| *group != mine).unwrap_or(mine + 1);
    if chown(&home.file, None, Some(other)).is_ok() {
        home.edit(|keys| keys.add_client(&client("new"), &ToolSet::All));
        assert_eq!(fs::metadata(&home.file).unwrap().gid(), other);
    }
}

#[test]
fn what_kubernetes_mounts_is_not_edited() {
    let home = Home::empty();
    let dir = home.file.parent().unwrap();
    fs::create_dir(dir.join("..2026_11_01")).unwrap();
    fs::write(dir.join("..2026_11_01/keys.toml"), BEFORE).unwrap();
    symlink("..2026_11_01", dir.join("..data")).unwrap();
    symlink("..data/keys.toml", &home.file).unwrap();
    let error = KeysFile::open(&home.file).unwrap_err();
    assert!(error.is_configuration() && error.to_string().contains("edit a copy"), "{error}");
}

#[test]
fn a_broken_file_is_not_edited() {
    let home = Home::with("[[client]]\nid = 1\n");
    let error = KeysFile::open(&home.file).unwrap_err();
    assert!(error.to_string().contains("keys.toml:2:6: "), "{error}");
}

#[test]
fn an_edit_that_would_break_the_file_changes_nothing() {
    let home = Home::with(BEFORE);
    let mut keys = KeysFile::open(&home.file).unwrap();
    keys.add_client(&client("ops"), &ToolSet::All);
    assert!(!keys.save().unwrap_err().is_configuration());
    assert_eq!(fs::read_to_string(&home.file).unwrap(), BEFORE);
}

#[test]
fn what_an_editor_wrote_meanwhile_is_not_lost() {
    for meanwhile in [Some("[[client]]\nid = \"by-hand\"\n"), None] {
        let home = Home::with(BEFORE);
        let mut keys = KeysFile::open(&home.file).unwrap();
        keys.add_client(&client("new"), &ToolSet::All);
        match meanwhile {
            Some(text) => fs::write(&home.file, text).unwrap(),
            None => fs::remove_file(&home.file).unwrap(),
        }
        assert!(keys.save().unwrap_err().to_string().contains("changed by somebody else"));
        assert_eq!(fs::read_to_string(&home.file).ok().as_deref(), meanwhile);
    }
}

#[test]
fn what_a_killed_command_left_behind_is_no_obstacle() {
    let home = Home::with(BEFORE);
    let left = home.file.with_file_name(".keys.toml.tmp");
    fs::write(&left, "half").unwrap();
    home.edit(|keys| keys.add_client(&client("new"), &ToolSet::All));
    assert!(!left.exists());
}

#[test]
fn a_directory_that_may_not_be_written_is_the_operators_to_mend() {
    let missing = Path::new("/nonexistent/keys.toml");
    let error = KeysFile::open(missing).unwrap_err();
    assert!(error.is_configuration() && error.to_string().contains("/nonexistent/keys.toml.lock"), "{error}");
}

#[test]
fn one_edit_at_a_time() {
    let home = Home::with(BEFORE);
    let adders: Vec<_> = (0..24)
        .map(|n| {
            let file = home.file.clone();
            std::thread::spawn(move || {
                let mut keys = KeysFile::open(&file).unwrap();
                keys.add_client(&client(&format!("client-{n}")), &ToolSet::All);
                keys.save().unwrap();
            })
        })
        .collect();
    adders.into_iter().for_each(|adder| adder.join().unwrap());
    assert_eq!(keys_file::read(&home.file).unwrap().len(), 3 + 24);
    let left: Vec<_> =
        fs::read_dir(home.file.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["keys.toml"], "neither lock nor temporary file stays");
}

#[test]
fn dates_that_toml_cannot_hold_are_refused() {
    let home = Home::with(BEFORE);
    let mut keys = KeysFile::open(&home.file).unwrap();
    let far = NewKey { expires_at: Some(at(300_000_000_000)), ..new_key("dddddddd") };
    assert!(matches!(keys.add_key(&client("ops"), &far), Err(EditError::Date)));
}

#[test]
fn what_stands_behind_the_clients_stays_there() {
    let client_row = "[[client]]\nid = \"a\"\nroles = [\"r\"]\n# the last line about a\n";
    let role =
        "\n# all that it may\n[role.r]\ntools = [\"*\"]\n\n[role.r.prompts]\nallow = []\n\n# the end of role r\n";
    let added = "\n[[client]]\nid = \"new\"\ntools = \"all\"\n";
    let add = |text: &str| Home::with(text).edit(|keys| keys.add_client(&client("new"), &ToolSet::All));
    let between = "\n[[client]]\nid = \"a\"\n";
    assert_eq!(add(&format!("{between}{role}")), format!("{between}{added}{role}"));
    assert_eq!(add(&format!("{client_row}{role}")).matches("# the last line about a").count(), 1);
    assert!(add(&format!("{client_row}{role}")).ends_with(role));
    // whatever is there, the first client comes last
    assert_eq!(add(role), format!("{role}{added}"));
    assert_eq!(add(&format!("{role}{client_row}")), format!("{role}{client_row}{added}"));
}

#[test]
fn roles_stay_where_and_as_they_are() {
    const FIRST: &str = "# who may what\n[role.reader] # mine\ntools = [ \"get_*\",\n  \"x\" ] # those\n";
    const LAST: &str = "\n# behind the clients\n[role.last]\nmethods.deny = ['a']\n[role.last.tools]\nallow = []\n";
    let client_row = "[[client]]\nid = \"a\"\nroles = [\"reader\",  \"last\"]\n";
    for (before, after) in [(FIRST, LAST), ("", &*format!("{FIRST}{LAST}")), (&*format!("{LAST}{FIRST}"), "")] {
        let row = format!("[[client.key]]\nid = \"aaaaaaaa\"\ndigest = \"{}\"\n", KeyDigest::of(b"a"));
        let text = format!("{before}\n{client_row}{row}{after}");
        let home = Home::with(&text);
        let edited = home.edit(|keys| {
            keys.add_key(&client("a"), &new_key("dddddddd")).unwrap();
            keys.disable(&key("aaaaaaaa"), at(1_800_000_000), None).unwrap();
            keys.add_client(&client("new"), &ToolSet::Only(["get_*".into()].into()));
        });
        for line in text.lines() {
            assert!(edited.contains(line), "{line}\n{edited}");
        }
        for part in [FIRST, LAST] {
            assert!(edited.contains(part.trim()), "{edited}");
        }
        let (old, new) = (Written::parse(&text, &home.file).unwrap(), Written::parse(&edited, &home.file).unwrap());
        assert_eq!(old.clients[0].policy, new.clients[0].policy);
        assert_eq!((new.roles.len(), new.clients.len(), new.clients[0].keys.len()), (2, 2, 2));
    }
}
