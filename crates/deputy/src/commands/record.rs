//! What administrators do with commands, for the chain of records. Each act is on record before it
//! is done: where that can't be written, it isn't done.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use deputy_core::{Lifecycle, SystemClock, UserId};
use deputy_gateway::audit::{Audit, Entry};
use serde_json::Value;

use crate::compose::{Offline, audit_key};

/// Through what it is done.
const CALLER: &str = "cli";
/// How an act ends that could not be done.
const FAILED: &str = "failed";

/// An act.
#[derive(Clone)]
pub(crate) struct Act {
    /// Whose record it is: the person it is done to.
    pub(crate) user: Option<UserId>,
    pub(crate) action: &'static str,
    pub(crate) target: String,
    /// Ids and digests, never values.
    pub(crate) detail: Value,
}

impl Act {
    /// An act on `target` that is nobody's.
    pub(crate) fn new(action: &'static str, target: impl Into<String>) -> Self {
        Self {
            user: None,
            action,
            target: target.into(),
            detail: Value::Null,
        }
    }

    /// An act on a person, by name.
    pub(crate) fn on(action: &'static str, user: &deputy_identity::User) -> Self {
        Self {
            user: Some(user.id),
            ..Self::new(action, &user.username)
        }
    }

    fn entry(&self, outcome: &str) -> Entry {
        Entry {
            user: self.user,
            caller: CALLER.to_owned(),
            action: self.action,
            target: self.target.clone(),
            call_id: None,
            outcome: outcome.to_owned(),
            detail: self.detail.clone(),
        }
    }
}

impl Offline {
    /// Puts `act` on record, does it, and puts on record how it ended.
    pub(crate) async fn on_record<T, E>(
        &self,
        act: Act,
        doing: impl Future<Output = Result<T, E>>,
    ) -> anyhow::Result<T>
    where
        E: Into<anyhow::Error>,
    {
        self.on_record_with(act, doing, |_, act| vec![act]).await
    }

    /// The same; `ended` says what there is to put on record of what was done.
    pub(crate) async fn on_record_with<T, E>(
        &self,
        act: Act,
        doing: impl Future<Output = Result<T, E>>,
        ended: impl FnOnce(&T, Act) -> Vec<Act>,
    ) -> anyhow::Result<T>
    where
        E: Into<anyhow::Error>,
    {
        let key = audit_key(&self.store, &self.vault()?)
            .await
            .context("nothing was done: the key of the audit log can't be had")?;
        let lifecycle = Lifecycle::new();
        let clock = Arc::new(SystemClock);
        let audit = Audit::start(self.store.clone(), &key, clock, &lifecycle);
        audit
            .record(act.entry("started"))
            .await
            .context("nothing was done: it can't be put on record")?;
        let done = doing.await.map_err(Into::into);
        let (acts, outcome) = match &done {
            Ok(value) => (ended(value, act), "ok"),
            Err(_) => (vec![act], FAILED),
        };
        for act in acts {
            if audit.record(act.entry(outcome)).await.is_err() {
                eprintln!("how it ended could not be put on record; that it was begun is");
                break;
            }
        }
        audit.close().await;
        lifecycle.stop(Duration::from_secs(1)).await;
        done
    }
}
