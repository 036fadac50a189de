use super::shipped::SHIPPED;
use super::*;
use proptest::prelude::*;
use proptest::sample;

/// Every length of time, and whether it may be zero.
const DURATIONS: [(&str, &str, bool); 12] = [
    ("keys", "expiry_notice", true),
    ("upstream", "head_timeout", false),
    ("upstream", "idle_timeout", false),
    ("limits", "handshake_timeout", false),
    ("limits", "header_timeout", false),
    ("limits", "idle_timeout", false),
    ("limits", "stall_timeout", false),
    ("limits", "keep_alive", true),
    ("drain", "delay", true),
    ("drain", "timeout", true),
    ("audit", "rotate_every", true),
    ("audit", "fsync", true),
];

#[test]
fn these_are_all_lengths_of_time() {
    let named = |line: &str| line.split(" = ").next().unwrap().trim_start_matches("# ").to_owned();
    let ends_in_unit = |line: &&str| line.ends_with("s\"") || line.ends_with("d\"");
    let shown = SHIPPED.lines().filter(|line| line.contains(" = \"")).filter(ends_in_unit);
    let is_time = |line: &&str| line.split('"').nth(1).is_some_and(|text| humantime::parse_duration(text).is_ok());
    let mut shown: Vec<_> = shown.filter(is_time).map(named).collect();
    let mut known: Vec<_> = DURATIONS.map(|(_, member, _)| member.to_owned()).into();
    shown.sort();
    known.sort();
    assert_eq!(shown, known);
}

proptest! {
    #[test]
    fn no_length_of_time_is_too_short_or_too_long_to_be_waited_for(
        number in prop_oneof![0..5u64, 0..200u64, 3640..3660u64, any::<u64>()],
        unit in sample::select(vec!["ns", "us", "ms", "s", "m", "h", "d", "y"]),
    ) {
        let written = format!("{number}{unit}");
        let meant = humantime::parse_duration(&written).ok();
        for (table, member, zero) in DURATIONS {
            let read = parse(&format!("[{table}]\n{member} = \"{written}\""));
            let fits = |time: Duration| (Duration::from_millis(100)..=Duration::from_secs(3650 * 86_400)).contains(&time);
            let good = meant.is_some_and(|time| fits(time) || zero && time.is_zero());
            prop_assert_eq!(read.is_ok(), good, "{} = {}", member, written);
            if let Err(complaint) = read {
                let begins = format!("/etc/gw/gateway.toml:2:{}: `{table}.{member}` ", member.len() + 4);
                prop_assert!(complaint.starts_with(&begins), "{}", complaint);
                let says = if meant.is_some() { "to \"3650d\"" } else { "with its unit" };
                prop_assert!(complaint.contains(says), "{}", complaint);
            }
        }
    }
}
