use super::*;
use std::time::Duration;

fn key(id: &str, secret: &str) -> KeyRow {
    KeyRow {
        id: KeyId::parse(id).unwrap(),
        digest: KeyDigest::of(secret.as_bytes()),
        not_before: None,
        expires_at: None,
        disabled: false,
    }
}

fn client(id: &str, keys: Vec<KeyRow>) -> ClientRow {
    ClientRow { policy: Policy::All, keys, ..ClientRow::new(ClientId::parse(id).unwrap()) }
}

fn who(access: &Access, keys: &[&[u8]], now: SystemTime) -> Result<String, Reject> {
    let mut api_key = Sole::Absent;
    keys.iter().for_each(|key| api_key.add(key));
    let shown = Shown { api_key, memory: &Memory::default(), address: Some("192.0.2.1".parse().unwrap()) };
    access.authenticate(&shown, now).map(|p| format!("{}/{}", p.client().id(), p.key().id()))
}

#[test]
fn one_good_key_is_its_clients() {
    let rows =
        vec![client("a", vec![key("aaaaaaaa", "s1"), key("bbbbbbbb", "s2")]), client("b", vec![key("cccccccc", "s3")])];
    let access = Access::build(rows).unwrap();
    let now = SystemTime::now();
    assert_eq!(who(&access, &[b"s2"], now).unwrap(), "a/bbbbbbbb");
    assert_eq!(who(&access, &[b"s3"], now).unwrap(), "b/cccccccc");
    assert_eq!(access.keys().count(), 3);
}

#[test]
fn anything_but_exactly_one_key_is_refused() {
    let access = Access::build(vec![client("a", vec![key("aaaaaaaa", "s1")])]).unwrap();
    let now = SystemTime::now();
    for (shown, why) in [
        (&[][..], Reject::KeyMissing),
        (&[&b""[..]][..], Reject::KeyMalformed),
        (&[&b"s1"[..], b"s1"][..], Reject::KeyMalformed),
        (&[&b"s1"[..], b"other"][..], Reject::KeyMalformed),
        (&[&b"s1, s1"[..]][..], Reject::KeyMalformed),
        (&[&b"\xffs1"[..]][..], Reject::KeyMalformed),
        (&[&[b'x'; 4096][..]][..], Reject::KeyMalformed),
        (&[&b"S1"[..]][..], Reject::KeyUnknown),
        (&[&b"mcpgw_abcdefgh_cut"[..]][..], Reject::KeyMistyped),
    ] {
        assert_eq!(who(&access, shown, now), Err(why), "{shown:?}");
    }
}

/// Such a row can only be written by hand, and says nothing else than that nobody looks for it.
#[test]
fn not_even_a_row_with_its_digest_makes_a_mistyped_key_good() {
    let access = Access::build(vec![client("a", vec![key("aaaaaaaa", "mcpgw_aaaaaaaa_cut")])]).unwrap();
    assert_eq!(who(&access, &[b"mcpgw_aaaaaaaa_cut"], SystemTime::now()), Err(Reject::KeyMistyped));
}

#[test]
fn time_and_the_switch_decide() {
    let at = |s| SystemTime::UNIX_EPOCH + Duration::from_secs(s);
    let timed = KeyRow { not_before: Some(at(100)), expires_at: Some(at(200)), ..key("aaaaaaaa", "timed") };
    let off = KeyRow { disabled: true, ..key("bbbbbbbb", "off") };
    let access = Access::build(vec![client("a", vec![timed, off])]).unwrap();
    let timed = |s| who(&access, &[b"timed"], at(s)).map(|_| ());
    assert_eq!(timed(99), Err(Reject::KeyNotYetValid));
    assert_eq!(timed(100), Ok(()));
    assert_eq!(timed(199), Ok(()));
    assert_eq!(timed(200), Err(Reject::KeyExpired), "the end is not part of the key's life");
    assert_eq!(who(&access, &[b"off"], at(150)), Err(Reject::KeyDisabled));
}

