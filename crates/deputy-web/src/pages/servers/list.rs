//! `GET /servers`: the person's servers, the kinds that can be added, and, for an administrator,
//! the rules about tools.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use deputy_core::Scope;
use deputy_gateway::servers::Server;

use super::rules::RuleView;
use super::{ServerView, failed};
use crate::App;
use crate::auth::SignedIn;
use crate::error::PageError;
use crate::form::Lenient;
use crate::kinds;
use crate::pages::{Done, render, shell, watch};
use crate::text::Text;
use crate::view::{Nav, Shell, Watch};

/// A kind of server to add.
#[derive(Clone, Debug)]
pub(crate) struct KindView {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) description: String,
    /// Why it can't be added here.
    pub(crate) unavailable: Option<String>,
}

impl KindView {
    pub(super) fn new(app: &App, template: &deputy_templates::Template, t: Text) -> Self {
        Self {
            id: template.server_type.clone(),
            title: template.title.get(t.language).to_owned(),
            description: template.description.get(t.language).to_owned(),
            unavailable: kinds::unavailable(app, template, t),
        }
    }
}

#[derive(Template)]
#[template(path = "servers.html")]
pub(crate) struct ListPage {
    pub(crate) shell: Shell,
    pub(crate) servers: Vec<ServerView>,
    pub(crate) kinds: Vec<KindView>,
    /// None for who is no administrator.
    pub(crate) rules: Option<Vec<RuleView>>,
    /// What a rule can be about.
    pub(crate) rule_servers: Vec<String>,
}

async fn views(app: &App, who: &SignedIn, watch: &Watch) -> Result<Vec<ServerView>, PageError> {
    let servers = app.gateway.servers();
    let own = servers
        .list(&who.principal)
        .await
        .map_err(|error| failed(&error))?;
    let held = servers.held(&who.principal).await;
    let held = held.map_err(|error| failed(&error))?;
    let view = |server: &Server| {
        let held = held.get(&server.id).copied().unwrap_or_default();
        let template = servers.templates().get(&server.server_type);
        ServerView::new(server, template.map(|t| &**t), held, watch)
    };
    Ok(own.iter().map(view).collect())
}

/// The person's servers that they should look at.
pub(crate) async fn attention(
    app: &App,
    who: &SignedIn,
    watch: &Watch,
) -> Result<Vec<ServerView>, PageError> {
    let mut views = views(app, who, watch).await?;
    views.retain(ServerView::needs_attention);
    Ok(views)
}

/// `GET /servers`.
pub(crate) async fn show(
    State(app): State<App>,
    who: SignedIn,
    Lenient(flash): Lenient<Done>,
) -> Result<Response, PageError> {
    let shell = shell(&app, &who, Nav::Servers, flash.flash()).await?;
    let registry = app.gateway.servers().templates();
    let mut kinds: Vec<KindView> = registry
        .all()
        .map(|template| KindView::new(&app, template, shell.t))
        .collect();
    // What can be added first, those for anything else after those for something.
    kinds.sort_by_cached_key(|kind| {
        let general = matches!(kind.id.as_str(), "custom" | "remote");
        (
            kind.unavailable.is_some(),
            general,
            kind.title.to_lowercase(),
        )
    });
    let rules = if who.principal.may(Scope::Admin) {
        let rules = app.gateway.servers().administrators_rules(&who.principal);
        let rules = rules.await.map_err(|error| failed(&error))?;
        Some(rules.iter().map(RuleView::new).collect())
    } else {
        None
    };
    let ours = app.gateway.our_servers();
    let mut rule_servers: Vec<String> = ours.into_iter().map(str::to_owned).collect();
    rule_servers.extend(kinds.iter().map(|kind| kind.id.clone()));
    render(&ListPage {
        servers: views(&app, &who, &watch(&app, &who)).await?,
        kinds,
        rules,
        rule_servers,
        shell,
    })
}
