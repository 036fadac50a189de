mod audit;
mod limits;
mod shipped;
mod times;

use super::*;
use crate::access::Rate;

fn parse(text: &str) -> Result<Settings, String> {
    Settings::parse(text, Path::new("/etc/gw/gateway.toml")).map_err(|e| e.to_string())
}

fn complaint(text: &str) -> String {
    parse(text).map(|_| ()).unwrap_err()
}

/// Asserts that `text` is refused for what stands at `place`, with these `words` among others.
fn refuses(text: &str, place: &str, words: &str) {
    let complaint = complaint(text);
    assert!(complaint.starts_with(&format!("/etc/gw/gateway.toml:{place}: ")), "{text}\n{complaint}");
    assert!(complaint.contains(words), "{text}\n{complaint}");
}

#[test]
fn nothing_written_means_the_defaults() {
    let settings = parse("").unwrap();
    assert_eq!(settings.workers, None);
    assert_eq!(settings.listen.public.to_string(), "0.0.0.0:8443");
    assert_eq!(settings.listen.admin.to_string(), "127.0.0.1:9464");
    assert_eq!(settings.listen.plaintext, None);
    assert_eq!(settings.tls.certificate, Path::new("/etc/gw/server.pem"));
    assert_eq!(settings.tls.private_key, Path::new("/etc/gw/server.key"));
    assert_eq!(settings.tls.min_version, ProtocolVersion::TLSv1_2);
    assert_eq!(settings.tls.client_auth, ClientAuth::Off);
    assert_eq!(settings.keys_file, Path::new("/etc/gw/keys.toml"));
    assert_eq!(settings.expiry_notice, Duration::from_secs(14 * 24 * 60 * 60));
    assert_eq!(settings.session_secret_file, None);
    assert_eq!(settings.upstream.address.to_string(), "http://127.0.0.1:8081");
    assert_eq!(settings.upstream.head_timeout, Duration::from_secs(75));
    assert_eq!(settings.upstream.idle_timeout, Duration::from_secs(4));
    assert_eq!(settings.routes, Routes { protected: vec!["/mcp".into()], public: vec!["/".into(), "/health".into()] });
    assert_eq!(settings.listen.trusted_proxies, []);
    assert_eq!(settings.limits, Limits::default());
    assert_eq!((settings.limits.max_body, settings.limits.handshake_timeout), (4 << 20, Duration::from_secs(10)));
    assert_eq!(settings.limits.per_address.failures, Some(Rate::parse("60/min").unwrap().at_once()));
    assert_eq!(settings.drain, Drain { delay: Duration::ZERO, timeout: Duration::from_secs(25) });
    assert_eq!(settings.log, Log { level: "info".into(), format: LogFormat::Text });
}

