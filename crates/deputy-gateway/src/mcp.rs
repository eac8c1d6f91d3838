//! `/mcp`: all tools of the person whose token a request carries, and `/mcp/{server}`: one server of theirs, with its
//! tools, resources and prompts under their own names. For any MCP client.
//!
//! Both protocol eras are served by the SDK: 2026-07-28 (every request stands alone) and the older ones with their
//! sessions. Who calls is decided per request by the layer in front, which puts a [`Principal`] into the request; a
//! request without one gets 401 here, whatever else it holds. What an address stands for is looked up per request
//! ([`place`]). A session of an older client belongs to the person who began it, at the server it was begun with
//! ([`sessions`]).
//!
//! * [`all`] and [`one`] answer the two addresses;
//! * [`callers`]: what is open ends with its caller's access;
//! * [`dialogue`]: a request in which the client is asked for more, between the eras;
//! * [`ask`]: calls that wait for their person's approval;
//! * [`notices`]: what servers say unasked;
//! * [`priming`]: the event with which a stream begins, for those who know it;
//! * [`step_up`]: what a token lacks a scope for is refused before anything else looks at it;
//! * [`wire`]: results and errors in the SDK's types.

mod all;
mod ask;
mod asked;
pub(crate) mod callers;
mod dialogue;
mod held;
mod notices;
mod one;
mod place;
mod priming;
mod sessions;
mod state;
mod step_up;
mod tools;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use deputy_core::Principal;
use rmcp::model::ErrorData;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use tokio_util::task::TaskTracker;

use crate::Gateway;
use held::HeldCalls;
use notices::Listeners;
use sessions::SessionOwners;
use state::States;
use wire::internal;

/// Largest body of a request: what a call with attachments may need.
const MAX_BODY: usize = 40 * 1024 * 1024;

/// How long the answer of a call that ended during a stop may take to leave.
const ANSWERS_OUT: Duration = Duration::from_millis(250);

/// Where `/mcp` is reached.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Hosts (`name` or `name:port`) that requests may name. Others get 403 (DNS rebinding).
    pub allowed_hosts: Vec<String>,
    /// Origins that a browser's request may come from. Others get 403.
    pub allowed_origins: Vec<String>,
}

/// What both addresses work with.
struct Front {
    gateway: Gateway,
    /// Calls under way, which a stop lets finish.
    calls: TaskTracker,
    held: HeldCalls,
    states: States,
    listeners: Listeners,
    manager: Arc<LocalSessionManager>,
    config: StreamableHttpServerConfig,
}

/// The router of `/mcp` and `/mcp/{server}`. The layer that authenticates goes around it; it takes the slash away with
/// which either may be asked for, so that everything in here sees one spelling.
pub fn router(gateway: Gateway, endpoint: Endpoint) -> Router {
    let manager = sessions::manager();
    let lifecycle = gateway.inner.parts.lifecycle.clone();
    let owners = Arc::new(SessionOwners::new(Arc::clone(&manager), lifecycle.clone()));
    lifecycle.spawn(Arc::clone(&owners).prune_until(lifecycle.soft().clone()));
    let of_callers = Arc::clone(&owners);
    // What the SDK is given ends its requests as well as its streams, so it comes after the calls.
    let stop = lifecycle.hard().child_token();
    let config = StreamableHttpServerConfig::default()
        .with_allowed_hosts(endpoint.allowed_hosts)
        .with_allowed_origins(endpoint.allowed_origins)
        .enforce_origin_validation()
        .with_json_response(true)
        .with_max_request_body_bytes(MAX_BODY)
        .with_cancellation_token(stop.clone());
    let front = Arc::new(Front {
        gateway,
        calls: TaskTracker::new(),
        held: HeldCalls::default(),
        states: States::default(),
        listeners: Listeners::default(),
        manager: Arc::clone(&manager),
        config: config.clone(),
    });
    let (soft, ending) = (lifecycle.soft().clone(), Arc::clone(&front));
    lifecycle.spawn(async move {
        let looking = async {
            loop {
                ending.gateway.looked_at_callers().await;
                ending.held.prune();
                of_callers.end_of_gone().await;
            }
        };
        soft.run_until_cancelled(looking).await;
        ending.held.close();
        ending.calls.close();
        ending.calls.wait().await;
        tokio::time::sleep(ANSWERS_OUT).await;
        stop.cancel();
    });
    let everything = Arc::clone(&front);
    let service = StreamableHttpService::new(
        move || Ok(all::All::new(Arc::clone(&everything))),
        manager,
        config,
    );
    let one = any(one::serve).with_state(Arc::clone(&front));
    Router::new()
        .route_service("/mcp", service.clone())
        .route_service("/mcp/", service)
        .route("/mcp/{server}", one.clone())
        .route("/mcp/{server}/", one)
        .layer(middleware::from_fn_with_state(
            Arc::clone(&front),
            step_up::check,
        ))
        .layer(middleware::from_fn_with_state(
            owners,
            sessions::check_owner,
        ))
        .layer(middleware::from_fn_with_state(
            Arc::clone(&front),
            place::find,
        ))
        .layer(middleware::from_fn_with_state(front, callers::stay))
        .layer(middleware::from_fn(priming::withhold))
        .layer(middleware::from_fn(require_principal))
}

impl Front {
    /// The installation's own address, without a slash at its end.
    fn public_url(&self) -> &str {
        let url = self.gateway.inner.config.public_url.as_str();
        url.trim_end_matches('/')
    }
}

/// Refuses what nobody authenticated: a second line behind the layer in front.
async fn require_principal(request: Request, next: Next) -> Response {
    if request.extensions().get::<Arc<Principal>>().is_none() {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    next.run(request).await
}

fn principal(extensions: &rmcp::model::Extensions) -> Result<Arc<Principal>, ErrorData> {
    of_request(extensions).ok_or_else(|| ErrorData::invalid_request("not authenticated", None))
}

/// Something that a layer put into the HTTP request.
fn of_request<T: Clone + Send + Sync + 'static>(extensions: &rmcp::model::Extensions) -> Option<T> {
    extensions
        .get::<http::request::Parts>()
        .and_then(|parts| parts.extensions.get::<T>())
        .cloned()
}
