//! `edit_document`: adding to a document, or replacing all of it, once.
//!
//! *Append* is one `documents.batchUpdate` that names the revision it was made for. A second copy
//! of the request is refused by Docs, as the first one changes the revision; so after a lost answer
//! it may simply be tried again while the revision is the old one, and when the revision is another
//! the text tells whether this edit or somebody else's changed it. A repeat of the call knows no
//! revision: the edit was made if the document was changed since the call began and ends with the
//! text.
//!
//! *Replace* is one `files.update` through Drive's Markdown import, not a batch of deletions and
//! insertions: it knows tables and nested lists, and metadata goes with it in one step, so the
//! document carries the id of the call that wrote it last, which answers every doubt. What it lacks
//! is a revision to insist on, so a change that somebody makes in the same second is lost; that is
//! what replacing means, and it asks.

use std::collections::BTreeMap;

use deputy_core::firstparty::{ByArguments, FailureKind};
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::EDIT_MARK;
use super::api::Drive;
use super::documents::DocumentAnswer;
use super::wire::{File, FileChange};
use crate::call::Call;
use crate::docs::api::Docs;
use crate::docs::markdown::{self, Rendered};
use crate::docs::wire::Document;
use crate::error::ToolError;

/// How often an append is made anew because somebody else changed the document meanwhile.
const TRIES: u32 = 4;

/// By how much Google's clock may be behind ours.
const SKEW: SignedDuration = SignedDuration::from_secs(120);

/// What to do with the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    // Add it at the end.
    #[default]
    Append,
    // Put it in place of everything.
    Replace,
}

/// Arguments of `edit_document`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EditDocument {
    /// Id of the document in Drive
    #[schemars(length(min = 1))]
    document_id: String,
    /// The text, in Markdown
    #[schemars(length(max = 1_000_000))]
    content: String,
    /// `append` adds the text at the end; `replace` puts it in place of everything that is there
    #[serde(default)]
    mode: Mode,
}

/// Replacing asks.
pub(crate) fn ask(arguments: &Value) -> ByArguments {
    match arguments.get("mode").and_then(Value::as_str) {
        None | Some("append") => ByArguments::Auto,
        _ => ByArguments::Ask,
    }
}

/// `edit_document`.
pub(crate) async fn edit(call: Call, args: EditDocument) -> Result<DocumentAnswer, ToolError> {
    let drive = Drive(&call.google);
    let file = drive.file(&args.document_id).await?;
    if !file.is_google_doc() {
        let text = format!(
            "'{}' is no Google Doc but {}; only Google Docs can be edited",
            file.name, file.mime_type
        );
        return Err(ToolError::argument("document_id", text));
    }
    match args.mode {
        Mode::Append => append(&call, &drive, file, &args.content).await,
        Mode::Replace => replace(&call, &drive, file, &args.content).await,
    }
}

async fn append(
    call: &Call,
    drive: &Drive<'_>,
    file: File,
    content: &str,
) -> Result<DocumentAnswer, ToolError> {
    let rendered = markdown::render(content);
    if rendered.is_empty() {
        return Err(ToolError::argument(
            "content",
            "there is nothing in it to add",
        ));
    }
    let docs = Docs(&call.google);
    let document = docs.document(&file.id).await?;
    if call.is_repeat() && changed_since(call, &file) && ends_with(&document, &rendered) {
        return Ok(file.into());
    }
    insert(&docs, &file.id, document, &rendered).await?;
    Ok(drive.file(&file.id).await?.into())
}

async fn insert(
    docs: &Docs<'_>,
    id: &str,
    mut document: Document,
    rendered: &Rendered,
) -> Result<(), ToolError> {
    let mut tries = 1;
    loop {
        let Some(revision) = document.revision_id.clone() else {
            let text = "this Google account may read the document but not change it";
            return Err(ToolError::refused(FailureKind::Forbidden, text));
        };
        let edits = rendered.edits(document.end());
        let Err(error) = docs.edit(id, edits, Some(&revision)).await else {
            return Ok(());
        };
        // A stale revision is 400; it says no more than that.
        let lost = error.may_have_happened();
        if tries == TRIES || !(lost || error.status() == Some(400)) {
            return Err(error);
        }
        let now = docs.document(id).await?;
        let unchanged = now.revision_id.as_ref() == Some(&revision);
        if unchanged && !lost {
            return Err(error);
        }
        if lost && !unchanged && occurrences(&now, rendered) > occurrences(&document, rendered) {
            return Ok(());
        }
        tracing::info!(%error, unchanged, "the append was not made: trying again");
        document = now;
        tries += 1;
    }
}

fn occurrences(document: &Document, rendered: &Rendered) -> usize {
    document
        .paragraphs()
        .matches(&rendered.text_in_document())
        .count()
}

fn ends_with(document: &Document, rendered: &Rendered) -> bool {
    let text = document.paragraphs();
    let Some(before) = text
        .trim_end_matches('\n')
        .strip_suffix(rendered.text_in_document().trim_end_matches('\n'))
    else {
        return false;
    };
    before.is_empty() || before.ends_with('\n')
}

/// Whether the file was changed after the call began; true where the call's id does not say when.
fn changed_since(call: &Call, file: &File) -> bool {
    let began = call.id.0.get_timestamp().and_then(|t| {
        let (seconds, _) = t.to_unix();
        Timestamp::from_second(i64::try_from(seconds).ok()?).ok()
    });
    match (began, file.modified_time.parse::<Timestamp>()) {
        (Some(began), Ok(modified)) => modified.duration_since(began) >= -SKEW,
        _ => true,
    }
}

async fn replace(
    call: &Call,
    drive: &Drive<'_>,
    file: File,
    content: &str,
) -> Result<DocumentAnswer, ToolError> {
    let mark = call.id.to_string();
    let is_ours = |file: &File| file.app_properties.get(EDIT_MARK) == Some(&mark);
    if call.is_repeat() && is_ours(&file) {
        return Ok(file.into());
    }
    let metadata = FileChange {
        app_properties: BTreeMap::from([(EDIT_MARK, mark.clone())]),
        ..FileChange::default()
    };
    let error = match drive.replace(call, &file.id, &metadata, content).await {
        Ok(file) => return Ok(file.into()),
        Err(error) if error.may_have_happened() => error,
        Err(error) => return Err(error),
    };
    let now = drive.file(&file.id).await?;
    if is_ours(&now) {
        return Ok(now.into());
    }
    tracing::info!(%error, "the document was not replaced: trying again");
    Ok(drive
        .replace(call, &file.id, &metadata, content)
        .await?
        .into())
}
