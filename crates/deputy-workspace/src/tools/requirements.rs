//! Tools for requirements.

use deputy_core::firstparty::Effect;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Deleted, Tool};
use crate::{
    Actor, Comment, Comments, History, Key, LinkView, ListRequirements, Matrix, NewRequirement,
    Pair, Requirement, RequirementChange, RequirementDetail, Requirements, Result, Status,
    Workspace,
};

pub(super) fn tools() -> Vec<Tool> {
    let mut tools = of_requirements();
    tools.extend(about_requirements());
    tools
}

fn of_requirements() -> Vec<Tool> {
    vec![
        Tool::new(
            "create_requirement",
            "Create a requirement",
            "Adds a requirement to a project. It gets the project's next key. Editors and owners.",
            create,
        )
        .effect(Effect::Add),
        Tool::new(
            "list_requirements",
            "List requirements",
            "The requirements of a project, or of all the person's projects: all, of a status, or with words in them.",
            list,
        ),
        Tool::new(
            "get_requirement",
            "Read a requirement",
            "One requirement: text, status, version, and what it is linked to.",
            get,
        ),
        Tool::new(
            "update_requirement",
            "Change a requirement",
            "Makes a new version of a requirement with another title, text or status. Needs the version that was read; if \
             there is a later one nothing is changed and the answer has it. Editors and owners.",
            update,
        )
        .effect(Effect::Change),
        Tool::new(
            "delete_requirement",
            "Delete a requirement",
            "Takes a requirement out of its project. Its history stays and it can be restored. Editors and owners.",
            delete,
        )
        .effect(Effect::Remove)
        .asks(),
        Tool::new(
            "restore_requirement",
            "Restore a requirement",
            "Brings a deleted requirement back, with its links. Editors and owners.",
            restore,
        )
        .effect(Effect::Change),
    ]
}

fn about_requirements() -> Vec<Tool> {
    vec![
        Tool::new(
            "link_requirements",
            "Link requirements",
            "Says that one requirement refines, depends on or verifies another one of the same project. Editors and \
             owners.",
            link,
        )
        .effect(Effect::Change),
        Tool::new(
            "unlink_requirements",
            "Unlink requirements",
            "Takes a link between two requirements away. The history keeps it. Editors and owners.",
            unlink,
        )
        .effect(Effect::Remove),
        Tool::new(
            "get_requirement_history",
            "Read a requirement's history",
            "Every version of a requirement, newest first: what it said, who changed it for whom, through what, and why; \
             and links that came and went.",
            history,
        ),
        Tool::new(
            "get_requirement_matrix",
            "Read a project's matrix",
            "The traceability matrix of a project: for each requirement what it refines, depends on and verifies, and by \
             what it is refined, needed and verified.",
            matrix,
        ),
        Tool::new(
            "comment_on_requirement",
            "Comment on a requirement",
            "Adds a comment to a requirement. Editors and owners.",
            comment,
        )
        .effect(Effect::Add),
        Tool::new(
            "list_requirement_comments",
            "List a requirement's comments",
            "What was said about a requirement, oldest first.",
            comments,
        ),
        Tool::new(
            "delete_requirement_comment",
            "Delete a comment",
            "Deletes a comment about a requirement for good: one's own, an owner anybody's.",
            delete_comment,
        )
        .effect(Effect::Remove)
        .asks(),
    ]
}

/// A requirement, as an answer.
#[derive(Serialize, JsonSchema)]
struct One {
    /// The requirement.
    requirement: Requirement,
}

#[derive(Serialize, JsonSchema)]
struct Linked {
    /// The link.
    link: LinkView,
}

