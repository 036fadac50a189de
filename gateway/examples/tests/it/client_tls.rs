//! TLS with a private CA works when the CA is named, and every other certificate is refused with what to try.

use crate::authority::Ca;
use crate::binary::{client, run};
use crate::mcp;
use crate::origin::{Origin, Then};

/// An MCP server with a certificate of `ca` for `name`.
fn server(ca: &Ca, name: &str) -> Origin {
    Origin::with(Some(ca.server(name)), |request, reply| {
        mcp::answer(request, reply, &[], &|request, reply| reply.json(&mcp::text(request, "sunny")));
        Then::Listen
    })
}

#[test]
fn a_private_ca_is_trusted_when_it_is_named() {
    let ca = Ca::new("ours");
    let server = server(&ca, "localhost");
    let file = ca.file();
    let ended = run(&mut client(&server.url("/mcp"), &["--ca", file.to_str().unwrap(), "alerts", "CA"])).with(0);
    assert_eq!(ended.stdout, "sunny\n");
    assert_eq!(server.calls(), ["server/discover", "tools/list", "tools/call"]);
}

#[test]
fn an_unknown_ca_is_refused_with_the_option_that_helps() {
    let ca = Ca::new("ours");
    let server = server(&ca, "localhost");
    // The second is what a user has left from an earlier set-up: another CA under the same name.
    for other in [Ca::new("theirs"), Ca::new("ours")] {
        let file = other.file();
        // The machine's own CAs are set here, so that the test does not depend on there being any.
        run(client(&server.url("/mcp"), &["tools"]).env("SSL_CERT_FILE", &file)).with(1).says(&[
            "the certificate of https://localhost",
            "no CA that this machine trusts",
            "--ca FILE",
        ]);
        run(&mut client(&server.url("/mcp"), &["--ca", file.to_str().unwrap(), "tools"]))
            .with(1)
            .says(&["is not signed by a CA in", file.to_str().unwrap()]);
    }
    assert!(server.seen().is_empty());
}

#[test]
fn a_certificate_for_another_name_is_refused() {
    let ca = Ca::new("ours");
    let server = server(&ca, "gateway.example");
    run(&mut client(&server.url("/mcp"), &["--ca", ca.file().to_str().unwrap(), "tools"])).with(1).says(&[
        "the certificate of https://localhost",
        "is refused",
        "gateway.example",
    ]);
    assert!(server.seen().is_empty());
}

#[test]
fn tls_where_there_is_none_and_none_where_there_is_tls() {
    let ca = Ca::new("ours");
    let plain = mcp::server(|_, _| ());
    let url = plain.url("/mcp").replace("http://127.0.0.1", "https://localhost");
    run(&mut client(&url, &["--ca", ca.file().to_str().unwrap(), "tools"])).with(1).says(&["does not speak TLS"]);

    let server = server(&ca, "localhost");
    run(&mut client(&server.url("/mcp").replace("https://", "http://"), &["tools"]))
        .with(1)
        .says(&["no answer that is HTTP", "https"]);
}

#[test]
fn a_machine_without_cas_is_told_which_option_helps() {
    let none = tempfile::NamedTempFile::new().unwrap();
    run(client("https://localhost:1/mcp", &["tools"]).env("SSL_CERT_FILE", none.path()))
        .with(64)
        .says(&["the CAs that this machine trusts cannot be used", "--ca FILE"]);
}

#[test]
fn a_ca_file_that_is_none_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ca.pem");
    let arguments = ["--ca", file.to_str().unwrap(), "tools"];
    run(&mut client("https://localhost/mcp", &arguments)).with(64).says(&[arguments[1], "cannot be read"]);
    std::fs::write(&file, "nothing").unwrap();
    run(&mut client("https://localhost/mcp", &arguments)).with(64).says(&[arguments[1], "holds no certificate"]);
    run(&mut client("http://localhost/mcp", &arguments)).with(64).says(&["--ca needs an https:// address"]);
}
