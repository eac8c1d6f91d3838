//! `files.copy`.

use serde_json::Value;

use super::access::{self, Role};
use super::create::{apply, chosen_id, parent};
use super::file::{self, DOCUMENT, FOLDER, File};
use super::resource;
use crate::google::call::{Answer, Call};
use crate::google::docs;
use crate::google::failure::Failure;
use crate::google::world::NOBODY;

pub(crate) fn copy(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    let given = call.params.path("fileId").to_owned();
    let (source_id, source) = access::file_for(call, &given, Role::Reader)?;
    let role = access::role(call.tx, &source, &call.account);
    if source.mime_type == FOLDER || (source.copy_requires_writer && role < Some(Role::Writer)) {
        return Err(Failure::forbidden(
            "cannotCopyFile",
            "This file cannot be copied by the user.",
        ));
    }
    let metadata = call.json()?;
    let account = call.account.clone();
    let name = metadata.get("name").and_then(Value::as_str);
    let name = name.map_or_else(|| format!("Copy of {}", source.name), str::to_owned);
    let id = chosen_id(call, &metadata, &source.mime_type)?;
    let folder = if metadata.contains_key("parents") {
        parent(call, &metadata)?
    } else {
        own_folder(call, &source).or_else(|| file::root_of(call.tx, &account))
    };
    let mut file = File::new(call.tx, &account, &name, &source.mime_type);
    file.parent = folder;
    file.description.clone_from(&source.description);
    file.properties.clone_from(&source.properties);
    file.app_properties.clone_from(&source.app_properties);
    file.original_filename.clone_from(&source.original_filename);
    apply(&mut file, &metadata, &account)?;
    if source.mime_type == DOCUMENT {
        let body = docs::body(call.tx, &source_id);
        docs::put(call.tx, &id, body);
    } else if !source.is_native() {
        let data = file::bytes(call.tx, &source_id);
        file::set_content(call.tx, &id, &mut file, data);
    }
    call.tx.next_change();
    call.tx.put(NOBODY, &id, file.clone());
    Ok(Answer::json(resource::answer(call, &id, &file)))
}

/// The folder of the source, if the account may put something there.
fn own_folder(call: &Call<'_, '_>, source: &File) -> Option<String> {
    let id = source.parent.clone()?;
    let folder = file::get(call.tx, &id)?;
    (access::role(call.tx, &folder, &call.account)? >= Role::Writer).then_some(id)
}
