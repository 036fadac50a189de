//! The official MCP client, as programs use it.

use super::certificates::Certificates;
use super::deadline::within;
use super::{Gateway, Protocol};
use http::HeaderValue;
use rmcp::model::{ClientCapabilities, ClientConfig, Implementation, ProtocolVersion};
use rmcp::service::{ClientInitializeError, RunningService};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::{ClientLifecycleMode, ClientServiceExt, RoleClient};
use rustls::version::{TLS12, TLS13};
use std::collections::HashMap;

/// An open conversation.
pub(crate) type Conversation = RunningService<RoleClient, ClientConfig>;

/// Opens a conversation through the gateway as a client of `revision`, with `key` or without.
pub(crate) async fn converse(
    gateway: &Gateway,
    protocol: Protocol,
    revision: ProtocolVersion,
    key: Option<&str>,
) -> Result<Conversation, ClientInitializeError> {
    let tls = Certificates::get().client(&[protocol.name()], &[&TLS13, &TLS12]);
    let http = reqwest::Client::builder().tls_backend_preconfigured(tls).resolve("localhost", gateway.public);
    let http = http.no_proxy().build().expect("a client");
    let mut config = StreamableHttpClientTransportConfig::with_uri(format!("https://{}/mcp", gateway.authority()));
    if let Some(key) = key {
        let mut value = HeaderValue::from_str(key).expect("a header");
        value.set_sensitive(true);
        config = config.custom_headers(HashMap::from([(http::HeaderName::from_static("x-api-key"), value)]));
    }
    let lifecycle = if revision == ProtocolVersion::V_2026_07_28 {
        ClientLifecycleMode::Discover { preferred_versions: vec![revision.clone()] }
    } else {
        ClientLifecycleMode::Initialize
    };
    let client = ClientConfig::new(ClientCapabilities::default(), Implementation::new("test", "1"));
    let client = client.with_protocol_version(revision);
    let transport = StreamableHttpClientTransport::with_client(http, config);
    within("an MCP conversation begins", client.serve_with_lifecycle(transport, lifecycle)).await
}
