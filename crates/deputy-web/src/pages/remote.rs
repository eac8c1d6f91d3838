//! Consent at the authorization server of a person's own remote server: the way there, and back.
//!
//! `/servers/{name}/connect` is what a tool call that needs consent names. It works in a browser
//! where the person is signed in, for their server of that name; nothing in the link says who they
//! are. The way back counts only for who began it, as Google's does.

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use deputy_connections::CallbackQuery;
use deputy_connections::remote::{BeginError, CallbackError, Connected, Server};
use deputy_core::Principal;
use deputy_gateway::servers::ServerError;
use deputy_identity::{AuthError, Session};
use http::header::{CACHE_CONTROL, HeaderValue};
use http::{HeaderMap, StatusCode};
use serde_json::json;

use super::{message, plain_shell, render};
use crate::App;
use crate::auth::SignedIn;
use crate::error::PageError;
use crate::form::Lenient;
use crate::language;
use crate::next;
use crate::record::{self, Act};
use crate::text::Text;

/// `GET /servers/{name}/connect`: off to the authorization server. A page of another site that
/// leads here is asked about first: whoever has consented over there before might not be asked there.
pub(crate) async fn start(
    State(app): State<App>,
    who: SignedIn,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    let t = Text::new(who.principal.language);
    let found = app.gateway.servers().remote(&who.principal, &name).await;
    let server = match found {
        Ok(Some(server)) => server,
        Ok(None) | Err(ServerError::NotFound(_)) => return Err(PageError::NotFound),
        Err(ServerError::Validation { message, .. }) => {
            let heading = t.tr1("remote-failed-title", "server", &name);
            let text = t.tr1("remote-unusable", "detail", &message);
            let page = say(&app, t, false, &heading, &text, back(Some(&name)))?;
            return Ok((StatusCode::CONFLICT, page).into_response());
        }
        Err(error) => return Err(PageError::internal(&error, "reading a server")),
    };
    let from_elsewhere = headers
        .get("sec-fetch-site")
        .is_some_and(|site| site == "cross-site");
    if from_elsewhere {
        let host = server.url.host_str().unwrap_or_default();
        return say(
            &app,
            t,
            true,
            &t.tr1("remote-ask-title", "server", &name),
            &t.tr1("remote-ask-text", "host", host),
            vec![message::Action {
                key: "remote-go-on",
                href: format!("/servers/{name}/connect"),
            }],
        );
    }
    let server = Server {
        id: server.id,
        url: server.url,
        scopes: server.scopes,
        client_id: server.client_id,
        client_secret: server.client_secret,
    };
    match app.remote.begin(who.principal.user_id, &server).await {
        Ok(url) => Ok(Redirect::to(url.as_str()).into_response()),
        Err(error @ BeginError::Storage(_)) => {
            Err(PageError::internal(&error, "beginning a consent"))
        }
        Err(error) => {
            // What others say is not in it, beyond names of hosts and error codes.
            let detail = error.to_string();
            let text = t.tr2(
                &format!("remote-begin-{}", error.as_str().replace('_', "-")),
                "server",
                &name,
                "detail",
                &detail,
            );
            let heading = t.tr1("remote-failed-title", "server", &name);
            let page = say(&app, t, false, &heading, &text, back(Some(&name)))?;
            let status = match error.as_str() {
                "temporary" => StatusCode::SERVICE_UNAVAILABLE,
                _ => StatusCode::BAD_GATEWAY,
            };
            Ok((status, page).into_response())
        }
    }
}

/// `GET /servers/oauth/callback`: where authorization servers send people back to.
pub(crate) async fn callback(
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
            return match app.remote.precheck(&query).await {
                Ok(()) => {
                    let uri = request.uri().path_and_query();
                    let here = uri.map_or("/servers", |path| path.as_str());
                    Ok(Redirect::to(&next::login(here)).into_response())
                }
                Err(error) => {
                    let t = Text::new(language::of_browser(request.headers()));
                    failed(&app, t, &error)
                }
            };
        }
    };
    let t = Text::new(principal.language);
    match complete(&app, &principal, query).await {
        Ok((_, name)) => say(
            &app,
            t,
            true,
            &t.tr1("remote-ok-title", "server", &name),
            &t.tr("callback-ok-text"),
            back(Some(&name)),
        ),
        Err(error) => failed(&app, t, &error),
    }
}

