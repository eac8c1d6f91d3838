//! `/servers/{name}/edit` and `/servers/{name}/delete`.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use deputy_gateway::servers::{Change, Server, ServerError};
use deputy_templates::DefaultPolicy;
use http::StatusCode;

use super::add::{FormPage, kind};
use super::form::{self, From, Problems};
use super::list::KindView;
use super::{RunsView, failed, href};
use crate::App;
use crate::auth::{Form, SignedIn};
use crate::error::PageError;
use crate::kinds;
use crate::pages::{done, render, shell};
use crate::text::Text;
use crate::view::{Nav, Prose, Shell};

#[derive(Template)]
#[template(path = "server_delete.html")]
pub(crate) struct DeletePage {
    pub(crate) shell: Shell,
    pub(crate) name: String,
}

async fn server(app: &App, who: &SignedIn, name: &str) -> Result<Server, PageError> {
    let servers = app.gateway.servers();
    let found = servers.get(&who.principal, name).await;
    found.map_err(|error| failed(&error))
}

async fn page(
    app: &App,
    who: &SignedIn,
    server: &Server,
    from: From<'_>,
    policy: DefaultPolicy,
    problems: Problems,
) -> Result<Response, PageError> {
    let template = kind(app, &server.server_type)?;
    let mut shell = shell(app, who, Nav::Servers, None).await?;
    shell.path = href(&server.server_name);
    let wrong = !problems.is_empty();
    let roots = app.gateway.servers().folders(who.principal.user_id);
    let page = FormPage {
        kind: KindView::new(app, template, shell.t),
        of: Some(server.server_name.clone()),
        name: server.server_name.clone(),
        setup: Prose::of(template.setup.get(shell.t.language)),
        pattern: RunsView::pattern(template, shell.t),
        remote: kinds::is_remote(template),
        groups: form::grouped(form::fields(template, &from, &roots, &problems, shell.t)),
        policies: form::policies(policy),
        problems,
        shell,
    };
    let response = render(&page)?;
    Ok(if wrong {
        (StatusCode::UNPROCESSABLE_ENTITY, response).into_response()
    } else {
        response
    })
}

/// `GET /servers/{name}/edit`.
pub(crate) async fn show(
    State(app): State<App>,
    who: SignedIn,
    Path(name): Path<String>,
) -> Result<Response, PageError> {
    let server = server(&app, &who, &name).await?;
    let from = From::Stored(&server);
    let policy = server.default_policy;
    page(&app, &who, &server, from, policy, Problems::new()).await
}

/// `POST /servers/{name}/edit`.
pub(crate) async fn submit(
    State(app): State<App>,
    Path(name): Path<String>,
    form: Form,
) -> Result<Response, PageError> {
    let Form { who, fields } = form;
    let stored = server(&app, &who, &name).await?;
    let template = kind(&app, &stored.server_type)?;
    let policy = fields.get("default_policy").parse();
    let policy: DefaultPolicy = policy.map_err(|_| PageError::Invalid)?;
    let config = form::config(template, &fields, Some(&stored));
    let same = config
        .iter()
        .all(|(key, value)| stored.config.get(key) == Some(value));
    let change = Change {
        // What stays as it is need not be started anew.
        config: (!same).then_some(config),
        default_policy: Some(policy),
        is_enabled: None,
    };
    let servers = app.gateway.servers();
    let Err(error) = servers.change(&who.principal, &name, change).await else {
        return Ok(done(&href(&name), "saved"));
    };
    let problems = match &error {
        ServerError::Conflict(_) => {
            let text = Text::new(who.user.language).tr("server-changed-meanwhile");
            Problems::from([(String::new(), text)])
        }
        other => form::problems(other).ok_or_else(|| failed(other))?,
    };
    let from = From::Sent(&fields, Some(&stored));
    page(&app, &who, &stored, from, policy, problems).await
}

/// `GET /servers/{name}/delete`: asks first.
pub(crate) async fn confirm(
    State(app): State<App>,
    who: SignedIn,
    Path(name): Path<String>,
) -> Result<Response, PageError> {
    let server = server(&app, &who, &name).await?;
    let shell = shell(&app, &who, Nav::Servers, None).await?;
    render(&DeletePage {
        shell,
        name: server.server_name,
    })
}

/// `POST /servers/{name}/delete`.
pub(crate) async fn delete(
    State(app): State<App>,
    Path(name): Path<String>,
    form: Form,
) -> Result<Response, PageError> {
    let servers = app.gateway.servers();
    let deleted = servers.delete(&form.who.principal, &name).await;
    deleted.map_err(|error| failed(&error))?;
    Ok(done("/servers", "server-deleted"))
}
