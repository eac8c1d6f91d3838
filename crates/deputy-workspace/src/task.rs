//! Tasks: what a person has to do, how urgent it is, how far, and by when.

use deputy_core::UserId;
use deputy_store::task as store;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::change::Begun;
use crate::due::{self, Due};
use crate::limits::{MAX_TASKS, MAX_TEXT, MAX_TITLE};
use crate::{Actor, Error, Result, Workspace, page, text};

const ACTION: &str = "task.change";

/// How urgent a task is.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Some day.
    Low,
    /// As most are.
    #[default]
    Medium,
    /// Soon.
    High,
    /// Now.
    Urgent,
}

/// How far a task is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaskStatus {
    /// Nobody has begun.
    #[default]
    Pending,
    /// Somebody has.
    InProgress,
    /// It is done.
    Done,
    /// It was given up.
    Cancelled,
}

impl Priority {
    /// All of them, from the least to the most.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Urgent];

    /// The word in rows and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Urgent => "urgent",
        }
    }
}

impl TaskStatus {
    /// All of them, in the order of a task's life.
    pub const ALL: [Self; 4] = [Self::Pending, Self::InProgress, Self::Done, Self::Cancelled];

    /// The word in rows and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::InProgress => "in_progress",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether there is nothing left to do.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Cancelled)
    }
}

/// A task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Task {
    /// Its number.
    pub id: i64,
    /// One line.
    pub title: String,
    /// More about it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// How urgent it is.
    pub priority: Priority,
    /// How far it is.
    pub status: TaskStatus,
    /// By when: a date, or a time with its offset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_date: Option<String>,
    /// Whether that has passed and it is still to be done.
    pub overdue: bool,
    /// When it was done or given up (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<String>,
    /// When it was made (RFC 3339).
    pub created_at: String,
    /// When it was last changed (RFC 3339).
    pub updated_at: String,
}

/// A page of tasks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tasks {
    /// The tasks: what is due first comes first, what is never due last.
    pub tasks: Vec<Task>,
    /// For the next page, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

/// A task to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTask {
    /// What is to be done, in one line.
    pub title: String,
    /// More about it.
    #[serde(default)]
    pub description: Option<String>,
    /// How urgent it is (medium if left out).
    #[serde(default)]
    pub priority: Option<Priority>,
    /// By when (ISO 8601): a date, or a time with its offset. A time without one is in the person's time zone.
    #[serde(default)]
    pub due_date: Option<String>,
}

/// Which tasks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListTasks {
    /// Those of this status alone.
    #[serde(default)]
    pub status: Option<TaskStatus>,
    /// true: those to be done (pending and in_progress); false: the others.
    #[serde(default)]
    pub open: Option<bool>,
    /// Those of this priority alone.
    #[serde(default)]
    pub priority: Option<Priority>,
    /// Those due before this (ISO 8601).
    #[serde(default)]
    pub due_before: Option<String>,
    /// Those with each of these words in title or description.
    #[serde(default)]
    pub query: Option<String>,
    /// At most this many (1 to 250; 50 if left out).
    #[serde(default)]
    #[schemars(range(min = 1, max = 250))]
    pub max_results: Option<u32>,
    /// The next_page_token of the page before.
    #[serde(default)]
    pub page_token: Option<String>,
}

/// What becomes of a task: only what is given changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskChange {
    /// Another title.
    #[serde(default)]
    pub title: Option<String>,
    /// Another description; an empty one takes it away.
    #[serde(default)]
    pub description: Option<String>,
    /// Another priority.
    #[serde(default)]
    pub priority: Option<Priority>,
    /// Another status.
    #[serde(default)]
    pub status: Option<TaskStatus>,
    /// Another deadline; an empty one takes it away.
    #[serde(default)]
    pub due_date: Option<String>,
}

