//! `/`: what is connected, what waits, what was done, and how to connect an assistant.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use deputy_store::audit::{AuditFilter, AuditPlace, AuditRow};

use super::approvals::{Titles, view};
use super::connect::notices;
use super::servers::{ServerView, attention};
use super::{Done, render, shell, watch};
use crate::App;
use crate::auth::SignedIn;
use crate::error::PageError;
use crate::form::Lenient;
use crate::google;
use crate::view::{
    ActivityView, ApprovalView, Nav, NoticeView, ServiceView, Shell, Snippets, Watch, visible,
};

/// Records looked at for the activity, and lines shown of it.
const RECORDS: u64 = 60;
const LINES: usize = 8;
/// Approvals shown.
const PENDING: usize = 5;

#[derive(Template)]
#[template(path = "home.html")]
pub(crate) struct Page {
    pub(crate) shell: Shell,
    pub(crate) connected_any: bool,
    pub(crate) notices: Vec<NoticeView>,
    pub(crate) services: Vec<ServiceView>,
    /// The person's servers that they should look at.
    pub(crate) servers: Vec<ServerView>,
    pub(crate) pending: Vec<ApprovalView>,
    pub(crate) activity: Vec<ActivityView>,
    pub(crate) token_count: usize,
    pub(crate) snippets: Snippets,
}

/// `GET /`.
pub(crate) async fn show(
    State(app): State<App>,
    who: SignedIn,
    Lenient(flash): Lenient<Done>,
) -> Result<Response, PageError> {
    let user = who.principal.user_id;
    let shell = shell(&app, &who, Nav::Home, flash.flash()).await?;
    let google = google::state(&app, user).await?;
    let titles = Titles::of(&app, &who).await?;
    let watch = watch(&app, &who);
    let approvals = app
        .gateway
        .approvals(user, 20)
        .await
        .map_err(|error| PageError::internal(&error, "listing approvals"))?;
    let pending = approvals
        .into_iter()
        .map(|approval| view(approval, &titles, &watch))
        .filter(|approval| approval.state_key == "approval-pending")
        .take(PENDING)
        .collect();
    let mine = AuditFilter {
        user: Some(user),
        ..AuditFilter::default()
    };
    let records = app
        .store
        .audit_page(&mine, AuditPlace::Newest, RECORDS)
        .await
        .map_err(|error| PageError::internal(&error, "reading the records"))?;
    let tokens = app
        .identity
        .tokens(user)
        .await
        .map_err(|error| PageError::internal(&error, "listing tokens"))?;
    let page = Page {
        connected_any: google.services.iter().any(|service| service.connected),
        notices: notices(&app, user, shell.t).await?,
        services: google.services,
        servers: attention(&app, &who, &watch).await?,
        pending,
        activity: records
            .iter()
            .filter_map(|row| activity(row, &titles, &watch))
            .take(LINES)
            .collect(),
        token_count: tokens.len(),
        snippets: Snippets::new(app.public_url(), "YOUR_TOKEN"),
        shell,
    };
    render(&page)
}

/// A record as a line, where it is one for people: a call that ended, or one that asks. The start
/// of a write is left out, its end follows.
fn activity(row: &AuditRow, titles: &Titles, watch: &Watch) -> Option<ActivityView> {
    let (state_key, tone) = match (row.action.as_str(), row.outcome.as_str()) {
        ("tool.call", "started") => return None,
        ("tool.call" | "tool.result", "ok") => ("call-ok", "ok"),
        ("tool.call" | "tool.result", "FORBIDDEN") => ("call-refused", "bad"),
        ("tool.call" | "tool.result", _) => ("call-error", "bad"),
        ("approval.ask", _) => ("call-waiting", "wait"),
        _ => return None,
    };
    Some(ActivityView {
        title: visible(&titles.title(&row.target)),
        caller: watch.caller(&row.caller),
        when: watch.show(row.at),
        state_key,
        tone,
    })
}