#[test]
fn every_member_is_read() {
    let settings = parse(
        r#"
        workers = 3
        [listen]
        public = "[::]:443"
        admin = "127.0.0.1:0"
        plaintext = "127.0.0.1:8080"
        public_hosts = ["MCP.example.com", "[::1]"]
        allowed_origins = ["https://App.example.com:443"]
        [tls]
        certificate = "tls/chain.pem"
        private_key = "/run/secrets/key.pem"
        min_version = "1.3"
        client_ca = "clients.pem"
        client_auth = "optional"
        [keys]
        file = "../keys/keys.toml"
        expiry_notice = "0s"
        [upstream]
        url = "https://mcp.example.com"
        allow_remote = true
        ca = "ca.pem"
        head_timeout = "2m"
        idle_timeout = "500ms"
        tools = ["get_alerts", "get_forecast"]
        [routes]
        protected = ["/mcp/", "/v2"]
        public = []
        [limits]
        max_body = "64KiB"
        handshake_timeout = "3s"
        [drain]
        delay = "5s"
        timeout = "0s"
        [log]
        level = "warn,gateway=debug"
        format = "json"
        "#,
    )
    .unwrap();
    assert_eq!(settings.workers, NonZeroUsize::new(3));
    assert_eq!(settings.listen.public.to_string(), "[::]:443");
    assert_eq!(settings.listen.plaintext.map(|a| a.to_string()).as_deref(), Some("127.0.0.1:8080"));
    assert_eq!(settings.listen.public_hosts, ["mcp.example.com", "::1"]);
    assert_eq!(settings.listen.allowed_origins, ["https://app.example.com"]);
    assert_eq!(settings.tls.certificate, Path::new("/etc/gw/tls/chain.pem"));
    assert_eq!(settings.tls.private_key, Path::new("/run/secrets/key.pem"));
    assert_eq!(settings.tls.min_version, ProtocolVersion::TLSv1_3);
    assert_eq!(settings.tls.client_auth, ClientAuth::Optional("/etc/gw/clients.pem".into()));
    assert_eq!(settings.keys_file, Path::new("/etc/gw/../keys/keys.toml"));
    assert_eq!(settings.expiry_notice, Duration::ZERO);
    assert_eq!(settings.upstream.address.to_string(), "https://mcp.example.com:443");
    assert_eq!(settings.upstream.ca.as_deref(), Some(Path::new("/etc/gw/ca.pem")));
    assert_eq!(settings.upstream.head_timeout, Duration::from_secs(120));
    assert_eq!(settings.upstream.idle_timeout, Duration::from_millis(500));
    assert_eq!(settings.upstream.tools, ["get_alerts", "get_forecast"]);
    assert_eq!(settings.routes, Routes { protected: vec!["/mcp".into(), "/v2".into()], public: vec![] });
    assert_eq!((settings.limits.max_body, settings.limits.handshake_timeout), (65536, Duration::from_secs(3)));
    assert_eq!(settings.drain, Drain { delay: Duration::from_secs(5), timeout: Duration::ZERO });
    assert_eq!(settings.log, Log { level: "warn,gateway=debug".into(), format: LogFormat::Json });
}

#[test]
fn members_about_addresses_are_read() {
    let settings =
        parse("[listen]\ntrusted_proxies = [\"10.0.0.0/8\", \"::1\"]\n[limits]\nfailures_per_address = \"5/h\"");
    let settings = settings.unwrap();
    let proxies: Vec<_> = settings.listen.trusted_proxies.iter().map(ToString::to_string).collect();
    assert_eq!(proxies, ["10.0.0.0/8", "::1"]);
    assert_eq!(settings.limits.per_address.failures, Some(Rate::parse("5/h").unwrap().at_once()));
    let unlimited = parse("[limits]\nfailures_per_address = \"unlimited\"").unwrap();
    assert_eq!(unlimited.limits.per_address.failures, None);
}

#[test]
fn listeners_are_two_sockets() {
    let both =
        |public: &str, admin: &str| parse(&format!("[listen]\npublic = \"{public}\"\nadmin = \"{admin}\"")).map(drop);
    for (public, admin) in [
        ("127.0.0.1:1", "127.0.0.1:1"),
        ("0.0.0.0:1", "127.0.0.1:1"),
        ("127.0.0.1:1", "0.0.0.0:1"),
        ("[::]:1", "[::1]:1"),
        ("[::]:1", "127.0.0.1:1"), // every address of IPv4 too
        ("0.0.0.0:1", "[::]:1"),
        ("127.0.0.1:1", "[::ffff:127.0.0.1]:1"),
    ] {
        assert!(both(public, admin).unwrap_err().contains("are one address"), "{public} {admin}");
    }
    for (public, admin) in [
        ("0.0.0.0:1", "[::1]:1"),
        ("127.0.0.1:1", "127.0.0.2:1"),
        ("[::1]:1", "127.0.0.1:1"),
        ("[::]:1", "127.0.0.1:2"),
        ("127.0.0.1:0", "127.0.0.1:0"),
    ] {
        assert_eq!(both(public, admin), Ok(()), "{public} {admin}");
    }
}

