//! `/servers/{name}/edit` and `/servers/{name}/delete`.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use deputy_gateway::servers::{Change, Server, ServerError, Shown};
use deputy_templates::DefaultPolicy;

use super::add::{self, Filled, kind};
use super::form::{self, From, Problems};
use super::{failed, href, to};
use crate::App;
use crate::auth::{Form, SignedIn};
use crate::error::PageError;
use crate::form::Fields;
use crate::pages::{done, render, shell};
use crate::text::Text;
use crate::view::{Nav, Shell};

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

/// `GET /servers/{name}/edit`. Of a kind that is gone there is no form: the server's page says so.
pub(crate) async fn show(
    State(app): State<App>,
    who: SignedIn,
    Path(name): Path<String>,
) -> Result<Response, PageError> {
    let server = server(&app, &who, &name).await?;
    let Ok(template) = kind(&app, &server.server_type) else {
        return Ok(to(&name));
    };
    let filled = Filled {
        of: Some(&server),
        from: From::Stored(&server),
        name: &name,
        policy: server.default_policy,
        problems: Problems::new(),
        error: None,
    };
    add::page(&app, &who, template, filled).await
}

/// `POST /servers/{name}/edit`. A form says everything, so what it was made from comes back with it:
/// what somebody changed meanwhile is not overwritten unseen.
pub(crate) async fn submit(
    State(app): State<App>,
    Path(name): Path<String>,
    form: Form,
) -> Result<Response, PageError> {
    let Form { who, fields } = form;
    let stored = server(&app, &who, &name).await?;
    let Ok(template) = kind(&app, &stored.server_type) else {
        return Ok(to(&name));
    };
    let policy = |field| fields.get(field).parse::<DefaultPolicy>();
    let chosen = policy("default_policy").map_err(|_| PageError::Invalid)?;
    let shown = Shown {
        // One that says nothing is older than any.
        generation: fields.get("generation").parse().unwrap_or_default(),
        default_policy: policy("default_policy_was").unwrap_or(chosen),
    };
    let chosen = Some(chosen).filter(|chosen| *chosen != shown.default_policy);
    let config = form::config(template, &fields, Some(&stored));
    let same = config
        .iter()
        .all(|(key, value)| stored.config.get(key) == Some(value));
    let change = Change {
        // What stays as it is need not be started anew.
        config: (!same).then_some(config),
        default_policy: chosen,
        is_enabled: None,
        shown: Some(shown),
    };
    let servers = app.gateway.servers();
    let Err(error) = servers.change(&who.principal, &name, change).await else {
        return Ok(done(&href(&name), "saved"));
    };
    // As it is after that.
    let stored = server(&app, &who, &name).await?;
    let t = Text::new(who.user.language);
    let mut problems = problems(&error, template, &fields, &stored, t)?;
    if chosen.is_some() && shown.default_policy != stored.default_policy {
        let now = form::policies(stored.default_policy);
        let now = now.into_iter().find(|choice| choice.selected);
        let now = now.map(|choice| t.tr(choice.key)).unwrap_or_default();
        let message = t.tr1("server-stored-now", "value", now);
        problems.insert("default_policy".to_owned(), message);
    }
    let typed = |key: &str| !fields.get(&format!("c.{key}")).is_empty();
    form::note_secrets(&mut problems, template, typed, t);
    let filled = Filled {
        of: Some(&stored),
        from: From::Sent(&fields, Some(&stored)),
        name: &name,
        // What nobody chose is not kept as a choice.
        policy: chosen.unwrap_or(stored.default_policy),
        problems,
        error: Some(&error),
    };
    add::page(&app, &who, template, filled).await
}

/// What a refused change has wrong with it, by field.
fn problems(
    error: &ServerError,
    template: &deputy_templates::Template,
    fields: &Fields,
    stored: &Server,
    t: Text,
) -> Result<Problems, PageError> {
    let whole = |key| (String::new(), t.tr(key));
    match error {
        ServerError::Conflict(_) => {
            let mut problems = form::differences(template, fields, stored, t);
            problems.extend([whole("server-changed-meanwhile")]);
            Ok(problems)
        }
        ServerError::Unavailable { .. } => Ok(Problems::from([whole("error-unavailable-text")])),
        other => form::problems(other).ok_or_else(|| failed(other)),
    }
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
