//! `/servers/-/new` and `/servers/-/add`: the form of a kind, what it comes to, and adding it.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use deputy_gateway::servers::names::RESERVED;
use deputy_gateway::servers::{NewServer, Server, ServerError, Shown};
use deputy_templates::DefaultPolicy;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::form::{self, FieldGroup, From, PolicyChoice, Problems};
use super::list::KindView;
use super::{RunsView, failed, href, refused};
use crate::App;
use crate::auth::{Form, SignedIn};
use crate::error::PageError;
use crate::form::Lenient;
use crate::kinds;
use crate::pages::{done, render, shell};
use crate::text::Text;
use crate::view::{Nav, Prose, Shell};

/// The form of a kind, for a server to be or for one to change.
#[derive(Template)]
#[template(path = "server_form.html")]
pub(crate) struct FormPage {
    pub(crate) shell: Shell,
    pub(crate) kind: KindView,
    /// The server that is changed.
    pub(crate) of: Option<String>,
    /// How that server is, as far as it matters whether it still is when the form is sent.
    pub(crate) shown: Option<Shown>,
    /// The name that was typed in.
    pub(crate) name: String,
    /// How one gets what is asked for, as its author wrote it.
    pub(crate) setup: Prose,
    /// What will be run, or where it is reached, with placeholders.
    pub(crate) pattern: String,
    /// Whether it is reached and not run.
    pub(crate) remote: bool,
    pub(crate) groups: Vec<FieldGroup>,
    pub(crate) policies: Vec<PolicyChoice>,
    pub(crate) problems: Problems,
    /// What is said above the problems.
    pub(crate) lead_key: &'static str,
}

impl FormPage {
    pub(crate) fn action(&self) -> String {
        match &self.of {
            Some(name) => format!("{}/edit", href(name)),
            None => "/servers/-/new".to_owned(),
        }
    }

    /// What is wrong with a field that is no property.
    pub(crate) fn problem(&self, name: &str) -> Option<&String> {
        self.problems.get(name)
    }

    /// What is wrong and has no field of its own in the form.
    pub(crate) fn general(&self) -> Vec<&String> {
        let shown = |name: &str| {
            matches!(name, "name" | "default_policy")
                || name.strip_prefix("c.").is_some_and(|key| {
                    let mut fields = self.groups.iter().flat_map(|group| &group.fields);
                    fields.any(|field| field.key == key)
                })
        };
        let rest = self.problems.iter().filter(|(name, _)| !shown(name));
        rest.map(|(_, message)| message).collect()
    }
}

/// What will be run, before it is added.
#[derive(Template)]
#[template(path = "server_review.html")]
pub(crate) struct ReviewPage {
    pub(crate) shell: Shell,
    pub(crate) kind: KindView,
    pub(crate) name: String,
    pub(crate) runs: RunsView,
    pub(crate) policy_key: &'static str,
    /// The answers, sealed.
    pub(crate) draft: String,
}

/// Which kind.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    #[serde(default, rename = "type")]
    server_type: String,
}

/// What the form page shows.
pub(super) struct Filled<'a> {
    /// The server that is changed.
    pub(super) of: Option<&'a Server>,
    pub(super) from: From<'a>,
    pub(super) name: &'a str,
    pub(super) policy: DefaultPolicy,
    pub(super) problems: Problems,
    /// Why the form comes back.
    pub(super) error: Option<&'a ServerError>,
}

/// The kind that the person chose.
pub(super) fn kind<'a>(
    app: &'a App,
    server_type: &str,
) -> Result<&'a deputy_templates::Template, PageError> {
    app.gateway
        .servers()
        .templates()
        .get(server_type)
        .map(|template| &**template)
        .ok_or(PageError::NotFound)
}

pub(super) async fn page(
    app: &App,
    who: &SignedIn,
    template: &deputy_templates::Template,
    filled: Filled<'_>,
) -> Result<Response, PageError> {
    let mut shell = shell(app, who, Nav::Servers, None).await?;
    shell.path = filled
        .of
        .map_or_else(|| "/servers".to_owned(), |server| href(&server.server_name));
    let roots = app.gateway.servers().folders(who.principal.user_id);
    let page = FormPage {
        kind: KindView::new(app, template, shell.t),
        of: filled.of.map(|server| server.server_name.clone()),
        shown: filled.of.map(|server| Shown {
            generation: server.generation,
            default_policy: server.default_policy,
        }),
        name: filled.name.to_owned(),
        setup: Prose::of(template.setup.get(shell.t.language)),
        pattern: RunsView::pattern(template, shell.t),
        remote: kinds::is_remote(template),
        groups: form::grouped(form::fields(
            template,
            &filled.from,
            &roots,
            &filled.problems,
            shell.t,
        )),
        policies: form::policies(filled.policy),
        problems: filled.problems,
        lead_key: match filled.error {
            Some(ServerError::Validation { .. }) => "form-wrong",
            _ => "form-not-saved",
        },
        shell,
    };
    let response = render(&page)?;
    Ok(match filled.error {
        Some(error) => (refused(error), response).into_response(),
        None => response,
    })
}

