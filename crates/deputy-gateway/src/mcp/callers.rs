//! Who has something open here, and whether they would still be let in: streams, sessions and calls last, while tokens
//! are revoked, what a client was allowed is taken away, and people are disabled.
//!
//! Who is let in is decided by the layer that authenticates each request, and that alone. Whatever outlasts that
//! moment holds a [`Presence`]. A task looks at all of them every few seconds, once for each caller and not for each
//! stream; and at once when somebody says that access has ended ([`Gateway::look_at_callers`]), which is what happens
//! in the process in which it ended. The timer is for other replicas and for commands.
//!
//! A caller is what was let in, not the text of a token: a client that renews its access token is the same caller, and
//! one that was allowed anew is another. So a stream does not end with the hour of the token that opened it, which would
//! make every client reconnect every hour for nothing: what it was allowed lasts. But a token that is *given back* (RFC
//! 7009) takes the streams and requests with it that it opened; sessions, which are the client's, go on.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use deputy_core::secret::sha256_hex;
use deputy_core::{Caller, Principal, UserId, challenge};
use futures_util::StreamExt as _;
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{Front, sessions};
use crate::Gateway;

/// One way of one person's to be here.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    user: UserId,
    way: Way,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Way {
    /// A personal token, by its row.
    Token(i64),
    /// What a client was allowed, by its row.
    Grant(i64),
    /// An access token of a client's, by its SHA-256.
    Access(String),
    /// The person: nothing else can end.
    Person,
}

impl Key {
    fn of(principal: &Principal) -> Self {
        let way = match &principal.caller {
            Caller::Token { id, .. } => Way::Token(*id),
            Caller::Client { grant, .. } => Way::Grant(*grant),
            Caller::Browser { .. } | Caller::System => Way::Person,
        };
        let user = principal.user_id;
        Self { user, way }
    }

    /// The access token with which a client came.
    fn of_access(principal: &Principal, headers: &HeaderMap) -> Option<Self> {
        if !matches!(principal.caller, Caller::Client { .. }) {
            return None;
        }
        let presented = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let (_, token) = presented.split_once(' ')?;
        Some(Self {
            user: principal.user_id,
            way: Way::Access(sha256_hex(token.trim().as_bytes())),
        })
    }
}

/// Everybody who has something open.
#[derive(Debug, Default)]
pub(crate) struct Callers {
    there: Mutex<HashMap<Key, There>>,
    look: Notify,
}

#[derive(Debug, Default)]
struct There {
    presences: usize,
    gone: CancellationToken,
    /// When an access token is over, once that was read.
    over: Option<Timestamp>,
}

/// Held for as long as something is open for a caller.
#[derive(Debug)]
pub(super) struct Presence {
    callers: Arc<Callers>,
    key: Key,
    gone: CancellationToken,
}

impl Callers {
    /// One more thing is open for this caller, who was let in just now.
    pub(super) fn enter(self: &Arc<Self>, principal: &Principal) -> Presence {
        self.enter_as(Key::of(principal))
    }

    fn enter_as(self: &Arc<Self>, key: Key) -> Presence {
        let mut there = self.there.lock();
        let caller = there.entry(key.clone()).or_default();
        caller.presences += 1;
        Presence {
            callers: Arc::clone(self),
            key,
            gone: caller.gone.clone(),
        }
    }

    /// Who is not let in any more. Whoever was let in before and enters after this is found the next time.
    fn end(&self, key: &Key) {
        let mut there = self.there.lock();
        if let Some(caller) = there.remove(key) {
            caller.gone.cancel();
        }
    }
}

impl Presence {
    pub(super) fn is_gone(&self) -> bool {
        self.gone.is_cancelled()
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        let mut there = self.callers.there.lock();
        // Then what is there under this key came after it. Under the lock: whoever ends callers holds it.
        if self.is_gone() {
            return;
        }
        if let Some(caller) = there.get_mut(&self.key) {
            caller.presences -= 1;
            if caller.presences == 0 {
                there.remove(&self.key);
            }
        }
    }
}

impl Gateway {
    /// Access of somebody's may have ended: a token was revoked, what a client was allowed was taken away, a person was
    /// disabled. What is open for whoever is not let in any more ends at once, and not only within
    /// [`crate::Config::look_at_callers`].
    pub fn look_at_callers(&self) {
        self.inner.callers.look.notify_one();
    }