#[test]
fn what_sessions_and_lists_need_is_read() {
    let settings = parse("[keys]\nsession_secret_file = \"../secret\"\n[limits]\nmax_list = \"1MiB\"").unwrap();
    assert_eq!(settings.session_secret_file.as_deref(), Some(Path::new("/etc/gw/../secret")));
    assert_eq!(settings.limits.max_list, 1 << 20);
}

#[test]
fn members_about_the_upstreams_metrics_are_read() {
    let source = |text: &str| parse(&format!("[upstream]\nmetrics = \"{text}\"")).map(|s| s.upstream.metrics.unwrap());
    for (text, address, path) in [
        ("http://127.0.0.1:9465", "http://127.0.0.1:9465", "/metrics"),
        ("http://localhost:9465/a/b?c", "http://127.0.0.1:9465", "/a/b?c"),
        ("unix:m.sock", "unix:/etc/gw/m.sock", "/metrics"),
    ] {
        let source = source(text).unwrap();
        assert_eq!((source.address.to_string().as_str(), source.path.as_str()), (address, path));
    }
    for text in ["http://10.0.0.1:1/metrics", "https://localhost/metrics", "localhost:1", "http://127.0.0.1:1/a b"] {
        let complaint = source(text).unwrap_err();
        assert!(
            complaint.starts_with("/etc/gw/gateway.toml:2:11: `upstream.metrics` must be on loopback"),
            "{complaint}"
        );
    }
    let fragment = source("http://127.0.0.1:1/metrics#here").unwrap_err();
    assert!(fragment.contains(":2:11: `upstream.metrics` has a `#`"), "{fragment}");
    assert_eq!(source("unix:m#1.sock").unwrap().address.to_string(), "unix:/etc/gw/m#1.sock");
    assert!(!parse("").unwrap().upstream.required && parse("[upstream]\nrequired = true").unwrap().upstream.required);
}

