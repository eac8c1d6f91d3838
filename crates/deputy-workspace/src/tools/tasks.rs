//! Tools for tasks.

use deputy_core::firstparty::Effect;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Deleted, Tool};
use crate::{
    Actor, ListTasks, NewTask, Priority, Result, Task, TaskChange, TaskStatus, Tasks, Workspace,
};

pub(super) fn tools() -> Vec<Tool> {
    vec![
        Tool::new(
            "create_task",
            "Create a task",
            "Writes down what is to be done, how urgent it is, and by when.",
            create,
        )
        .effect(Effect::Add),
        Tool::new(
            "list_tasks",
            "List tasks",
            "The person's tasks, what is due first first: all, of a status, of a priority, due before some time, or with \
             words in them.",
            list,
        ),
        Tool::new("get_task", "Read a task", "One task.", get),
        Tool::new(
            "update_task_status",
            "Change a task's status",
            "Says how far a task is: pending, in_progress, done or cancelled.",
            update_status,
        )
        .effect(Effect::Change),
        Tool::new(
            "update_task",
            "Change a task",
            "Gives a task another title, description, priority, status or deadline. Only what is given changes.",
            update,
        )
        .effect(Effect::Change),
        Tool::new(
            "delete_task",
            "Delete a task",
            "Deletes a task for good. One that is done or given up gets a status instead.",
            delete,
        )
        .effect(Effect::Remove)
        .asks(),
    ]
}

/// A task, as an answer.
#[derive(Serialize, JsonSchema)]
struct One {
    /// The task.
    task: Task,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Which {
    /// The task's number.
    task_id: i64,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct UpdateStatus {
    /// The task's number.
    task_id: i64,
    /// How far it is now.
    status: TaskStatus,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Update {
    /// The task's number.
    task_id: i64,
    /// Another title.
    #[serde(default)]
    title: Option<String>,
    /// Another description; an empty one takes it away.
    #[serde(default)]
    description: Option<String>,
    /// Another priority.
    #[serde(default)]
    priority: Option<Priority>,
    /// Another status.
    #[serde(default)]
    status: Option<TaskStatus>,
    /// Another deadline (ISO 8601); an empty one takes it away.
    #[serde(default)]
    due_date: Option<String>,
}

async fn create(workspace: Workspace, actor: Actor, new: NewTask) -> Result<One> {
    let task = workspace.create_task(&actor, new).await?;
    Ok(One { task })
}

async fn list(workspace: Workspace, actor: Actor, which: ListTasks) -> Result<Tasks> {
    workspace.tasks(actor.user, &which).await
}

async fn get(workspace: Workspace, actor: Actor, which: Which) -> Result<One> {
    let task = workspace.task(actor.user, which.task_id).await?;
    Ok(One { task })
}

async fn update_status(workspace: Workspace, actor: Actor, said: UpdateStatus) -> Result<One> {
    let change = TaskChange {
        status: Some(said.status),
        ..TaskChange::default()
    };
    let task = workspace.update_task(&actor, said.task_id, change).await?;
    Ok(One { task })
}

async fn update(workspace: Workspace, actor: Actor, said: Update) -> Result<One> {
    let change = TaskChange {
        title: said.title,
        description: said.description,
        priority: said.priority,
        status: said.status,
        due_date: said.due_date,
    };
    let task = workspace.update_task(&actor, said.task_id, change).await?;
    Ok(One { task })
}

async fn delete(workspace: Workspace, actor: Actor, which: Which) -> Result<Deleted> {
    let id = workspace.delete_task(&actor, which.task_id).await?;
    Ok(Deleted::new(id))
}
