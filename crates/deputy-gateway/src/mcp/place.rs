//! What an address stands for: all of a person's tools, or one server of theirs.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use deputy_core::{Principal, UserId};
use deputy_store::own_server::OwnServer;

use super::Front;
use super::sessions::refuse;
use crate::pool::PoolKey;

/// What a request goes to. Found anew for each request.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Place {
    /// `/mcp`
    All,
    /// One of Deputy's own servers.
    Ours(String),
    /// One that the person brought along.
    Own(Box<OwnServer>),
}

impl Place {
    /// Its name among all places: never the same for two servers, also where one took the other's name.
    pub(super) fn id(&self) -> String {
        match self {
            Self::All => "all".to_owned(),
            Self::Ours(name) => format!("ours:{name}"),
            Self::Own(server) => format!("own:{}", server.id),
        }
    }

    /// Its name for people.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::All => "Deputy",
            Self::Ours(name) => name,
            Self::Own(server) => &server.name,
        }
    }

    /// Where the pool has it, if it is a person's own.
    pub(super) fn key(&self, user: UserId) -> Option<PoolKey> {
        match self {
            Self::Own(server) => Some(PoolKey::own(user, server.id)),
            Self::All | Self::Ours(_) => None,
        }
    }
}

/// The layer: what is not this person's, or is switched off, does not exist.
pub(super) async fn find(
    State(front): State<Arc<Front>>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(user) = request
        .extensions()
        .get::<Arc<Principal>>()
        .map(|p| p.user_id)
    else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    let place = match request.uri().path().strip_prefix("/mcp/") {
        None => Place::All,
        Some(name) => match front.place(user, name).await {
            Ok(Some(place)) => place,
            Ok(None) => {
                return refuse(
                    StatusCode::NOT_FOUND,
                    "There is no such server, or it is switched off",
                );
            }
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "finding a server failed"
                );
                return refuse(StatusCode::INTERNAL_SERVER_ERROR, "An internal error");
            }
        },
    };
    request.extensions_mut().insert(Arc::new(place));
    next.run(request).await
}

impl Front {
    async fn place(&self, user: UserId, name: &str) -> Result<Option<Place>, deputy_store::Error> {
        let parts = &self.gateway.inner.parts;
        if parts.catalog.has_server(name) {
            return Ok(Some(Place::Ours(name.to_owned())));
        }
        let own = parts.store.user(user).own_server(name).await?;
        Ok(own
            .filter(|server| server.is_enabled)
            .map(|server| Place::Own(Box::new(server))))
    }
}
