//! What surrounds every request: the log, the headers that keep browsers careful, the shape of
//! errors.

use std::time::Instant;

use askama::Template;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

use crate::App;
use crate::api::google_callback::GOOGLE_CALLBACK;
use crate::error::{ApiError, PageError};
use crate::language;
use crate::oauth;
use crate::pages::message;
use crate::text::Text;
use crate::view::{Nav, Shell};

/// One line per request: method, route and status, never the address with its query, a header or
/// a body, which may hold secrets.
pub(crate) async fn log(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("(none)", MatchedPath::as_str)
        .to_owned();
    let response = next.run(request).await;
    let took = started.elapsed();
    let status = response.status();
    let labels = [
        ("method", label(&method)),
        ("route", route.clone()),
        ("status", status.as_u16().to_string()),
    ];
    metrics::counter!("deputy_http_requests_total", &labels).increment(1);
    metrics::histogram!("deputy_http_request_seconds", "route" => route.clone())
        .record(took.as_secs_f64());
    let duration_ms = took.as_millis();
    if status.is_server_error() {
        tracing::warn!(%method, route, status = status.as_u16(), duration_ms, "request");
    } else {
        tracing::debug!(%method, route, status = status.as_u16(), duration_ms, "request");
    }
    response
}

/// The method as a label; made-up ones, of which there is no end, share one.
fn label(method: &Method) -> String {
    let known = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
    ];
    if known.contains(method) {
        method.to_string()
    } else {
        "other".to_owned()
    }
}

/// Nothing from elsewhere, no scripts (but on pages that ask for a passkey, [`Scripted`]), no frames. `form-action` is our own origin: no form of ours
/// is answered with a redirect to another (Chromium holds redirects to it too), which is why a
/// consent elsewhere begins with a link. Only our own consent page has none ([`Eased`]).
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; \
                      frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

/// The same without `form-action`, which `default-src` does not stand in for.
const LEADING_AWAY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; \
                            frame-ancestors 'none'; base-uri 'none'";

/// The first one for pages that ask for a passkey: a browser does that for a script alone. The script
/// is a file of ours, and asks no other site.
const SCRIPTED: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; \
                        img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

/// On an answer whose page has the script for passkeys.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scripted;

impl Scripted {
    /// Puts this on an answer, where there can be passkeys at all.
    pub(crate) fn on(self, app: &App, mut response: Response) -> Response {
        if app.identity.passkeys_work() {
            response.extensions_mut().insert(self);
        }
        response
    }
}

/// What a page needs that the others may not.
#[derive(Clone, Debug, Default)]
pub(crate) struct Eased {
    /// Whether the answer to the page's form may lead anywhere. Chromium holds each step of the way
    /// to the policy, and a program's address may send people on: to an app of its own scheme, to
    /// another host of its maker.
    pub(crate) leads_away: bool,
}

impl Eased {
    /// Puts this on an answer. A page of a sign-in for a program may stand in a window that the
    /// program's own page opened and waits for; with `same-origin` that page would lose it.
    pub(crate) fn on(self, mut response: Response) -> Response {
        response.extensions_mut().insert(self);
        response
    }
}

const HEADERS: [(HeaderName, HeaderValue); 5] = [
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    // Not no-referrer: with it, browsers send our own forms with `Origin: null`.
    (
        header::REFERRER_POLICY,
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ),
];

/// Puts the security headers on every answer; what says nothing about caching is not stored.
pub(crate) async fn headers(State(app): State<App>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let eased = response.extensions_mut().remove::<Eased>();
    let scripted = response.extensions_mut().remove::<Scripted>().is_some();
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, value);
    }
    let opener = match eased {
        Some(_) => HeaderValue::from_static("unsafe-none"),
        None => HeaderValue::from_static("same-origin"),
    };
    headers.insert(
        HeaderName::from_static("cross-origin-opener-policy"),
        opener,
    );
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        policy(eased.as_ref(), scripted),
    );
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    if app.https() {
        headers.insert(
            header::STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static("max-age=31536000"),
        );
    }
    response
}

fn policy(eased: Option<&Eased>, scripted: bool) -> HeaderValue {
    HeaderValue::from_static(match eased {
        Some(Eased { leads_away: true }) => LEADING_AWAY,
        _ if scripted => SCRIPTED,
        _ => POLICY,
    })
}

/// Refuses what a browser sends from another site: writes that carry this site's cookies. Browsers
/// say where a request comes from (`Sec-Fetch-Site`, else `Origin`); programs say neither. This
/// stands beside the token that every form carries, and alone where there is no session yet.
pub(crate) async fn own_site(State(app): State<App>, request: Request, next: Next) -> Response {
    let safe = matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    );
    // A browser adds no such header by itself: with it, the cookie is not what opens the door.
    let by_token = request.headers().contains_key(header::AUTHORIZATION);
    if safe || by_token || from_own_site(request.headers(), &app.origin()) {
        return next.run(request).await;
    }
    tracing::info!("a write from another site was refused");
    PageError::Form.into_response()
}

