//! How a server in the network and we find out what we speak, and how a session of the older era begins and
//! is listened to.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};

use super::send::{About, Refused, session_of};
use super::{ASIDE, REOPEN_FIRST, REOPEN_MAX, Remote, Session, Spoken};
use crate::pool::exchange::{Asides, Exchange, Params};
use crate::pool::upstream::{Era, ServerInfo, UpstreamError};
use crate::pool::wire::envelope::request_line;

/// The version of the newer era.
pub(super) const MODERN: &str = "2026-07-28";
/// Those of the older one; the first is offered.
const LEGACY: [&str; 4] = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];

/// The code of a server that does not speak the version of a request (2026-07-28).
const UNSUPPORTED_VERSION: i64 = -32022;

/// The longest that a server may say about itself, in bytes.
const INTRODUCTION: usize = 1024 * 1024;

/// `_meta` of every request of the newer era.
pub(super) fn modern_meta() -> Map<String, Value> {
    let mut meta = Map::new();
    let mut put = |name: &str, value| meta.insert(format!("io.modelcontextprotocol/{name}"), value);
    put("protocolVersion", MODERN.into());
    put("clientInfo", client());
    put("clientCapabilities", json!({}));
    meta
}

fn client() -> Value {
    json!({ "name": "deputy", "title": "Deputy", "version": env!("CARGO_PKG_VERSION") })
}

/// What `server/discover` and `initialize` say.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Introduction {
    #[serde(default)]
    supported_versions: Vec<String>,
    #[serde(default)]
    protocol_version: Option<String>,
    #[serde(default)]
    capabilities: Value,
    #[serde(default)]
    server_info: Option<Name>,
    #[serde(default)]
    instructions: Option<String>,
    #[serde(default, rename = "_meta")]
    meta: Map<String, Value>,
}

#[derive(Default, Deserialize)]
struct Name {
    #[serde(default)]
    name: String,
    #[serde(default)]
    version: String,
}

impl Introduction {
    fn of(raw: &RawValue) -> Result<Self, UpstreamError> {
        let protocol = |reason: String| UpstreamError::Protocol { reason };
        if raw.get().len() > INTRODUCTION {
            return Err(protocol("it says too much about itself".to_owned()));
        }
        serde_json::from_str(raw.get())
            .map_err(|error| protocol(format!("an introduction that is none: {error}")))
    }

    fn info(mut self, era: Era, protocol_version: &str) -> ServerInfo {
        let named = self.meta.remove("io.modelcontextprotocol/serverInfo");
        let named = named.and_then(|it| serde_json::from_value(it).ok());
        let Name { name, version } = self.server_info.or(named).unwrap_or_default();
        ServerInfo {
            era,
            protocol_version: protocol_version.to_owned(),
            name,
            version,
            instructions: self.instructions,
            capabilities: if self.capabilities.is_object() {
                self.capabilities
            } else {
                json!({})
            },
        }
        .bounded()
    }
}

impl Remote {
    /// Finds out what the server speaks, beginning with `known`, and has a session begin where there are
    /// such. The attempt of the newer era may take `probe`.
    pub(in crate::pool) async fn greet(
        self: &Arc<Self>,
        known: Option<Era>,
        probe: Duration,
    ) -> Result<ServerInfo, UpstreamError> {
        let greeting = self.greet_either(known, probe).await;
        greeting.map_err(UpstreamError::before_the_call)
    }

    async fn greet_either(
        self: &Arc<Self>,
        known: Option<Era>,
        probe: Duration,
    ) -> Result<ServerInfo, UpstreamError> {
        let mut silent = false;
        if known != Some(Era::Legacy) {
            match tokio::time::timeout(probe, self.discover()).await {
                Ok(Ok(Some(info))) => return Ok(info),
                // it is there, but not for us, or not now; or it is not there
                Ok(Err(
                    refused @ (Refused::Unreached(_)
                    | Refused::Error(
                        UpstreamError::Unauthorized { .. }
                        | UpstreamError::RateLimited { .. }
                        | UpstreamError::Unavailable { status: 503, .. },
                    )),
                )) => return Err(refused.into()),
                // What an older server answers to a request that it does not know is anything.
                Ok(Ok(None) | Err(_)) => {}
                Err(_) => silent = true,
            }
        }
        match self.initialize().await {
            // It was slow the first time, and speaks only what it was not asked for in.
            Err(Refused::Error(error @ UpstreamError::Rpc { .. })) if silent => {
                match self.discover().await {
                    Ok(Some(info)) => Ok(info),
                    _ => Err(refused_handshake(error)),
                }
            }
            Err(Refused::Status(status)) => Err(not_started(self.explain(status).await)),
            Err(refused) => Err(match refused.into() {
                UpstreamError::Protocol { reason } | UpstreamError::Died { reason, .. } => {
                    not_started(reason)
                }
                other => refused_handshake(other),
            }),
            Ok(info) => Ok(info),
        }
    }

    /// Nothing, if it does not speak the newer version.
    async fn discover(self: &Arc<Self>) -> Result<Option<ServerInfo>, Refused> {
        let result = match self.ask_what_it_is().await {
            // The way to say which ones it would speak ("Protocol Version Negotiation").
            Err(Refused::Error(UpstreamError::Rpc { code, data, .. }))
                if code == UNSUPPORTED_VERSION && lists_modern(data.as_ref()) =>
            {
                self.ask_what_it_is().await?
            }
            answer => answer?,
        };
        let introduction = Introduction::of(&result).map_err(Refused::Error)?;
        if !introduction
            .supported_versions
            .iter()
            .any(|version| version == MODERN)
        {
            return Ok(None);
        }
        let _ = self.spoken.set(Spoken {
            era: Era::Modern,
            version: MODERN.to_owned(),
        });
        Ok(Some(introduction.info(Era::Modern, MODERN)))
    }

