//! `/tasks`.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use deputy_workspace::{Error, ListTasks, NewTask, Priority, Task, TaskChange, TaskStatus};
use serde::Deserialize;

use super::{Number, Problem, actor, failed, next_page, problem, said};
use crate::App;
use crate::auth::{Form, SignedIn};
use crate::error::PageError;
use crate::form::{Fields, Lenient};
use crate::pages::{done, render, shell};
use crate::text::Text;
use crate::view::{Flash, Nav, Shell, visible};

/// Tasks on a page.
const PAGE: u32 = 50;

/// What the list holds back.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    pub(crate) query: String,
    pub(crate) priority: String,
    /// A status, `all`, or anything else for those to be done.
    pub(crate) show: String,
    after: String,
    done: String,
}

impl Asked {
    pub(crate) fn filters(&self) -> bool {
        !(self.query.is_empty() && self.priority.is_empty() && self.show.is_empty())
    }
}

/// A word to choose.
pub(crate) struct Choice {
    pub(crate) word: &'static str,
    /// The key of its text.
    pub(crate) key: String,
    pub(crate) selected: bool,
}

fn priorities(chosen: &str) -> Vec<Choice> {
    let choice = |priority: Priority| Choice {
        word: priority.as_str(),
        key: format!("priority-{}", priority.as_str()),
        selected: priority.as_str() == chosen,
    };
    Priority::ALL.into_iter().map(choice).collect()
}

fn statuses(chosen: &str) -> Vec<Choice> {
    let choice = |status: TaskStatus| Choice {
        word: status.as_str(),
        key: status_key(status),
        selected: status.as_str() == chosen,
    };
    TaskStatus::ALL.into_iter().map(choice).collect()
}

fn status_key(status: TaskStatus) -> String {
    format!("task-{}", status.as_str().replace('_', "-"))
}

pub(crate) struct TaskView {
    pub(crate) id: i64,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) priority_key: String,
    pub(crate) is_urgent: bool,
    pub(crate) status_key: String,
    pub(crate) tone: &'static str,
    pub(crate) due: Option<String>,
    pub(crate) overdue: bool,
    pub(crate) is_over: bool,
    pub(crate) is_pending: bool,
}

impl From<Task> for TaskView {
    fn from(task: Task) -> Self {
        Self {
            id: task.id,
            title: visible(&task.title),
            description: visible(&task.description),
            priority_key: format!("priority-{}", task.priority.as_str()),
            is_urgent: task.priority >= Priority::High,
            status_key: status_key(task.status),
            tone: match task.status {
                TaskStatus::Pending => "plain",
                TaskStatus::InProgress => "wait",
                TaskStatus::Done => "ok",
                TaskStatus::Cancelled => "",
            },
            due: task.due_date.map(|due| due.replace('T', " ")),
            overdue: task.overdue,
            is_over: task.status.is_over(),
            is_pending: task.status == TaskStatus::Pending,
        }
    }
}

/// What a form has in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filled {
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) priority: String,
    pub(crate) status: String,
    pub(crate) due_date: String,
}

impl Filled {
    fn of(fields: &Fields) -> Self {
        let field = |name: &str| fields.get(name).to_owned();
        Self {
            title: field("title"),
            description: field("description"),
            priority: field("priority"),
            status: field("status"),
            due_date: field("due_date"),
        }
    }

    pub(crate) fn priorities(&self) -> Vec<Choice> {
        priorities(if self.priority.is_empty() {
            Priority::default().as_str()
        } else {
            &self.priority
        })
    }

    pub(crate) fn statuses(&self) -> Vec<Choice> {
        statuses(&self.status)
    }

    fn priority(&self) -> Option<Priority> {
        let known = Priority::ALL.into_iter();
        known.into_iter().find(|p| p.as_str() == self.priority)
    }
}

#[derive(Template)]
#[template(path = "workspace/tasks.html")]
pub(crate) struct Page {
    pub(crate) shell: Shell,
    pub(crate) tasks: Vec<TaskView>,
    pub(crate) asked: Asked,
    pub(crate) priorities: Vec<Choice>,
    pub(crate) statuses: Vec<Choice>,
    pub(crate) next: Option<String>,
    pub(crate) filled: Filled,
    pub(crate) problem: Option<Problem>,
}

#[derive(Template)]
#[template(path = "workspace/task.html")]
pub(crate) struct OnePage {
    pub(crate) shell: Shell,
    pub(crate) id: i64,
    pub(crate) filled: Filled,
    pub(crate) problem: Option<Problem>,
}

