//! Who makes a request: a program by its token, a browser by its session.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};

use axum::extract::{ConnectInfo, FromRequest, FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use bytes::Bytes;
use deputy_core::{Principal, Role, Scope, Scopes, Secret, challenge};
use deputy_identity::oauth::Resource;
use deputy_identity::{AuthError, Identity, Session, User, UserError, csrf};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use url::Url;

use crate::App;
use crate::error::{ApiError, Lacks, PageError};
use crate::form::Fields;
use crate::next;

/// The header that carries a session's token where there is no form.
pub(crate) const CSRF_HEADER: &str = "x-csrf-token";

/// The REST API as a resource: what tokens for it are for, below the public URL.
pub(crate) const API: &str = "/api";

/// Whoever calls the REST API.
pub(crate) struct Caller(pub(crate) Principal, Option<Session>);

impl Caller {
    /// Refuses who may not do what administrators do to others: without `admin`; a program that
    /// somebody logged in, whose person proved nothing to it; and a browser in which that was long
    /// ago. A personal token with `admin` is made for it, by a person who proved who they are.
    pub(crate) async fn need_administrators_act(&self, app: &App) -> Result<(), ApiError> {
        self.need(Scope::Admin)?;
        if matches!(self.0.caller, deputy_core::Caller::Client { .. }) {
            return Err(ApiError::forbidden(
                "a program that was let in does nothing of an administrator's; use a personal token with the scope admin, or the page /admin",
            ));
        }
        let Some(session) = &self.1 else {
            return Ok(());
        };
        match app.identity.is_fresh(session, self.0.user_id).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(ApiError::new(
                StatusCode::FORBIDDEN,
                "FRESH_SIGN_IN_NEEDED",
                "confirm on the page /confirm that it is you, and try again",
            )),
            Err(error) => Err(ApiError::internal(&error, "reading a session")),
        }
    }

    /// Refuses a caller without `scope`.
    pub(crate) fn need(&self, scope: Scope) -> Result<(), ApiError> {
        if self.0.may(scope) {
            return Ok(());
        }
        let why = format!("this needs the scope {scope}, which this caller does not have");
        let refused = ApiError::forbidden(why);
        if scope == Scope::Admin && self.0.role != Role::Admin {
            // Nothing that a program could ask this person for.
            return Err(refused);
        }
        Err(refused.lacks(scope))
    }
}

/// What the token of a request may do, for the refusal that asks for more.
#[derive(Clone, Default)]
struct Held(Arc<OnceLock<Scopes>>);

/// Tells a program whose token lacks a scope what to ask its person for (RFC 6750 section 3.1): on
/// every refusal that says which ([`ApiError::lacks`]).
pub(crate) async fn step_up(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let held = Held::default();
    request.extensions_mut().insert(held.clone());
    let mut response = next.run(request).await;
    let lacking = response.extensions().get::<Lacks>().map(|lacks| lacks.0);
    if let (Some(scope), Some(scopes)) = (lacking, held.0.get()) {
        let challenge = challenge::insufficient_scope(app.public_url(), API, scopes, &[scope]);
        if let Ok(value) = HeaderValue::from_str(&challenge) {
            let headers = response.headers_mut();
            headers.insert(header::WWW_AUTHENTICATE, value);
        }
    }
    response
}

impl FromRequestParts<App> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let public_url = app.public_url();
        let nobody = || ApiError::unauthorized().challenge(challenge::no_token(public_url, API));
        if parts.headers.contains_key(header::AUTHORIZATION) {
            // A header that is no token is a mistake, not a reason to look at the cookie.
            let principal = by_token(&app.identity, public_url, API, &parts.headers).await?;
            if let Some(held) = parts.extensions.get::<Held>() {
                // Nobody is asked twice who calls.
                let _ = held.0.set(principal.scopes.clone());
            }
            return Ok(Self(principal, None));
        }
        let session = parts
            .extensions
            .get::<Session>()
            .cloned()
            .ok_or_else(nobody)?;
        let principal = match app.identity.authenticate_session(&session).await {
            Ok(principal) => principal,
            Err(AuthError::Store(cause)) => {
                return Err(ApiError::internal(&*cause, "finding out who calls"));
            }
            Err(_) => return Err(nobody()),
        };
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
        Ok(Self(principal, Some(session)))
    }
}

/// Whose token the request carries, for the resource at `path`. A token counts in the header alone
/// (RFC 6750 section 2.3 warns of the query), and one header alone.
pub(crate) async fn by_token(
    identity: &Identity,
    public_url: &str,
    path: &str,
    headers: &HeaderMap,
) -> Result<Principal, ApiError> {
    let resource = format!("{public_url}{path}");
    // What is no resource has no metadata to be sent to.
    let told = match Resource::parse(public_url, &resource) {
        Some(_) => path,
        None => "/mcp",
    };
    let refuse = |why: &str| {
        ApiError::unauthorized_because(why)
            .challenge(challenge::invalid_token(public_url, told, why))
    };
    if headers.get_all(header::AUTHORIZATION).iter().count() > 1 {
        return Err(ApiError::validation(
            "there is more than one 'Authorization' header",
        ));
    }
    let Some(token) = bearer_token(headers) else {
        return Err(ApiError::unauthorized().challenge(challenge::no_token(public_url, told)));
    };
    match identity
        .authenticate_bearer(token.expose(), &resource)
        .await
    {
        Ok(principal) => Ok(principal),
        Err(AuthError::Store(cause)) => Err(ApiError::internal(&*cause, "finding out who calls")),
        Err(AuthError::Audience) => Err(refuse(&format!(
            "the token is for another address: ask for one whose resource is {resource}"
        ))),
        Err(error) => Err(refuse(&error.to_string())),
    }
}