#[test]
fn a_key_works_from_its_clients_addresses_alone() {
    let allow_from = ["192.0.2.0/24", "2001:db8::/32"].map(|text| Network::parse(text).unwrap()).to_vec();
    let rows = vec![
        ClientRow { allow_from: Some(allow_from), ..client("a", vec![key("aaaaaaaa", "s1")]) },
        ClientRow { allow_from: Some(vec![]), ..client("b", vec![key("bbbbbbbb", "s2")]) },
        client("c", vec![key("cccccccc", "s3")]),
    ];
    let access = Access::build(rows).unwrap();
    let who = |secret: &str, address: Option<&str>| {
        let mut api_key = Sole::Absent;
        api_key.add(secret.as_bytes());
        let address = address.map(|text| text.parse().unwrap());
        let shown = Shown { api_key, memory: &Memory::default(), address };
        access.authenticate(&shown, SystemTime::now()).map(|_| ())
    };
    for inside in ["192.0.2.1", "::ffff:192.0.2.255", "2001:db8:1::"] {
        assert_eq!(who("s1", Some(inside)), Ok(()), "{inside}");
    }
    for outside in [Some("192.0.3.1"), Some("2001:db9::1"), Some("::192.0.2.1"), None] {
        assert_eq!(who("s1", outside), Err(Reject::KeyAddress), "{outside:?}");
    }
    assert_eq!(who("s2", Some("192.0.2.1")), Err(Reject::KeyAddress), "an empty list allows nobody");
    assert_eq!(who("s3", None), Ok(()), "nobody asked");
    assert_eq!(who("s4", Some("192.0.2.1")), Err(Reject::KeyUnknown));
}

#[test]
fn rows_that_contradict_each_other_refuse_the_file() {
    let build = |rows| Access::build(rows).map(|_| ()).unwrap_err().to_string();
    assert!(build(vec![client("a", vec![]), client("a", vec![])]).contains("client `a` is written twice"));
    assert!(build(vec![client("a", vec![key("aaaaaaaa", "1"), key("aaaaaaaa", "2")])]).contains("key id `aaaaaaaa`"));
    let twice = vec![client("a", vec![key("aaaaaaaa", "1")]), client("b", vec![key("bbbbbbbb", "1")])];
    assert!(build(twice).contains("`aaaaaaaa` and `bbbbbbbb` have the same digest"));
}

/// What a change from `old` to `new` ends, as `id reason`, and whether each key of `new` has a lease that holds.
fn ended(old: &Access, new: &Access) -> Vec<String> {
    let ended = old.end_leases(new).into_iter().map(|(_, key, reason)| format!("{} {}", key.id(), reason.word()));
    let ended = ended.collect();
    assert!(new.keys().all(|(_, key)| key.lease().ended().is_none()));
    ended
}

#[test]
fn a_lease_ends_with_what_its_key_was() {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
    let rows = || {
        vec![
            client("a", vec![key("aaaaaaaa", "1"), key("bbbbbbbb", "2"), key("cccccccc", "3")]),
            client("b", vec![key("dddddddd", "4"), key("eeeeeeee", "5")]),
        ]
    };
    let first = Access::default().rebuild(rows(), now).unwrap();
    let second = first.rebuild(rows(), now).unwrap();
    assert_eq!(ended(&first, &second), Vec::<String>::new());
    // a stream that was opened under the first snapshot lives by the same lease
    let lease = |access: &Access, id: &str| access.keys.named(&KeyId::parse(id).unwrap()).unwrap().lease().clone();
    let oldest = lease(&first, "aaaaaaaa");
    assert!(Arc::ptr_eq(&oldest, &lease(&second, "aaaaaaaa")));

    let mut changed = rows();
    changed[0].keys[0].disabled = true;
    changed[0].keys[1].digest = KeyDigest::of(b"other");
    changed[0].keys[2].expires_at = Some(now);
    let moved = changed[1].keys.remove(0);
    changed[0].keys.push(moved);
    changed[1].keys[0].not_before = Some(now + Duration::from_secs(1));
    let third = second.rebuild(changed.clone(), now).unwrap();
    let expected =
        ["aaaaaaaa revoked", "bbbbbbbb removed", "cccccccc expired", "dddddddd removed", "eeeeeeee not_yet_valid"];
    assert_eq!(ended(&second, &third), expected);
    assert_eq!(oldest.ended(), Some(LeaseEnd::Revoked));

    // what is allowed again begins anew; what is gone with its client ends
    changed[0].keys[0].disabled = false;
    changed.truncate(1);
    let fourth = third.rebuild(changed, now).unwrap();
    assert_eq!(ended(&third, &fourth), Vec::<String>::new(), "nobody could use the key of the client that is gone");
    assert_eq!(oldest.ended(), Some(LeaseEnd::Revoked));
    assert_eq!(ended(&fourth, &Access::default()), ["aaaaaaaa removed", "bbbbbbbb removed", "dddddddd removed"]);
}

