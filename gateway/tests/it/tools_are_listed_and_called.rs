//! With a valid key, the tools of the real backend are listed and called through TLS: in every revision of MCP that is alive,
//! over HTTP/1.1 and h2.

use crate::harness::mcp::converse;
use crate::harness::{Backend, Gateway, Key, Protocol, within};
use rmcp::model::{CallToolRequestParams, ProtocolVersion};
use serde_json::json;

const REVISIONS: [ProtocolVersion; 5] = [
    ProtocolVersion::V_2024_11_05,
    ProtocolVersion::V_2025_03_26,
    ProtocolVersion::V_2025_06_18,
    ProtocolVersion::V_2025_11_25,
    ProtocolVersion::V_2026_07_28,
];

#[tokio::test]
async fn in_every_revision_over_both_protocols() {
    let backend = Backend::start().await;
    let gateway = Gateway::before(&backend).start().await;
    for revision in REVISIONS {
        for protocol in Protocol::BOTH {
            let key = Some(&*gateway.key().secret);
            let mut client = converse(&gateway, protocol, revision.clone(), key).await.unwrap();
            assert_eq!(client.peer_info().unwrap().protocol_version, revision, "{protocol:?}");
            let mut tools = within("the tools", client.list_all_tools()).await.unwrap();
            tools.sort_by(|a, b| a.name.cmp(&b.name));
            let names: Vec<_> = tools.iter().map(|tool| &*tool.name).collect();
            assert_eq!(names, ["get_alerts", "get_forecast"], "{revision:?} {protocol:?}");

            let arguments = json!({"state": "ca"}).as_object().cloned().unwrap();
            let call = CallToolRequestParams::new("get_alerts").with_arguments(arguments);
            let result = within("the alerts", client.call_tool(call)).await.unwrap();
            let text = &result.content[0].as_text().unwrap().text;
            assert!(text.contains("Event: Red Flag Warning"), "{revision:?} {protocol:?}: {text}");
            client.close().await.unwrap();
        }
    }
}

#[tokio::test]
async fn and_without_a_key_the_client_is_told_so() {
    let backend = Backend::start().await;
    let gateway = Gateway::before(&backend).start().await;
    let wrong = Key::new().secret;
    for revision in [ProtocolVersion::V_2025_11_25, ProtocolVersion::V_2026_07_28] {
        for (protocol, key) in Protocol::BOTH.into_iter().flat_map(|one| [None, Some(&*wrong)].map(|key| (one, key))) {
            let refused = converse(&gateway, protocol, revision.clone(), key).await.expect_err("refused");
            let said = format!("{refused:?}");
            assert!(said.contains("ApiKey realm") && !said.contains(&wrong), "{revision:?} {protocol:?}: {said}");
        }
    }
}