async fn page(
    app: &App,
    who: &SignedIn,
    asked: Asked,
    filled: Filled,
    problem: Option<Problem>,
) -> Result<Response, PageError> {
    let user = who.principal.user_id;
    let status = TaskStatus::ALL
        .into_iter()
        .find(|s| s.as_str() == asked.show);
    let which = ListTasks {
        status,
        open: (status.is_none() && asked.show != "all").then_some(true),
        priority: Priority::ALL
            .into_iter()
            .find(|p| p.as_str() == asked.priority),
        due_before: None,
        query: said(&asked.query),
        max_results: Some(PAGE),
        page_token: said(&asked.after),
    };
    let found = match app.workspace.tasks(user, &which).await {
        // An address that was cut or mistyped still leads to the page.
        Err(Error::Invalid { .. }) => app.workspace.tasks(user, &ListTasks::default()).await,
        other => other,
    };
    let found = found.map_err(|error| failed(&error))?;
    let filters = [
        ("query", asked.query.as_str()),
        ("priority", asked.priority.as_str()),
        ("show", asked.show.as_str()),
    ];
    let flash = Flash::named(&asked.done);
    render(&Page {
        shell: shell(app, who, Nav::Tasks, flash).await?,
        next: next_page("/tasks", &filters, found.next_page_token.as_deref()),
        tasks: found.tasks.into_iter().map(Into::into).collect(),
        priorities: priorities(&asked.priority),
        statuses: statuses(&asked.show),
        asked,
        filled,
        problem,
    })
}

/// `GET /tasks`.
pub(crate) async fn list(
    State(app): State<App>,
    who: SignedIn,
    Lenient(asked): Lenient<Asked>,
) -> Result<Response, PageError> {
    page(&app, &who, asked, Filled::default(), None).await
}

/// `POST /tasks`.
pub(crate) async fn create(State(app): State<App>, form: Form) -> Result<Response, PageError> {
    let Form { who, fields } = form;
    let filled = Filled::of(&fields);
    let new = NewTask {
        title: filled.title.clone(),
        description: said(&filled.description),
        priority: filled.priority(),
        due_date: said(&filled.due_date),
    };
    match app.workspace.create_task(&actor(&who), new).await {
        Ok(_) => Ok(done("/tasks", "saved")),
        Err(error) => {
            let problem = problem(&error, Text::new(who.user.language))?;
            page(&app, &who, Asked::default(), filled, Some(problem)).await
        }
    }
}

async fn one_page(
    app: &App,
    who: &SignedIn,
    id: i64,
    filled: Filled,
    problem: Option<Problem>,
) -> Result<Response, PageError> {
    render(&OnePage {
        shell: shell(app, who, Nav::Tasks, None).await?,
        id,
        filled,
        problem,
    })
}

/// `GET /tasks/{id}`.
pub(crate) async fn one(
    State(app): State<App>,
    who: SignedIn,
    Path(Number(id)): Path<Number>,
) -> Result<Response, PageError> {
    let task = app.workspace.task(who.principal.user_id, id).await;
    let task = task.map_err(|error| failed(&error))?;
    let filled = Filled {
        title: task.title,
        description: task.description,
        priority: task.priority.as_str().to_owned(),
        status: task.status.as_str().to_owned(),
        due_date: task.due_date.unwrap_or_default(),
    };
    one_page(&app, &who, id, filled, None).await
}

/// `POST /tasks/{id}`.
pub(crate) async fn change(
    State(app): State<App>,
    Path(Number(id)): Path<Number>,
    form: Form,
) -> Result<Response, PageError> {
    let Form { who, fields } = form;
    let filled = Filled::of(&fields);
    let status = TaskStatus::ALL.into_iter();
    let new = TaskChange {
        title: Some(filled.title.clone()),
        description: Some(filled.description.clone()),
        priority: filled.priority(),
        status: status.into_iter().find(|s| s.as_str() == filled.status),
        due_date: Some(filled.due_date.clone()),
    };
    match app.workspace.update_task(&actor(&who), id, new).await {
        Ok(_) => Ok(done("/tasks", "saved")),
        Err(error @ Error::NotFound(_)) => Err(failed(&error)),
        Err(error) => {
            let problem = problem(&error, Text::new(who.user.language))?;
            one_page(&app, &who, id, filled, Some(problem)).await
        }
    }
}

/// `POST /tasks/{id}/status`.
pub(crate) async fn set_status(
    State(app): State<App>,
    Path(Number(id)): Path<Number>,
    form: Form,
) -> Result<Response, PageError> {
    let said = form.fields.get("status");
    let status = TaskStatus::ALL.into_iter().find(|s| s.as_str() == said);
    let new = TaskChange {
        status: Some(status.ok_or(PageError::Invalid)?),
        ..TaskChange::default()
    };
    let changed = app.workspace.update_task(&actor(&form.who), id, new).await;
    changed.map_err(|error| failed(&error))?;
    Ok(done("/tasks", "saved"))
}

/// `POST /tasks/{id}/delete`.
pub(crate) async fn delete(
    State(app): State<App>,
    Path(Number(id)): Path<Number>,
    form: Form,
) -> Result<Response, PageError> {
    let deleted = app.workspace.delete_task(&actor(&form.who), id).await;
    deleted.map_err(|error| failed(&error))?;
    Ok(done("/tasks", "deleted"))
}