fn word<T: Copy>(
    all: &[T],
    name: impl Fn(T) -> &'static str,
    found: &str,
    at: (&'static str, i64),
) -> Result<T> {
    let (column, row) = at;
    all.iter()
        .copied()
        .find(|one| name(*one) == found)
        .ok_or_else(|| {
            Error::Store(deputy_store::Error::Inconsistent {
                table: "tasks",
                column,
                row: row.to_string(),
            })
        })
}

fn shown(row: store::Task, now: Timestamp) -> Result<Task> {
    let status = word(
        &TaskStatus::ALL,
        TaskStatus::as_str,
        &row.status,
        ("status", row.id),
    )?;
    let priority = word(
        &Priority::ALL,
        Priority::as_str,
        &row.priority,
        ("priority", row.id),
    )?;
    Ok(Task {
        id: row.id,
        title: row.title,
        description: row.description,
        priority,
        status,
        due_date: row.due,
        overdue: !status.is_over() && row.due_at.is_some_and(|at| at <= now),
        completed_at: row.completed_at.map(|at| at.to_string()),
        created_at: row.created_at.to_string(),
        updated_at: row.updated_at.to_string(),
    })
}

fn missing(id: i64) -> Error {
    Error::NotFound(format!("there is no task {id}"))
}

/// A deadline that was given: an empty one is none.
fn deadline(text: Option<&str>, zone: &str) -> Result<Option<Due>> {
    match text.map(str::trim) {
        None | Some("") => Ok(None),
        Some(text) => due::parse(text, zone).map(Some),
    }
}

fn search(title: &str, description: &str) -> String {
    text::folded([title, description])
}

impl Workspace {
    /// Makes a task.
    pub async fn create_task(&self, actor: &Actor, new: NewTask) -> Result<Task> {
        let title = text::line("title", &new.title, MAX_TITLE)?;
        let description = new.description.as_deref().unwrap_or_default();
        let description = text::lines("description", description, MAX_TEXT)?;
        let mut change = match self.begin(actor).await? {
            Begun::Before(task) => return Ok(task),
            Begun::Now(change) => change,
        };
        let due = deadline(new.due_date.as_deref(), &change.person.time_zone)?;
        let scope = change.tx.user(actor.user);
        if scope.count_tasks().await? >= MAX_TASKS {
            return Err(Error::Limit(format!(
                "you have {MAX_TASKS} tasks; delete some first"
            )));
        }
        let state = store::TaskState {
            search: search(&title, &description),
            title,
            description,
            priority: new.priority.unwrap_or_default().as_str().to_owned(),
            status: TaskStatus::Pending.as_str().to_owned(),
            due_at: due.as_ref().map(|due| due.at),
            due: due.map(|due| due.said),
            completed_at: None,
        };
        let task = shown(scope.insert_task(state, change.at).await?, change.at)?;
        change.note(ACTION, task.id.to_string(), json!({ "what": "created" }));
        change.finish(task).await
    }

    /// The person's tasks, what is due first first.
    pub async fn tasks(&self, user: UserId, which: &ListTasks) -> Result<Tasks> {
        let limit = page::limit(which.max_results)?;
        let scope = self.store().user(user);
        let due_before = match &which.due_before {
            None => None,
            Some(text) => {
                let zone = scope.profile().await?.map(|person| person.time_zone);
                let due = due::parse(text, zone.as_deref().unwrap_or("UTC"))?;
                Some(due.at)
            }
        };
        let statuses = TaskStatus::ALL
            .into_iter()
            .filter(|status| which.status.is_none_or(|only| only == *status))
            .filter(|status| which.open.is_none_or(|open| open != status.is_over()))
            .map(|status| status.as_str().to_owned())
            .collect::<Vec<_>>();
        if statuses.is_empty() {
            return Err(Error::invalid(
                "status",
                "no task has this status and is open, or the other way round",
            ));
        }
        let filter = store::TaskFilter {
            statuses,
            priority: which.priority.map(|priority| priority.as_str().to_owned()),
            due_before,
            words: text::words(which.query.as_deref())?,
            after: page::token(which.page_token.as_deref())?.map(|[due_at, id]| store::TaskPlace {
                due_at: (due_at != i64::MAX).then(|| deputy_store::from_millis(due_at)),
                id,
            }),
        };
        let mut found = scope.tasks(&filter, limit + 1).await?;
        let next_page_token = page::next(&mut found, limit, |task| {
            let due_at = task.due_at.map_or(i64::MAX, Timestamp::as_millisecond);
            [due_at, task.id]
        });
        let now = self.parts.clock.now();
        let tasks = found.into_iter().map(|task| shown(task, now));
        Ok(Tasks {
            tasks: tasks.collect::<Result<_>>()?,
            next_page_token,
        })
    }

    /// One of the person's tasks.
    pub async fn task(&self, user: UserId, id: i64) -> Result<Task> {
        let found = self.store().user(user).task(id).await?;
        shown(found.ok_or_else(|| missing(id))?, self.parts.clock.now())
    }

    /// Changes a task.
    pub async fn update_task(&self, actor: &Actor, id: i64, new: TaskChange) -> Result<Task> {
        let title = match &new.title {
            Some(title) => Some(text::line("title", title, MAX_TITLE)?),
            None => None,
        };
        let description = match &new.description {
            Some(text) => Some(text::lines("description", text, MAX_TEXT)?),
            None => None,
        };
        if new == TaskChange::default() {
            return Err(Error::invalid("", "say what to change"));
        }
        let mut change = match self.begin(actor).await? {
            Begun::Before(task) => return Ok(task),
            Begun::Now(change) => change,
        };
        let (scope, at) = (change.tx.user(actor.user), change.at);
        let before = scope.task_to_change(id).await?.ok_or_else(|| missing(id))?;
        let (due, due_at) = match &new.due_date {
            None => (before.due.clone(), before.due_at),
            Some(text) => {
                let due = deadline(Some(text), &change.person.time_zone)?;
                (due.as_ref().map(|due| due.said.clone()), due.map(|d| d.at))
            }
        };
        let was = shown(before.clone(), at)?;
        let status = new.status.unwrap_or(was.status);
        let title = title.unwrap_or(before.title);
        let description = description.unwrap_or(before.description);
        let state = store::TaskState {
            search: search(&title, &description),
            title,
            description,
            priority: new.priority.unwrap_or(was.priority).as_str().to_owned(),
            status: status.as_str().to_owned(),
            due,
            due_at,
            completed_at: status.is_over().then(|| {
                before
                    .completed_at
                    .filter(|_| was.status == status)
                    .unwrap_or(at)
            }),
        };
        scope.set_task(id, state, at).await?;
        let after = scope.task(id).await?.ok_or_else(|| missing(id))?;
        let after = shown(after, at)?;
        change.note(
            ACTION,
            id.to_string(),
            json!({ "what": "changed", "status": after.status }),
        );
        change.finish(after).await
    }

    /// Deletes a task for good.
    pub async fn delete_task(&self, actor: &Actor, id: i64) -> Result<i64> {
        let mut change = match self.begin(actor).await? {
            Begun::Before(id) => return Ok(id),
            Begun::Now(change) => change,
        };
        if !change.tx.user(actor.user).delete_task(id).await? {
            return Err(missing(id));
        }
        change.note(ACTION, id.to_string(), json!({ "what": "deleted" }));
        change.finish(id).await
    }
}

#[cfg(test)]
mod tests;
