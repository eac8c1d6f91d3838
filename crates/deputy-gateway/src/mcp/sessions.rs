//! Whose session an older client's is, and of which server. The SDK takes any authenticated request into any session;
//! here the session of another person, or of another server, does not exist.
//!
//! A session is its person's, not one token's: a client that renews its token, or that its person allowed anew, goes on
//! in it, and what each request may do is that request's token's to say. It ends with the access of whoever began it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use deputy_core::{Lifecycle, Principal, UserId};
use parking_lot::Mutex;
use rmcp::transport::streamable_http_server::session::SessionManager;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::callers::Presence;
use super::held::PATIENCE;
use super::place::Place;

const SESSION: &str = "mcp-session-id";
/// The first version whose requests stand alone.
const STANDS_ALONE: &str = "2026-07-28";
/// How long a session lives in which nothing happens: longer than a question to its client may take.
const IDLE: Duration = PATIENCE.saturating_add(Duration::from_mins(5));
/// Open sessions of one person.
const MAX_PER_USER: usize = 100;

/// Keeps the sessions.
pub(super) fn manager() -> Arc<LocalSessionManager> {
    let mut manager = LocalSessionManager::default();
    manager.session_config.keep_alive = Some(IDLE);
    Arc::new(manager)
}

/// Who began which session.
pub(super) struct SessionOwners {
    known: Mutex<Known>,
    manager: Arc<LocalSessionManager>,
    lifecycle: Lifecycle,
}

#[derive(Default)]
struct Known {
    /// By the session's id.
    owners: HashMap<String, Owner>,
    /// How many requests of a person are under way that may each begin one.
    opening: HashMap<UserId, usize>,
}

struct Owner {
    user: UserId,
    /// Of which server it is.
    place: String,
    /// Who began it, and with whose access it ends.
    by: Arc<Presence>,
}

impl SessionOwners {
    pub(super) fn new(manager: Arc<LocalSessionManager>, lifecycle: Lifecycle) -> Self {
        Self {
            known: Mutex::default(),
            manager,
            lifecycle,
        }
    }

    /// Forgets sessions that have ended, once a minute.
    pub(super) async fn prune_until(self: Arc<Self>, stop: CancellationToken) {
        let mut every = tokio::time::interval(Duration::from_mins(1));
        while stop.run_until_cancelled(every.tick()).await.is_some() {
            let ids: Vec<String> = self.known.lock().owners.keys().cloned().collect();
            for id in ids {
                let known: Arc<str> = id.as_str().into();
                if !self.manager.has_session(&known).await.unwrap_or(false) {
                    self.known.lock().owners.remove(&id);
                }
            }
        }
    }

    fn is_own(&self, id: &str, user: UserId, place: &str) -> bool {
        let known = self.known.lock();
        let owner = known.owners.get(id);
        owner.is_some_and(|owner| owner.user == user && owner.place == place && !owner.by.is_gone())
    }

    /// Ends the sessions of those who are not let in any more.
    pub(super) async fn end_of_gone(&self) {
        let gone: Vec<String> = {
            let known = self.known.lock();
            let gone = known.owners.iter().filter(|(_, owner)| owner.by.is_gone());
            gone.map(|(id, _)| id.clone()).collect()
        };
        for id in gone {
            self.known.lock().owners.remove(&id);
            let _ = self.manager.close_session(&id.into()).await;
        }
    }

    /// A place for a session to be; none when this person has no more.
    fn open(self: &Arc<Self>, user: UserId) -> Option<Opening> {
        let mut known = self.known.lock();
        let open = known.owners.values().filter(|owner| owner.user == user);
        let open = open.count();
        let opening = known.opening.entry(user).or_default();
        if open + *opening >= MAX_PER_USER {
            if *opening == 0 {
                known.opening.remove(&user);
            }
            return None;
        }
        *opening += 1;
        Some(Opening {
            owners: Arc::clone(self),
            user,
        })
    }
}

/// The place of a session that may begin.
struct Opening {
    owners: Arc<SessionOwners>,
    user: UserId,
}

impl Opening {
    /// The session has begun.
    fn begun(&self, id: String, place: String, by: Arc<Presence>) {
        let mut known = self.owners.known.lock();
        let user = self.user;
        known.owners.insert(id, Owner { user, place, by });
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        let mut known = self.owners.known.lock();
        if let Some(opening) = known.opening.get_mut(&self.user) {
            *opening -= 1;
            if *opening == 0 {
                known.opening.remove(&self.user);
            }
        }
    }
}

/// The layer: a session id counts only from its owner; a new session gets one.
pub(super) async fn check_owner(
    State(owners): State<Arc<SessionOwners>>,
    request: Request,
    next: Next,
) -> Response {
    let extensions = request.extensions();
    let (Some(principal), Some(place), Some(by)) = (
        extensions.get::<Arc<Principal>>(),
        extensions.get::<Arc<Place>>(),
        extensions.get::<Arc<Presence>>().cloned(),
    ) else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    let (user, place) = (principal.user_id, place.id());
    if let Some(id) = session_of(request.headers()) {
        if !owners.is_own(&id, user, &place) {
            return refuse(StatusCode::NOT_FOUND, "Session not found");
        }
        return next.run(request).await;
    }
    if !may_open(&request) {
        return next.run(request).await;
    }
    let Some(opening) = owners.open(user) else {
        return refuse(StatusCode::TOO_MANY_REQUESTS, "Too many open sessions");
    };
    // A task of its own: a session that begins when its client has gone away has an owner all the same.
    let beginning = owners.lifecycle.spawn(async move {
        let response = next.run(request).await;
        if let Some(id) = session_of(response.headers()) {
            opening.begun(id, place, by);
        }
        response
    });
    let response = beginning.await.ok().flatten();
    response.unwrap_or_else(|| refuse(StatusCode::INTERNAL_SERVER_ERROR, "An internal error"))
}

/// Whether a request may begin a session. The SDK makes one of any `initialize`, whatever version that names; it refuses
/// one whose headers of 2026-07-28 name another method, and those headers are what requests that stand alone have.
fn may_open(request: &Request) -> bool {
    let header = |name: &str| request.headers().get(name)?.to_str().ok();
    let stands_alone = header("mcp-protocol-version").is_some_and(|it| it >= STANDS_ALONE)
        && header("mcp-method").is_some_and(|method| method != "initialize");
    request.method() == Method::POST && !stands_alone
}

fn session_of(headers: &HeaderMap) -> Option<String> {
    headers.get(SESSION)?.to_str().ok().map(str::to_owned)
}

pub(super) fn refuse(status: StatusCode, message: &str) -> Response {
    let body =
        json!({ "jsonrpc": "2.0", "id": null, "error": { "code": -32600, "message": message } });
    (status, Json(body)).into_response()
}

#[cfg(test)]
mod tests;
