//! Drive's JSON (Drive API v3, resource `files`) and what the tools make of it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `fields` of a file for a listing.
pub(crate) const FILE_FIELDS: &str = "id,name,mimeType,modifiedTime,webViewLink,parents";
/// `fields` of a document.
pub(crate) const DOCUMENT_FIELDS: &str =
    "id,name,mimeType,modifiedTime,webViewLink,appProperties,size";

/// The media type of a Google Doc.
pub(crate) const GOOGLE_DOC: &str = "application/vnd.google-apps.document";

/// A file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct File {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) mime_type: String,
    pub(crate) modified_time: String,
    pub(crate) web_view_link: Option<String>,
    pub(crate) parents: Vec<String>,
    /// Seen by this application only.
    pub(crate) app_properties: BTreeMap<String, String>,
    /// Bytes, a number as text; only of files that are no Google documents.
    pub(crate) size: Option<String>,
}

/// Answer of `files.list`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct FileList {
    pub(crate) files: Vec<File>,
    pub(crate) next_page_token: Option<String>,
}

/// Metadata to write.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FileChange<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mime_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parents: Option<[&'a str; 1]>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) app_properties: BTreeMap<&'static str, String>,
}

/// A document, as an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct DocumentInfo {
    /// The file's id
    pub(crate) id: String,
    /// Its title
    pub(crate) title: String,
    /// Where a person opens it
    pub(crate) url: String,
    /// When it was last changed, RFC 3339
    pub(crate) modified_at: String,
}

/// A file, as an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct FileInfo {
    /// The file's id
    pub(crate) id: String,
    /// Its name
    pub(crate) name: String,
    /// Its media type; `application/vnd.google-apps.folder` is a folder
    pub(crate) mime_type: String,
    /// When it was last changed, RFC 3339
    pub(crate) modified_at: String,
    /// Where a person opens it
    pub(crate) url: String,
    /// Ids of the folders it is in
    pub(crate) parents: Vec<String>,
}

impl File {
    /// Whether it is a Google Doc.
    pub(crate) fn is_google_doc(&self) -> bool {
        self.mime_type == GOOGLE_DOC
    }

    fn url(&self) -> String {
        match (&self.web_view_link, self.is_google_doc()) {
            (Some(link), _) => link.clone(),
            (None, true) => format!("https://docs.google.com/document/d/{}/edit", self.id),
            (None, false) => format!("https://drive.google.com/file/d/{}/view", self.id),
        }
    }
}

impl From<File> for DocumentInfo {
    fn from(file: File) -> Self {
        let url = file.url();
        Self {
            id: file.id,
            title: file.name,
            url,
            modified_at: file.modified_time,
        }
    }
}

impl From<File> for FileInfo {
    fn from(file: File) -> Self {
        let url = file.url();
        Self {
            id: file.id,
            name: file.name,
            mime_type: file.mime_type,
            modified_at: file.modified_time,
            url,
            parents: file.parents,
        }
    }
}
