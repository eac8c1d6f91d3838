//! The handshake that makes a process a server, by rmcp in either era.

use rmcp::model::{
    ClientCapabilities, ClientConfig, ElicitationCapability, FormElicitationCapability,
    Implementation, ProtocolVersion, RootsCapabilities, SamplingCapability, ServerPeerInfo,
    UrlElicitationCapability,
};
use rmcp::service::{ClientLifecycleMode, RunningService, serve_client_with_lifecycle_and_ct};
use rmcp::{ClientHandler, RoleClient};
use tokio::io::AsyncRead;
use tokio_util::sync::CancellationToken;

use super::upstream::{Era, ServerInfo};
use super::wire::StdioTransport;

/// How a handshake is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Handshake {
    /// `server/discover`, and `initialize` when the answer says that it is unknown.
    Auto,
    /// `initialize` only.
    Legacy,
}

impl From<Handshake> for ClientLifecycleMode {
    fn from(handshake: Handshake) -> Self {
        match handshake {
            Handshake::Auto => Self::Auto {
                preferred_versions: vec![ProtocolVersion::V_2026_07_28],
                legacy_version: Some(ProtocolVersion::LATEST_WITH_INITIALIZE),
            },
            Handshake::Legacy => Self::Initialize,
        }
    }
}

/// Deputy as an MCP client. To our own servers it offers nothing. A person's server may ask whatever it
/// likes: what is not for a caller who can answer it is refused. (In the newer era what a caller can do is
/// said per call, in `_meta`.)
pub(super) struct Client {
    /// Whether the server is a person's own.
    offers: bool,
}

impl ClientHandler for Client {
    fn get_info(&self) -> ClientConfig {
        let deputy = Implementation::new("deputy", env!("CARGO_PKG_VERSION")).with_title("Deputy");
        let mut offered = ClientCapabilities::default();
        if self.offers {
            let elicitation = ElicitationCapability::new()
                .with_form(FormElicitationCapability::new())
                .with_url(UrlElicitationCapability::new());
            offered.elicitation = Some(elicitation);
            offered.sampling = Some(SamplingCapability::default());
            offered.roots = Some(RootsCapabilities::default());
        }
        ClientConfig::new(offered, deputy)
            .with_protocol_version(ProtocolVersion::LATEST_WITH_INITIALIZE)
    }
}

/// rmcp's task for one server; it ends when this is dropped.
pub(super) type Service = RunningService<RoleClient, Client>;

/// The handshake over `transport`, and what era it found.
pub(super) async fn shake_hands<R: AsyncRead + Send + Unpin + 'static>(
    transport: StdioTransport<R>,
    how: Handshake,
    offers: bool,
) -> Result<Service, String> {
    serve_client_with_lifecycle_and_ct(
        Client { offers },
        transport,
        how.into(),
        CancellationToken::new(),
    )
    .await
    .map_err(|error| error.to_string())
}

/// What the handshake found.
pub(super) fn server_info(peer: Option<&ServerPeerInfo>) -> ServerInfo {
    let legacy = peer.is_none_or(|info| info.protocol_version.has_initialize());
    let name = peer.and_then(|info| info.server_info.clone());
    let (name, version) = name.map(|it| (it.name, it.version)).unwrap_or_default();
    ServerInfo {
        era: if legacy { Era::Legacy } else { Era::Modern },
        protocol_version: peer
            .map(|info| info.protocol_version.to_string())
            .unwrap_or_default(),
        name,
        version,
        instructions: peer.and_then(|info| info.instructions.clone()),
        capabilities: peer
            .and_then(|info| serde_json::to_value(&info.capabilities).ok())
            .unwrap_or_else(|| serde_json::json!({})),
    }
    .bounded()
}
