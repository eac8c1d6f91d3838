//! The REST API. One endpoint, one file; each describes itself for the OpenAPI document.

mod approvals;
mod ask;
mod audit;
mod blocks;
mod call_error;
mod clients;
mod context;
pub(crate) mod google_auth;
pub(crate) mod google_callback;
mod google_disconnect;
mod grants;
mod health;
mod integrations;
mod me;
mod policies;
mod pool;
mod server_setup;
pub(crate) mod servers;
mod templates;
mod tools;
mod tools_batch;
mod tools_call;
mod tools_policy;
mod usage;
mod workspace;

use axum::Json;
use axum::Router;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;
use crate::auth;
use crate::error::ApiError;

pub(crate) use approvals::decided_well;

/// An answer that is a success.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Success<T> {
    /// Always true.
    #[schema(example = true)]
    pub(crate) success: bool,
    pub(crate) data: T,
}

/// `{"success":true,"data":…}`.
pub(crate) struct Data<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Data<T> {
    fn into_response(self) -> Response {
        Json(Success {
            success: true,
            data: self.0,
        })
        .into_response()
    }
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Deputy",
        description = "Calls of tools in a person's name, and what they need: connected accounts, approvals, records."
    ),
    modifiers(&Security),
    security(("token" = []), ("session" = []))
)]
struct Document;

struct Security;

impl Modify for Security {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        components.add_security_scheme(
            "token",
            SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)),
        );
        let cookie = ApiKeyValue::with_description(
            deputy_identity::session::cookie_name(true),
            "The session of the pages; writes carry its token in X-CSRF-Token. Over http on loopback it is `deputy`.",
        );
        components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    }
}

fn quick_routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(google_auth::handle))
        .routes(routes!(google_callback::handle))
        .routes(routes!(google_disconnect::handle))
        .routes(routes!(integrations::handle))
        .routes(routes!(tools::handle))
        .routes(routes!(tools_policy::handle))
        .routes(routes!(approvals::list))
        .routes(routes!(audit::handle))
        .routes(routes!(usage::handle))
        .routes(routes!(me::show, me::change))
        .routes(routes!(grants::list, grants::end_all))
        .routes(routes!(grants::end))
        .routes(routes!(clients::list, clients::add))
        .routes(routes!(clients::remove))
        .routes(routes!(blocks::end))
        .routes(routes!(blocks::list, blocks::add))
        .routes(routes!(blocks::remove))
        .routes(routes!(pool::handle))
        .routes(routes!(policies::list, policies::set))
        .routes(routes!(templates::handle))
        .routes(routes!(servers::all::list, servers::all::create))
        .routes(routes!(
            servers::one::show,
            servers::one::change,
            servers::one::delete
        ))
        .routes(routes!(servers::switch::enable))
        .routes(routes!(servers::switch::disable))
        .routes(routes!(servers::tools::list))
        .routes(routes!(servers::tools::set_policy))
        .routes(routes!(servers::accept::handle))
        .routes(routes!(servers::log::handle))
        .routes(routes!(server_setup::begin))
        .routes(routes!(
            server_setup::show,
            server_setup::step,
            server_setup::cancel
        ))
        .routes(routes!(health::handle))
        .routes(routes!(context::show, context::select, context::clear))
        .routes(routes!(context::suggestions))
        .routes(routes!(context::summary))
}

fn slow_routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(tools_call::handle))
        .routes(routes!(tools_batch::handle))
        .routes(routes!(ask::handle))
        .routes(routes!(approvals::decide))
        .routes(routes!(servers::test::handle))
}

/// The routes that answer quickly, and those that make a call.
pub(crate) fn routers(app: &App) -> (Router<App>, Router<App>) {
    let step_up = || axum::middleware::from_fn_with_state(app.clone(), auth::step_up);
    let (quick, slow): (Router<App>, Router<App>) = (quick_routes().into(), slow_routes().into());
    let slow = slow.merge(workspace::router());
    (quick.layer(step_up()), slow.layer(step_up()))
}

/// The document of all routes.
pub(crate) fn document() -> serde_json::Result<Value> {
    let described = OpenApiRouter::with_openapi(Document::openapi())
        .merge(quick_routes())
        .merge(slow_routes())
        .into_openapi();
    let mut document = serde_json::to_value(described)?;
    workspace::document::add(&mut document);
    Ok(document)
}

/// `GET /api/v1/openapi.json`.
pub(crate) async fn openapi() -> Result<Json<Value>, ApiError> {
    let document =
        document().map_err(|error| ApiError::internal(&error, "writing the document"))?;
    Ok(Json(document))
}
