//! Who makes a request: a program by its token, a browser by its session.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequest, FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use bytes::Bytes;
use deputy_core::{Principal, Scope, Secret};
use deputy_identity::{AuthError, Identity, Session, User, UserError, csrf};
use http::request::Parts;
use http::{HeaderMap, Method, header};

use crate::App;
use crate::error::{ApiError, PageError};
use crate::form::Fields;
use crate::next;

/// The header that carries a session's token where there is no form.
pub(crate) const CSRF_HEADER: &str = "x-csrf-token";

/// Whoever calls the REST API.
pub(crate) struct Caller(pub(crate) Principal);

impl Caller {
    /// Refuses a caller without `scope`.
    pub(crate) fn need(&self, scope: Scope) -> Result<(), ApiError> {
        if self.0.may(scope) {
            return Ok(());
        }
        Err(ApiError::forbidden(format!(
            "this needs the scope {scope}, which this caller does not have"
        )))
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        if parts.headers.contains_key(header::AUTHORIZATION) {
            // A header that is no token is a mistake, not a reason to look at the cookie.
            let token = bearer_token(&parts.headers).ok_or_else(ApiError::unauthorized)?;
            return app
                .identity
                .authenticate_token(token.expose())
                .await
                .map(Self)
                .map_err(refusal);
        }
        let session = parts
            .extensions
            .get::<Session>()
            .cloned()
            .ok_or_else(ApiError::unauthorized)?;
        let principal = app
            .identity
            .authenticate_session(&session)
            .await
            .map_err(refusal)?;
        let reads = matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS);
        let presented = parts
            .headers
            .get(CSRF_HEADER)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default();
        if !reads && !csrf::is_valid(&session, presented) {
            return Err(ApiError::forbidden(
                "send the session's token as 'X-CSRF-Token'",
            ));
        }
        Ok(Self(principal))
    }
}

fn refusal(error: AuthError) -> ApiError {
    match error {
        AuthError::Store(cause) => ApiError::internal(&*cause, "finding out who calls"),
        AuthError::Missing
        | AuthError::Unknown
        | AuthError::Expired
        | AuthError::Disabled
        | AuthError::Audience
        | AuthError::Ended { .. } => ApiError::unauthorized(),
    }
}

/// The token of `Authorization: Bearer TOKEN` (RFC 6750 section 2.1; the scheme in any case).
fn bearer_token(headers: &HeaderMap) -> Option<Secret<String>> {
    let (scheme, token) = headers
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then(|| Secret::from(token))
}

/// Middleware for what is mounted beside this router (`/mcp`): puts an `Arc<Principal>` into the
/// request, or answers 401. Takes tokens only; a browser's cookie opens nothing there.
pub async fn bearer(
    State(identity): State<Identity>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(token) = bearer_token(request.headers()) else {
        return ApiError::unauthorized().into_response();
    };
    match identity.authenticate_token(token.expose()).await {
        Ok(principal) => {
            request.extensions_mut().insert(Arc::new(principal));
            next.run(request).await
        }
        Err(error) => refusal(error).into_response(),
    }
}

/// A person in a browser. Without one, a page leads to the sign-in and back.
pub(crate) struct SignedIn {
    pub(crate) principal: Principal,
    pub(crate) user: User,
    pub(crate) session: Session,
    pub(crate) address: IpAddr,
    /// Path and query of the request.
    pub(crate) path: String,
}

impl SignedIn {
    /// The token that the session's forms carry.
    pub(crate) fn csrf(&self) -> String {
        csrf::token(&self.session)
            .map(|token| token.expose().clone())
            .unwrap_or_default()
    }

    /// Names the session, opens nothing.
    pub(crate) fn session_name(&self) -> Option<String> {
        deputy_identity::session::id_hash(&self.session)
    }
}

impl FromRequestParts<App> for SignedIn {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        let path = parts
            .uri
            .path_and_query()
            .map_or("/", |p| p.as_str())
            .to_owned();
        let to_login = || {
            // After the sign-in a form's data would be gone: its page is where to go on.
            let back = if parts.method == Method::GET {
                path.as_str()
            } else {
                "/"
            };
            Redirect::to(&next::login(back)).into_response()
        };
        let Some(session) = parts.extensions.get::<Session>().cloned() else {
            return Err(to_login());
        };
        let principal = match app.identity.authenticate_session(&session).await {
            Ok(principal) => principal,
            Err(AuthError::Store(cause)) => {
                return Err(
                    PageError::internal(&*cause, "finding out who is signed in").into_response()
                );
            }
            Err(_) => return Err(to_login()),
        };
        let user = match app.identity.user(principal.user_id).await {
            Ok(user) => user,
            Err(UserError::NotFound) => return Err(to_login()),
            Err(error) => {
                return Err(PageError::internal(&error, "reading the profile").into_response());
            }
        };
        Ok(Self {
            principal,
            user,
            session,
            address: address(parts, app),
            path,
        })
    }
}

/// The client's address; where the server was not told it, everybody has the same.
pub(crate) fn address(parts: &Parts, app: &App) -> IpAddr {
    parts
        .extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(peer)| {
            behind_proxies(peer.ip(), &parts.headers, &app.config.trusted_proxies)
        })
}

/// Whom the proxies speak for: the last address in `X-Forwarded-For` that is no trusted proxy.
/// What stands before that one, the client itself may have written.
fn behind_proxies(peer: IpAddr, headers: &HeaderMap, trusted: &[ipnet::IpNet]) -> IpAddr {
    let mut client = peer.to_canonical();
    let lines = headers.get_all("x-forwarded-for");
    let lines: Vec<&str> = lines.iter().filter_map(|v| v.to_str().ok()).collect();
    for hop in lines.iter().flat_map(|line| line.split(',')).rev() {
        if !trusted.iter().any(|network| network.contains(&client)) {
            break;
        }
        let Ok(before) = hop.trim().parse::<IpAddr>() else {
            break;
        };
        client = before.to_canonical();
    }
    client
}

/// A form that a person sent from one of our pages.
pub(crate) struct Form {
    pub(crate) who: SignedIn,
    pub(crate) fields: Fields,
}

impl FromRequest<App> for Form {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let who = SignedIn::from_request_parts(&mut parts, app).await?;
        let fields = fields(Request::from_parts(parts, body), app).await?;
        if !csrf::is_valid(&who.session, fields.get("csrf")) {
            tracing::info!(user = %who.principal.user_id, "a form without the session's token was refused");
            return Err(PageError::Form.into_response());
        }
        Ok(Self { who, fields })
    }
}

/// The fields of a form, whoever sent it.
pub(crate) async fn fields(request: Request, app: &App) -> Result<Fields, Response> {
    let body = Bytes::from_request(request, app)
        .await
        .map_err(|refused| refused.status().into_response())?;
    Ok(Fields::parse(&body))
}

#[cfg(test)]
mod tests;