/// `GET /servers/-/new?type=…`.
pub(crate) async fn show(
    State(app): State<App>,
    who: SignedIn,
    Lenient(asked): Lenient<Asked>,
) -> Result<Response, PageError> {
    let template = kind(&app, &asked.server_type)?;
    let name = suggested(&app, &who, &template.server_type).await?;
    let filled = Filled {
        of: None,
        from: From::Nothing,
        name: &name,
        policy: template.default_policy,
        problems: Problems::new(),
        error: None,
    };
    page(&app, &who, template, filled).await
}

/// A name that is free: the kind's, with a number where there is one of it already.
async fn suggested(app: &App, who: &SignedIn, server_type: &str) -> Result<String, PageError> {
    let servers = app.gateway.servers();
    let own = servers
        .list(&who.principal)
        .await
        .map_err(|error| failed(&error))?;
    let free = |name: &String| own.iter().all(|server| server.server_name != *name);
    let names = std::iter::once(server_type.to_owned())
        .chain((2..).map(|number| format!("{server_type}-{number}")));
    Ok(names.take(20).find(free).unwrap_or_default())
}

/// `POST /servers/-/new`: checks the answers and shows what they come to.
pub(crate) async fn review(
    State(app): State<App>,
    Query(asked): Query<Asked>,
    form: Form,
) -> Result<Response, PageError> {
    let Form { who, fields } = form;
    let template = kind(&app, &asked.server_type)?;
    let policy = fields.get("default_policy").parse();
    let policy: DefaultPolicy = policy.map_err(|_| PageError::Invalid)?;
    let new = NewServer {
        name: fields.get("name").trim().to_owned(),
        server_type: template.server_type.clone(),
        config: Value::Object(form::config(template, &fields, None)),
        default_policy: Some(policy),
    };
    let name = new.name.clone();
    let t = Text::new(who.user.language);
    match app.gateway.servers().draft(&who.principal, new).await {
        Ok(draft) => {
            let mut shell = shell(&app, &who, Nav::Servers, None).await?;
            "/servers".clone_into(&mut shell.path);
            let chosen = form::policies(policy).into_iter().find(|p| p.selected);
            render(&ReviewPage {
                kind: KindView::new(&app, template, shell.t),
                name,
                runs: RunsView::new(&app, draft.runs),
                policy_key: chosen.map_or("policy-ask-writes", |choice| choice.key),
                draft: draft.sealed,
                shell,
            })
        }
        Err(error) => {
            let mut problems = problems(&error, &name, t)?;
            let typed = |key: &str| !fields.get(&format!("c.{key}")).is_empty();
            form::note_secrets(&mut problems, template, typed, t);
            let filled = Filled {
                of: None,
                from: From::Sent(&fields, None),
                name: fields.get("name"),
                policy,
                problems,
                error: Some(&error),
            };
            page(&app, &who, template, filled).await
        }
    }
}

/// What a refused server has wrong with it, by field.
fn problems(error: &ServerError, name: &str, t: Text) -> Result<Problems, PageError> {
    if let Some(mut problems) = form::problems(error) {
        if let Some(message) = problems.get_mut("name") {
            *message = t.tr(if RESERVED.contains(&name) {
                "server-name-reserved"
            } else {
                "server-name-wrong"
            });
        }
        return Ok(problems);
    }
    match error {
        ServerError::Conflict(_) => Ok(Problems::from([(
            "name".to_owned(),
            t.tr("server-name-taken"),
        )])),
        ServerError::LimitReached(most) => {
            let most = i64::try_from(*most).unwrap_or(i64::MAX);
            Ok(Problems::from([(
                String::new(),
                t.count("server-limit", most),
            )]))
        }
        ServerError::Unavailable { .. } => Ok(Problems::from([(
            String::new(),
            t.tr("error-unavailable-text"),
        )])),
        other => Err(failed(other)),
    }
}

/// `POST /servers/-/add`: adds what was shown. Sent twice, it leads to the server that it became.
pub(crate) async fn add(State(app): State<App>, form: Form) -> Result<Response, PageError> {
    let Form { who, fields } = form;
    let servers = app.gateway.servers();
    let drafted = match servers
        .from_draft(&who.principal, fields.get("draft"))
        .await
    {
        Ok(drafted) => drafted,
        Err(ServerError::Validation { .. }) => return Ok(done("/servers", "draft-lapsed")),
        Err(error) => return Err(failed(&error)),
    };
    let new = drafted.new.clone();
    match servers.create_drafted(&who.principal, drafted).await {
        Ok(server) => Ok(done(&href(&server.server_name), "server-added")),
        Err(error) => {
            // Something changed since it was shown: the form says what.
            let template = kind(&app, &new.server_type)?;
            let t = Text::new(who.user.language);
            let mut problems = problems(&error, &new.name, t)?;
            let nothing = Map::new();
            let config = new.config.as_object().unwrap_or(&nothing);
            form::note_secrets(&mut problems, template, |key| config.contains_key(key), t);
            let filled = Filled {
                of: None,
                from: From::Given(config),
                name: &new.name,
                policy: new.default_policy.unwrap_or(template.default_policy),
                problems,
                error: Some(&error),
            };
            page(&app, &who, template, filled).await
        }
    }
}
