//! The tools that make and read documents.

use std::collections::BTreeMap;

use deputy_core::firstparty::FailureKind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::CALL_MARK;
use super::api::Drive;
use super::wire::{DocumentInfo, File, FileChange, GOOGLE_DOC};
use crate::call::Call;
use crate::error::ToolError;
use crate::once::outcome_or_look;

/// The longest content that is handed on, in bytes of UTF-8.
const MAX_CONTENT: usize = 2 * 1024 * 1024;

/// Arguments of `create_document`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateDocument {
    /// Title of the document
    #[schemars(length(min = 1, max = 1000))]
    title: String,
    /// The text, in Markdown
    #[schemars(length(max = 1_000_000))]
    content: String,
    /// Id of the folder it goes into; the top folder of the person's Drive when left out
    folder_id: Option<String>,
}

/// Result of what makes or changes a document.
#[derive(Serialize, JsonSchema)]
pub(crate) struct DocumentAnswer {
    /// The document
    pub(crate) document: DocumentInfo,
}

/// Arguments of `read_document`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReadDocument {
    /// Id of the document in Drive
    #[schemars(length(min = 1))]
    document_id: String,
}

/// Result of `read_document`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ReadAnswer {
    /// The document
    document: DocumentInfo,
    /// Its text: Markdown of a Google Doc, CSV of a spreadsheet's first sheet, plain text of others
    content: String,
}

/// `create_document`.
pub(crate) async fn create(call: Call, args: CreateDocument) -> Result<DocumentAnswer, ToolError> {
    let drive = Drive(&call.google);
    let mark = call.id.to_string();
    if call.is_repeat()
        && let Some(file) = drive.marked(CALL_MARK, &mark).await?
    {
        return Ok(file.into());
    }
    let metadata = FileChange {
        name: Some(&args.title),
        mime_type: Some(GOOGLE_DOC),
        parents: args
            .folder_id
            .as_deref()
            .map(str::trim)
            .filter(|id| !id.is_empty())
            .map(|id| [id]),
        app_properties: BTreeMap::from([(CALL_MARK, mark.clone())]),
    };
    let written = drive.create(&call, &metadata, &args.content).await;
    let file = outcome_or_look(&call.google, written, || {
        Box::pin(drive.marked(CALL_MARK, &mark))
    })
    .await?;
    Ok(file.into())
}

impl From<File> for DocumentAnswer {
    fn from(file: File) -> Self {
        Self {
            document: file.into(),
        }
    }
}

/// `read_document`.
pub(crate) async fn read(call: Call, args: ReadDocument) -> Result<ReadAnswer, ToolError> {
    let drive = Drive(&call.google);
    let file = drive.file(&args.document_id).await?;
    let bytes = match form_of(&file.mime_type) {
        Form::Export(mime_type) => drive.export(&file.id, mime_type).await?,
        Form::Text => {
            let size = file
                .size
                .as_deref()
                .and_then(|size| size.parse().ok())
                .unwrap_or(0);
            refuse_long(size)?;
            drive.content(&file.id).await?
        }
        Form::None(what) => {
            let text = format!(
                "'{}' is {what} and has no text that could be read here",
                file.name
            );
            return Err(ToolError::argument("document_id", text));
        }
    };
    refuse_long(bytes.len())?;
    let Ok(text) = std::str::from_utf8(&bytes) else {
        let text = format!("'{}' ({}) is no UTF-8 text", file.name, file.mime_type);
        return Err(ToolError::argument("document_id", text));
    };
    let text = text.trim_start_matches('\u{feff}');
    let content = if file.is_google_doc() {
        without_images(text)
    } else {
        text.to_owned()
    };
    Ok(ReadAnswer {
        document: file.into(),
        content,
    })
}

enum Form {
    /// A Google document, readable in this form.
    Export(&'static str),
    /// Text as it is.
    Text,
    /// Not readable; what it is.
    None(&'static str),
}

fn form_of(mime_type: &str) -> Form {
    if let Some(kind) = mime_type.strip_prefix("application/vnd.google-apps.") {
        return match kind {
            "document" => Form::Export("text/markdown"),
            "spreadsheet" => Form::Export("text/csv"),
            "presentation" => Form::Export("text/plain"),
            "folder" => Form::None("a folder"),
            _ => Form::None("a Google file of another type"),
        };
    }
    let is_text = mime_type.starts_with("text/")
        || mime_type.ends_with("+json")
        || mime_type.ends_with("+xml")
        || matches!(
            mime_type,
            "application/json"
                | "application/xml"
                | "application/yaml"
                | "application/x-yaml"
                | "application/toml"
                | "application/javascript"
                | "application/x-ndjson"
                | "application/sql"
        );
    if is_text {
        Form::Text
    } else {
        Form::None("a file of a binary type")
    }
}

fn refuse_long(bytes: usize) -> Result<(), ToolError> {
    if bytes <= MAX_CONTENT {
        return Ok(());
    }
    let text = format!(
        "the text has {bytes} bytes; at most {MAX_CONTENT} are handed on. Open it in the browser instead"
    );
    Err(ToolError::refused(FailureKind::Invalid, text))
}

/// Drive's Markdown carries pictures as `[image1]: <data:image/png;base64,…>` lines at its end.
fn without_images(markdown: &str) -> String {
    if !markdown.contains("<data:image/") {
        return markdown.to_owned();
    }
    let is_image = |line: &&str| line.starts_with('[') && line.contains("]: <data:image/");
    markdown
        .split_inclusive('\n')
        .filter(|line| !is_image(line))
        .collect::<String>()
        .trim_end()
        .to_owned()
        + "\n"
}

#[cfg(test)]
mod tests;
