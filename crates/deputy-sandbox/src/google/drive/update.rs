//! `files.update`, `files.delete` and `files.emptyTrash`.

use serde_json::{Map, Value};

use super::access::{self, Role};
use super::create::{apply, folder};
use super::file::{self, DOCUMENT, File, Trashed};
use super::{content, resource};
use crate::google::call::{Answer, Call};
use crate::google::docs;
use crate::google::failure::Failure;
use crate::google::upload::{self, Upload};

pub(crate) fn update(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    match upload::read(call)? {
        upload::Request::Opened(answer) => {
            // A session for a file that can't be written is refused at once.
            let id = call.params.path("fileId").to_owned();
            access::file_for(call, &id, Role::Writer)?;
            Ok(answer)
        }
        upload::Request::Whole(upload) => update_upload(call, &upload),
    }
}

pub(crate) fn update_upload(call: &mut Call<'_, '_>, upload: &Upload) -> Result<Answer, Failure> {
    let Upload { metadata, media } = upload;
    let given_id = call.params.path("fileId").to_owned();
    let (id, mut file) =
        access::file_for(call, &given_id, least_role(metadata, media.is_some(), call))?;
    let account = call.account.clone();
    if metadata.contains_key("parents") {
        return Err(Failure::forbidden(
            "fieldNotWritable",
            "The parents field is not directly writable in update requests. Use the addParents and removeParents \
             parameters instead.",
        ));
    }
    let before = file.clone();
    if let Some(name) = metadata.get("name").and_then(Value::as_str) {
        name.clone_into(&mut file.name);
    }
    apply(&mut file, metadata, &account)?;
    set_type(&mut file, metadata)?;
    set_trashed(call, &id, &mut file, metadata)?;
    relocate(call, &id, &mut file)?;
    let new_content = media.is_some();
    if let Some(media) = media {
        if file.mime_type == DOCUMENT {
            let body = content::import(media, &file.name)?;
            docs::put(call.tx, &id, body);
        } else if file.is_native() {
            return Err(Failure::bad_request(
                "Content can't be converted to this type here.",
            ));
        } else {
            if !metadata.contains_key("mimeType") && !media.mime_type.is_empty() {
                file.mime_type.clone_from(&media.mime_type);
            }
            file::set_content(call.tx, &id, &mut file, media.data.clone());
        }
    }
    let said_so = metadata.contains_key("modifiedTime");
    let changed = new_content || file.name != before.name || file.description != before.description;
    if changed && !said_so {
        file.modified = call.tx.tick();
        file.modified_by.clone_from(&account);
    }
    file::put(call.tx, &id, file);
    let file = file::get(call.tx, &id).ok_or_else(|| access::not_found(&id))?;
    Ok(Answer::json(resource::answer(call, &id, &file)))
}

/// Readers may star a file and note that they saw it; all else takes a writer.
fn least_role(metadata: &Map<String, Value>, has_media: bool, call: &Call<'_, '_>) -> Role {
    let moves = ["addParents", "removeParents"]
        .iter()
        .any(|name| call.params.get(name).is_some());
    let private = metadata
        .keys()
        .all(|field| ["starred", "viewedByMeTime", "kind", "id"].contains(&field.as_str()));
    if has_media || moves || !private {
        Role::Writer
    } else {
        Role::Reader
    }
}

fn set_type(file: &mut File, metadata: &Map<String, Value>) -> Result<(), Failure> {
    let Some(wanted) = metadata
        .get("mimeType")
        .and_then(Value::as_str)
        .filter(|wanted| *wanted != file.mime_type)
    else {
        return Ok(());
    };
    if file.is_native() || wanted.starts_with("application/vnd.google-apps.") {
        return Err(Failure::bad_request(
            "A file can't be turned into another kind of file.",
        ));
    }
    wanted.clone_into(&mut file.mime_type);
    Ok(())
}

fn set_trashed(
    call: &mut Call<'_, '_>,
    id: &str,
    file: &mut File,
    metadata: &Map<String, Value>,
) -> Result<(), Failure> {
    let Some(wanted) = metadata.get("trashed").and_then(Value::as_bool) else {
        return Ok(());
    };
    if wanted == file.trashed.is_some() {
        return Ok(());
    }
    if file.owner != call.account || file.is_root {
        return Err(access::insufficient(id));
    }
    file.trashed = wanted.then(|| Trashed {
        at: call.tx.tick(),
        by: call.account.clone(),
    });
    Ok(())
}

/// Moves the file as `addParents` and `removeParents` say. A file has one folder at most.
fn relocate(call: &mut Call<'_, '_>, id: &str, file: &mut File) -> Result<(), Failure> {
    let listed = |name: &str| -> Vec<String> {
        let ids = call
            .params
            .get(name)
            .unwrap_or_default()
            .split(',')
            .map(str::trim)
            .filter(|id| !id.is_empty());
        ids.map(|id| file::resolve(call.tx, &call.account, id))
            .collect()
    };
    let (mut add, take) = (listed("addParents"), listed("removeParents"));
    if add.is_empty() && take.is_empty() {
        return Ok(());
    }
    if file.is_root {
        return Err(access::insufficient(id));
    }
    if file
        .parent
        .as_ref()
        .is_some_and(|parent| take.contains(parent))
    {
        file.parent = None;
    }
    add.retain(|one| file.parent.as_ref() != Some(one));
    if add.len() + usize::from(file.parent.is_some()) > 1 {
        return Err(Failure::forbidden(
            "cannotAddParent",
            "Increasing the number of parents is not allowed",
        ));
    }
    if let Some(new) = add.first() {
        let new = folder(call, new)?;
        let within = new == id
            || file::get(call.tx, &new).is_some_and(|folder| {
                file::ancestors(call.tx, &folder)
                    .iter()
                    .any(|(above, _)| above == id)
            });
        if within {
            return Err(Failure::forbidden(
                "cyclicMembershipsNotAllowed",
                "A folder can't be put into itself.",
            ));
        }
        file.parent = Some(new);
    }
    Ok(())
}

pub(crate) fn delete(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    let given = call.params.path("fileId").to_owned();
    let (id, file) = access::file_for(call, &given, Role::Reader)?;
    if file.owner != call.account || file.is_root {
        return Err(access::insufficient(&id));
    }
    file::remove(call.tx, &id);
    Ok(Answer::no_content())
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of all handlers")]
pub(crate) fn empty_trash(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    let mut trashed = file::all(call.tx);
    trashed.retain(|(_, file)| file.trashed.is_some() && file.owner == call.account);
    for (id, _) in trashed {
        file::remove(call.tx, &id);
    }
    Ok(Answer::no_content())
}
