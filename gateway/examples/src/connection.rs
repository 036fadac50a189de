//! An open conversation with an MCP server.

use std::sync::Arc;
use std::time::Duration;

use rmcp::model::{
    CallToolRequestParams, CallToolResult, ClientCapabilities, ClientConfig, ContentBlock, Implementation, JsonObject,
    PaginatedRequestParams, ProtocolVersion, Tool,
};
use rmcp::service::{ClientInitializeError, RunningService};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::common::client_side_sse::ExponentialBackoff;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::{ClientServiceExt, RoleClient, ServiceError};

use crate::progress::ShowProgress;
use crate::server::Server;
use crate::wire::Wire;
use crate::{Failure, ServerArgs, reach, terminal};

/// How long a server may take to hear that we leave.
const GOODBYE: Duration = Duration::from_secs(2);

/// A server that goes on after so many pages of tools repeats itself.
const MOST_PAGES: usize = 100;

/// A conversation with the MCP server that [`ServerArgs`] names. What it reports as progress is printed as it comes.
pub struct Connection {
    running: RunningService<RoleClient, ClientConfig>,
    wire: Wire,
}

impl Connection {
    /// Opens the conversation under the client name `name`.
    ///
    /// # Errors
    ///
    /// [`Failure::Setup`] for arguments that cannot work, [`Failure::Unauthorized`] for a refused key, and
    /// [`Failure::Broken`] when no MCP server answers.
    pub async fn open(name: &str, arguments: &ServerArgs) -> Result<Self, Failure> {
        let server = Server::try_from(arguments)?;
        let http = reach::http_client(&server.url, &server.trust)?;
        let lifecycle = server.protocol.lifecycle();
        let mut config = StreamableHttpClientTransportConfig::with_uri(server.url.as_str());
        config.retry_config = Arc::new(three_times());
        let wire = Wire::new(http, server.url, server.key, server.trust);
        let transport = ShowProgress(StreamableHttpClientTransport::with_client(wire.clone(), config));
        let client =
            ClientConfig::new(ClientCapabilities::default(), Implementation::new(name, env!("CARGO_PKG_VERSION")))
                .with_protocol_version(ProtocolVersion::V_2025_11_25);
        match client.serve_with_lifecycle(transport, lifecycle).await {
            Ok(running) => Ok(Self { running, wire }),
            Err(error) => Err(wire.failure().unwrap_or_else(|| not_started(&error))),
        }
    }

    /// The tools that the server offers to this key.
    ///
    /// # Errors
    ///
    /// As for [`Connection::call`].
    pub async fn tools(&self) -> Result<Vec<Tool>, Failure> {
        let mut tools = Vec::new();
        let mut page = None;
        for _ in 0..MOST_PAGES {
            let listed = self.running.list_tools(page).await.map_err(|error| self.explain(&error))?;
            tools.extend(listed.tools);
            if listed.next_cursor.is_none() {
                return Ok(tools);
            }
            page = Some(PaginatedRequestParams::default().with_cursor(listed.next_cursor));
        }
        Err(Failure::Broken(format!("the server's list of tools does not end after {MOST_PAGES} pages.")))
    }

    /// Calls a tool and waits for its result, which may say that the tool failed.
    ///
    /// # Errors
    ///
    /// [`Failure::Refused`] when the server or the gateway refuses this call, [`Failure::Unauthorized`] when the key no
    /// longer works, [`Failure::Broken`] when no result arrives.
    pub async fn call(&self, tool: &str, arguments: JsonObject) -> Result<CallToolResult, Failure> {
        let call = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
        self.running.call_tool(call).await.map_err(|error| self.explain(&error))
    }

    /// Takes leave of the server.
    pub async fn close(mut self) {
        // A server that does not listen any more is no reason to fail a finished task.
        let _ = self.running.close_with_timeout(GOODBYE).await;
    }

    fn explain(&self, error: &ServiceError) -> Failure {
        if let ServiceError::McpError(refusal) = error {
            return Failure::Refused(format!(
                "the server refused the call: {}",
                terminal::excerpt(&refusal.message, 300)
            ));
        }
        if let Some(failure) = self.wire.failure() {
            return failure;
        }
        if let ServiceError::TransportClosed | ServiceError::TransportSend(_) = error {
            return Failure::Broken("the connection ended before the answer was complete.".to_owned());
        }
        Failure::Broken(format!("no answer came: {}", terminal::excerpt(&error.to_string(), 300)))
    }
}

/// What a tool said, for a person or a model to read.
#[must_use]
pub fn spoken(result: &CallToolResult) -> String {
    let blocks: Vec<String> = result.content.iter().map(block).collect();
    match (&result.structured_content, blocks.is_empty()) {
        (Some(value), true) => value.to_string(),
        _ => blocks.join("\n"),
    }
}

fn block(block: &ContentBlock) -> String {
    if let Some(text) = block.as_text() {
        return text.text.clone();
    }
    if let Some(resource) = block.as_resource() {
        return resource.get_text();
    }
    if let Some(link) = block.as_resource_link() {
        return link.uri.clone();
    }
    let kind =
        block.as_image().map(|image| &image.mime_type).or_else(|| block.as_audio().map(|audio| &audio.mime_type));
    format!("[{} not shown]", kind.map_or("content", |kind| kind))
}

/// An event stream that breaks off is taken up again where the server supports it, but not for ever.
fn three_times() -> ExponentialBackoff {
    let mut backoff = ExponentialBackoff::default();
    backoff.max_times = Some(3);
    backoff
}

fn not_started(error: &ClientInitializeError) -> Failure {
    if let ClientInitializeError::LegacyFallbackFailed { fallback, .. } = error {
        return not_started(fallback);
    }
    if let ClientInitializeError::NoCompatibleProtocolVersion { server_supported, .. } = error {
        let versions: Vec<&str> = server_supported.iter().map(ProtocolVersion::as_str).collect();
        return Failure::Broken(format!("the server speaks MCP {} only: choose with --protocol.", versions.join(", ")));
    }
    if let ClientInitializeError::JsonRpcError(refusal) = error {
        return Failure::Broken(format!(
            "the server refused to begin: {}; --protocol chooses another revision.",
            terminal::excerpt(&refusal.message, 300)
        ));
    }
    if let ClientInitializeError::ConnectionClosed(_) = error {
        return Failure::Broken("the server ended the connection before it had answered as MCP servers do.".to_owned());
    }
    Failure::Broken(format!(
        "the server did not begin as MCP servers do: {}",
        terminal::excerpt(&error.to_string(), 300)
    ))
}
