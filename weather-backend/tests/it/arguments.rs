//! Arguments that are no good are refused with a sentence and 64, before anything listens.

use super::program::{ANY_PORT, refused, run};

#[test]
fn an_address_that_others_reach_is_refused_with_64() {
    for address in ["0.0.0.0:0", "[::]:0", "10.0.0.1:8081"] {
        refused(&["--listen", address, "--source", "sample"], 64, "no authentication, so it listens on loopback only");
        let both = ["--listen", ANY_PORT, "--metrics-listen", address, "--source", "sample"];
        refused(&both, 64, "is not a loopback address");
    }
}

#[test]
fn arguments_that_are_no_good_are_refused_with_64() {
    let dir = tempfile::tempdir().unwrap();
    let no_pem = dir.path().join("ca.pem");
    std::fs::write(&no_pem, "nothing").unwrap();
    let no_pem = no_pem.to_str().unwrap();
    for (arguments, sentence) in [
        (["--listen", "example.com:80"], "it is not an address"),
        (["--sauce", "sample"], "--sauce"),
        (["--source", "noaa"], "possible values: nws, sample"),
        (["--drain-timeout", "soon"], "--drain-timeout"),
        (["--nws-base-url", "https://user:hunter2@api.weather.gov"], "must not hold a user name or password"),
        (["--nws-contact", "a\nb"], "--nws-contact: the contact must be"),
        (["--nws-ca", "/nonexistent/ca.pem"], "--nws-ca /nonexistent/ca.pem: the file cannot be read"),
        (["--nws-ca", no_pem], "holds no PEM certificate"),
    ] {
        refused(&arguments, 64, sentence);
    }
    let (_, output) = run(&["--nws-base-url", "https://user:hunter2@api.weather.gov"]);
    assert!(!String::from_utf8(output.stderr).unwrap().contains("hunter2"));
}

#[test]
fn help_has_examples_and_version_is_the_package_s() {
    let (code, output) = run(&["--help"]);
    let help = String::from_utf8(output.stdout).unwrap();
    assert!(code == 0 && help.contains("Examples:\n  weather-backend "), "{help}");
    let (code, output) = run(&["--version"]);
    assert_eq!((code, output.stdout), (0, format!("weather-backend {}\n", env!("CARGO_PKG_VERSION")).into_bytes()));
}
