//! Docs: documents as text with structure, edited by positions.
//!
//! A document's file (name, folder, who may see it) is Drive's; its content is here, and Drive's
//! import and export go through the same model as the edits.
//!
//! Left out: tabs other than the first, headers, footers, footnotes, images, named ranges, comments,
//! and suggestions (`writeMode` SUGGEST is refused). A `targetRevisionId` that is not the latest is
//! refused as too old, unless no request of the batch names a position.

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::call::{Answer, Call};
use super::drive::{self, Role};
use super::failure::Failure;
use super::service::Service;
use super::world::{Document, NOBODY, Tx};

mod edit;
mod html;
mod markdown;
mod model;
mod style;
mod wire;

pub(crate) use html::from_html;
pub(crate) use markdown::{from_markdown, from_plain_text, to_html, to_markdown, to_plain_text};
pub(crate) use model::Body;

pub(crate) static SERVICE: Service = Service::new(
    &[
        ("docs.documents.create", create),
        ("docs.documents.get", get),
        ("docs.documents.batchUpdate", batch_update),
    ],
    provision,
);

/// Documents come with files.
fn provision(_tx: &mut Tx<'_>, _account: &str) {}

/// The content of a document, under its file's id.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Stored {
    body: Body,
    /// Counts the states that the body was in.
    revision: u64,
}

impl Document for Stored {
    const KIND: &'static str = "docs.document";
}

/// The content of a document; empty if there is none.
pub(crate) fn body(tx: &Tx<'_>, id: &str) -> Body {
    tx.get::<Stored>(NOBODY, id)
        .map(|stored| stored.body.clone())
        .unwrap_or_default()
}

/// Sets the content: a new revision.
pub(crate) fn put(tx: &mut Tx<'_>, id: &str, body: Body) {
    let revision = tx
        .get::<Stored>(NOBODY, id)
        .map_or(0, |stored| stored.revision)
        + 1;
    tx.put(NOBODY, id, Stored { body, revision });
}

/// Forgets the content: its file is gone.
pub(crate) fn forget(tx: &mut Tx<'_>, id: &str) {
    tx.remove::<Stored>(NOBODY, id);
}

/// An opaque name for a state of a document.
fn revision_id(id: &str, revision: u64) -> String {
    use base64::Engine as _;
    let hash = aws_lc_rs::digest::digest(
        &aws_lc_rs::digest::SHA256,
        format!("{id} {revision}").as_bytes(),
    );
    let text = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(hash.as_ref());
    format!("ALm37B{text}")
}

/// The document of a request, if its account may do `least` with it.
fn document(call: &Call<'_, '_>, least: Role) -> Result<(String, String, Stored), Failure> {
    let id = call.params.path("documentId").to_owned();
    let missing = || Failure::not_found("Requested entity was not found.");
    let denied = || Failure::forbidden("forbidden", "The caller does not have permission");
    let Some((file, role)) = drive::visible(call.tx, &call.account, &id) else {
        return Err(if drive::exists(call.tx, &id) {
            denied()
        } else {
            missing()
        });
    };
    if role < least {
        return Err(denied());
    }
    if file.mime_type != drive::DOCUMENT {
        return Err(Failure::failed_precondition(
            "This operation is not supported for this document",
        ));
    }
    let stored = call
        .tx
        .get::<Stored>(NOBODY, &id)
        .map(|stored| Stored::clone(&stored))
        .unwrap_or_default();
    Ok((id, file.name.clone(), stored))
}

fn create(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    let request = call.json()?;
    let title = request
        .get("title")
        .and_then(Value::as_str)
        .unwrap_or("Untitled document")
        .to_owned();
    let account = call.account.clone();
    let id = drive::new_document(call.tx, &account, &title);
    put(call.tx, &id, Body::default());
    let stored = call
        .tx
        .get::<Stored>(NOBODY, &id)
        .map(|stored| Stored::clone(&stored))
        .unwrap_or_default();
    Ok(Answer::json(wire::document(
        &id,
        &title,
        &revision_id(&id, stored.revision),
        &stored.body,
        false,
    )))
}

fn get(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    let (id, title, stored) = document(call, Role::Reader)?;
    let with_tabs = call.params.flag("includeTabsContent");
    Ok(Answer::json(wire::document(
        &id,
        &title,
        &revision_id(&id, stored.revision),
        &stored.body,
        with_tabs,
    )))
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct BatchUpdate {
    requests: Vec<Value>,
    write_control: WriteControl,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WriteControl {
    required_revision_id: Option<String>,
    target_revision_id: Option<String>,
    write_mode: Option<String>,
}

fn batch_update(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    let (id, _, mut stored) = document(call, Role::Writer)?;
    let given: BatchUpdate = serde_json::from_value(Value::Object(call.json()?))
        .map_err(|error| Failure::bad_request(format!("Invalid JSON payload received. {error}")))?;
    let control = given.write_control;
    check_revision(&id, &stored, &control, &given.requests)?;
    let replies = edit::apply(&mut stored.body, &given.requests)
        .map_err(|refused| Failure::bad_request(refused.to_string()))?;
    if !given.requests.is_empty() {
        put(call.tx, &id, stored.body);
        let account = call.account.clone();
        drive::touch(call.tx, &id, &account);
    }
    let revision = call
        .tx
        .get::<Stored>(NOBODY, &id)
        .map_or(0, |stored| stored.revision);
    let mut out = json!({
        "documentId": id,
        "writeControl": {"requiredRevisionId": revision_id(&id, revision)},
    });
    if !replies.is_empty() {
        out["replies"] = json!(replies);
    }
    Ok(Answer::json(out))
}

fn check_revision(
    id: &str,
    stored: &Stored,
    control: &WriteControl,
    requests: &[Value],
) -> Result<(), Failure> {
    if control.write_mode.as_deref() == Some("SUGGEST") {
        return Err(Failure::new(
            StatusCode::BAD_REQUEST,
            "badRequest",
            "Invalid writeControl.writeMode: this emulator does not make suggestions; leave writeMode out or use EDIT.",
        ));
    }
    let latest = revision_id(id, stored.revision);
    match (&control.required_revision_id, &control.target_revision_id) {
        (Some(_), Some(_)) => Err(Failure::bad_request(
            "Invalid writeControl: only one of the revision ids may be set.",
        )),
        (Some(required), None) if *required != latest => Err(Failure::failed_precondition(
            format!("The required revision ID '{required}' does not match the latest revision."),
        )),
        (None, Some(target)) if *target != latest => {
            let known = (1..stored.revision).any(|revision| revision_id(id, revision) == *target);
            if known && edit::is_position_free(requests) {
                Ok(())
            } else if known {
                Err(Failure::bad_request(format!(
                    "The target revision ID '{target}' is too old."
                )))
            } else {
                Err(Failure::bad_request(format!(
                    "The target revision ID '{target}' is invalid."
                )))
            }
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