    async fn ask_what_it_is(self: &Arc<Self>) -> Result<Box<RawValue>, Refused> {
        let exchange = Exchange::new("server/discover", Params::Bare, Asides::default());
        self.round(&exchange, &Session::default()).await?;
        exchange.outcome().map_err(Refused::Error)
    }

    async fn initialize(self: &Arc<Self>) -> Result<ServerInfo, Refused> {
        let offered = if self.offers {
            json!({ "elicitation": { "form": {}, "url": {} }, "sampling": {}, "roots": {} })
        } else {
            json!({})
        };
        let raw = |value: &Value| to_raw_value(value).unwrap_or_default();
        let params = Params::Any {
            members: vec![
                ("protocolVersion".to_owned(), raw(&LEGACY[0].into())),
                ("capabilities".to_owned(), raw(&offered)),
                ("clientInfo".to_owned(), raw(&client())),
            ],
            meta: Map::new(),
        };
        let exchange = Exchange::new("initialize", params, Asides::default());
        let id = self.next_id();
        let line = request_line(&exchange, &Map::new(), id).unwrap_or_default();
        self.ears.expect(id, exchange.clone());
        let about = About {
            method: "initialize",
            id: Some(id),
            ..About::default()
        };
        let mut session = None;
        let answered = async {
            let response = self.post(line, &about).await?;
            session = session_of(&response)?;
            self.take_answer(response, id, &about).await
        }
        .await;
        self.ears.forget(id);
        answered?;
        let result = exchange.outcome().map_err(Refused::Error)?;
        let introduction = Introduction::of(&result).map_err(Refused::Error)?;
        let version = introduction.protocol_version.clone().unwrap_or_default();
        if !LEGACY.contains(&version.as_str()) {
            return Err(Refused::Error(not_started(format!(
                "it speaks version {version:?} of MCP, which is not known here"
            ))));
        }
        let _ = self.spoken.set(Spoken {
            era: Era::Legacy,
            version: version.clone(),
        });
        {
            let mut current = self.session.lock();
            current.id.clone_from(&session);
            current.number += 1;
        }
        let line = br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        let about = About {
            method: "notifications/initialized",
            session: session.as_deref(),
            ..About::default()
        };
        self.post(line.to_vec(), &about).await?;
        Ok(introduction.info(Era::Legacy, &version))
    }

    /// Begins a new session in place of number `seen`, if nobody did yet.
    pub(super) async fn renew(self: &Arc<Self>, seen: u64) -> Result<(), Refused> {
        let _turn = self.renewing.lock().await;
        if self.session.lock().number != seen {
            return Ok(());
        }
        tracing::debug!(
            server = self.place(),
            "a session was forgotten; another one begins"
        );
        self.initialize().await?;
        self.renewed.notify_waiters();
        Ok(())
    }

    /// What may be behind a status that no server of Streamable HTTP answers `initialize` with.
    async fn explain(&self, status: StatusCode) -> String {
        let looking = async {
            let mut events = self.get(&Session::default(), None).await.ok()?;
            events.next().await.ok()?
        };
        match tokio::time::timeout(ASIDE, looking).await {
            Ok(Some(event)) if event.name == "endpoint" => {
                "it speaks HTTP+SSE of 2024-11-05, which is not supported; use its address for Streamable HTTP"
                    .to_owned()
            }
            _ if status == StatusCode::FORBIDDEN => "it refuses access (HTTP status 403)".to_owned(),
            _ => format!(
                "HTTP status {}: this is no address of an MCP server",
                status.as_u16()
            ),
        }
    }

    /// Hears what a server of the older era says by itself, for as long as it is wanted.
    pub(in crate::pool) async fn listen(self: &Arc<Self>) {
        let mut pause = REOPEN_FIRST;
        let mut last = None;
        while !self.broken.is_cancelled() {
            let renewed = self.renewed.notified();
            let session = self.session.lock().clone();
            match self.get(&session, last.as_deref()).await {
                Ok(mut events) => {
                    events.last_id.clone_from(&last);
                    while let Ok(Some(event)) = events.next().await {
                        if !event.data.trim().is_empty() {
                            pause = REOPEN_FIRST;
                            self.ears.hear(&event.data, None);
                        }
                    }
                    last = events.last_id;
                    if let Some(wanted) = events.retry {
                        pause = pause.max(wanted).min(REOPEN_MAX);
                    }
                }
                // another session will begin with the next request
                Err(Refused::Session) => {
                    last = None;
                    renewed.await;
                    continue;
                }
                Err(Refused::Unreached(_) | Refused::Error(UpstreamError::Died { .. })) => {}
                // it has no such stream
                Err(_) => return,
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(REOPEN_MAX);
        }
    }
}

fn refused_handshake(error: UpstreamError) -> UpstreamError {
    match error {
        UpstreamError::Rpc { code, message, .. } => {
            not_started(format!("it refuses the handshake: {message} ({code})"))
        }
        other => other,
    }
}

/// Whether a server that refused a version names the one that we speak.
fn lists_modern(data: Option<&Value>) -> bool {
    let supported = data.and_then(|data| data.get("supported")?.as_array());
    supported.is_some_and(|all| all.iter().any(|version| version == MODERN))
}

fn not_started(reason: String) -> UpstreamError {
    UpstreamError::NotStarted {
        reason,
        stderr_tail: String::new(),
    }
}
