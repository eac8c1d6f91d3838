//! `/approvals`: what an assistant may not do without its person, and what became of it.

use std::collections::HashMap;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use deputy_gateway::approval::{Approval, DecideError, Decision};
use uuid::Uuid;

use super::{Done, done, render, shell, watch};
use crate::App;
use crate::api::decided_well;
use crate::auth::{Form, SignedIn};
use crate::error::PageError;
use crate::form::Lenient;
use crate::view::{ApprovalView, Nav, Shell, Watch, arguments, visible};

/// Most approvals on the page.
const LIMIT: u64 = 50;

#[derive(Template)]
#[template(path = "approvals.html")]
pub(crate) struct Page {
    pub(crate) shell: Shell,
    pub(crate) pending: Vec<ApprovalView>,
    pub(crate) decided: Vec<ApprovalView>,
}

/// Names of tools for people. A tool that the person no longer has goes by its own name.
pub(crate) struct Titles(HashMap<String, String>);

impl Titles {
    pub(crate) async fn of(app: &App, who: &SignedIn) -> Result<Self, PageError> {
        let tools = app
            .gateway
            .tools(&who.principal)
            .await
            .map_err(|error| PageError::internal(&error, "listing tools"))?;
        Ok(Self(
            tools
                .iter()
                .map(|tool| (tool.name.clone(), tool.title.clone()))
                .collect(),
        ))
    }

    /// These.
    #[cfg(test)]
    pub(crate) fn from<const N: usize>(titles: [(&str, &str); N]) -> Self {
        let titles = titles.map(|(tool, title)| (tool.to_owned(), title.to_owned()));
        Self(HashMap::from(titles))
    }

    /// The tool's title; with its server before it where that is a person's own, whose words a
    /// title is.
    pub(crate) fn title(&self, tool: &str) -> String {
        let Some(title) = self.0.get(tool) else {
            return tool.to_owned();
        };
        match tool.split_once("__") {
            Some((server, _)) => format!("{server}: {title}"),
            None => title.clone(),
        }
    }

    /// What would be done, where that is more than the tool's title.
    fn summary(&self, approval: &Approval) -> String {
        let title = self.0.get(&approval.tool);
        let said = title.is_some_and(|title| *title == approval.summary);
        if said {
            String::new()
        } else {
            visible(&approval.summary)
        }
    }
}

/// An approval as the page shows it.
pub(crate) fn view(approval: Approval, titles: &Titles, watch: &Watch) -> ApprovalView {
    let pending = approval.status == "pending";
    let lapsed = pending && approval.expires_at <= watch.now;
    let failed = approval
        .result
        .as_ref()
        .is_some_and(|result| !decided_well(result));
    let (state_key, tone) = match approval.status {
        "pending" if !lapsed => ("approval-pending", "wait"),
        "approved" => ("approval-approved", "wait"),
        "done" if failed => ("approval-failed", "bad"),
        "done" => ("approval-done", "ok"),
        "rejected" => ("approval-rejected", ""),
        _ => ("approval-expired", ""),
    };
    let result = approval
        .result
        .as_ref()
        .and_then(|result| serde_json::to_value(result).ok())
        .and_then(|value| {
            serde_json::to_string_pretty(value.get("structured").unwrap_or(&value)).ok()
        });
    ApprovalView {
        id: approval.id.to_string(),
        title: visible(&titles.title(&approval.tool)),
        summary: titles.summary(&approval),
        server: approval.server,
        caller: watch.caller(&approval.requested_by),
        arguments: arguments(&approval.arguments),
        minutes_left: watch.minutes_until(approval.expires_at),
        when: watch.show(approval.decided_at.unwrap_or(approval.requested_at)),
        state_key,
        tone,
        result: result.map(|text| visible(&text)),
    }
}

async fn page(
    app: &App,
    who: &SignedIn,
    found: Vec<Approval>,
    flash: &Done,
) -> Result<Response, PageError> {
    let titles = Titles::of(app, who).await?;
    let watch = watch(app, who);
    let (pending, decided): (Vec<_>, Vec<_>) = found
        .into_iter()
        .map(|approval| view(approval, &titles, &watch))
        .partition(|approval| approval.state_key == "approval-pending");
    let shell = shell(app, who, Nav::Approvals, flash.flash()).await?;
    render(&Page {
        shell,
        pending,
        decided,
    })
}

/// `GET /approvals`.
pub(crate) async fn show(
    State(app): State<App>,
    who: SignedIn,
    Lenient(flash): Lenient<Done>,
) -> Result<Response, PageError> {
    let found = app
        .gateway
        .approvals(who.principal.user_id, LIMIT)
        .await
        .map_err(|error| PageError::internal(&error, "listing approvals"))?;
    page(&app, &who, found, &flash).await
}

/// `GET /approvals/{id}`: one alone.
pub(crate) async fn one(
    State(app): State<App>,
    who: SignedIn,
    Path(id): Path<String>,
    Lenient(flash): Lenient<Done>,
) -> Result<Response, PageError> {
    let id = Uuid::parse_str(&id).map_err(|_| PageError::NotFound)?;
    let found = app
        .gateway
        .approval(who.principal.user_id, id)
        .await
        .map_err(|error| PageError::internal(&error, "reading an approval"))?
        .ok_or(PageError::NotFound)?;
    page(&app, &who, vec![found], &flash).await
}

/// `POST /approvals/{id}`.
pub(crate) async fn decide(
    State(app): State<App>,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, PageError> {
    let id = Uuid::parse_str(&id).map_err(|_| PageError::NotFound)?;
    let decision = match form.fields.get("decision") {
        "approve" => Decision::Approve,
        "reject" => Decision::Reject,
        _ => return Err(PageError::Invalid),
    };
    let word = match app.gateway.decide(&form.who.principal, id, decision).await {
        Ok(decided) => match decided.result {
            None => "rejected",
            Some(result) if decided_well(&result) => "approved",
            Some(_) => "approved-failed",
        },
        Err(DecideError::NotFound) => return Err(PageError::NotFound),
        Err(DecideError::AlreadyDecided) => "already-decided",
        Err(DecideError::Expired) => "expired",
        Err(error @ (DecideError::Scope(_) | DecideError::Call(_))) => {
            return Err(PageError::internal(&error, "deciding an approval"));
        }
    };
    Ok(done("/approvals", word))
}
