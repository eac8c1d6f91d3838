//! What programs read first: who gives tokens here (RFC 8414), and for what (RFC 9728).

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use deputy_core::challenge::WELL_KNOWN;
use deputy_identity::oauth::Resource;
use http::header::CACHE_CONTROL;
use http::{HeaderValue, StatusCode, Uri};
use serde_json::Value;

use crate::App;
use crate::oauth::refusal;

/// `GET /.well-known/oauth-authorization-server`, and the same document at
/// `/.well-known/openid-configuration` for clients that look there alone. There are no ID tokens, so
/// what OpenID Connect demands of that document (`jwks_uri` and others) is not in it: a client that
/// insists on them wants a provider, and there is none.
pub(super) async fn server(State(app): State<App>) -> Response {
    kept(app.authorization.metadata())
}

/// `GET /.well-known/oauth-protected-resource`: `/mcp`, which is what most come for.
pub(super) async fn of_mcp(State(app): State<App>) -> Response {
    kept(app.authorization.resource_metadata(&Resource::Mcp))
}

/// `GET /.well-known/oauth-protected-resource/…`: of the resource at that path. Whether anybody
/// has a server of that name is not said. A client whose address has a slash at its end asks with
/// one.
pub(super) async fn of_resource(State(app): State<App>, uri: Uri) -> Response {
    let path = uri.path().strip_prefix(WELL_KNOWN).unwrap_or_default();
    let resource = format!("{}{path}", app.public_url());
    let plain = resource.strip_suffix('/').unwrap_or(&resource);
    match Resource::parse(app.public_url(), plain) {
        // Otherwise only as it is written: a client compares what it asked for with what it is told.
        Some(found) if found.url(app.public_url()) == plain => {
            kept(app.authorization.resource_metadata(&found))
        }
        _ => nothing().await,
    }
}

/// Everything else that might be well known.
pub(super) async fn nothing() -> Response {
    refusal(StatusCode::NOT_FOUND)
}

/// The document, to be kept for a short time: after a change of settings nobody is wrong for long.
fn kept(document: Value) -> Response {
    let kept = HeaderValue::from_static("public, max-age=300");
    ([(CACHE_CONTROL, kept)], Json(document)).into_response()
}
