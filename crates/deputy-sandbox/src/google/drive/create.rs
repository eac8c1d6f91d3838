//! `files.create` and `files.generateIds`.

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::access::{self, Role};
use super::file::{self, DOCUMENT, FOLDER, File, SHORTCUT};
use super::{content, resource};
use crate::google::call::{Answer, Call};
use crate::google::docs;
use crate::google::failure::Failure;
use crate::google::upload::{self, Upload};
use crate::google::world::{Document, NOBODY};

/// An id that was given out and may be used once.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct GeneratedId {}

impl Document for GeneratedId {
    const KIND: &'static str = "drive.generated_id";
}

pub(crate) fn generate_ids(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    let count = call.params.page_size("count", 10, 1000);
    let kind = call.params.get("type").unwrap_or("files");
    let space = call.params.get("space").unwrap_or("drive");
    if !["files", "shortcuts"].contains(&kind) || !["drive", "appDataFolder"].contains(&space) {
        return Err(Failure::invalid("Invalid Value"));
    }
    let space = space.to_owned();
    let ids: Vec<String> = (0..count).map(|_| file::fresh_id(call.tx, "")).collect();
    let account = call.account.clone();
    for id in &ids {
        call.tx.put(&account, id, GeneratedId {});
    }
    Ok(Answer::json(
        json!({"kind": "drive#generatedIds", "space": space, "ids": ids}),
    ))
}

pub(crate) fn create(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    match upload::read(call)? {
        upload::Request::Opened(answer) => Ok(answer),
        upload::Request::Whole(upload) => create_upload(call, &upload),
    }
}

pub(crate) fn create_upload(call: &mut Call<'_, '_>, upload: &Upload) -> Result<Answer, Failure> {
    let Upload { metadata, media } = upload;
    let given_type = metadata
        .get("mimeType")
        .and_then(Value::as_str)
        .filter(|given| !given.is_empty());
    let name = metadata
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or("Untitled")
        .to_owned();
    let mime_type = match (given_type, &media) {
        (Some(given), _) => given.to_owned(),
        (None, Some(media)) if !media.mime_type.is_empty() => media.mime_type.clone(),
        (None, _) => guess(&name).to_owned(),
    };
    let account = call.account.clone();
    let id = chosen_id(call, metadata, &mime_type)?;
    let parent = parent(call, metadata)?;
    let mut file = File::new(call.tx, &account, &name, &mime_type);
    file.parent = parent;
    apply(&mut file, metadata, &account)?;
    if mime_type == SHORTCUT {
        let target = metadata
            .get("shortcutDetails")
            .and_then(|details| details.get("targetId"))
            .and_then(Value::as_str);
        let target =
            target.ok_or_else(|| Failure::bad_request("A shortcut must have a target."))?;
        file.shortcut_target = Some(access::file_for(call, target, Role::Reader)?.0);
    }
    match media {
        Some(media) if mime_type == DOCUMENT => {
            let body = content::import(media, &name)?;
            docs::put(call.tx, &id, body);
        }
        Some(_) if file.is_native() => {
            return Err(Failure::bad_request(
                "Content can't be converted to this type here.",
            ));
        }
        Some(media) => {
            file.original_filename = file.original_filename.or_else(|| Some(name.clone()));
            file::set_content(call.tx, &id, &mut file, media.data.clone());
        }
        None if mime_type == DOCUMENT => docs::put(call.tx, &id, docs::Body::default()),
        None if file.is_native() => {}
        None => file::set_content(call.tx, &id, &mut file, bytes::Bytes::new()),
    }
    call.tx.next_change();
    call.tx.put(NOBODY, &id, file.clone());
    Ok(Answer::json(resource::answer(call, &id, &file)))
}

/// The type of a file whose request doesn't say: by its name's ending.
fn guess(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "txt" => "text/plain",
        "md" => "text/markdown",
        "html" | "htm" => "text/html",
        "csv" => "text/csv",
        "json" => "application/json",
        "pdf" => "application/pdf",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        _ => "application/octet-stream",
    }
}

/// The id for a new file: one generated before, if the request brings one.
pub(crate) fn chosen_id(
    call: &mut Call<'_, '_>,
    metadata: &Map<String, Value>,
    mime_type: &str,
) -> Result<String, Failure> {
    let Some(id) = metadata
        .get("id")
        .and_then(Value::as_str)
        .filter(|id| !id.is_empty())
    else {
        return Ok(file::fresh_id(call.tx, mime_type));
    };
    let id = id.to_owned();
    if mime_type.starts_with("application/vnd.google-apps.")
        && ![FOLDER, SHORTCUT].contains(&mime_type)
    {
        return Err(Failure::invalid(
            "Generated IDs are not supported for Google Docs Editors files.",
        )
        .at_parameter("file.id"));
    }
    if super::exists(call.tx, &id) {
        let taken = Failure::new(
            StatusCode::CONFLICT,
            "fileIdInUse",
            "A file already exists with the provided ID.",
        );
        return Err(taken);
    }
    let account = call.account.clone();
    if !call.tx.remove::<GeneratedId>(&account, &id) {
        return Err(Failure::invalid("The provided file ID is not usable.").at_parameter("file.id"));
    }
    Ok(id)
}

