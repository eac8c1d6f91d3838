//! What people do here beside calls of tools, for the chain of records: who signed in, what was
//! connected, which tokens were made.

use std::time::Duration;

use deputy_core::{Principal, UserId};
use deputy_gateway::audit::{AuditError, Entry};
use serde_json::Value;

use crate::App;
use crate::error::PageError;

/// When to come back where the records can't be written.
pub(crate) const PAUSE: Duration = Duration::from_secs(10);

/// An act of a person.
#[derive(Clone)]
pub(crate) struct Act {
    pub(crate) user: UserId,
    /// Through what: [`deputy_core::Caller::label`].
    pub(crate) caller: String,
    pub(crate) action: &'static str,
    pub(crate) target: String,
    /// Ids and digests, never values.
    pub(crate) detail: Value,
}

impl Act {
    fn entry(self, outcome: &str) -> Entry {
        Entry {
            user: Some(self.user),
            caller: self.caller,
            action: self.action,
            target: self.target,
            call_id: None,
            outcome: outcome.to_owned(),
            detail: self.detail,
        }
    }
}

/// Writes down that a person is about to change their own ways in; nothing may be changed when that
/// fails. What it gives is for [`after`] or [`refused`].
pub(crate) async fn of_person(
    app: &App,
    principal: &Principal,
    action: &'static str,
    target: String,
) -> Result<Act, PageError> {
    let act = Act {
        user: principal.user_id,
        caller: principal.caller.label(),
        action,
        target,
        detail: Value::Null,
    };
    match before(app, act.clone()).await {
        Ok(()) => Ok(act),
        Err(AuditError) => Err(PageError::Unavailable(PAUSE)),
    }
}

/// Writes down what is about to be done; nothing may be done when that fails.
pub(crate) async fn before(app: &App, act: Act) -> Result<(), AuditError> {
    app.gateway.audit().record(act.entry("started")).await
}

/// Writes down what was done here, without waiting for the disk.
pub(crate) async fn after(app: &App, act: Act) {
    app.gateway.audit().note(act.entry("ok"), None).await;
}

/// Writes down that what was about to be done could not be done.
pub(crate) async fn refused(app: &App, act: Act) {
    app.gateway.audit().note(act.entry("INVALID"), None).await;
}