#[test]
fn what_was_opened_lives_on_in_the_next_snapshot_or_not_at_all() {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
    let rows = [("a", "aaaaaaaa", "1"), ("b", "bbbbbbbb", "2"), ("c", "cccccccc", "3")];
    let mut rows: Vec<_> = rows.map(|(id, name, secret)| client(id, vec![key(name, secret)])).into();
    let first = Access::default().rebuild(rows.clone(), now).unwrap();
    let heirs = |next: &Access| [0, 1, 2].map(|slot| first.heir(Proof { client: slot, key: slot }, next));
    let at = |slot| Some(Proof { client: slot, key: slot });
    rows.reverse();
    let second = first.rebuild(rows.clone(), now).unwrap();
    assert_eq!(heirs(&second), [at(2), at(1), at(0)]);
    rows[0].keys[0].digest = KeyDigest::of(b"other");
    rows[1].keys[0].disabled = true;
    let third = second.rebuild(rows.clone(), now).unwrap();
    second.end_leases(&third);
    assert_eq!(heirs(&third), [at(2), None, None]);
    rows[1].keys[0].disabled = false;
    let fourth = third.rebuild(rows, now).unwrap();
    assert_eq!(heirs(&fourth), [at(2), None, None], "a lease that has ended is nobody's");
}

#[test]
fn a_clock_may_jump() {
    const HOUR: Duration = Duration::from_secs(3600);
    let noon = SystemTime::UNIX_EPOCH + 12 * HOUR;
    let timed =
        KeyRow { not_before: Some(noon - HOUR / 2), expires_at: Some(noon + HOUR / 2), ..key("aaaaaaaa", "timed") };
    let rows = vec![client("a", vec![timed, key("bbbbbbbb", "s")])];
    let mut access = Access::default().rebuild(rows, noon).unwrap();
    let steady = access.keys.named(&KeyId::parse("bbbbbbbb").unwrap()).unwrap().lease().clone();
    let jumps = [
        (noon + Duration::from_secs(1), None),
        (noon + HOUR, Some(vec!["aaaaaaaa expired"])),
        (noon, Some(vec![])),
        (noon - HOUR, Some(vec!["aaaaaaaa not_yet_valid"])),
        (noon - 2 * HOUR, None),
        (noon + HOUR, Some(vec![])),
        (noon, Some(vec![])),
        (SystemTime::UNIX_EPOCH, Some(vec!["aaaaaaaa not_yet_valid"])),
    ];
    for (now, expected) in jumps {
        assert_eq!(access.is_stale(now), expected.is_some(), "{now:?}");
        if let Some(expected) = expected {
            let next = access.renew(now);
            assert_eq!(ended(&access, &next), expected, "{now:?}");
            assert!(!next.is_stale(now));
            access = next;
        }
    }
    assert_eq!(steady.ended(), None, "no other key is concerned");
    assert_eq!(who(&access, &[b"s"], noon).unwrap(), "a/bbbbbbbb");
}
