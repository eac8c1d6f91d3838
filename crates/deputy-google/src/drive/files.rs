//! The tools that find files.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::api::Drive;
use super::query::{self, FileType};
use super::wire::{FileInfo, FileList};
use crate::call::Call;
use crate::error::ToolError;

/// Arguments of `list_files`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListFiles {
    /// Id of the folder; the top folder of the person's Drive when left out
    folder_id: Option<String>,
    /// Only files of this type
    #[serde(default)]
    file_type: FileType,
    /// How many files at most
    #[serde(default = "twenty")]
    #[schemars(range(min = 1, max = 250))]
    max_results: u32,
    /// `next_page_token` of the previous answer
    page_token: Option<String>,
}

/// Arguments of `search_files`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SearchFiles {
    /// Words of the name (their beginnings are enough) or of the content
    #[schemars(length(min = 1, max = 1000))]
    query: String,
    /// Only files of this type
    #[serde(default)]
    file_type: FileType,
    /// How many files at most
    #[serde(default = "twenty")]
    #[schemars(range(min = 1, max = 250))]
    max_results: u32,
    /// `next_page_token` of the previous answer
    page_token: Option<String>,
}

/// Result of both.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Files {
    /// The files
    files: Vec<FileInfo>,
    /// There are more: give this as `page_token`
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

impl From<FileList> for Files {
    fn from(list: FileList) -> Self {
        Self {
            files: list.files.into_iter().map(FileInfo::from).collect(),
            next_page_token: list.next_page_token,
        }
    }
}

fn twenty() -> u32 {
    20
}

/// `list_files`.
pub(crate) async fn list(call: Call, args: ListFiles) -> Result<Files, ToolError> {
    let folder = args
        .folder_id
        .as_deref()
        .filter(|id| !id.trim().is_empty())
        .unwrap_or("root");
    let query = query::in_folder(folder, args.file_type);
    let order = Some("modifiedTime desc");
    Ok(Drive(&call.google)
        .list(&query, order, args.max_results, args.page_token.as_deref())
        .await?
        .into())
}

/// `search_files`. Drive refuses to sort what is searched by content; it answers by relevance.
pub(crate) async fn search(call: Call, args: SearchFiles) -> Result<Files, ToolError> {
    let text = args.query.trim();
    if text.is_empty() {
        return Err(ToolError::argument("query", "empty"));
    }
    let query = query::matching(text, args.file_type);
    Ok(Drive(&call.google)
        .list(&query, None, args.max_results, args.page_token.as_deref())
        .await?
        .into())
}