    /// Waits until it is time to look, and looks.
    pub(super) async fn looked_at_callers(&self) {
        let callers = &self.inner.callers;
        let every = self.inner.config.look_at_callers;
        // Elapsed or told: either way.
        let _ = tokio::time::timeout(every, callers.look.notified()).await;
        let there: Vec<Key> = callers.there.lock().keys().cloned().collect();
        for key in there {
            match self.is_let_in(&key).await {
                Ok(true) => {}
                Ok(false) => callers.end(&key),
                // While the database fails nobody is sent away: it is asked again.
                Err(error) => tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "whether a caller is still let in is not known"
                ),
            }
        }
    }

    /// Whether the person is still active, and the token or grant there and neither ended nor lapsed.
    async fn is_let_in(&self, key: &Key) -> Result<bool, deputy_store::Error> {
        let parts = &self.inner.parts;
        let scope = parts.store.user(key.user);
        let person = scope.profile().await?;
        if !person.is_some_and(|person| person.is_active) {
            return Ok(false);
        }
        let now = parts.clock.now();
        Ok(match &key.way {
            Way::Person => true,
            Way::Access(hash) => {
                let found = parts.store.access_token(hash).await?;
                let mut there = self.inner.callers.there.lock();
                let known = there.get_mut(key).map(|caller| &mut caller.over);
                match (found, known) {
                    (Some((token, ..)), Some(over)) => {
                        *over = Some(token.expires_at);
                        true
                    }
                    // Its row is gone: by itself when its hour is over, or it was given back.
                    (None, Some(over)) => over.is_some_and(|over| over <= now),
                    (_, None) => true,
                }
            }
            Way::Token(id) => {
                let tokens = scope.tokens().await?;
                let token = tokens.iter().find(|token| token.id == *id);
                token.is_some_and(|token| token.expires_at.is_none_or(|at| at > now))
            }
            Way::Grant(id) => {
                let grant = scope.oauth_grant(*id).await?;
                grant.is_some_and(|grant| grant.ended_at.is_none() && grant.expires_at > now)
            }
        })
    }
}

/// The layer: a request is answered, and a stream goes on, for as long as its caller is let in. To the SDK one that is
/// not any more is a client that went away: what it called is cancelled.
pub(super) async fn stay(
    State(front): State<Arc<Front>>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(principal) = request.extensions().get::<Arc<Principal>>() else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    let callers = &front.gateway.inner.callers;
    let presence = Arc::new(callers.enter(principal));
    let access = Key::of_access(principal, request.headers()).map(|key| callers.enter_as(key));
    let given_back = match &access {
        Some(access) => access.gone.clone(),
        None => CancellationToken::new(),
    };
    let path = request.uri().path().to_owned();
    request.extensions_mut().insert(Arc::clone(&presence));
    let answered = tokio::select! {
        biased;
        () = either(presence.gone.clone(), given_back.clone()) => None,
        response = next.run(request) => Some(response),
    };
    let Some(response) = answered else {
        return gone(&front, &path);
    };
    let kind = response.headers().get(header::CONTENT_TYPE);
    if kind.is_none_or(|kind| kind != "text/event-stream") {
        return response;
    }
    let (parts, body) = response.into_parts();
    let until = either(presence.gone.clone(), given_back);
    let body = (body.into_data_stream())
        .take_until(Box::pin(until))
        .map(move |piece| {
            let _there = (&presence, &access);
            piece
        });
    Response::from_parts(parts, Body::from_stream(body))
}

async fn either(one: CancellationToken, other: CancellationToken) {
    tokio::select! {
        () = one.cancelled() => {}
        () = other.cancelled() => {}
    }
}

fn gone(front: &Front, path: &str) -> Response {
    let why = "access ended while the request was under way";
    let mut response = sessions::refuse(StatusCode::UNAUTHORIZED, why);
    let asks = challenge::invalid_token(front.public_url(), path, why);
    if let Ok(asks) = HeaderValue::try_from(asks) {
        let headers = response.headers_mut();
        headers.insert(header::WWW_AUTHENTICATE, asks);
    }
    response
}

#[cfg(test)]
mod tests;
