use super::*;
use proptest::prelude::*;

fn fate_of(name: &str) -> Fate {
    fate(&name.parse().unwrap())
}

#[test]
fn protocol_headers_pass_and_ours_do_not() {
    let pass = [
        "accept",
        "content-type",
        "mcp-protocol-version",
        "last-event-id",
        "mcp-method",
        "mcp-name",
        "mcp-param-region",
        "mcp-param-x_y.z",
        "mcp-other",
        "user-agent",
        "x_custom",
        "x-custom",
    ];
    for name in pass {
        assert!(fate_of(name).passes(), "{name}");
    }
    let dropped = [
        "authorization",
        "cookie",
        "x-client-id",
        "x-key-id",
        "x-request-id",
        "forwarded",
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-forwarded-uri",
        "x-forwarded-anything",
        "x-original-url",
        "x-http-method",
        "x-http-method-override",
        "x-method-override",
        "x-rewrite-url",
        "x-real-ip",
        "te",
        "content-length",
        "keep-alive",
    ];
    for name in dropped {
        assert_eq!(fate_of(name), Fate::Drop, "{name}");
    }
    let others = ["connection", "upgrade", "mcp-session-id", "accept-encoding", "traceparent", "tracestate"];
    for name in ["x-api-key", "host", "origin", "transfer-encoding", "trailer"].into_iter().chain(others) {
        assert!(!fate_of(name).passes(), "{name}");
    }
}

#[test]
fn names_that_read_like_ours_are_ambiguous() {
    for name in [
        "x_api_key",
        "x_client_id",
        "x.client.id",
        "x-client_id",
        "x_forwarded_for",
        "transfer_encoding",
        "content.length",
        "mcp_session_id",
        "mcp-session.id",
        "mcp.method",
        "content_type",
        "x-forwarded_for",
        "x-forwarded.proto",
        "accept_encoding",
        "proxy.authorization",
    ] {
        assert_eq!(fate_of(name), Fate::Ambiguous, "{name}");
    }
}

#[test]
fn a_name_that_comes_twice_is_several() {
    let mut headers = HeaderMap::new();
    headers.append("x-api-key", "a".parse().unwrap());
    let bounds = Bounds { fields: MOST_FIELDS, list: usize::MAX };
    assert!(matches!(Fields::read(&headers, bounds).unwrap().api_key, Sole::One(b"a")));
    headers.append("x-api-key", "a".parse().unwrap());
    assert!(matches!(Fields::read(&headers, bounds).unwrap().api_key, Sole::Several));
    let size = 2 * ("x-api-key".len() + 1 + FIELD);
    for (list, fits) in [(size, true), (size - 1, false)] {
        let read = Fields::read(&headers, Bounds { list, ..bounds }).map(|_| ());
        assert_eq!(read, if fits { Ok(()) } else { Err(Reject::HeaderList) });
    }
    (0..MOST_FIELDS)
        .for_each(|i| assert!(!headers.append(HeaderName::try_from(format!("a{i}")).unwrap(), "b".parse().unwrap())));
    assert_eq!(Fields::read(&headers, bounds).map(|_| ()), Err(Reject::TooManyFields));
}

proptest! {
    #[test]
    fn no_spelling_of_ours_gets_through(name in "x[-_.](client|key|request)[-_.]id|x[-_.]api[-_.]key|x[-_.]forwarded[-_.][a-z]{1,5}") {
        let fate = fate_of(&name);
        prop_assert!(!fate.passes());
        prop_assert_eq!(fate == Fate::Ambiguous, name.contains(['_', '.']));
    }
}
