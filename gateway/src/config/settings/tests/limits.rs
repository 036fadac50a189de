use super::*;

#[test]
fn every_limit_is_read() {
    let settings = parse(
        r#"
        [limits]
        max_body = "64KiB"
        max_list = "32KiB"
        max_held = "2MiB"
        handshake_timeout = "3s"
        failures_per_address = "1/s"
        max_connections_per_address = 11
        handshakes_per_address = "2/s"
        max_head = "16KiB"
        max_fields = 20
        max_header_list = "8KiB"
        header_timeout = "4s"
        idle_timeout = "5s"
        min_body_rate = 0
        stall_timeout = "6s"
        max_connections = 7
        max_in_flight = 8
        max_streams = 9
        max_control_frames = 10
        keep_alive = "0s"
        "#,
    )
    .unwrap();
    let quota = |rate| Some(Rate::parse(rate).unwrap().at_once());
    let limits = Limits {
        max_body: 65536,
        max_list: 32768,
        max_held: 2 << 20,
        handshake_timeout: Duration::from_secs(3),
        per_address: PerSource { failures: quota("1/s"), connections: NonZeroU32::new(11), handshakes: quota("2/s") },
        max_head: 16384,
        max_fields: 20,
        max_header_list: 8192,
        header_timeout: Duration::from_secs(4),
        idle_timeout: Duration::from_secs(5),
        min_body_rate: 0,
        stall_timeout: Duration::from_secs(6),
        max_connections: 7,
        max_in_flight: 8,
        max_streams: 9,
        max_control_frames: 10,
        keep_alive: Duration::ZERO,
    };
    assert_eq!(settings.limits, limits);
    let unlimited = parse("[limits]\nmax_connections_per_address = \"unlimited\"").unwrap();
    assert_eq!(unlimited.limits.per_address.connections, None);
}

#[test]
fn limits_have_bounds() {
    for (text, place, words) in [
        ("[limits]\nmax_head = \"1MiB\"", "2:12", "8KiB to 128KiB"),
        ("[limits]\nmax_held = \"1000KiB\"", "2:12", "1MiB or more"),
        ("[limits]\nmax_connections = 0", "2:19", "1 to 10000000"),
        ("[limits]\nmax_fields = 101", "2:14", "10 to 100"),
        ("[limits]\nmax_header_list = 1", "2:19", "4KiB to 128KiB"),
        ("[limits]\nmax_streams = 2000", "2:15", "1 to 1000"),
        ("[limits]\nidle_timeout = \"0s\"", "2:16", "longer than zero"),
    ] {
        refuses(text, place, words);
    }
}
