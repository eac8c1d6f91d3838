//! Tools for projects and who has them.

use deputy_core::firstparty::Effect;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Tool;
use crate::{
    Actor, ListProjects, Member, NewProject, Project, ProjectChange, ProjectDetail, Projects,
    Result, Role, Workspace,
};

pub(super) fn tools() -> Vec<Tool> {
    vec![
        Tool::new(
            "create_project",
            "Create a project",
            "Makes a project for requirements. Its key begins the keys of its requirements (SHOP: SHOP-1, SHOP-2).",
            create,
        )
        .effect(Effect::Add),
        Tool::new(
            "list_projects",
            "List projects",
            "The projects that the person has or shares, with what they may do in each.",
            list,
        ),
        Tool::new(
            "get_project",
            "Read a project",
            "One project: what it is about, who has it, how many requirements there are of each status.",
            get,
        ),
        Tool::new(
            "update_project",
            "Change a project",
            "Gives a project another name or description. Its key stays. Owners only.",
            update,
        )
        .effect(Effect::Change),
        Tool::new(
            "delete_project",
            "Delete a project",
            "Deletes a project with all its requirements, their history and comments, for all its members, for good. \
             Owners only.",
            delete,
        )
        .effect(Effect::Remove)
        .asks(),
        Tool::new(
            "share_project",
            "Share a project",
            "Gives another user of this installation a project as viewer, editor or owner, or a member another role. \
             Owners only.",
            share,
        )
        .effect(Effect::Change)
        .asks(),
        Tool::new(
            "unshare_project",
            "Stop sharing a project",
            "Takes a project away from a member. Owners only; everybody may leave.",
            unshare,
        )
        .effect(Effect::Remove)
        .asks(),
    ]
}

/// A project, as an answer.
#[derive(Serialize, JsonSchema)]
struct One {
    /// The project.
    project: Project,
}

/// A project with what is in it, as an answer.
#[derive(Serialize, JsonSchema)]
struct Whole {
    /// The project.
    project: ProjectDetail,
}

/// What was deleted.
#[derive(Serialize, JsonSchema)]
struct Gone {
    /// Always true.
    deleted: bool,
    /// The project that there was.
    project: Project,
}

#[derive(Serialize, JsonSchema)]
struct Shared {
    /// The member.
    member: Member,
}

#[derive(Serialize, JsonSchema)]
struct Unshared {
    /// Always true.
    removed: bool,
    /// Whom it was taken away from.
    username: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Which {
    /// The project's key or number.
    project: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Update {
    /// The project's key or number.
    project: String,
    /// Another name.
    #[serde(default)]
    name: Option<String>,
    /// Another description, in Markdown.
    #[serde(default)]
    description: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Share {
    /// The project's key or number.
    project: String,
    /// Whom to share it with: a sign-in name.
    username: String,
    /// What they may do.
    role: Role,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Unshare {
    /// The project's key or number.
    project: String,
    /// Whom to take it away from: a sign-in name.
    username: String,
}

async fn create(workspace: Workspace, actor: Actor, new: NewProject) -> Result<One> {
    let project = workspace.create_project(&actor, new).await?;
    Ok(One { project })
}

async fn list(workspace: Workspace, actor: Actor, which: ListProjects) -> Result<Projects> {
    workspace.projects(actor.user, &which).await
}

async fn get(workspace: Workspace, actor: Actor, which: Which) -> Result<Whole> {
    let project = workspace.project(actor.user, &which.project).await?;
    Ok(Whole { project })
}

async fn update(workspace: Workspace, actor: Actor, said: Update) -> Result<One> {
    let change = ProjectChange {
        name: said.name,
        description: said.description,
    };
    let project = workspace
        .update_project(&actor, &said.project, change)
        .await?;
    Ok(One { project })
}

async fn delete(workspace: Workspace, actor: Actor, which: Which) -> Result<Gone> {
    let project = workspace.delete_project(&actor, &which.project).await?;
    Ok(Gone {
        deleted: true,
        project,
    })
}

async fn share(workspace: Workspace, actor: Actor, said: Share) -> Result<Shared> {
    let member = workspace
        .share_project(&actor, &said.project, &said.username, said.role)
        .await?;
    Ok(Shared { member })
}

async fn unshare(workspace: Workspace, actor: Actor, said: Unshare) -> Result<Unshared> {
    let username = workspace
        .unshare_project(&actor, &said.project, &said.username)
        .await?;
    Ok(Unshared {
        removed: true,
        username,
    })
}
