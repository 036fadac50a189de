//! The head of a request, from its lines to what is decided: only the one key lets anybody in, only our name is ours, only
//! the listed page may ask, and a protected path is that path as it is written.
#![no_main]

use gateway::access::{Access, Memory, Sole};
use gateway::config::keys_file;
use gateway::proxy::bounds::{Bounds, MOST_FIELDS};
use gateway::proxy::fields::Fields;
use gateway::proxy::origin::{Origins, cors};
use gateway::proxy::routes::{Route, Routes};
use gateway::proxy::target;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Request, Version};
use libfuzzer_sys::fuzz_target;
use std::path::Path;
use std::sync::LazyLock;
use std::time::SystemTime;

const KEY: &[u8] = b"a-key-of-the-seeds";
const BOUNDS: Bounds = Bounds { fields: MOST_FIELDS, list: usize::MAX };
const PAGE: &str = "https://app.example.com";
/// The digest is that of [`KEY`].
const KEYS: &str = r#"
[[client]]
id = "seeds"
tools = "all"
[[client.key]]
id = "seedskey"
digest = "sha256:53ad4569cd741b325edf122e7c794187258c81901363e2dfcd3820d387d7b9ac"
"#;

static HOUSE: LazyLock<(Access, Origins, Routes)> = LazyLock::new(|| {
    let rows = keys_file::parse(KEYS, Path::new("keys.toml")).expect("a keys file");
    let origins = Origins::new(&["gateway.example".to_owned()], &[PAGE.to_owned()]);
    let routes = Routes::new(&["/mcp".to_owned()], &["/health".to_owned()]);
    (Access::build(rows).expect("one client"), origins, routes)
});

// The first line is `METHOD TARGET`, the others are fields.
fuzz_target!(|head: &[u8]| {
    let Some(parts) = parts(head) else { return };
    let (access, origins, routes) = &*HOUSE;
    let _ = cors::allowed(&parts.headers);
    let Ok(fields) = Fields::read(&parts.headers, BOUNDS) else { return };

    let memory = Memory::default();
    for _ in 0..2 {
        // the second time it is recalled
        if access.authenticate(&fields.shown(&memory, None), SystemTime::now()).is_ok() {
            assert_eq!(all(&parts.headers, "x-api-key"), [KEY]);
        }
    }
    if let Ok(path) = target::path(&parts)
        && let Route::Protected(_) = routes.find(path)
    {
        let target = parts.uri.path();
        assert!(["/mcp", "/mcp/"].contains(&target) && ["/mcp", "/mcp/"].contains(&path), "{target:?}");
    }
    if origins.host(&parts.uri, fields.host).is_ok() {
        let hosts = all(&parts.headers, "host");
        let named = hosts.first().copied().or(parts.uri.authority().map(|name| name.as_str().as_bytes()));
        let name = named.expect("a name").split(|b| *b == b':').next().expect("a name");
        assert!(name.eq_ignore_ascii_case(b"gateway.example") && hosts.len() < 2, "{hosts:?}");
    }
    match origins.page(fields.origin) {
        Ok(Some(page)) => {
            let listed = page.as_bytes().eq_ignore_ascii_case(PAGE.as_bytes());
            assert!(listed && all(&parts.headers, "origin").len() == 1, "{page:?}");
        }
        Ok(None) => assert!(matches!(fields.origin, Sole::Absent) && !parts.headers.contains_key("origin")),
        Err(_) => {}
    }
});

fn parts(head: &[u8]) -> Option<http::request::Parts> {
    let mut lines = head.split(|b| *b == b'\n');
    let mut start = lines.next()?.splitn(2, |b| *b == b' ');
    let mut request = Request::builder().method(start.next()?).uri(start.next()?).body(()).ok()?;
    *request.version_mut() = if head.len() % 2 == 0 { Version::HTTP_11 } else { Version::HTTP_2 };
    for line in lines.take(100) {
        let colon = line.iter().position(|b| *b == b':')?;
        let (name, value) = line.split_at_checked(colon)?;
        let value = value.get(1..)?.trim_ascii();
        request.headers_mut().append(HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value).ok()?);
    }
    Some(request.into_parts().0)
}

fn all<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a [u8]> {
    headers.get_all(name).iter().map(HeaderValue::as_bytes).collect()
}
