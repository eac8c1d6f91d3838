//! Tools for notes.

use deputy_core::firstparty::Effect;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Deleted, Tool};
use crate::{Actor, ListNotes, NewNote, Note, NoteChange, Notes, Result, Workspace};

pub(super) fn tools() -> Vec<Tool> {
    vec![
        Tool::new(
            "create_note",
            "Create a note",
            "Writes a note down, filed under a category if one is given.",
            create,
        )
        .effect(Effect::Add),
        Tool::new(
            "list_notes",
            "List notes",
            "The person's notes, newest first: all, those ticked off or not, of a category, or with words in them.",
            list,
        ),
        Tool::new("get_note", "Read a note", "One note.", get),
        Tool::new(
            "complete_note",
            "Tick a note off",
            "Marks a note as done with; with completed false opens it again.",
            complete,
        )
        .effect(Effect::Change),
        Tool::new(
            "update_note",
            "Change a note",
            "Gives a note another text or category, or ticks it off. Only what is given changes.",
            update,
        )
        .effect(Effect::Change),
        Tool::new(
            "delete_note",
            "Delete a note",
            "Deletes a note for good.",
            delete,
        )
        .effect(Effect::Remove)
        .asks(),
    ]
}

/// A note, as an answer.
#[derive(Serialize, JsonSchema)]
struct One {
    /// The note.
    note: Note,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Which {
    /// The note's number.
    note_id: i64,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Complete {
    /// The note's number.
    note_id: i64,
    /// false: open it again (true if left out).
    #[serde(default)]
    completed: Option<bool>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Update {
    /// The note's number.
    note_id: i64,
    /// Another text.
    #[serde(default)]
    content: Option<String>,
    /// Another category; an empty one takes it away.
    #[serde(default)]
    category: Option<String>,
    /// Ticks it off (true) or opens it again (false).
    #[serde(default)]
    completed: Option<bool>,
}

async fn create(workspace: Workspace, actor: Actor, new: NewNote) -> Result<One> {
    let note = workspace.create_note(&actor, new).await?;
    Ok(One { note })
}

async fn list(workspace: Workspace, actor: Actor, which: ListNotes) -> Result<Notes> {
    workspace.notes(actor.user, &which).await
}

async fn get(workspace: Workspace, actor: Actor, which: Which) -> Result<One> {
    let note = workspace.note(actor.user, which.note_id).await?;
    Ok(One { note })
}

async fn complete(workspace: Workspace, actor: Actor, which: Complete) -> Result<One> {
    let change = NoteChange {
        completed: Some(which.completed.unwrap_or(true)),
        ..NoteChange::default()
    };
    let note = workspace.update_note(&actor, which.note_id, change).await?;
    Ok(One { note })
}

async fn update(workspace: Workspace, actor: Actor, said: Update) -> Result<One> {
    let change = NoteChange {
        content: said.content,
        category: said.category,
        completed: said.completed,
    };
    let note = workspace.update_note(&actor, said.note_id, change).await?;
    Ok(One { note })
}

async fn delete(workspace: Workspace, actor: Actor, which: Which) -> Result<Deleted> {
    let id = workspace.delete_note(&actor, which.note_id).await?;
    Ok(Deleted::new(id))
}
