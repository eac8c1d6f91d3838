//! `POST /servers/-/rules`: an administrator's rule about a tool.

use axum::extract::State;
use axum::response::Response;
use deputy_core::Scope;
use deputy_gateway::servers::{ServerError, ToolRule};
use deputy_templates::Policy;

use super::failed;
use crate::App;
use crate::auth::Form;
use crate::error::PageError;
use crate::pages::done;
use crate::view::visible;

/// A rule, as the page shows it.
#[derive(Clone, Debug)]
pub(crate) struct RuleView {
    pub(crate) server: String,
    pub(crate) tool: String,
    pub(crate) key: &'static str,
    pub(crate) tone: &'static str,
}

impl RuleView {
    pub(super) fn new(rule: &ToolRule) -> Self {
        let (key, tone) = match rule.policy {
            // It is not this administrator who is asked.
            Policy::Ask => ("rule-ask", "wait"),
            other => policy_words(other),
        };
        Self {
            server: visible(&rule.server),
            tool: visible(&rule.tool),
            key,
            tone,
        }
    }
}

/// A policy in words.
pub(super) fn policy_words(policy: Policy) -> (&'static str, &'static str) {
    match policy {
        Policy::Auto => ("policy-auto", "ok"),
        Policy::Ask => ("policy-ask", "wait"),
        Policy::Deny => ("policy-deny", "bad"),
    }
}

/// `POST /servers/-/rules`. An empty policy takes the rule away.
pub(crate) async fn set(State(app): State<App>, form: Form) -> Result<Response, PageError> {
    let Form { who, fields } = form;
    if !who.principal.may(Scope::Admin) {
        return Err(PageError::NotFound);
    }
    let policy = match fields.get("policy") {
        "" => None,
        word => Some(word.parse().map_err(|_| PageError::Invalid)?),
    };
    let (server, tool) = (fields.get("server").trim(), fields.get("tool").trim());
    let tool = if tool.is_empty() { "*" } else { tool };
    let set = app
        .gateway
        .set_administrators_rule(&who.principal, server, tool, policy)
        .await;
    match set {
        Ok(()) => Ok(done("/servers#rules", "saved")),
        Err(ServerError::Validation { .. }) => Err(PageError::Invalid),
        Err(error) => Err(failed(&error)),
    }
}
