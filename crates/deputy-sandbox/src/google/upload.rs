//! Media uploads, as all Google APIs take them: simple (`uploadType=media`), `multipart` and
//! `resumable` (Drive API guide, "Upload file data").
//!
//! A handler that takes media asks [`read`] for it and doesn't see which way it came. A resumable
//! upload runs its method when the last byte is there: the session keeps what the first request
//! said, and the URI of the session stands for the account.

use bytes::Bytes;
use http::{StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::call::{Answer, Call, Params};
use super::failure::Failure;
use super::world::{Document, NOBODY};

pub(crate) mod multipart;

/// What an upload brought.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    /// The JSON part; empty where there is none.
    pub(crate) metadata: Map<String, Value>,
    pub(crate) media: Option<Media>,
}

/// Content with its media type.
#[derive(Clone, Debug)]
pub(crate) struct Media {
    /// Lower case, without parameters; empty if none was said.
    pub(crate) mime_type: String,
    pub(crate) data: Bytes,
}

/// A resumable upload under way.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Session {
    account: String,
    method: String,
    params: Vec<(String, String)>,
    metadata: Map<String, Value>,
    mime_type: String,
    /// Length announced by `X-Upload-Content-Length`.
    length: Option<u64>,
}

impl Document for Session {
    const KIND: &'static str = "upload.session";
}

/// What a request to a method with media is.
pub(crate) enum Request {
    /// Everything is there: the method can run.
    Whole(Upload),
    /// A resumable session was opened; the answer names it.
    Opened(Answer),
}

/// Reads a request that may carry media.
pub(crate) fn read(call: &mut Call<'_, '_>) -> Result<Request, Failure> {
    if !call.upload {
        return Ok(Request::Whole(Upload {
            metadata: call.json()?,
            media: None,
        }));
    }
    let content_type = call
        .header(header::CONTENT_TYPE)
        .unwrap_or_default()
        .to_owned();
    match call.params.get("uploadType") {
        Some("resumable") => open(call).map(Request::Opened),
        Some("multipart") => parts(&content_type, &call.body).map(Request::Whole),
        None if content_type
            .to_ascii_lowercase()
            .starts_with("multipart/related") =>
        {
            parts(&content_type, &call.body).map(Request::Whole)
        }
        _ => {
            let media = Media {
                mime_type: essence(&content_type),
                data: call.body.clone(),
            };
            Ok(Request::Whole(Upload {
                metadata: Map::new(),
                media: Some(media),
            }))
        }
    }
}

fn essence(content_type: &str) -> String {
    content_type
        .split(';')
        .next()
        .unwrap_or("")
        .trim()
        .to_ascii_lowercase()
}

fn parts(content_type: &str, body: &Bytes) -> Result<Upload, Failure> {
    let boundary = multipart::boundary(content_type)
        .ok_or_else(|| Failure::bad_request("Missing end boundary in multipart body."))?;
    let parts = multipart::split(body, &boundary)
        .ok_or_else(|| Failure::bad_request("Missing end boundary in multipart body."))?;
    let [metadata, media] = parts.as_slice() else {
        return Err(Failure::bad_request(
            "A multipart upload has exactly two parts: metadata and media.",
        ));
    };
    let Ok(Value::Object(object)) = serde_json::from_slice(&metadata.data) else {
        return Err(Failure::new(
            StatusCode::BAD_REQUEST,
            "parseError",
            "Parse Error",
        ));
    };
    let media = Media {
        mime_type: essence(&media.content_type),
        data: media.data.clone(),
    };
    Ok(Upload {
        metadata: object,
        media: Some(media),
    })
}

fn open(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    let header = |name: &str| call.headers.get(name).and_then(|value| value.to_str().ok());
    let mime_type = essence(header("x-upload-content-type").unwrap_or_default());
    let length = header("x-upload-content-length").and_then(|value| value.parse().ok());
    let session = Session {
        account: call.account.clone(),
        method: call.method.id.clone(),
        params: call.params.0.clone(),
        metadata: call.json()?,
        mime_type,
        length,
    };
    let id = call.tx.random_id(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-",
        64,
    );
    let location = location(call, &id).ok_or_else(Failure::backend_error)?;
    call.tx.put(NOBODY, &id, session);
    let answer = Answer::empty(StatusCode::OK).with_header(header::LOCATION, &location);
    Ok(answer.with_header(header::HeaderName::from_static("x-guploader-uploadid"), &id))
}

