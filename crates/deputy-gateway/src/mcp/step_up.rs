//! What a token lacks a scope for: HTTP 403 that names the scopes to ask for (MCP 2026-07-28, "Authorization: runtime
//! insufficient scope errors"; RFC 6750 section 3.1), so that a client can get a better token and try again by itself.
//!
//! The SDK would answer with 200, or with an error inside a stream; so this looks first. It decides nothing that is not
//! decided where the request is carried out: the checks are the same functions ([`policy::check_scope`],
//! [`passthrough::check_scope`]), and what can't be made out here goes on and is refused there. A token that may do all
//! there is to do at these addresses has its messages read once, by the SDK.

use std::borrow::Cow;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use deputy_core::{Principal, Scope, challenge};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::place::Place;
use super::{Front, MAX_BODY, wire};
use crate::error::{CallError, MissingScope};
use crate::servers::names;
use crate::{passthrough, policy};

/// What these addresses ask of a token, all together.
const ALL: [Scope; 3] = [Scope::ToolsRead, Scope::ToolsCall, Scope::ToolsWrite];

/// As much of a message as says what it takes.
#[derive(Deserialize)]
struct Message<'m> {
    #[serde(borrow, default)]
    id: Option<&'m RawValue>,
    #[serde(borrow)]
    method: Cow<'m, str>,
    #[serde(borrow, default)]
    params: Option<&'m RawValue>,
}

#[derive(Deserialize)]
struct Named<'m> {
    #[serde(borrow)]
    name: Cow<'m, str>,
}

/// The layer: [`super::place::find`] has found the place.
pub(super) async fn check(
    State(front): State<Arc<Front>>,
    request: Request,
    next: Next,
) -> Response {
    let extensions = request.extensions();
    let (Some(principal), Some(place)) = (
        extensions.get::<Arc<Principal>>().cloned(),
        extensions.get::<Arc<Place>>().cloned(),
    ) else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    let says_something = request.method() == Method::POST && is_json(request.headers());
    if !says_something || ALL.iter().all(|scope| principal.may(*scope)) {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, MAX_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    if let Some((id, missing)) = front.lacks(&principal, &place, &body).await {
        return refuse(&front, parts.uri.path(), &principal, id, missing);
    }
    next.run(Request::from_parts(parts, Body::from(body))).await
}

/// Of what the SDK reads as a message; it refuses everything else.
fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| {
        let essence = kind.split_once(';').map_or(kind, |(essence, _)| essence);
        essence.trim().eq_ignore_ascii_case("application/json")
    })
}

impl Front {
    /// The id of the request in `body`, and what this caller lacks for it; none where that is nothing, or not to be
    /// said.
    async fn lacks<'m>(
        &self,
        principal: &Principal,
        place: &Place,
        body: &'m Bytes,
    ) -> Option<(Option<&'m RawValue>, MissingScope)> {
        let message: Message<'m> = serde_json::from_slice(body).ok()?;
        let checked = match (&*message.method, place) {
            ("tools/list", _) => MissingScope::unless(principal, Scope::ToolsRead, "listing tools"),
            ("tools/call", _) => {
                let named: Named<'_> = serde_json::from_str(message.params?.get()).ok()?;
                let name = match place {
                    Place::Own(server) => {
                        names::publish(&server.name, &names::alias(&server.name, &named.name))
                    }
                    Place::All | Place::Ours(_) => named.name.into_owned(),
                };
                let tool = self.gateway.tool(principal.user_id, &name).await.ok()?;
                if matches!(place, Place::Ours(server) if *server != tool.server) {
                    return None;
                }
                policy::check_scope(principal, &tool)
            }
            // Of Deputy's own servers there are tools only: whatever else is asked of them is unknown to everybody.
            (method, Place::Own(_)) if passthrough::passes(method) => {
                passthrough::check_scope(principal, method)
            }
            _ => Ok(()),
        };
        Some((message.id, checked.err()?))
    }
}

fn refuse(
    front: &Front,
    path: &str,
    principal: &Principal,
    id: Option<&RawValue>,
    missing: MissingScope,
) -> Response {
    let asks = challenge::insufficient_scope(
        front.public_url(),
        path,
        &principal.scopes,
        &[missing.needed],
    );
    let error = wire::rpc_error(&CallError::Scope(missing));
    let body = Json(json!({ "jsonrpc": "2.0", "id": id, "error": error }));
    let mut response = (StatusCode::FORBIDDEN, body).into_response();
    // It is ASCII without control characters.
    if let Ok(asks) = HeaderValue::try_from(asks) {
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, asks);
    }
    response
}
