//! `GET /api/v1/integrations/google/callback`: where Google sends the person back to. A page.
//!
//! The visit counts only where the person who began the consent is signed in: a link that somebody
//! else made attaches nothing. A visit without a session leads to the sign-in and back, unless the
//! state is worthless anyway.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use deputy_connections::{CallbackError, CallbackQuery, Connected, Service};
use deputy_identity::{AuthError, Session};
use http::StatusCode;
use serde::Deserialize;

use crate::App;
use crate::error::PageError;
use crate::form::Lenient;
use crate::google;
use crate::language;
use crate::next;
use crate::pages::{message, plain_shell, render};
use crate::text::Text;

/// The path.
pub(crate) const GOOGLE_CALLBACK: &str = "/api/v1/integrations/google/callback";

/// The query, for the document only: what is read is [`CallbackQuery`].
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes a type of the connections")]
pub(crate) struct Answer {
    /// The authorization code.
    code: Option<String>,
    /// What was sent along.
    state: Option<String>,
    /// Why there is no code.
    error: Option<String>,
}

/// Completes a consent; an HTML page for the browser that comes back.
#[utoipa::path(
    get,
    path = "/api/v1/integrations/google/callback",
    tag = "integrations",
    params(Answer),
    security(()),
    responses(
        (status = 200, description = "Connected", content_type = "text/html", body = String),
        (status = 303, description = "To the sign-in, and back here"),
        (status = 400, description = "Missing, forged, expired or used state, another person's, or consent refused", content_type = "text/html", body = String),
        (status = 502, description = "Google did not exchange the code", content_type = "text/html", body = String),
    )
)]
pub(crate) async fn handle(
    State(app): State<App>,
    session: Session,
    Lenient(query): Lenient<CallbackQuery>,
    request: Request,
) -> Result<Response, PageError> {
    let principal = match app.identity.authenticate_session(&session).await {
        Ok(principal) => principal,
        Err(AuthError::Store(cause)) => {
            return Err(PageError::internal(&*cause, "finding out who is signed in"));
        }
        Err(_) => {
            return match app.connections.precheck(&query).await {
                Ok(()) => {
                    let back = request
                        .uri()
                        .path_and_query()
                        .map_or("/connect", |path| path.as_str());
                    Ok(Redirect::to(&next::login(back)).into_response())
                }
                Err(error) => failed(
                    &app,
                    Text::new(language::of_browser(request.headers())),
                    &error,
                ),
            };
        }
    };
    let t = Text::new(principal.language);
    match google::complete(&app, &principal, query).await {
        Ok(connected) => succeeded(&app, t, &connected),
        Err(error) => failed(&app, t, &error),
    }
}

fn succeeded(app: &App, t: Text, connected: &Connected) -> Result<Response, PageError> {
    let services = connected
        .services
        .iter()
        .map(|service: Service| google::service_view(service, true, false, &[]))
        .collect();
    render(&message::Page {
        shell: plain_shell(app, t.language, "/connect", String::new()),
        good: true,
        heading: t.tr("callback-ok-title"),
        text: t.tr("callback-ok-text"),
        services,
        actions: vec![
            message::Action {
                key: "to-connections",
                href: "/connect".to_owned(),
            },
            message::Action {
                key: "to-home",
                href: "/".to_owned(),
            },
        ],
    })
}

fn failed(app: &App, t: Text, error: &CallbackError) -> Result<Response, PageError> {
    if let CallbackError::Storage(cause) = error {
        tracing::error!(
            error = cause.as_ref().map(|cause| cause as &dyn std::error::Error),
            "a consent could not be completed"
        );
    } else {
        tracing::info!(reason = error.as_str(), "a consent attached nothing");
    }
    let text = match error {
        CallbackError::MissingState | CallbackError::MissingCode => "callback-incomplete",
        CallbackError::ForgedState | CallbackError::ExpiredState | CallbackError::UsedState => {
            "callback-state"
        }
        CallbackError::OtherPerson => "callback-other-person",
        CallbackError::Refused { .. } => "callback-refused",
        CallbackError::NothingGranted => "callback-none-text",
        CallbackError::Exchange { .. } => "callback-upstream",
        CallbackError::NotConfigured => "connect-unavailable",
        CallbackError::Storage(_) => "error-server-text",
    };
    let page = render(&message::Page {
        shell: plain_shell(app, t.language, "/connect", String::new()),
        good: false,
        heading: t.tr("callback-failed-title"),
        text: t.tr(text),
        services: Vec::new(),
        actions: vec![
            message::Action {
                key: "to-connections",
                href: "/connect".to_owned(),
            },
            message::Action {
                key: "to-home",
                href: "/".to_owned(),
            },
        ],
    })?;
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Ok((status, page).into_response())
}