/// The session's URI: the method's upload path with what the first request's query said.
fn location(call: &Call<'_, '_>, id: &str) -> Option<String> {
    let user = call.params.path("userId");
    let path = match call.method.id.as_str() {
        "drive.files.create" => "upload/drive/v3/files".to_owned(),
        "drive.files.update" => format!("upload/drive/v3/files/{}", call.params.path("fileId")),
        "gmail.users.messages.send" => format!("upload/gmail/v1/users/{user}/messages/send"),
        "gmail.users.messages.insert" => format!("upload/gmail/v1/users/{user}/messages"),
        "gmail.users.messages.import" => format!("upload/gmail/v1/users/{user}/messages/import"),
        "gmail.users.drafts.create" => format!("upload/gmail/v1/users/{user}/drafts"),
        "gmail.users.drafts.update" => format!(
            "upload/gmail/v1/users/{user}/drafts/{}",
            call.params.path("id")
        ),
        "gmail.users.drafts.send" => format!("upload/gmail/v1/users/{user}/drafts/send"),
        _ => return None,
    };
    let mut url = call.base.join(&path).ok()?;
    url.query_pairs_mut()
        .append_pair("uploadType", "resumable")
        .append_pair("upload_id", id);
    // The mask of the last answer is read from the query of the request that gets it.
    if let Some(fields) = call.params.get("fields") {
        url.query_pairs_mut().append_pair("fields", fields);
    }
    Some(url.into())
}

/// Runs the session's method once all bytes are there.
pub(crate) type Finish = fn(&mut Call<'_, '_>, &Upload) -> Result<Answer, Failure>;

/// Answers a request to a session's URI: bytes, or the question how many arrived. `finish` gives
/// what runs a method by its discovery id.
pub(crate) fn resume(
    call: &mut Call<'_, '_>,
    finish: fn(&str) -> Option<Finish>,
) -> Result<Answer, Failure> {
    let id = call.params.get("upload_id").unwrap_or_default().to_owned();
    let session = call.tx.get::<Session>(NOBODY, &id);
    let session = session
        .ok_or_else(|| Failure::not_found("The upload session was not found or has expired."))?;
    let have = call.tx.blob(NOBODY, &id).unwrap_or_default();
    let said = call
        .headers
        .get(header::CONTENT_RANGE)
        .and_then(|value| value.to_str().ok());
    let chunk = match said {
        Some(text) => chunk(text)
            .ok_or_else(|| Failure::bad_request("Failed to parse Content-Range header."))?,
        None => Chunk {
            start: Some(0),
            total: Some(call.body.len() as u64),
        },
    };
    let mut data = Vec::with_capacity(have.len() + call.body.len());
    data.extend_from_slice(&have);
    if let Some(start) = chunk.start {
        // A repeat may start before what is here; a gap can't be filled.
        let start = usize::try_from(start).unwrap_or(usize::MAX);
        if start > data.len() {
            return Ok(incomplete(data.len()));
        }
        data.truncate(start);
        data.extend_from_slice(&call.body);
    }
    let data = Bytes::from(data);
    let total = chunk.total.or(session.length);
    if total != Some(data.len() as u64) {
        call.tx.put_blob(NOBODY, &id, Some(data.clone()));
        return Ok(incomplete(data.len()));
    }
    let run = finish(&session.method).ok_or_else(|| Failure::not_found("Not Found"))?;
    call.tx.put_blob(NOBODY, &id, None);
    call.tx.remove::<Session>(NOBODY, &id);
    call.account.clone_from(&session.account);
    call.params = Params(session.params.clone());
    let sent_as = call
        .header(header::CONTENT_TYPE)
        .map(essence)
        .unwrap_or_default();
    let mime_type = if session.mime_type.is_empty() {
        sent_as
    } else {
        session.mime_type.clone()
    };
    run(
        call,
        &Upload {
            metadata: session.metadata.clone(),
            media: Some(Media { mime_type, data }),
        },
    )
}

/// What a `Content-Range` says: `bytes 0-99/200`, `bytes 0-99/*`, `bytes */200`, `bytes */*`.
struct Chunk {
    /// `None` asks only how far the upload is.
    start: Option<u64>,
    total: Option<u64>,
}

fn chunk(text: &str) -> Option<Chunk> {
    let (range, total) = text.trim().strip_prefix("bytes")?.trim().split_once('/')?;
    let total = if total == "*" {
        None
    } else {
        Some(total.parse().ok()?)
    };
    let start = if range == "*" {
        None
    } else {
        Some(range.split_once('-')?.0.parse().ok()?)
    };
    Some(Chunk { start, total })
}

/// 308, with how much arrived.
fn incomplete(have: usize) -> Answer {
    let answer = Answer::empty(StatusCode::PERMANENT_REDIRECT);
    match have.checked_sub(1) {
        Some(last) => answer.with_header(header::RANGE, &format!("bytes=0-{last}")),
        None => answer,
    }
}
