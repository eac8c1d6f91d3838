//! The calls of the Drive API that the tools are made of. Files of shared drives are files like
//! others here (`supportsAllDrives`).

use bytes::Bytes;
use http::Method;

use super::query;
use super::wire::{DOCUMENT_FIELDS, FILE_FIELDS, File, FileChange, FileList};
use crate::call::Call;
use crate::client::{Api, Google, Request};
use crate::error::ToolError;

/// Drive, as one person.
pub(crate) struct Drive<'a>(pub(crate) &'a Google);

impl Drive<'_> {
    /// `files.list`.
    pub(crate) async fn list(
        &self,
        query: &str,
        order: Option<&str>,
        max: u32,
        page_token: Option<&str>,
    ) -> Result<FileList, ToolError> {
        self.0
            .get(Api::Drive, &["files"])
            .query("q", query)
            .query_opt("orderBy", order)
            .query("pageSize", max)
            .query_opt("pageToken", page_token)
            .query("supportsAllDrives", true)
            .query("includeItemsFromAllDrives", true)
            .query("fields", format!("nextPageToken,files({FILE_FIELDS})"))
            .fetch()
            .await
    }

    /// The file that carries the mark, the oldest if there are several.
    pub(crate) async fn marked(&self, key: &str, value: &str) -> Result<Option<File>, ToolError> {
        let list = self
            .list(&query::marked(key, value), Some("createdTime"), 10, None)
            .await?;
        Ok(list.files.into_iter().next())
    }

    /// `files.get`: what is known about a file.
    pub(crate) async fn file(&self, id: &str) -> Result<File, ToolError> {
        described(self.0.get(Api::Drive, &["files", id]))
            .fetch()
            .await
    }

    /// `files.get` with `alt=media`: a file's bytes.
    pub(crate) async fn content(&self, id: &str) -> Result<Bytes, ToolError> {
        let request = self
            .0
            .get(Api::Drive, &["files", id])
            .query("alt", "media")
            .query("supportsAllDrives", true);
        Ok(request.send().await?.body)
    }

    /// `files.export`: a Google document in another form.
    pub(crate) async fn export(&self, id: &str, mime_type: &str) -> Result<Bytes, ToolError> {
        let request = self
            .0
            .get(Api::Drive, &["files", id, "export"])
            .query("mimeType", mime_type);
        Ok(request.send().await?.body)
    }

    /// `files.create` of a Google Doc from Markdown, which Drive imports.
    pub(crate) async fn create(
        &self,
        call: &Call,
        metadata: &FileChange<'_>,
        markdown: &str,
    ) -> Result<File, ToolError> {
        let request = self.0.request(Method::POST, Api::Upload, &["files"]);
        upload(request, call, metadata, markdown)?.fetch().await
    }

    /// `files.update` of a Google Doc's whole content from Markdown, with a change of metadata in
    /// the same step.
    pub(crate) async fn replace(
        &self,
        call: &Call,
        id: &str,
        metadata: &FileChange<'_>,
        markdown: &str,
    ) -> Result<File, ToolError> {
        let request = self.0.request(Method::PATCH, Api::Upload, &["files", id]);
        upload(request, call, metadata, markdown)?.fetch().await
    }

    /// `files.copy`.
    pub(crate) async fn copy(
        &self,
        id: &str,
        metadata: &FileChange<'_>,
    ) -> Result<File, ToolError> {
        described(
            self.0
                .request(Method::POST, Api::Drive, &["files", id, "copy"]),
        )
        .json(metadata)
        .fetch()
        .await
    }
}

fn described(request: Request<'_>) -> Request<'_> {
    request
        .query("supportsAllDrives", true)
        .query("fields", DOCUMENT_FIELDS)
}

/// The metadata and the Markdown as one `multipart/related` body (RFC 2387).
fn upload<'a>(
    request: Request<'a>,
    call: &Call,
    metadata: &FileChange<'_>,
    markdown: &str,
) -> Result<Request<'a>, ToolError> {
    let metadata = serde_json::to_string(metadata)
        .map_err(|error| ToolError::argument("", error.to_string()))?;
    // Made from the call's id, so the content cannot hold it by chance or on purpose.
    let boundary = call.effect_hex("boundary");
    let body = format!(
        "--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{metadata}\r\n\
         --{boundary}\r\nContent-Type: text/markdown; charset=UTF-8\r\n\r\n{markdown}\r\n--{boundary}--\r\n"
    );
    let content_type = format!("multipart/related; boundary={boundary}");
    Ok(described(request.query("uploadType", "multipart")).raw(&content_type, body))
}
