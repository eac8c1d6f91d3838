//! `files.get`, `files.export` and `about.get`.

use http::{StatusCode, header};
use serde_json::{Map, Value, json};

use super::access::{self, Role};
use super::file::{self, DOCUMENT};
use super::{content, resource};
use crate::google::call::{Answer, Call};
use crate::google::docs;
use crate::google::failure::Failure;

pub(crate) fn get(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    let given = call.params.path("fileId").to_owned();
    let (id, file) = access::file_for(call, &given, Role::Reader)?;
    if call.params.get("alt") != Some("media") {
        return Ok(Answer::json(resource::answer(call, &id, &file)));
    }
    if file.content.is_none() {
        let message =
            "Only files with binary content can be downloaded. Use Export with Docs Editors files.";
        return Err(Failure::forbidden("fileNotDownloadable", message).at_parameter("alt"));
    }
    let data = file::bytes(call.tx, &id);
    let total = data.len();
    let (start, end) = match call
        .header(header::RANGE)
        .map_or(Span::Whole, |range| span(range, total))
    {
        Span::Whole => return Ok(Answer::media(file.mime_type.clone(), data)),
        Span::Bytes(start, end) => (start, end),
        Span::Outside => {
            return Err(Failure::new(
                StatusCode::RANGE_NOT_SATISFIABLE,
                "requestedRangeNotSatisfiable",
                "Request range not satisfiable",
            )
            .at_header("Range"));
        }
    };
    let mut answer = Answer::media(file.mime_type.clone(), data.slice(start..=end));
    answer.status = StatusCode::PARTIAL_CONTENT;
    Ok(answer.with_header(
        header::CONTENT_RANGE,
        &format!("bytes {start}-{end}/{total}"),
    ))
}

/// What a `Range` asks for.
enum Span {
    /// All: there is no range, or none that can be read.
    Whole,
    /// First and last byte.
    Bytes(usize, usize),
    /// Nothing that the content has.
    Outside,
}

fn span(range: &str, length: usize) -> Span {
    let read = || -> Option<(Option<usize>, Option<usize>)> {
        let (start, end) = range.trim().strip_prefix("bytes=")?.split_once('-')?;
        let number = |text: &str| {
            if text.is_empty() {
                Some(None)
            } else {
                text.parse().ok().map(Some)
            }
        };
        Some((number(start)?, number(end)?))
    };
    let Some(last) = length.checked_sub(1) else {
        return Span::Outside;
    };
    match read() {
        Some((Some(start), end)) => {
            let end = end.unwrap_or(last).min(last);
            if start <= end {
                Span::Bytes(start, end)
            } else {
                Span::Outside
            }
        }
        Some((None, Some(wanted))) if wanted > 0 => {
            Span::Bytes(length.saturating_sub(wanted), last)
        }
        Some((None, Some(_))) => Span::Outside,
        _ => Span::Whole,
    }
}

pub(crate) fn export(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    let given = call.params.path("fileId").to_owned();
    let (id, file) = access::file_for(call, &given, Role::Reader)?;
    if file.mime_type != DOCUMENT {
        return Err(Failure::forbidden(
            "fileNotExportable",
            "Export only supports Docs Editors files.",
        ));
    }
    let mime_type = call.params.get("mimeType").unwrap_or_default();
    let text = content::export(&file.name, &docs::body(call.tx, &id), mime_type)?;
    let content_type = if mime_type == content::MARKDOWN {
        mime_type.to_owned()
    } else {
        format!("{mime_type}; charset=UTF-8")
    };
    Ok(Answer::media(content_type, text))
}

pub(crate) fn about(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    if call.params.get("fields").is_none() {
        return Err(
            Failure::required("The 'fields' parameter is required for this method.")
                .at_parameter("fields"),
        );
    }
    let mut used = 0;
    let mut trash = 0;
    for (_, file) in file::all(call.tx)
        .iter()
        .filter(|(_, file)| file.owner == call.account)
    {
        let size = file.content.as_ref().map_or(0, |content| content.size);
        used += size;
        if file::is_trashed(call.tx, file) {
            trash += size;
        }
    }
    let imports: Map<String, Value> = content::IMPORTS
        .iter()
        .map(|kind| ((*kind).to_owned(), json!([DOCUMENT])))
        .collect();
    Ok(Answer::json(json!({
        "kind": "drive#about",
        "user": resource::user(call.tx, &call.account, &call.account),
        "storageQuota": {
            "limit": (15_u64 << 30).to_string(),
            "usage": used.to_string(),
            "usageInDrive": used.to_string(),
            "usageInDriveTrash": trash.to_string(),
        },
        "importFormats": imports,
        "exportFormats": {DOCUMENT: content::EXPORTS},
        "maxImportSizes": {DOCUMENT: (10_u64 << 20).to_string()},
        "maxUploadSize": "5242880000000",
        "appInstalled": true,
        "canCreateDrives": false,
        "canCreateTeamDrives": false,
        "driveThemes": [],
        "teamDriveThemes": [],
        "folderColorPalette": ["#ac725e", "#d06b64", "#f83a22", "#fa573c", "#8f8f8f"],
    })))
}