fn from_own_site(headers: &HeaderMap, origin: &str) -> bool {
    let text = |name: HeaderName| headers.get(name).and_then(|v| v.to_str().ok());
    if let Some(site) = text(HeaderName::from_static("sec-fetch-site")) {
        return matches!(site, "same-origin" | "none");
    }
    let Some(from) = text(header::ORIGIN) else {
        return true;
    };
    // Behind a proxy the public URL is right; on another loopback name, the Host is.
    let host_matches = from
        .split_once("://")
        .zip(text(header::HOST))
        .is_some_and(|((_, authority), host)| authority == host);
    from == origin || host_matches
}

/// On a loopback address, answers only to loopback names: a page elsewhere whose name was made to
/// point here (DNS rebinding) gets nothing.
pub(crate) async fn known_host(State(app): State<App>, request: Request, next: Next) -> Response {
    if !deputy_core::http::is_loopback(&app.config.public_url)
        || is_loopback_host(request.headers())
    {
        return next.run(request).await;
    }
    tracing::info!("a request for a host that is not this machine was refused");
    StatusCode::MISDIRECTED_REQUEST.into_response()
}

pub(crate) fn is_loopback_host(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST) else {
        return true;
    };
    host.to_str()
        .ok()
        .and_then(|host| url::Url::parse(&format!("http://{host}/")).ok())
        .is_some_and(|url| deputy_core::http::is_loopback(&url))
}

/// Gives refusals that carry no body of ours the shape that their reader expects: JSON under
/// `/api`, a page elsewhere.
pub(crate) async fn shape_errors(State(app): State<App>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let text = Text::new(language::of_browser(request.headers()));
    let response = next.run(request).await;
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) || has_shape(&response) {
        return response;
    }
    if oauth::is_for_programs(&path) {
        let mut shaped = oauth::refusal(status);
        keep(&response, &mut shaped);
        return shaped;
    }
    // The way back from a consent is a browser's, wherever it lies.
    let programs = (path.starts_with("/api/") || path == "/api") && path != GOOGLE_CALLBACK;
    let mut shaped = if programs {
        ApiError::bare(status).into_response()
    } else {
        let error = response.extensions().get::<PageError>().cloned();
        page(&app, text, status, error.as_ref())
    };
    keep(&response, &mut shaped);
    shaped
}

/// What the refusal says beside its body.
fn keep(response: &Response, shaped: &mut Response) {
    for name in [header::RETRY_AFTER, header::ALLOW, header::VARY]
        .into_iter()
        .chain(oauth::CORS_HEADERS)
    {
        if let Some(value) = response.headers().get(&name) {
            shaped.headers_mut().insert(name, value.clone());
        }
    }
}

fn has_shape(response: &Response) -> bool {
    response
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .is_some_and(|kind| kind.starts_with("text/html") || kind.starts_with("application/json"))
}

fn page(app: &App, t: Text, status: StatusCode, error: Option<&PageError>) -> Response {
    let (heading, text) = match (status, error) {
        (_, Some(PageError::Form)) => ("error-form-title", "error-form-text"),
        (_, Some(PageError::Unavailable(_))) => {
            ("error-unavailable-title", "error-unavailable-text")
        }
        (StatusCode::NOT_FOUND, _) => ("error-not-found-title", "error-not-found-text"),
        (StatusCode::METHOD_NOT_ALLOWED, _) => ("error-method-title", "error-method-text"),
        (StatusCode::PAYLOAD_TOO_LARGE, _) => ("error-large-title", "error-large-text"),
        (StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE, _) => {
            ("error-busy-title", "error-busy-text")
        }
        (status, _) if status.is_client_error() => ("error-invalid-title", "error-form-text"),
        _ => ("error-server-title", "error-server-text"),
    };
    let page = message::Page {
        shell: Shell {
            t,
            csrf: String::new(),
            active: Nav::Elsewhere,
            path: "/".to_owned(),
            name: String::new(),
            admin: false,
            pending: 0,
            sandbox: app.sandbox(),
            flash: None,
        },
        good: false,
        heading: t.tr(heading),
        text: t.tr(text),
        services: Vec::new(),
        actions: vec![message::Action {
            key: "to-home",
            href: "/".to_owned(),
        }],
    };
    match page.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the error page can't be made"
            );
            status.into_response()
        }
    }
}

#[cfg(test)]
mod tests;