/// The token of `Authorization: Bearer TOKEN` (RFC 6750 section 2.1; the scheme in any case).
pub(crate) fn bearer_token(headers: &HeaderMap) -> Option<Secret<String>> {
    let (scheme, token) = headers
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then(|| Secret::from(token))
}

/// What [`bearer`] knows: people, and where the resources are.
#[derive(Clone)]
pub struct Doorway {
    identity: Identity,
    public_url: Arc<str>,
}

impl Doorway {
    /// For the resources under `public_url`.
    pub fn new(identity: Identity, public_url: &Url) -> Self {
        Self {
            identity,
            public_url: public_url.as_str().trim_end_matches('/').into(),
        }
    }
}

/// Middleware for what is mounted beside this router (`/mcp`, `/mcp/SERVER`): puts an
/// `Arc<Principal>` into the request, or answers 401. Takes tokens only, and of access tokens those
/// for exactly this address; a browser's cookie opens nothing there.
///
/// People paste the address with a slash at its end as often as without. It is the same resource,
/// and what comes after this sees it without.
pub async fn bearer(State(door): State<Doorway>, mut request: Request, next: Next) -> Response {
    if let Some(plain) = without_slash(request.uri()) {
        *request.uri_mut() = plain;
    }
    let path = request.uri().path().to_owned();
    match by_token(&door.identity, &door.public_url, &path, request.headers()).await {
        Ok(principal) => {
            request.extensions_mut().insert(Arc::new(principal));
            next.run(request).await
        }
        Err(error) => error.into_response(),
    }
}

/// The same address without the one slash at the end of its path; `None` where there is none.
pub(crate) fn without_slash(uri: &Uri) -> Option<Uri> {
    let path = uri.path().strip_suffix('/')?;
    let plain = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(plain.parse().ok()?);
    Uri::from_parts(parts).ok()
}

/// A person in a browser. Without one, a page leads to the sign-in and back.
pub(crate) struct SignedIn {
    pub(crate) principal: Principal,
    pub(crate) user: User,
    pub(crate) session: Session,
    pub(crate) address: IpAddr,
    /// Path and query of the request.
    pub(crate) path: String,
    /// Whether the person has to set a second factor up before anything else.
    pub(crate) must_enrol: bool,
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
        let who = signed_in(parts, app).await?;
        if !who.must_enrol {
            return Ok(who);
        }
        let back = if parts.method == Method::GET {
            who.path.as_str()
        } else {
            "/"
        };
        Err(Redirect::to(&next::enrolment(back)).into_response())
    }
}

/// A person in a browser, also one who has to set a second factor up first: for what leads there,
/// and out.
pub(crate) struct Enrolling(pub(crate) SignedIn);

impl FromRequestParts<App> for Enrolling {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        signed_in(parts, app).await.map(Self)
    }
}

async fn signed_in(parts: &mut Parts, app: &App) -> Result<SignedIn, Response> {
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
    let principal = match app.identity.authenticate_for_enrolment(&session).await {
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
    let must = app.identity.must_have_second_factor(principal.role);
    let must_enrol = must && {
        let has = app.identity.has_second_factor(principal.user_id).await;
        !has.map_err(|error| PageError::internal(&error, "reading second factors").into_response())?
    };
    Ok(SignedIn {
        principal,
        user,
        session,
        address: address(parts, app),
        path,
        must_enrol,
    })
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
pub(crate) fn behind_proxies(
    peer: IpAddr,
    headers: &HeaderMap,
    trusted: &[ipnet::IpNet],
) -> IpAddr {
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
        Self::read(who, Request::from_parts(parts, body), app).await
    }
}

impl Form {
    async fn read(who: SignedIn, request: Request, app: &App) -> Result<Self, Response> {
        let fields = fields(request, app).await?;
        if !csrf::is_valid(&who.session, fields.get("csrf")) {
            tracing::info!(user = %who.principal.user_id, "a form without the session's token was refused");
            return Err(PageError::Form.into_response());
        }
        Ok(Self { who, fields })
    }
}

/// A form of a page that [`Enrolling`] opens.
pub(crate) struct EnrollingForm(pub(crate) Form);

impl FromRequest<App> for EnrollingForm {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let who = signed_in(&mut parts, app).await?;
        let request = Request::from_parts(parts, body);
        Form::read(who, request, app).await.map(Self)
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
