//! What people keep in Deputy itself: notes, tasks, and the requirements of projects that they
//! share with others.
//!
//! [`Workspace`] has an operation for each thing one can do; the tools ([`tools`]), the REST API and
//! the pages are three ways to it and decide nothing themselves. Whoever calls is an [`Actor`]: a
//! person, and through what.
//!
//! # One change, one transaction
//!
//! A change, its versions, its record in the audit chain and, for a call of a tool, what the call
//! came to, are written in one transaction ([`change`]). So what is on record happened and what
//! happened is on record, wherever the program is killed; and a call that comes again under its id
//! gets its first answer and changes nothing twice.
//!
//! # Whose is it
//!
//! Notes and tasks are their person's alone. A project has members, each with a role; whoever is
//! none finds nothing there, and is told the same as of a project that doesn't exist.

use std::sync::Arc;
use std::time::Duration;

use deputy_core::{CallId, Clock, Lifecycle, UserId};
use deputy_store::Store;
use jiff::SignedDuration;

mod change;
mod due;
mod error;
pub mod exchange;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod limits;
mod note;
mod page;
mod project;
mod requirement;
mod task;
#[cfg(test)]
mod testing;
mod text;
pub mod tools;

pub use change::{Record, RecordError, Recorded};
pub use error::Error;
pub use limits::*;
pub use note::{ListNotes, NewNote, Note, NoteChange, Notes};
pub use project::{
    ListProjects, Member, NOTICE_SHARED, NewProject, Project, ProjectChange, ProjectDetail,
    Projects, Role,
};
pub use requirement::comment::{Comment, Comments};
pub use requirement::history::{History, LinkEvent, VersionView};
pub use requirement::link::{LinkKind, LinkView, Pair};
pub use requirement::matrix::{Matrix, MatrixRow};
pub use requirement::{
    Key, ListRequirements, NewRequirement, Requirement, RequirementChange, RequirementDetail,
    Requirements, Status,
};
pub use task::{ListTasks, NewTask, Priority, Task, TaskChange, TaskStatus, Tasks};

/// How often what calls came to is gone through.
const SWEEP: Duration = Duration::from_mins(10);
/// How long it is kept: longer than a call is repeated while a server runs.
const KEEP_CALLS: SignedDuration = SignedDuration::from_hours(72);

/// Result of an operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Who does something: a person, and through what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The person.
    pub user: UserId,
    /// Through what, as the audit log names callers ([`deputy_core::Caller::label`]).
    pub caller: String,
    /// The call of a tool that it is part of: a repeat of it changes nothing more.
    pub call: Option<CallId>,
}

/// What it needs from outside.
pub struct Parts {
    /// The database.
    pub store: Store,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Writes records in a transaction of ours.
    pub record: Arc<dyn Record>,
    /// The key under which a sign-in name is found, whatever case it is written in.
    pub username_key: fn(&str) -> String,
}

/// Notes, tasks and requirements. Cheap to clone.
#[derive(Clone)]
pub struct Workspace {
    parts: Arc<Parts>,
}

impl Workspace {
    /// The workspace of everybody.
    pub fn new(parts: Parts) -> Self {
        Self {
            parts: Arc::new(parts),
        }
    }

    /// Starts the background work: forgetting what calls came to, once nobody repeats them any more.
    pub fn run(&self, lifecycle: &Lifecycle) {
        let (this, soft) = (self.clone(), lifecycle.soft().clone());
        lifecycle.spawn(soft.run_until_cancelled_owned(async move {
            // Not at once: approved calls that a stop interrupted are carried on first.
            let first = tokio::time::Instant::now() + SWEEP;
            let mut timer = tokio::time::interval_at(first, SWEEP);
            timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                timer.tick().await;
                if let Err(error) = this.sweep().await {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "forgetting what calls of the workspace came to failed"
                    );
                }
            }
        }));
    }

    async fn sweep(&self) -> Result<()> {
        let before = self.parts.clock.now() - KEEP_CALLS;
        let tx = self.store().begin().await?;
        tx.workspace_calls_sweep(before).await?;
        tx.commit().await?;
        Ok(())
    }

    pub(crate) fn store(&self) -> &Store {
        &self.parts.store
    }
}
