//! What people say about a requirement.

use deputy_core::UserId;
use deputy_store::requirement as store;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{ACTION, Key, held};
use crate::change::Begun;
use crate::limits::{MAX_COMMENTS, MAX_TEXT};
use crate::project::Role;
use crate::{Actor, Error, Result, Workspace, page, text};

/// A comment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Comment {
    /// Its number.
    pub id: i64,
    /// Its text, in Markdown.
    pub body: String,
    /// Who wrote it: a sign-in name.
    pub by: String,
    /// Through what: `browser`, `token:NUMBER:NAME` or `client:NUMBER:NAME`.
    pub through: String,
    /// Whether you wrote it.
    pub yours: bool,
    /// When (RFC 3339).
    pub at: String,
}

/// A page of comments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Comments {
    /// The comments, oldest first.
    pub comments: Vec<Comment>,
    /// For the next page, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

fn shown(row: store::Comment, reader: UserId) -> Comment {
    Comment {
        id: row.id,
        body: row.body,
        yours: row.by.user == Some(reader),
        by: row.by.name,
        through: row.by.caller,
        at: row.at.to_string(),
    }
}

impl Workspace {
    /// Says something about a requirement. Editors and owners.
    pub async fn add_comment(&self, actor: &Actor, said: &Key, body: &str) -> Result<Comment> {
        let body = text::lines("body", body, MAX_TEXT)?;
        if body.trim().is_empty() {
            return Err(Error::invalid("body", "body must not be empty"));
        }
        let mut change = match self.begin(actor).await? {
            Begun::Before(comment) => return Ok(comment),
            Begun::Now(change) => change,
        };
        let (scope, about) = held(&change, said, Role::Editor).await?;
        let project = scope.membership.project.clone();
        let key = format!("{}-{}", project.key, about.number);
        if scope.count_comments(&about).await? >= MAX_COMMENTS {
            return Err(Error::Limit(format!("{key} has {MAX_COMMENTS} comments")));
        }
        let new = store::NewComment {
            body,
            by: change.by(),
            at: change.at,
        };
        let comment = shown(scope.insert_comment(&about, new).await?, actor.user);
        let detail = json!({ "what": "commented", "project": project.id, "comment": comment.id });
        change.note(ACTION, key, detail);
        change.finish(comment).await
    }

    /// What was said about a requirement, oldest first.
    pub async fn comments(
        &self,
        user: UserId,
        said: &Key,
        max_results: Option<u32>,
        page_token: Option<&str>,
    ) -> Result<Comments> {
        let limit = page::limit(max_results)?;
        let after = page::token(page_token)?.map(|[id]| id);
        let (scope, about) = self.found(user, said).await?;
        let mut found = scope.comments(&about, after, limit + 1).await?;
        let next_page_token = page::next(&mut found, limit, |comment| [comment.id]);
        let comments = found.into_iter().map(|row| shown(row, user));
        Ok(Comments {
            comments: comments.collect(),
            next_page_token,
        })
    }

    /// Deletes a comment: one's own, an owner anybody's.
    pub async fn delete_comment(&self, actor: &Actor, said: &Key, id: i64) -> Result<i64> {
        let mut change = match self.begin(actor).await? {
            Begun::Before(id) => return Ok(id),
            Begun::Now(change) => change,
        };
        let (scope, about) = held(&change, said, Role::Editor).await?;
        let project = scope.membership.project.clone();
        let role: Role = scope.membership.role.into();
        let of = (role != Role::Owner).then_some(actor.user);
        let key = format!("{}-{}", project.key, about.number);
        if !scope.delete_comment(&about, id, of).await? {
            return Err(Error::NotFound(format!(
                "there is no comment {id} about {key} that you may delete"
            )));
        }
        let detail = json!({ "what": "comment_deleted", "project": project.id, "comment": id });
        change.note(ACTION, key, detail);
        change.finish(id).await
    }
}
