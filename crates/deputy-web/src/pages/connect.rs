//! `/connect`: what is connected, what is allowed there, and how to take it back.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use deputy_connections::remote::NOTICE_REMOTE_DISCONNECTED;
use deputy_connections::{
    BeginError, DisconnectError, NOTICE_DISCONNECTED, Notice, RemovalReason, Services,
};
use deputy_core::UserId;
use deputy_identity::oauth::{NOTICE_FIRST, NOTICE_MORE, NOTICE_REUSE, REPLAY};
use deputy_identity::second_factor;
use deputy_workspace::NOTICE_SHARED;
use http::HeaderMap;
use serde::Deserialize;

use super::{Done, done, render, shell, watch};
use crate::App;
use crate::auth::{Form, SignedIn};
use crate::error::PageError;
use crate::form::Lenient;
use crate::google::{self, EndError};
use crate::next;
use crate::oauth::said;
use crate::text::Text;
use crate::view::{Nav, NoticeView, ServiceView, Shell, When, visible};

#[derive(Template)]
#[template(path = "connect.html")]
pub(crate) struct Page {
    pub(crate) shell: Shell,
    /// Whether the server has a Google client at all.
    pub(crate) available: bool,
    pub(crate) connected_all: bool,
    pub(crate) notices: Vec<NoticeView>,
    pub(crate) services: Vec<ServiceView>,
    pub(crate) since: Option<When>,
    pub(crate) account: Option<String>,
}

#[derive(Template)]
#[template(path = "disconnect.html")]
pub(crate) struct DisconnectPage {
    pub(crate) shell: Shell,
    pub(crate) service: Option<ServiceView>,
    /// Whether nothing of Google stays connected after it.
    pub(crate) last: bool,
}

/// What this person should be told, in their language.
pub(crate) async fn notices(
    app: &App,
    user: UserId,
    t: Text,
) -> Result<Vec<NoticeView>, PageError> {
    let notices = app
        .connections
        .notices(user)
        .await
        .map_err(|error| PageError::internal(&error, "reading notices"))?;
    let mut views = Vec::with_capacity(notices.len());
    for notice in &notices {
        let number = notice.parameters.get("server");
        let server = match number.and_then(|number| number.parse().ok()) {
            Some(id) => {
                let row = app.store.user(user).own_server_by_id(id).await;
                let row = row.map_err(|error| PageError::internal(&error, "reading a server"))?;
                row.map(|row| row.name)
            }
            None => None,
        };
        views.push(notice_view(notice, server, t));
    }
    Ok(views)
}

fn notice_view(notice: &Notice, server: Option<String>, t: Text) -> NoticeView {
    let parameter = |name: &str| notice.parameters.get(name).map_or("", String::as_str);
    if notice.kind.starts_with(NOTICE_REMOTE_DISCONNECTED) {
        return NoticeView {
            id: notice.id,
            title: match &server {
                Some(name) => t.tr1("notice-remote-title", "host", name),
                None => t.tr1("notice-remote-title", "host", parameter("host")),
            },
            text: t.tr(match parameter("reason") {
                "client" => "notice-remote-client",
                _ => "notice-remote",
            }),
            server,
        };
    }
    if notice.kind == NOTICE_REUSE {
        let client = visible(parameter("client"));
        return NoticeView {
            id: notice.id,
            title: t.tr1("notice-reuse-title", "client", client),
            text: t.tr(match parameter("why") {
                REPLAY => "notice-reuse-code",
                _ => "notice-reuse",
            }),
            server: None,
        };
    }
    if let Some((title, text)) = factor_notice(notice, t) {
        return NoticeView {
            id: notice.id,
            title,
            text,
            server: None,
        };
    }
    let of_programs = match notice.kind.as_str() {
        NOTICE_FIRST => Some("notice-first-title"),
        NOTICE_MORE => Some("notice-more-title"),
        _ => None,
    };
    if let Some(title) = of_programs {
        let names: Vec<String> = parameter("clients")
            .lines()
            .map(|name| said(name, 80))
            .collect();
        return NoticeView {
            id: notice.id,
            title: t.tr1(title, "clients", names.join(", ")),
            text: t.tr("notice-first"),
            server: None,
        };
    }
    if notice.kind == NOTICE_SHARED {
        let title = t.tr2(
            "notice-shared-title",
            "by",
            said(parameter("by"), 80),
            "project",
            said(parameter("project"), 80),
        );
        return NoticeView {
            id: notice.id,
            title,
            text: t.tr("notice-shared"),
            server: None,
        };
    }
    let reason = notice.parameters.get("reason").map(String::as_str);
    let is = |known: RemovalReason| reason == Some(known.as_str());
    let text = if notice.kind != NOTICE_DISCONNECTED {
        "notice-other"
    } else if is(RemovalReason::TestingMode) {
        "notice-testing"
    } else if is(RemovalReason::Reauthentication) {
        "notice-reauthentication"
    } else if is(RemovalReason::TimeLimit) {
        "notice-time-limit"
    } else {
        "notice-revoked"
    };
    NoticeView {
        id: notice.id,
        title: t.tr("notice-disconnected-title"),
        text: t.tr(text),
        server: None,
    }
}

