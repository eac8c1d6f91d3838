//! Drive's search language (Drive API, "Search query terms and operators"), written safely: what
//! comes from outside is always a quoted string.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Kinds of files that a listing can be limited to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FileType {
    // Google Docs.
    Document,
    // Google Sheets.
    Spreadsheet,
    // Google Slides.
    Presentation,
    // Every file, and folders.
    #[default]
    All,
}

impl FileType {
    fn mime_type(self) -> Option<&'static str> {
        match self {
            Self::Document => Some("application/vnd.google-apps.document"),
            Self::Spreadsheet => Some("application/vnd.google-apps.spreadsheet"),
            Self::Presentation => Some("application/vnd.google-apps.presentation"),
            Self::All => None,
        }
    }
}

/// Files right in a folder.
pub(crate) fn in_folder(folder_id: &str, file_type: FileType) -> String {
    limited(format!("{} in parents", quote(folder_id)), file_type)
}

/// Files whose name has words that begin like those of `text`, or whose content has them.
pub(crate) fn matching(text: &str, file_type: FileType) -> String {
    let text = quote(text);
    limited(
        format!("(name contains {text} or fullText contains {text})"),
        file_type,
    )
}

/// Files that this application marked so.
pub(crate) fn marked(key: &str, value: &str) -> String {
    format!(
        "appProperties has {{ key={} and value={} }}",
        quote(key),
        quote(value)
    )
}

fn limited(mut query: String, file_type: FileType) -> String {
    if let Some(mime_type) = file_type.mime_type() {
        query.push_str(" and mimeType = ");
        query.push_str(&quote(mime_type));
    }
    query.push_str(" and trashed = false");
    query
}

fn quote(text: &str) -> String {
    let escaped = text.replace('\\', r"\\").replace('\'', r"\'");
    format!("'{escaped}'")
}

#[cfg(test)]
mod tests;