#[derive(Serialize, JsonSchema)]
struct Said {
    /// The comment.
    comment: Comment,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Which {
    /// The requirement's key, e.g. SHOP-3.
    key: String,
    /// The number of its project, where you have two of the same key.
    #[serde(default)]
    project: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Update {
    /// The requirement's key, e.g. SHOP-3.
    key: String,
    /// The number of its project, where you have two of the same key.
    #[serde(default)]
    project: Option<String>,
    /// The version that the change is made for: what get_requirement gave.
    version: i64,
    /// Another title.
    #[serde(default)]
    title: Option<String>,
    /// Another text, in Markdown: the whole of it.
    #[serde(default)]
    body: Option<String>,
    /// Another status.
    #[serde(default)]
    status: Option<Status>,
    /// Why, for the history.
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Versioned {
    /// The requirement's key, e.g. SHOP-3.
    key: String,
    /// The number of its project, where you have two of the same key.
    #[serde(default)]
    project: Option<String>,
    /// The version that was read.
    version: i64,
    /// Why, for the history.
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OfProject {
    /// The project's key or number.
    project: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Paged {
    /// The requirement's key, e.g. SHOP-3.
    key: String,
    /// The number of its project, where you have two of the same key.
    #[serde(default)]
    project: Option<String>,
    /// At most this many (1 to 250; 50 if left out).
    #[serde(default)]
    #[schemars(range(min = 1, max = 250))]
    max_results: Option<u32>,
    /// The next_page_token of the page before.
    #[serde(default)]
    page_token: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewComment {
    /// The requirement's key, e.g. SHOP-3.
    key: String,
    /// The number of its project, where you have two of the same key.
    #[serde(default)]
    project: Option<String>,
    /// The comment, in Markdown.
    body: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WhichComment {
    /// The requirement's key, e.g. SHOP-3.
    key: String,
    /// The number of its project, where you have two of the same key.
    #[serde(default)]
    project: Option<String>,
    /// The comment's number.
    comment_id: i64,
}

async fn create(workspace: Workspace, actor: Actor, new: NewRequirement) -> Result<One> {
    let requirement = workspace.create_requirement(&actor, new).await?;
    Ok(One { requirement })
}

async fn list(workspace: Workspace, actor: Actor, which: ListRequirements) -> Result<Requirements> {
    workspace.requirements(actor.user, &which).await
}

async fn get(workspace: Workspace, actor: Actor, which: Which) -> Result<RequirementDetail> {
    let Which { key, project } = which;
    workspace
        .requirement(actor.user, &Key { key, project })
        .await
}

async fn update(workspace: Workspace, actor: Actor, said: Update) -> Result<One> {
    let Update { key, project, .. } = said;
    let change = RequirementChange {
        version: said.version,
        title: said.title,
        body: said.body,
        status: said.status,
        reason: said.reason,
    };
    let requirement = workspace
        .update_requirement(&actor, &Key { key, project }, change)
        .await?;
    Ok(One { requirement })
}

async fn set_deleted(
    workspace: Workspace,
    actor: Actor,
    said: Versioned,
    delete: bool,
) -> Result<One> {
    let Versioned { key, project, .. } = said;
    let key = Key { key, project };
    let requirement = workspace
        .set_requirement_deleted(&actor, &key, said.version, delete, said.reason.as_deref())
        .await?;
    Ok(One { requirement })
}

async fn delete(workspace: Workspace, actor: Actor, said: Versioned) -> Result<One> {
    set_deleted(workspace, actor, said, true).await
}

async fn restore(workspace: Workspace, actor: Actor, said: Versioned) -> Result<One> {
    set_deleted(workspace, actor, said, false).await
}

async fn link(workspace: Workspace, actor: Actor, pair: Pair) -> Result<Linked> {
    let link = workspace.link_requirements(&actor, &pair, true).await?;
    Ok(Linked { link })
}

async fn unlink(workspace: Workspace, actor: Actor, pair: Pair) -> Result<Linked> {
    let link = workspace.link_requirements(&actor, &pair, false).await?;
    Ok(Linked { link })
}

async fn history(workspace: Workspace, actor: Actor, which: Paged) -> Result<History> {
    let Paged { key, project, .. } = which;
    let key = Key { key, project };
    workspace
        .history(
            actor.user,
            &key,
            which.max_results,
            which.page_token.as_deref(),
        )
        .await
}

async fn matrix(workspace: Workspace, actor: Actor, which: OfProject) -> Result<Matrix> {
    workspace.matrix(actor.user, &which.project).await
}

async fn comment(workspace: Workspace, actor: Actor, new: NewComment) -> Result<Said> {
    let NewComment { key, project, body } = new;
    let comment = workspace
        .add_comment(&actor, &Key { key, project }, &body)
        .await?;
    Ok(Said { comment })
}

async fn comments(workspace: Workspace, actor: Actor, which: Paged) -> Result<Comments> {
    let Paged { key, project, .. } = which;
    let key = Key { key, project };
    workspace
        .comments(
            actor.user,
            &key,
            which.max_results,
            which.page_token.as_deref(),
        )
        .await
}

async fn delete_comment(
    workspace: Workspace,
    actor: Actor,
    which: WhichComment,
) -> Result<Deleted> {
    let WhichComment {
        key,
        project,
        comment_id,
    } = which;
    let id = workspace
        .delete_comment(&actor, &Key { key, project }, comment_id)
        .await?;
    Ok(Deleted::new(id))
}
