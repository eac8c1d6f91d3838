//! A change: what it does to rows, its record, and what its call came to, all or nothing.

use std::sync::Arc;

use async_trait::async_trait;
use deputy_store::Tx;
use deputy_store::requirement::By;
use deputy_store::user::User;
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Actor, Error, Result, Workspace};

/// What is put on record of a change.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// Who did it.
    pub actor: Actor,
    /// `note.change`, `task.change`, `project.change` or `requirement.change`.
    pub action: &'static str,
    /// What was changed, e.g. `SHOP-3`.
    pub target: String,
    /// What was done to it: a word, and numbers. Never texts.
    pub detail: Value,
}

/// The chain of records, as far as changes need it. Implemented by the binary.
#[async_trait]
pub trait Record: Send + Sync {
    /// Adds records in this transaction: they are there if it is committed. The last thing before
    /// that, for it holds the end of the chain against everybody else.
    async fn record(&self, tx: &Tx, entries: Vec<Recorded>) -> Result<(), RecordError>;
}

/// A record could not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the audit log can't be written")]
pub struct RecordError;

/// A change under way. Dropping it undoes it.
pub(crate) struct Change {
    pub(crate) tx: Tx,
    pub(crate) actor: Actor,
    /// Who it is for.
    pub(crate) person: User,
    /// The present.
    pub(crate) at: Timestamp,
    entries: Vec<Recorded>,
    record: Arc<dyn Record>,
}

/// How a change begins.
pub(crate) enum Begun<T> {
    /// The same call was made before: this is what it came to.
    Before(T),
    /// It has to be made.
    Now(Box<Change>),
}

impl Workspace {
    /// Begins a change by `actor`.
    pub(crate) async fn begin<T: DeserializeOwned>(&self, actor: &Actor) -> Result<Begun<T>> {
        let tx = self.store().begin().await?;
        let scope = tx.user(actor.user);
        if let Some(call) = actor.call
            && let Some(answer) = scope.workspace_call(call).await?
        {
            return Ok(Begun::Before(serde_json::from_str(&answer)?));
        }
        let person = scope.profile().await?;
        let person = person.ok_or_else(|| Error::NotFound("there is no such person".to_owned()))?;
        // Rows keep milliseconds; what is answered must be what is read back.
        let at = deputy_store::from_millis(self.parts.clock.now().as_millisecond());
        Ok(Begun::Now(Box::new(Change {
            tx,
            actor: actor.clone(),
            person,
            at,
            entries: Vec::new(),
            record: Arc::clone(&self.parts.record),
        })))
    }
}

impl Change {
    /// Who changes something, as the rows of requirements name it.
    pub(crate) fn by(&self) -> By {
        By {
            user: Some(self.actor.user),
            name: self.person.username.clone(),
            caller: self.actor.caller.clone(),
        }
    }

    /// Has this put on record when the change is finished.
    pub(crate) fn note(&mut self, action: &'static str, target: impl Into<String>, detail: Value) {
        self.entries.push(Recorded {
            actor: self.actor.clone(),
            action,
            target: target.into(),
            detail,
        });
    }

    /// Makes it durable, with what it came to.
    pub(crate) async fn finish<T: Serialize>(self: Box<Self>, answer: T) -> Result<T> {
        let this = *self;
        if let Some(call) = this.actor.call {
            let text = serde_json::to_string(&answer)?;
            this.tx
                .user(this.actor.user)
                .keep_workspace_call(call, text, this.at)
                .await?;
        }
        if !this.entries.is_empty() {
            this.record
                .record(&this.tx, this.entries)
                .await
                .map_err(|RecordError| Error::Record)?;
        }
        this.tx.commit().await?;
        Ok(answer)
    }
}
