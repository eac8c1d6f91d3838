//! Whose session an older client's is, and of which server. The SDK takes any authenticated request into any session;
//! here the session of another person, or of another server, does not exist.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use deputy_core::{Principal, UserId};
use parking_lot::Mutex;
use rmcp::transport::streamable_http_server::session::SessionManager;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::place::Place;

const SESSION: &str = "mcp-session-id";
/// Open sessions of one person.
const MAX_PER_USER: usize = 100;

/// Who began which session.
pub(super) struct SessionOwners {
    owners: Mutex<HashMap<String, (UserId, String)>>,
    manager: Arc<LocalSessionManager>,
}

impl SessionOwners {
    pub(super) fn new(manager: Arc<LocalSessionManager>) -> Self {
        Self {
            owners: Mutex::new(HashMap::new()),
            manager,
        }
    }

    /// Forgets sessions that have ended, once a minute.
    pub(super) async fn prune_until(self: Arc<Self>, stop: CancellationToken) {
        let mut every = tokio::time::interval(Duration::from_mins(1));
        while stop.run_until_cancelled(every.tick()).await.is_some() {
            let ids: Vec<String> = self.owners.lock().keys().cloned().collect();
            for id in ids {
                let known: Arc<str> = id.as_str().into();
                if !self.manager.has_session(&known).await.unwrap_or(false) {
                    self.owners.lock().remove(&id);
                }
            }
        }
    }

    fn open_sessions(&self, user: UserId) -> usize {
        self.owners
            .lock()
            .values()
            .filter(|(owner, _)| *owner == user)
            .count()
    }
}

/// The layer: a session id counts only from its owner; a new session gets one.
pub(super) async fn check_owner(
    State(owners): State<Arc<SessionOwners>>,
    request: Request,
    next: Next,
) -> Response {
    let extensions = request.extensions();
    let (Some(principal), Some(place)) = (
        extensions.get::<Arc<Principal>>(),
        extensions.get::<Arc<Place>>(),
    ) else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    let (user, place) = (principal.user_id, place.id());
    let named = session_of(request.headers());
    if let Some(id) = &named {
        let own = owners
            .owners
            .lock()
            .get(id)
            .is_some_and(|(owner, of)| *owner == user && *of == place);
        if !own {
            return refuse(StatusCode::NOT_FOUND, "Session not found");
        }
    } else if may_open(request.headers()) && owners.open_sessions(user) >= MAX_PER_USER {
        return refuse(StatusCode::TOO_MANY_REQUESTS, "Too many open sessions");
    }
    let response = next.run(request).await;
    if named.is_none()
        && let Some(id) = session_of(response.headers())
    {
        owners.owners.lock().insert(id, (user, place));
    }
    response
}

/// Whether a request may begin a session: those of 2026-07-28 on stand alone.
fn may_open(headers: &HeaderMap) -> bool {
    let version = headers
        .get("mcp-protocol-version")
        .and_then(|v| v.to_str().ok());
    version.is_none_or(|version| version < "2026-07-28")
}

fn session_of(headers: &HeaderMap) -> Option<String> {
    headers.get(SESSION)?.to_str().ok().map(str::to_owned)
}

pub(super) fn refuse(status: StatusCode, message: &str) -> Response {
    let body =
        json!({ "jsonrpc": "2.0", "id": null, "error": { "code": -32600, "message": message } });
    (status, Json(body)).into_response()
}
