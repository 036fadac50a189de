//! A room of the gateway names none above it, and only what runs the process names `config`: lower rooms get plain
//! arguments. The floors are those of the crate's own page, `src/lib.rs`.

use std::path::{Path, PathBuf};

const FLOORS: [&[&str]; 8] = [
    &["reject", "clock", "stock", "wakes"],
    &["mcp", "upstream"],
    &["access"],
    &["config"],
    &["record"],
    &["proxy"],
    &["serve"],
    &["cli", "main", "lib"],
];

#[test]
fn no_room_names_one_above_it() {
    let floor = |room: &str| FLOORS.iter().position(|rooms| rooms.contains(&room)).unwrap_or_else(|| panic!("{room}?"));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for file in files(&source) {
        let text = std::fs::read_to_string(&file).unwrap();
        let own = file.strip_prefix(&source).unwrap().with_extension("");
        let own = own.iter().next().unwrap().to_str().unwrap();
        for path in text.split("crate::").skip(1) {
            let room = path.split(|c: char| !c.is_alphanumeric()).next().unwrap();
            assert!(!room.is_empty(), "{}: name one room in each `use crate::ROOM`", file.display());
            assert!(floor(room) <= floor(own), "{}: `{own}` names `{room}` above it", file.display());
            let runs = ["config", "serve", "cli", "main"].contains(&own);
            assert!(runs || room != "config", "{}: `{own}` names `config`", file.display());
        }
    }
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}
