//! What goes in and out of a Google document: import and export formats.

use crate::google::docs::{self, Body};
use crate::google::failure::Failure;
use crate::google::upload::Media;

pub(crate) const MARKDOWN: &str = "text/markdown";
pub(crate) const TEXT: &str = "text/plain";
pub(crate) const HTML: &str = "text/html";

/// What a document can be exported as here.
pub(crate) const EXPORTS: [&str; 3] = [MARKDOWN, TEXT, HTML];
/// What becomes a document here.
pub(crate) const IMPORTS: [&str; 4] = [MARKDOWN, "text/x-markdown", TEXT, HTML];

/// The most that is exported (files.export: "exported content is limited to 10 MB").
const EXPORT_LIMIT: usize = 10 * 1024 * 1024;

/// Makes a document of uploaded content. `name` helps where the content has no type.
pub(crate) fn import(media: &Media, name: &str) -> Result<Body, Failure> {
    let text = String::from_utf8_lossy(&media.data);
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    let mime_type = match (media.mime_type.as_str(), extension) {
        ("" | "application/octet-stream", "md" | "markdown") => MARKDOWN,
        ("" | "application/octet-stream", "html" | "htm") => HTML,
        ("", _) => TEXT,
        (given, _) => given,
    };
    let body = match mime_type {
        MARKDOWN | "text/x-markdown" => docs::from_markdown(&text),
        TEXT => docs::from_plain_text(&text),
        HTML => docs::from_html(&text),
        other => {
            return Err(Failure::bad_request(format!(
                "Content of type {other} can't be converted to a Google document here; {} can.",
                IMPORTS.join(", ")
            )));
        }
    };
    body.ok_or_else(|| {
        Failure::bad_request("The document would be longer than Google Docs allows.")
    })
}

/// A document as a file of another type.
pub(crate) fn export(title: &str, body: &Body, mime_type: &str) -> Result<String, Failure> {
    let text = match mime_type {
        MARKDOWN | "text/x-markdown" => docs::to_markdown(body),
        TEXT => docs::to_plain_text(body),
        HTML => docs::to_html(title, body),
        _ => {
            return Err(
                Failure::bad_request("The requested conversion is not supported.")
                    .at_parameter("mimeType"),
            );
        }
    };
    if text.len() > EXPORT_LIMIT {
        return Err(Failure::forbidden(
            "exportSizeLimitExceeded",
            "This file is too large to be exported.",
        ));
    }
    Ok(text)
}