/// What changed about a person's second factor: title and text; `None` for other notices.
fn factor_notice(notice: &Notice, t: Text) -> Option<(String, String)> {
    let parameter = |name: &str| notice.parameters.get(name).map_or("", String::as_str);
    let name = || visible(parameter("name"));
    Some(match notice.kind.as_str() {
        second_factor::NOTICE_APP_ADDED => {
            (t.tr("notice-app-added"), t.tr("notice-factor-added-text"))
        }
        second_factor::NOTICE_APP_REMOVED => (
            t.tr("notice-app-removed"),
            t.tr("notice-factor-removed-text"),
        ),
        second_factor::NOTICE_PASSKEY_ADDED => (
            t.tr1("notice-passkey-added", "name", name()),
            t.tr("notice-factor-added-text"),
        ),
        second_factor::NOTICE_PASSKEY_REMOVED => (
            t.tr1("notice-passkey-removed", "name", name()),
            t.tr("notice-factor-removed-text"),
        ),
        second_factor::NOTICE_RECOVERY_NEW => (
            t.tr("notice-recovery-new"),
            t.tr("notice-recovery-new-text"),
        ),
        second_factor::NOTICE_RECOVERY_USED => {
            let left: i64 = parameter("left").parse().unwrap_or_default();
            (
                t.tr("notice-recovery-used"),
                t.count("notice-recovery-used-text", left),
            )
        }
        second_factor::NOTICE_RESET => (
            t.tr("notice-factor-reset"),
            t.tr("notice-factor-reset-text"),
        ),
        _ => return None,
    })
}

/// `GET /connect`.
pub(crate) async fn show(
    State(app): State<App>,
    who: SignedIn,
    Lenient(flash): Lenient<Done>,
) -> Result<Response, PageError> {
    let user = who.principal.user_id;
    let shell = shell(&app, &who, Nav::Connect, flash.flash()).await?;
    let google = google::state(&app, user).await?;
    let watch = watch(&app, &who);
    render(&Page {
        available: app.connections.is_configured(),
        connected_all: google
            .services
            .iter()
            .all(|service| service.connected && !service.expired),
        notices: notices(&app, user, shell.t).await?,
        since: google.since.map(|at| watch.show(at)),
        account: google.account,
        services: google.services,
        shell,
    })
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Chosen {
    service: Option<String>,
}

impl Chosen {
    /// The services named; everything where none is.
    fn services(&self) -> Result<Services, PageError> {
        self.service
            .as_deref()
            .filter(|name| !name.is_empty())
            .unwrap_or("all")
            .parse()
            .map_err(|_| PageError::NotFound)
    }
}

/// `GET /connect/google`: off to Google. A link and not a form, because the policy for forms holds
/// to redirects too; it changes nothing before the person has consented over there. A page of
/// another site that leads here gets no further than `/connect`.
pub(crate) async fn start(
    State(app): State<App>,
    who: SignedIn,
    headers: HeaderMap,
    Lenient(chosen): Lenient<Chosen>,
) -> Result<Response, PageError> {
    let services = chosen.services()?;
    let from_elsewhere = headers
        .get("sec-fetch-site")
        .is_some_and(|site| site == "cross-site");
    if from_elsewhere {
        return Ok(Redirect::to("/connect").into_response());
    }
    match google::begin(&app, who.principal.user_id, services).await {
        Ok(url) => Ok(Redirect::to(url.as_str()).into_response()),
        // The page says what is missing.
        Err(BeginError::NotConfigured) => Ok(Redirect::to("/connect").into_response()),
        Err(error) => Err(PageError::internal(&error, "beginning a consent")),
    }
}

/// `GET /connect/disconnect`: asks first.
pub(crate) async fn confirm(
    State(app): State<App>,
    who: SignedIn,
    Lenient(chosen): Lenient<Chosen>,
) -> Result<Response, PageError> {
    let services = chosen.services()?;
    let google = google::state(&app, who.principal.user_id).await?;
    let connected: Services = deputy_connections::Service::ALL
        .into_iter()
        .filter(|service| {
            google
                .services
                .iter()
                .any(|view| view.id == service.as_str() && view.connected)
        })
        .collect();
    let service = if services == Services::ALL {
        None
    } else {
        let chosen = google
            .services
            .into_iter()
            .find(|view| services.to_string() == view.id);
        chosen.filter(|view| view.connected)
    };
    if service.is_none() && services != Services::ALL {
        return Ok(done("/connect", "not-connected"));
    }
    let shell = shell(&app, &who, Nav::Connect, None).await?;
    render(&DisconnectPage {
        shell,
        service,
        last: connected.without(services).is_empty(),
    })
}

/// `POST /connect/disconnect`.
pub(crate) async fn disconnect(State(app): State<App>, form: Form) -> Result<Response, PageError> {
    let chosen = Chosen {
        service: Some(form.fields.get("service").to_owned()),
    };
    match google::end(&app, &form.who.principal, chosen.services()?).await {
        Ok(_) => Ok(done("/connect", "disconnected")),
        Err(EndError::Disconnect(DisconnectError::NotFound)) => {
            Ok(done("/connect", "not-connected"))
        }
        Err(error) => Err(PageError::internal(&error, "disconnecting Google")),
    }
}

/// `POST /connect/notices/{id}/dismiss`.
pub(crate) async fn dismiss(
    State(app): State<App>,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, PageError> {
    let id = id.parse().map_err(|_| PageError::NotFound)?;
    let dismissed = app
        .connections
        .dismiss_notice(form.who.principal.user_id, id)
        .await
        .map_err(|error| PageError::internal(&error, "dismissing a notice"))?;
    if !dismissed {
        return Err(PageError::NotFound);
    }
    Ok(Redirect::to(next::safe(form.fields.get("next"))).into_response())
}