/// Completes a consent that this person came back from; what was begun is finished, and put on
/// record, also when the browser leaves meanwhile.
async fn complete(
    app: &App,
    principal: &Principal,
    query: CallbackQuery,
) -> Result<(Connected, String), CallbackError> {
    let (here, user, caller) = (app.clone(), principal.user_id, principal.caller.label());
    let task = app.lifecycle.spawn(async move {
        let connected = here.remote.complete(user, query).await?;
        let allowed = here.gateway.servers();
        if let Err(error) = allowed.access_allowed(user, connected.server_id).await {
            // The next call says the same.
            tracing::warn!(%error, "how a server is could not be put down");
        }
        let row = here.store.user(user);
        let row = row.own_server_by_id(connected.server_id).await?;
        let name = row.map(|row| row.name).unwrap_or_default();
        let act = Act {
            user,
            caller,
            action: "connection.connect",
            target: name.clone(),
            detail: json!({ "server": connected.server_id, "scopes": connected.scopes }),
        };
        record::after(&here, act).await;
        here.gateway.tools_changed(user);
        Ok((connected, name))
    });
    match task.await {
        Ok(Some(outcome)) => outcome,
        // The program stops.
        _ => Err(CallbackError::Storage(None)),
    }
}

fn failed(app: &App, t: Text, error: &CallbackError) -> Result<Response, PageError> {
    if let CallbackError::Storage(cause) = error {
        tracing::error!(
            error = cause.as_ref().map(|cause| cause as &dyn std::error::Error),
            "a consent could not be completed"
        );
    }
    let text = match error {
        CallbackError::MissingState | CallbackError::MissingCode => "remote-incomplete",
        CallbackError::ForgedState | CallbackError::ExpiredState | CallbackError::UsedState => {
            "callback-state"
        }
        CallbackError::OtherPerson => "callback-other-person",
        CallbackError::OtherIssuer => "remote-other-issuer",
        CallbackError::Refused { error } if error == "access_denied" => "callback-refused",
        CallbackError::Refused { .. } => "remote-refused",
        CallbackError::Exchange { reason } if reason == "invalid_client" => {
            "remote-upstream-client"
        }
        CallbackError::Exchange { .. } => "remote-upstream",
        CallbackError::NoServer => "remote-no-server",
        CallbackError::Storage(_) => "error-server-text",
    };
    // As far as it may be shown: a word of theirs, without anything that could be more than that.
    let detail = match error {
        CallbackError::Refused { error: word } | CallbackError::Exchange { reason: word } => word,
        _ => "",
    };
    let heading = t.tr("remote-callback-failed-title");
    let text = t.tr1(text, "detail", detail);
    let page = say(app, t, false, &heading, &text, back(None))?;
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Ok((status, page).into_response())
}

/// `GET /oauth/client-metadata.json`: who this installation is, for authorization servers (OAuth
/// Client ID Metadata Document). Not found where they could not read it.
pub(crate) async fn metadata(State(app): State<App>) -> Response {
    match app.remote.client_metadata() {
        Some(document) => {
            let kept = HeaderValue::from_static("public, max-age=3600");
            ([(CACHE_CONTROL, kept)], Json(document)).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn back(server: Option<&str>) -> Vec<message::Action> {
    let servers = server.map_or_else(|| "/servers".to_owned(), |name| format!("/servers/{name}"));
    vec![
        message::Action {
            key: "remote-to-servers",
            href: servers,
        },
        message::Action {
            key: "to-home",
            href: "/".to_owned(),
        },
    ]
}

fn say(
    app: &App,
    t: Text,
    good: bool,
    heading: &str,
    text: &str,
    actions: Vec<message::Action>,
) -> Result<Response, PageError> {
    render(&message::Page {
        shell: plain_shell(app, t.language, "/servers", String::new()),
        good,
        heading: heading.to_owned(),
        text: text.to_owned(),
        services: Vec::new(),
        actions,
    })
}
