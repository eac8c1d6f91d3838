//! `/servers/{name}`: how a server is, what is run, its tools; test, switch on and off.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use deputy_gateway::servers::{ServerTool, TestReport, ToolKind, ToolState};
use serde::Deserialize;

use super::tools::{HELD, HeldTool, ToolView, instructions};
use super::{RunsView, ServerView, failed, href, to};
use crate::App;
use crate::auth::{Form, SignedIn};
use crate::error::PageError;
use crate::form::Lenient;
use crate::pages::{Done, render, shell, watch};
use crate::text::Text;
use crate::view::{Flash, Nav, Shell, visible};

/// What a test came to, as the page shows it.
#[derive(Clone, Debug)]
pub(crate) struct ReportView {
    pub(crate) ok: bool,
    /// How many tools, in how much time.
    pub(crate) summary: String,
    pub(crate) error: String,
    /// The last it printed.
    pub(crate) printed: String,
    pub(crate) notes: Vec<String>,
    /// Where the access is allowed that is missing.
    pub(crate) connect_url: Option<String>,
}

impl ReportView {
    fn new(report: &TestReport, t: Text) -> Self {
        let text = report.error.as_deref().map(visible).unwrap_or_default();
        let (error, printed) = text.split_once('\n').unwrap_or((text.as_str(), ""));
        let error = error.strip_suffix("; it printed:").unwrap_or(error);
        let tools = i64::try_from(report.tools.len()).unwrap_or(i64::MAX);
        let tools = t.count("test-tools", tools);
        let time = t.tr1("unit-ms", "n", report.duration_ms.to_string());
        Self {
            ok: report.ok,
            summary: t.tr2("test-summary", "tools", tools, "time", time),
            error: error.to_owned(),
            printed: printed.to_owned(),
            notes: report.notes.iter().map(|note| visible(note)).collect(),
            connect_url: report.connect_url.clone(),
        }
    }
}

#[derive(Template)]
#[template(path = "server.html")]
pub(crate) struct OnePage {
    pub(crate) shell: Shell,
    pub(crate) server: ServerView,
    /// Whether its person allows the access at somebody else's page.
    pub(crate) oauth: bool,
    /// None where the settings are not accepted any more; `broken` says why.
    pub(crate) runs: Option<RunsView>,
    pub(crate) broken: String,
    /// Whether there are no more servers of its kind: nothing of it can be edited.
    pub(crate) kind_gone: bool,
    pub(crate) report: Option<ReportView>,
    pub(crate) held: Vec<HeldTool>,
    /// How many more are held back.
    pub(crate) held_more: i64,
    /// Whether all of these are shown whole, so that they can be allowed at once.
    pub(crate) all_shown: bool,
    pub(crate) tools: Vec<ToolView>,
    /// What it tells every model.
    pub(crate) instructions: String,
    /// Whether its tools were ever read.
    pub(crate) tested: bool,
    pub(crate) policy_key: &'static str,
    pub(crate) log: String,
    /// Where MCP clients reach it alone.
    pub(crate) mcp_url: String,
    /// How Claude Code is told of it.
    pub(crate) command: String,
}

impl OnePage {
    /// Whether it is somewhere else and not run here.
    pub(crate) fn remote(&self) -> bool {
        self.runs.as_ref().is_some_and(|runs| runs.remote)
    }
}

async fn page(
    app: &App,
    who: &SignedIn,
    name: &str,
    flash: Option<Flash>,
    report: Option<TestReport>,
    whole: &str,
) -> Result<Response, PageError> {
    let servers = app.gateway.servers();
    let principal = &who.principal;
    let server = servers
        .get(principal, name)
        .await
        .map_err(|error| failed(&error))?;
    let tools = servers
        .tools(principal, name)
        .await
        .map_err(|error| failed(&error))?;
    let log = servers
        .log(principal, name)
        .await
        .map_err(|error| failed(&error))?;
    let (runs, broken) = match servers.what_runs(principal, name).await {
        Ok(runs) => (Some(RunsView::new(app, runs)), String::new()),
        Err(error) => (None, error.to_string()),
    };
    let mut shell = shell(app, who, Nav::Servers, flash).await?;
    shell.path = href(name);
    let waiting = |tool: &&ServerTool| matches!(tool.state, ToolState::Changed | ToolState::New);
    let held_more = tools.iter().filter(waiting).count().saturating_sub(HELD);
    let shown = tools.iter().filter(waiting).take(HELD);
    let held: Vec<HeldTool> = shown
        .filter_map(|tool| HeldTool::new(tool, whole))
        .collect();
    let watch = watch(app, who);
    let template = servers.templates().get(&server.server_type);
    let mcp_url = format!("{}/mcp/{}", app.public_url(), server.server_name);
    let chosen = super::form::policies(server.default_policy);
    let chosen = chosen.into_iter().find(|choice| choice.selected);
    render(&OnePage {
        // What is held back stands on this page itself.
        server: ServerView::new(&server, template.map(|t| &**t), 0, &watch),
        oauth: runs.as_ref().is_some_and(|runs| runs.oauth),
        runs,
        broken: visible(&broken),
        kind_gone: template.is_none(),
        report: report.map(|report| ReportView::new(&report, shell.t)),
        all_shown: held.len() > 1 && !held.iter().any(|tool| tool.cut),
        held,
        held_more: i64::try_from(held_more).unwrap_or(i64::MAX),
        instructions: instructions(&tools),
        tools: tools
            .iter()
            .filter(|tool| tool.kind == ToolKind::Tool)
            .map(ToolView::new)
            .collect(),
        tested: server.tools_read_at.is_some(),
        policy_key: chosen.map_or("policy-ask-writes", |choice| choice.key),
        log: visible(&log),
        command: format!(
            "claude mcp add --transport http {} {mcp_url} --header \"Authorization: Bearer YOUR_TOKEN\"",
            server.server_name
        ),
        mcp_url,
        shell,
    })
}

/// What the page is asked to show.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Shown {
    /// The tool whose difference is shown without a cut.
    #[serde(default)]
    whole: String,
}

/// `GET /servers/{name}`.
pub(crate) async fn show(
    State(app): State<App>,
    who: SignedIn,
    Path(name): Path<String>,
    Lenient(flash): Lenient<Done>,
    Lenient(shown): Lenient<Shown>,
) -> Result<Response, PageError> {
    page(&app, &who, &name, flash.flash(), None, &shown.whole).await
}

/// `POST /servers/{name}/test`. Answers with the page itself: a report is kept nowhere.
pub(crate) async fn test(
    State(app): State<App>,
    Path(name): Path<String>,
    form: Form,
) -> Result<Response, PageError> {
    let servers = app.gateway.servers();
    let report = servers.test(&form.who.principal, &name).await;
    let report = report.map_err(|error| failed(&error))?;
    page(&app, &form.who, &name, None, Some(report), "").await
}

/// `POST /servers/{name}/enable`.
pub(crate) async fn enable(
    State(app): State<App>,
    Path(name): Path<String>,
    form: Form,
) -> Result<Response, PageError> {
    switch(&app, &name, &form, true).await
}

/// `POST /servers/{name}/disable`.
pub(crate) async fn disable(
    State(app): State<App>,
    Path(name): Path<String>,
    form: Form,
) -> Result<Response, PageError> {
    switch(&app, &name, &form, false).await
}

async fn switch(app: &App, name: &str, form: &Form, on: bool) -> Result<Response, PageError> {
    let servers = app.gateway.servers();
    let switched = servers.set_enabled(&form.who.principal, name, on).await;
    switched.map_err(|error| failed(&error))?;
    Ok(to(name))
}
