//! The front door: the REST API for programs and the pages for people.
//!
//! # Who comes in
//!
//! A program presents a token (`Authorization: Bearer`), a browser its session's cookie; both end
//! in the same [`Principal`](deputy_core::Principal) ([`auth`]). What comes with a cookie and
//! changes something must carry the session's token besides: in the form field `csrf`, or in the
//! header `X-CSRF-Token`. Another person's things are not found, whoever asks.
//!
//! # What goes out
//!
//! Programs get JSON in one envelope, people get pages that work without scripts: forms, and a
//! redirect after each. Nothing is loaded from elsewhere, and no script runs but one of ours on the
//! pages that ask for a passkey, which the content security policy enforces ([`middleware`]).
//!
//! # Layout
//!
//! One endpoint, one file: `api/` and `pages/`, each with its handler. Pages fill templates
//! (`templates/`) with view types ([`view`]) and texts in three languages ([`text`]).
//! The OpenAPI document is made from the routes themselves.

mod access;
pub mod account;
mod accounts;
mod api;
mod assets;
mod auth;
mod browser;
mod cookie;
mod error;
mod form;
mod fresh;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod google;
mod health;
mod kinds;
mod language;
mod middleware;
mod next;
mod oauth;
mod pages;
mod record;
mod remote;
mod text;
mod view;
mod workspace;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use deputy_connections::Connections;
use deputy_connections::remote::Remote;
use deputy_core::{Clock, Lifecycle};
use deputy_gateway::Gateway;
use deputy_identity::Identity;
use deputy_identity::oauth::AuthorizationServer;
use deputy_store::Store;
use deputy_workspace::Workspace;
use http::StatusCode;
use metrics_exporter_prometheus::PrometheusHandle;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;
use url::Url;

pub use accounts::Accounts;
pub use auth::{Doorway, bearer};
pub use remote::RemoteAccounts;
pub use text::negotiate;
pub use view::Sandbox;
pub use workspace::{WorkspaceRecord, WorkspaceTools};

/// How the front door behaves.
#[derive(Clone, Debug)]
pub struct Config {
    /// The URL that browsers and clients use. On https, cookies are `__Host-` and secure.
    pub public_url: Url,
    /// What the pages say about the sandbox; `None` outside of it.
    pub sandbox: Option<Sandbox>,
    /// Proxies whose `X-Forwarded-For` is believed. Default: none.
    pub trusted_proxies: Vec<ipnet::IpNet>,
    /// Largest body of a tool call, in bytes. Default 40 MiB: a mail of 25 MB in base64.
    pub max_call_body: usize,
    /// Largest body of anything else, in bytes. Default 256 KiB.
    pub max_body: usize,
    /// How long an answer may take. Default 30 s.
    pub timeout: Duration,
    /// How long a tool call or a decision may take; above the gateway's own deadline. Default 180 s.
    pub call_timeout: Duration,
}

impl Config {
    /// Defaults.
    pub fn new(public_url: Url) -> Self {
        Self {
            public_url,
            sandbox: None,
            trusted_proxies: Vec::new(),
            max_call_body: 40 * 1024 * 1024,
            max_body: 256 * 1024,
            timeout: Duration::from_secs(30),
            call_timeout: Duration::from_mins(3),
        }
    }
}

/// What the front door leads to.
pub struct Deps {
    /// How it behaves.
    pub config: Config,
    /// Notices, records and whether the database answers.
    pub store: Store,
    /// Who somebody is.
    pub identity: Identity,
    /// How programs log in as people.
    pub authorization: AuthorizationServer,
    /// People's accounts.
    pub connections: Connections,
    /// People's accounts at remote servers of their own.
    pub remote: Remote,
    /// The tools.
    pub gateway: Gateway,
    /// Notes, tasks and requirements.
    pub workspace: Workspace,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Whether the program is stopping.
    pub lifecycle: Lifecycle,
    /// What `GET /metrics` shows; `None`: there is no such page.
    pub metrics: Option<PrometheusHandle>,
}

/// The state of all handlers.
#[derive(Clone)]
struct App(Arc<State>);

struct State {
    deps: Deps,
    registrations: oauth::Registrations,
}

impl std::ops::Deref for App {
    type Target = Deps;
    fn deref(&self) -> &Deps {
        &self.0.deps
    }
}

impl App {
    /// Whether browsers reach this server over TLS.
    fn https(&self) -> bool {
        self.config.public_url.scheme() == "https"
    }

    /// `https://host[:port]` of the public URL.
    fn origin(&self) -> String {
        self.config.public_url.origin().ascii_serialization()
    }

    /// The public URL without a slash at its end.
    fn public_url(&self) -> &str {
        self.config.public_url.as_str().trim_end_matches('/')
    }

    fn registrations(&self) -> &oauth::Registrations {
        &self.0.registrations
    }

    fn sandbox(&self) -> Option<Sandbox> {
        self.config.sandbox.clone()
    }
}

/// Everything but `/mcp`. Serve it with the client's address
/// (`into_make_service_with_connect_info::<SocketAddr>()`): sign-in is throttled by it.
pub fn router(deps: Deps) -> Router {
    let registrations = oauth::Registrations::new(Arc::clone(&deps.clock));
    let app = App(Arc::new(State {
        deps,
        registrations,
    }));
    let config = app.config.clone();
    let within = |limit| TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, limit);
    let (quick, slow) = api::routers(&app);
    let rest = quick
        .merge(pages::quick())
        .merge(oauth::pages())
        .layer(within(config.timeout))
        .layer(DefaultBodyLimit::max(config.max_body));
    let calls = slow
        .merge(pages::slow())
        .layer(within(config.call_timeout))
        .layer(DefaultBodyLimit::max(config.max_call_body));
    let with_sessions = rest
        .merge(calls)
        .layer(app.identity.session_layer(app.https()))
        .layer(axum::middleware::from_fn_with_state(
            app.clone(),
            middleware::own_site,
        ))
        .layer(axum::middleware::from_fn_with_state(
            app.clone(),
            middleware::known_host,
        ));
    // Without sessions: no cookie opens anything there, and every page may ask.
    let programs = oauth::programs().layer(within(config.timeout)).layer(
        axum::middleware::from_fn_with_state(app.clone(), middleware::known_host),
    );
    Router::new()
        .merge(with_sessions)
        .merge(programs)
        .route("/assets/{name}", get(assets::serve))
        .route("/oauth/client-metadata.json", get(pages::remote::metadata))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .route("/api/v1/openapi.json", get(api::openapi))
        .fallback(|| async { StatusCode::NOT_FOUND })
        .layer(CatchPanicLayer::custom(panicked))
        .layer(axum::middleware::from_fn_with_state(
            app.clone(),
            middleware::shape_errors,
        ))
        .layer(axum::middleware::from_fn_with_state(
            app.clone(),
            middleware::headers,
        ))
        .layer(axum::middleware::from_fn(middleware::log))
        .with_state(app)
}

fn panicked(_: Box<dyn std::any::Any + Send>) -> http::Response<axum::body::Body> {
    // The panic hook has logged it; its text may hold anything and is not shown.
    tracing::error!("a handler panicked");
    axum::response::IntoResponse::into_response(StatusCode::INTERNAL_SERVER_ERROR)
}

#[cfg(test)]
mod tests;