/// The folder for a new file: the given one, else the root.
pub(crate) fn parent(
    call: &Call<'_, '_>,
    metadata: &Map<String, Value>,
) -> Result<Option<String>, Failure> {
    let parents: Vec<&str> = metadata
        .get("parents")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    match parents.as_slice() {
        [] => Ok(file::root_of(call.tx, &call.account)),
        [one] => folder(call, one).map(Some),
        _ => {
            Err(Failure::invalid("A file cannot have more than one parent.")
                .at_parameter("parents"))
        }
    }
}

/// The folder of this id, if the account may put something into it.
pub(crate) fn folder(call: &Call<'_, '_>, id: &str) -> Result<String, Failure> {
    let (id, folder) = access::file_for(call, id, Role::Reader)?;
    if folder.mime_type != FOLDER {
        return Err(Failure::forbidden(
            "parentNotAFolder",
            "The specified parent is not a folder.",
        ));
    }
    if access::role(call.tx, &folder, &call.account) < Some(Role::Writer) {
        let message = "Insufficient permissions for the specified parent.";
        return Err(Failure::forbidden("insufficientParentPermissions", message));
    }
    Ok(id)
}

/// Fields of a `File` that a request may set; what else it has is refused.
const WRITABLE: &[&str] = &[
    "appProperties",
    "contentHints",
    "contentRestrictions",
    "copyRequiresWriterPermission",
    "createdTime",
    "description",
    "downloadRestrictions",
    "folderColorRgb",
    "id",
    "inheritedPermissionsDisabled",
    "kind",
    "mimeType",
    "modifiedTime",
    "name",
    "originalFilename",
    "parents",
    "properties",
    "shortcutDetails",
    "starred",
    "trashed",
    "viewedByMeTime",
    "viewersCanCopyContent",
    "writersCanShare",
];

/// Sets what a request's metadata says, except name, type and folder of a new file.
pub(crate) fn apply(
    file: &mut File,
    metadata: &Map<String, Value>,
    account: &str,
) -> Result<(), Failure> {
    if metadata
        .keys()
        .any(|field| !WRITABLE.contains(&field.as_str()))
    {
        return Err(Failure::forbidden(
            "fieldNotWritable",
            "The resource body includes fields which are not directly writable.",
        ));
    }
    let text = |name: &str| {
        metadata
            .get(name)
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let instant = |name: &str| -> Result<Option<jiff::Timestamp>, Failure> {
        let parsed = text(name).map(|value| value.parse()).transpose();
        parsed
            .map_err(|_| Failure::invalid(format!("Invalid value for: {name}")).at_parameter(name))
    };
    if let Some(description) = text("description") {
        file.description = Some(description).filter(|text| !text.is_empty());
    }
    if let Some(created) = instant("createdTime")? {
        file.created = created;
    }
    if let Some(modified) = instant("modifiedTime")? {
        file.modified = modified;
    }
    if let Some(viewed) = instant("viewedByMeTime")? {
        file.viewed.insert(account.to_owned(), viewed);
    }
    if let Some(original) = text("originalFilename") {
        file.original_filename = Some(original);
    }
    if let Some(color) = text("folderColorRgb") {
        file.folder_color = Some(color);
    }
    if let Some(starred) = metadata.get("starred").and_then(Value::as_bool) {
        if starred {
            file.starred_by.insert(account.to_owned());
        } else {
            file.starred_by.remove(account);
        }
    }
    if let Some(requires) = metadata
        .get("copyRequiresWriterPermission")
        .and_then(Value::as_bool)
    {
        file.copy_requires_writer = requires;
    }
    merge(&mut file.properties, metadata.get("properties"))?;
    merge(&mut file.app_properties, metadata.get("appProperties"))
}

/// Properties are merged by key; null takes one away. A key and its value together may have 124
/// bytes, and a file 100 of them (Drive API guide, "Add custom file properties"; here for each kind).
fn merge(
    into: &mut std::collections::BTreeMap<String, String>,
    given: Option<&Value>,
) -> Result<(), Failure> {
    for (key, value) in given.and_then(Value::as_object).into_iter().flatten() {
        match value {
            Value::Null => {
                into.remove(key);
            }
            Value::String(value) if key.len() + value.len() <= 124 => {
                into.insert(key.clone(), value.clone());
            }
            Value::String(_) => {
                let message =
                    "The properties are too long: a key and its value may have 124 bytes.";
                return Err(Failure::forbidden("propertyTooLong", message));
            }
            _ => return Err(Failure::invalid(format!("Invalid value for: {key}"))),
        }
    }
    if into.len() > 100 {
        return Err(Failure::forbidden(
            "propertiesLimitExceeded",
            "The file has too many properties.",
        ));
    }
    Ok(())
}