#[test]
fn what_cannot_be_meant_is_refused_where_it_stands() {
    for (text, place, words) in [
        ("workers = 0", "1:11", "1 to 1024"),
        ("workers = \"many\"", "1:11", "\"auto\" or a number"),
        ("workers = -1", "1:11", "out of range"),
        ("[listen]\npublic = \"localhost:8443\"", "2:10", "IP address with a port"),
        ("[listen]\npublic = 8443", "2:10", "is an integer; write text in quotes"),
        ("[listen]\nadmin = \"127.0.0.1:8443\"", "2:9", "never go on the public port"),
        ("[listen]\npublic = \"127.0.0.1:9464\"", "1:1", "never go on the public port"),
        ("[listen]\nplaintext = \"0.0.0.0:8080\"", "2:13", "may only be on loopback"),
        ("[listen]\nplaintext = \"127.0.0.1:9464\"", "2:13", "another listener"),
        ("[listen]\npublic_hosts = [\"a:1\"]", "2:17", "host names or IP addresses"),
        ("[listen]\npublic_hosts = [\"a\",\n  \"A.\"]", "3:3", "twice"),
        ("[listen]\npublic_hosts = \"a\"", "2:16", "a list in brackets"),
        ("[listen]\nallowed_origins = [\"*\"]", "2:20", "`*` and `null` are not allowed"),
        ("[listen]\ntrusted_proxies = \"10.0.0.0/8\"", "2:19", "a list in brackets"),
        ("[listen]\ntrusted_proxies = [\"10.0.0.1/8\"]", "2:20", "written `10.0.0.0/8`"),
        ("[listen]\ntrusted_proxies = [\"proxy.example.com\"]", "2:20", "a network is"),
        ("[limits]\nfailures_per_address = 60", "2:24", "text in quotes"),
        ("[limits]\nfailures_per_address = \"60 per minute\"", "2:24", "such as \"60/min\""),
        ("[limits]\nfailures_per_address = \"0/s\"", "2:24", "or \"unlimited\""),
        ("[tls]\nmin_version = \"1.1\"", "2:15", "\"1.2\" or \"1.3\""),
        ("[tls]\nmin_version = 1.2", "2:15", "is a float; write text in quotes"),
        ("[tls]\nclient_ca = \"x\"", "2:13", "of no use while `client_auth` is \"off\""),
        ("[tls]\nclient_auth = \"off\"\nclient_ca = \"x\"", "3:13", "or remove it"),
        ("[tls]\nclient_auth = \"required\"", "2:15", "needs `client_ca`"),
        ("[tls]\nclient_auth = \"yes\"", "2:15", "\"off\", \"optional\" or \"required\""),
        ("[tls]\nclient_auth = \"optional\"\nclient_ca = \"\"", "3:13", "path of a file"),
        ("[keys]\nfile = \"\"", "2:8", "path of a file"),
        ("[keys]\nexpiry_notice = 14", "2:17", "with its unit"),
        ("[upstream]\nurl = \"http://10.0.0.1:1\"", "2:7", "allow_remote = true"),
        ("[upstream]\nurl = \"http://127.0.0.1:1/mcp\"", "2:7", "no path"),
        ("[upstream]\nca = \"x\"", "2:6", "not; remove it"),
        ("[upstream]\nhead_timeout = \"0s\"", "2:16", "longer than zero"),
        ("[upstream]\nhead_timeout = 75", "2:16", "with its unit"),
        ("[upstream]\nhead_timeout = \"75\"", "2:16", "with its unit"),
        ("[upstream]\ntools = [1]", "2:10", "is an integer"),
        ("[routes]\nprotected = []", "2:13", "at least one path"),
        ("[routes]\nprotected = [\"/mcp\", \"/mcp/\"]", "2:22", "twice"),
        ("[routes]\nprotected = [\"mcp\"]", "2:14", "beginning with `/`"),
        ("[routes]\nprotected = [\"/a/../b\"]", "2:14", "dot segments"),
        ("[routes]\npublic = [\"/mcp/\"]", "2:10", "both"),
        ("[routes]\nprotected = [\"/\"]", "2:13", "both"),
        ("[limits]\nmax_body = 0", "2:12", "more than zero"),
        ("[keys]\nsession_secret_file = \"\"", "2:23", "path of a file"),
        ("[limits]\nmax_list = 0", "2:12", "more than zero"),
        ("[limits]\nmax_body = \"4MB\"", "2:12", "\"4MiB\""),
        ("[limits]\nmax_body = \"99999999999GiB\"", "2:12", "\"4MiB\""),
        ("[limits]\nhandshake_timeout = \"0ms\"", "2:21", "longer than zero"),
        ("[log]\nlevel = \"loud=\\u0041=\"", "2:9", "log filter"),
        ("[log]\nlevel = \"\"", "2:9", "log filter"),
        ("[log]\nformat = \"xml\"", "2:10", "\"text\" or \"json\""),
        ("[metrics]\n", "1:2", "unknown member `metrics`"),
        ("workers = 1\nworkers = 2", "2:1", "duplicate key"),
    ] {
        refuses(text, place, words);
    }
}

#[test]
fn values_are_never_quoted() {
    for text in [
        "[listen]\npublic = \"S3cr3t\"",
        "[upstream]\nurl = \"S3cr3t\"",
        "[log]\nlevel = \"S3cr3t=x=y\"",
        "[routes]\nprotected = [\"S3cr3t\"]",
        "[keys]\nfile = S3cr3t",
        "workers = \"S3cr3t\"",
        "[limits]\nmax_body = \"S3cr3t\"",
    ] {
        assert!(!complaint(text).contains("S3cr3t"), "{}", complaint(text));
    }
}

#[test]
fn relative_paths_are_relative_to_the_file() {
    let beside = |file: &str| Settings::parse("", Path::new(file)).unwrap().keys_file;
    assert_eq!(beside("gateway.toml"), Path::new("keys.toml"));
    assert_eq!(beside("config/gateway.toml"), Path::new("config/keys.toml"));
}
