//! Notes: what a person jotted down, filed under a word, ticked off when it is done with.

use deputy_core::UserId;
use deputy_store::note as store;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::change::Begun;
use crate::limits::{MAX_CATEGORY, MAX_NOTES, MAX_TEXT};
use crate::{Actor, Error, Result, Workspace, page, text};

const ACTION: &str = "note.change";

/// A note.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Note {
    /// Its number.
    pub id: i64,
    /// Its text.
    pub content: String,
    /// What it is filed under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Whether it is ticked off.
    pub completed: bool,
    /// When it was ticked off (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<String>,
    /// When it was made (RFC 3339).
    pub created_at: String,
    /// When it was last changed (RFC 3339).
    pub updated_at: String,
}

/// A page of notes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Notes {
    /// The notes, newest first.
    pub notes: Vec<Note>,
    /// For the next page, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

/// A note to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewNote {
    /// The text of the note.
    pub content: String,
    /// What to file it under: meeting, idea, personal, work, or a word of one's own.
    #[serde(default)]
    pub category: Option<String>,
}

/// Which notes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListNotes {
    /// true: those ticked off; false: open ones; left out: all.
    #[serde(default)]
    pub completed: Option<bool>,
    /// Those filed under this alone.
    #[serde(default)]
    pub category: Option<String>,
    /// Those with each of these words in them.
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

/// What becomes of a note: only what is given changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoteChange {
    /// Another text.
    #[serde(default)]
    pub content: Option<String>,
    /// Another category; an empty one takes it away.
    #[serde(default)]
    pub category: Option<String>,
    /// Ticks it off (true) or opens it again (false).
    #[serde(default)]
    pub completed: Option<bool>,
}

impl From<store::Note> for Note {
    fn from(row: store::Note) -> Self {
        Self {
            id: row.id,
            content: row.content,
            category: row.category,
            completed: row.completed_at.is_some(),
            completed_at: row.completed_at.map(|at| at.to_string()),
            created_at: row.created_at.to_string(),
            updated_at: row.updated_at.to_string(),
        }
    }
}

fn missing(id: i64) -> Error {
    Error::NotFound(format!("there is no note {id}"))
}

fn category(text: Option<&str>) -> Result<Option<String>> {
    match text.map(str::trim) {
        None | Some("") => Ok(None),
        Some(word) => text::line("category", word, MAX_CATEGORY).map(Some),
    }
}

fn content(text: &str) -> Result<String> {
    let content = text::lines("content", text, MAX_TEXT)?;
    if content.trim().is_empty() {
        return Err(Error::invalid("content", "content must not be empty"));
    }
    Ok(content)
}

fn stored(content: String, category: Option<String>) -> store::NoteText {
    let search = text::folded([content.as_str(), category.as_deref().unwrap_or_default()]);
    store::NoteText {
        content,
        category,
        search,
    }
}

impl Workspace {
    /// Makes a note.
    pub async fn create_note(&self, actor: &Actor, new: NewNote) -> Result<Note> {
        let text = stored(content(&new.content)?, category(new.category.as_deref())?);
        let mut change = match self.begin(actor).await? {
            Begun::Before(note) => return Ok(note),
            Begun::Now(change) => change,
        };
        let scope = change.tx.user(actor.user);
        if scope.count_notes().await? >= MAX_NOTES {
            return Err(Error::Limit(format!(
                "you have {MAX_NOTES} notes; delete some first"
            )));
        }
        let note: Note = scope.insert_note(text, change.at).await?.into();
        change.note(ACTION, note.id.to_string(), json!({ "what": "created" }));
        change.finish(note).await
    }

    /// The person's notes, newest first.
    pub async fn notes(&self, user: UserId, which: &ListNotes) -> Result<Notes> {
        let limit = page::limit(which.max_results)?;
        let filter = store::NoteFilter {
            completed: which.completed,
            category: category(which.category.as_deref())?,
            words: text::words(which.query.as_deref())?,
            before: page::token(which.page_token.as_deref())?.map(|[id]| id),
        };
        let mut found = self.store().user(user).notes(&filter, limit + 1).await?;
        let next_page_token = page::next(&mut found, limit, |note| [note.id]);
        Ok(Notes {
            notes: found.into_iter().map(Into::into).collect(),
            next_page_token,
        })
    }

    /// One of the person's notes.
    pub async fn note(&self, user: UserId, id: i64) -> Result<Note> {
        let found = self.store().user(user).note(id).await?;
        found.map(Into::into).ok_or_else(|| missing(id))
    }

    /// What the person's notes are filed under, at most 100.
    pub async fn note_categories(&self, user: UserId) -> Result<Vec<String>> {
        Ok(self.store().user(user).note_categories().await?)
    }

    /// Changes a note.
    pub async fn update_note(&self, actor: &Actor, id: i64, new: NoteChange) -> Result<Note> {
        let written = new.content.as_deref().map(content).transpose()?;
        let filed = new
            .category
            .as_deref()
            .map(|word| category(Some(word)))
            .transpose()?;
        if written.is_none() && filed.is_none() && new.completed.is_none() {
            return Err(Error::invalid("", "say what to change"));
        }
        let mut change = match self.begin(actor).await? {
            Begun::Before(note) => return Ok(note),
            Begun::Now(change) => change,
        };
        let (scope, at) = (change.tx.user(actor.user), change.at);
        let before = scope.note_to_change(id).await?.ok_or_else(|| missing(id))?;
        if written.is_some() || filed.is_some() {
            let text = stored(
                written.unwrap_or_else(|| before.content.clone()),
                filed.unwrap_or_else(|| before.category.clone()),
            );
            scope.set_note(id, text, at).await?;
        }
        if let Some(completed) = new.completed
            && completed != before.completed_at.is_some()
        {
            scope
                .set_note_completed(id, completed.then_some(at), at)
                .await?;
        }
        let after: Note = scope
            .note(id)
            .await?
            .map(Into::into)
            .ok_or_else(|| missing(id))?;
        let detail = json!({ "what": "changed", "completed": after.completed });
        change.note(ACTION, id.to_string(), detail);
        change.finish(after).await
    }

    /// Deletes a note for good.
    pub async fn delete_note(&self, actor: &Actor, id: i64) -> Result<i64> {
        let mut change = match self.begin(actor).await? {
            Begun::Before(id) => return Ok(id),
            Begun::Now(change) => change,
        };
        if !change.tx.user(actor.user).delete_note(id).await? {
            return Err(missing(id));
        }
        change.note(ACTION, id.to_string(), json!({ "what": "deleted" }));
        change.finish(id).await
    }
}

#[cfg(test)]
mod tests;
