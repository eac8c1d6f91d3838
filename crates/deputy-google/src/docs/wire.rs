//! The Docs API's JSON (`documents`): what is read of a document, and the requests of
//! `documents.batchUpdate`. Indices are UTF-16 code units.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A document, as far as edits need it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Document {
    /// Changes with every change; absent for those who may only read.
    pub(crate) revision_id: Option<String>,
    pub(crate) body: Body,
}

/// The body.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Body {
    pub(crate) content: Vec<Element>,
}

/// A paragraph, a table, …; in the order of the text.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Element {
    pub(crate) end_index: u32,
    pub(crate) paragraph: Option<Paragraph>,
}

/// A paragraph; its text ends with a newline.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Paragraph {
    pub(crate) elements: Vec<Run>,
    pub(crate) bullet: Option<Value>,
}

/// A part of a paragraph.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Run {
    pub(crate) text_run: Option<TextRun>,
}

/// Text of one style.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct TextRun {
    pub(crate) content: String,
}

/// Body of `batchUpdate`: all of it is applied, or nothing.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BatchUpdate {
    pub(crate) requests: Vec<Edit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) write_control: Option<WriteControl>,
}

/// Refuses the batch (400) when the document is at another revision.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WriteControl {
    pub(crate) required_revision_id: String,
}

/// One request of a batch.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum Edit {
    /// Inserts text; it takes the style of what stands before it.
    InsertText { location: Location, text: String },
    /// Changes the fields named in `fields`; what is named and not set is reset.
    UpdateTextStyle {
        range: Range,
        text_style: Value,
        fields: &'static str,
    },
    /// The same for paragraphs.
    UpdateParagraphStyle {
        range: Range,
        paragraph_style: Value,
        fields: &'static str,
    },
    /// Makes list items; leading tabs say how deep, and are removed.
    CreateParagraphBullets {
        range: Range,
        bullet_preset: &'static str,
    },
    /// Makes plain paragraphs of list items.
    DeleteParagraphBullets { range: Range },
    /// Replaces text everywhere.
    ReplaceAllText {
        contains_text: Criteria,
        replace_text: String,
    },
}

/// A place in the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Location {
    pub(crate) index: u32,
}

/// A part of the body; the end is exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Range {
    pub(crate) start_index: u32,
    pub(crate) end_index: u32,
}

/// What `ReplaceAllText` looks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Criteria {
    pub(crate) text: String,
    pub(crate) match_case: bool,
}

/// Answer of `batchUpdate`: one reply per request.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct BatchReply {
    pub(crate) replies: Vec<Reply>,
}

/// A reply; empty for most requests.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Reply {
    pub(crate) replace_all_text: Option<Replaced>,
}

/// How often `ReplaceAllText` replaced; a zero is left out on the wire.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Replaced {
    pub(crate) occurrences_changed: u64,
}
