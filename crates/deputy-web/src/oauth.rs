//! The outside of the authorization server: its page for people, its endpoints for programs.
//!
//! What the rules are, `deputy_identity::oauth` knows; here are addresses, bodies, pages and
//! records. The consent page ([`authorize`]) is a page like any other, with the person's session
//! and the token of its forms. The endpoints for programs carry no cookie and look at none: what
//! opens them is in the body, so that a page of any site may use them (CORS without credentials),
//! and their failures are JSON as RFC 6749 section 5.2 has it.

pub(crate) mod authorize;
mod introspect;
mod metadata;
mod register;
mod revoke;
pub(crate) mod said;
mod token;

use std::error::Error as _;

use axum::body::to_bytes;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use deputy_core::challenge;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use serde_json::{Value, json};
use tower_http::cors::{AllowHeaders, Any, CorsLayer};

use crate::App;

pub(crate) use register::Registrations;
pub(crate) use said::said;

/// Largest body of a request to an endpoint for programs, in bytes.
const MAX_BODY: usize = 16 * 1024;

/// What a browser must keep seeing of an answer whose body was made anew.
pub(crate) const CORS_HEADERS: [HeaderName; 2] = [
    header::ACCESS_CONTROL_ALLOW_ORIGIN,
    header::ACCESS_CONTROL_EXPOSE_HEADERS,
];

/// What people see.
pub(crate) fn pages() -> Router<App> {
    Router::new().route(
        "/oauth/authorize",
        get(authorize::show).post(authorize::decide),
    )
}

/// What programs use: no session, no cookie.
pub(crate) fn programs() -> Router<App> {
    let resource = challenge::WELL_KNOWN;
    Router::new()
        .route("/oauth/token", post(token::handle))
        .route("/oauth/revoke", post(revoke::handle))
        .route("/oauth/register", post(register::handle))
        .route(
            "/.well-known/oauth-authorization-server",
            get(metadata::server),
        )
        .route("/.well-known/openid-configuration", get(metadata::server))
        .route(resource, get(metadata::of_mcp))
        .route(&format!("{resource}/{{*path}}"), get(metadata::of_resource))
        .route("/.well-known/{*rest}", get(metadata::nothing))
        .layer(cors())
        // Who asks it is a server, never a page.
        .route("/oauth/introspect", post(introspect::handle))
}

/// Any page may ask, none with a person's cookies.
fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::HEAD, Method::POST])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([header::WWW_AUTHENTICATE, header::RETRY_AFTER])
        .max_age(std::time::Duration::from_hours(1))
}

/// Whether what lies at `path` answers programs, in the shape of RFC 6749 section 5.2.
pub(crate) fn is_for_programs(path: &str) -> bool {
    path.starts_with("/.well-known/")
        || matches!(
            path,
            "/oauth/token" | "/oauth/revoke" | "/oauth/register" | "/oauth/introspect"
        )
}

/// A status that something else answered with, in that shape.
pub(crate) fn refusal(status: StatusCode) -> Response {
    let (error, description) = match status {
        StatusCode::NOT_FOUND => ("not_found", "there is nothing here"),
        StatusCode::METHOD_NOT_ALLOWED => ("invalid_request", "this method does not work here"),
        StatusCode::PAYLOAD_TOO_LARGE => ("invalid_request", "the body is larger than 16 KiB"),
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => (
            "temporarily_unavailable",
            "this can't be done now; try again in a moment",
        ),
        other if other.is_client_error() => ("invalid_request", "the request is not valid"),
        _ => (
            "server_error",
            "an internal error; the server's log has the details",
        ),
    };
    let body = json!({ "error": error, "error_description": description });
    answer(status, &body, None)
}

/// An answer to a program: never stored (RFC 6749 section 5.1).
fn answer(status: StatusCode, body: &Value, retry_after: Option<u64>) -> Response {
    let mut response = (status, Json(body)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    if let Some(seconds) = retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// Answers a request with `work`, which is finished also when the program leaves meanwhile.
async fn to_the_end<Work>(
    app: &App,
    request: Request,
    work: impl FnOnce(App, Sent) -> Work,
) -> Response
where
    Work: Future<Output = Response> + Send + 'static,
{
    let sent = match Sent::read(request).await {
        Ok(sent) => sent,
        Err(refused) => return refused,
    };
    match app.lifecycle.spawn(work(app.clone(), sent)).await {
        Ok(Some(response)) => response,
        // The program stops.
        _ => refusal(StatusCode::SERVICE_UNAVAILABLE),
    }
}

/// A request of a program, as the endpoints want it. What stands in its query is nobody's business.
struct Sent {
    parts: Parts,
    body: Bytes,
}

impl Sent {
    /// Reads at most [`MAX_BODY`]. Two headers where one belongs are refused: which of them counts,
    /// two readers could see differently.
    async fn read(request: Request) -> Result<Self, Response> {
        let (parts, body) = request.into_parts();
        for name in [header::AUTHORIZATION, header::CONTENT_TYPE] {
            let mut values = parts.headers.get_all(&name).iter();
            if values.next().is_some_and(|value| value.to_str().is_err()) || values.next().is_some()
            {
                return Err(refusal(StatusCode::BAD_REQUEST));
            }
        }
        match to_bytes(body, MAX_BODY).await {
            Ok(body) => Ok(Self { parts, body }),
            Err(error) => {
                let too_long = error
                    .source()
                    .is_some_and(<dyn std::error::Error>::is::<http_body_util::LengthLimitError>);
                Err(refusal(if too_long {
                    StatusCode::PAYLOAD_TOO_LARGE
                } else {
                    StatusCode::BAD_REQUEST
                }))
            }
        }
    }

    fn content_type(&self) -> Option<&str> {
        self.header(&header::CONTENT_TYPE)
    }

    fn authorization(&self) -> Option<&str> {
        self.header(&header::AUTHORIZATION)
    }

    fn header(&self, name: &HeaderName) -> Option<&str> {
        self.parts.headers.get(name)?.to_str().ok()
    }
}
