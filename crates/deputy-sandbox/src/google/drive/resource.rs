//! A file as the API answers it.

use serde_json::{Map, Value, json};

use super::access::{self, Role};
use super::content;
use super::file::{self, DOCUMENT, FOLDER, File, Grantee, Permission};
use crate::google::accounts::Account;
use crate::google::call::Call;
use crate::google::world::Tx;

/// The `File` resource for whoever asks. Without `fields` only what Google gives by default: kind,
/// id, name and type.
pub(crate) fn answer(call: &Call<'_, '_>, id: &str, file: &File) -> Value {
    if call.params.get("fields").is_none() {
        return brief(id, file);
    }
    whole(call, id, file)
}

/// What a request without `fields` gets.
pub(crate) fn brief(id: &str, file: &File) -> Value {
    json!({"kind": "drive#file", "id": id, "name": file.name, "mimeType": file.mime_type})
}

/// All that is known of the file.
pub(crate) fn whole(call: &Call<'_, '_>, id: &str, file: &File) -> Value {
    let mut out = Map::new();
    if let Value::Object(brief) = brief(id, file) {
        out.extend(brief);
    }
    common(call, id, file, &mut out);
    for_this_account(call, file, &mut out);
    for_this_kind(call, id, file, &mut out);
    Value::Object(out)
}

/// What every file has.
fn common(call: &Call<'_, '_>, id: &str, file: &File, out: &mut Map<String, Value>) {
    let (tx, account) = (&*call.tx, call.account.as_str());
    let is_shared = file.permissions.len() > 1
        || file::ancestors(tx, file)
            .iter()
            .any(|(_, folder)| folder.permissions.len() > 1);
    let size = file.content.as_ref().map_or(0, |content| content.size);
    let ids: Vec<&str> = file
        .permissions
        .iter()
        .map(|permission| permission.id.as_str())
        .collect();
    extend(
        out,
        json!({
            "trashed": file::is_trashed(tx, file),
            "explicitlyTrashed": file.trashed.is_some(),
            "spaces": ["drive"],
            "version": file.version.to_string(),
            "createdTime": time(file.created),
            "modifiedTime": time(file.modified),
            "owners": [user(tx, &file.owner, account)],
            "lastModifyingUser": user(tx, &file.modified_by, account),
            "shared": is_shared,
            "webViewLink": link(call, id),
            "iconLink": format!("{}picture.svg", call.base),
            "hasThumbnail": false,
            "thumbnailVersion": "0",
            "isAppAuthorized": true,
            "copyRequiresWriterPermission": file.copy_requires_writer,
            "viewersCanCopyContent": !file.copy_requires_writer,
            "writersCanShare": true,
            "permissionIds": ids,
            "quotaBytesUsed": size.to_string(),
        }),
    );
    if let Some(trashed) = &file.trashed {
        extend(
            out,
            json!({"trashedTime": time(trashed.at), "trashingUser": user(tx, &trashed.by, account)}),
        );
    }
    if let Some(description) = &file.description {
        extend(out, json!({"description": description}));
    }
    if !file.properties.is_empty() {
        extend(out, json!({"properties": file.properties}));
    }
    if !file.app_properties.is_empty() {
        extend(out, json!({"appProperties": file.app_properties}));
    }
}

/// What depends on who asks.
fn for_this_account(call: &Call<'_, '_>, file: &File, out: &mut Map<String, Value>) {
    let (tx, account) = (&*call.tx, call.account.as_str());
    let role = access::role(tx, file, account).unwrap_or(Role::Reader);
    extend(
        out,
        json!({
            "starred": file.starred_by.contains(account),
            "modifiedByMe": file.modified_by == account,
            "viewedByMe": file.viewed.contains_key(account),
            "ownedByMe": file.owner == account,
            "capabilities": capabilities(file, role, file::is_trashed(tx, file)),
        }),
    );
    if role >= Role::Writer {
        let permissions: Vec<Value> = file
            .permissions
            .iter()
            .map(|one| permission(tx, one))
            .collect();
        extend(out, json!({"permissions": permissions}));
    }
    if let Some(parent) = visible_parent(tx, file, account) {
        extend(out, json!({"parents": [parent]}));
    }
    if let Some(viewed) = file.viewed.get(account) {
        extend(out, json!({"viewedByMeTime": time(*viewed)}));
    }
    if file.modified_by == account {
        extend(out, json!({"modifiedByMeTime": time(file.modified)}));
    }
    if let Some((at, by)) = shared_with(file, account) {
        extend(
            out,
            json!({"sharedWithMeTime": time(*at), "sharingUser": user(tx, by, account)}),
        );
    }
}

/// What only files with bytes, documents, folders or shortcuts have.
fn for_this_kind(call: &Call<'_, '_>, id: &str, file: &File, out: &mut Map<String, Value>) {
    if let Some(content) = &file.content {
        let extension = file
            .name
            .rsplit_once('.')
            .map_or("", |(_, extension)| extension);
        extend(
            out,
            json!({
                "size": content.size.to_string(),
                "md5Checksum": content.md5,
                "sha1Checksum": content.sha1,
                "sha256Checksum": content.sha256,
                "headRevisionId": content.head_revision,
                "originalFilename": file.original_filename.as_ref().unwrap_or(&file.name),
                "fileExtension": extension,
                "fullFileExtension": extension,
                "webContentLink": format!("{}drive/v3/files/{id}?alt=media", call.base),
            }),
        );
    }
    if file.mime_type == DOCUMENT {
        let link = |kind: &str| format!("{}drive/v3/files/{id}/export?mimeType={kind}", call.base);
        let links: Map<String, Value> = content::EXPORTS
            .iter()
            .map(|kind| ((*kind).to_owned(), json!(link(kind))))
            .collect();
        extend(out, json!({"exportLinks": links}));
    }
    if let Some(color) = &file.folder_color {
        extend(out, json!({"folderColorRgb": color}));
    }
    if let Some(target) = &file.shortcut_target {
        let kind = file::get(call.tx, target).map(|target| target.mime_type.clone());
        extend(
            out,
            json!({"shortcutDetails": {"targetId": target, "targetMimeType": kind.unwrap_or_default()}}),
        );
    }
}

fn extend(out: &mut Map<String, Value>, more: Value) {
    if let Value::Object(more) = more {
        out.extend(more);
    }
}

/// Where a person can look at the file: its page here.
fn link(call: &Call<'_, '_>, id: &str) -> String {
    format!(
        "{}accounts/{}/files/{id}",
        call.base,
        call.account.replace('@', "%40")
    )
}

fn time(instant: jiff::Timestamp) -> Value {
    json!(instant.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string())
}

/// The folder, if the account may see that there is one.
pub(crate) fn visible_parent(tx: &Tx<'_>, file: &File, account: &str) -> Option<String> {
    let id = file.parent.clone()?;
    let folder = file::get(tx, &id)?;
    access::role(tx, &folder, account).map(|_| id)
}

/// When and by whom the file was shared with the account, if it is not its own.
pub(crate) fn shared_with<'f>(
    file: &'f File,
    account: &str,
) -> Option<&'f (jiff::Timestamp, String)> {
    file.permissions
        .iter()
        .find(|permission| permission.grantee == Grantee::User(account.to_owned()))
        .and_then(|permission| permission.shared.as_ref())
}

/// The `User` resource.
pub(crate) fn user(tx: &Tx<'_>, email: &str, me: &str) -> Value {
    json!({
        "kind": "drive#user",
        "displayName": display_name(tx, email),
        "me": email == me,
        "permissionId": file::permission_id(tx, email),
        "emailAddress": email,
    })
}

fn display_name(tx: &Tx<'_>, email: &str) -> String {
    tx.get::<Account>(email, "")
        .map_or_else(|| email.to_owned(), |account| account.name.clone())
}

/// The `Permission` resource.
pub(crate) fn permission(tx: &Tx<'_>, permission: &Permission) -> Value {
    let mut out =
        json!({"kind": "drive#permission", "id": permission.id, "role": permission.role.name()});
    match &permission.grantee {
        Grantee::User(email) => {
            out["type"] = json!("user");
            out["emailAddress"] = json!(email);
            out["displayName"] = json!(display_name(tx, email));
            out["deleted"] = json!(false);
            out["pendingOwner"] = json!(false);
        }
        Grantee::Group(email) => {
            out["type"] = json!("group");
            out["emailAddress"] = json!(email);
            out["displayName"] = json!(email);
            out["deleted"] = json!(false);
        }
        Grantee::Domain(domain) => {
            out["type"] = json!("domain");
            out["domain"] = json!(domain);
            out["displayName"] = json!(domain);
            out["allowFileDiscovery"] = json!(true);
        }
        Grantee::Anyone(findable) => {
            out["type"] = json!("anyone");
            out["allowFileDiscovery"] = json!(findable);
        }
    }
    if let Some(expires) = permission.expires {
        out["expirationTime"] = time(expires);
    }
    out
}

fn capabilities(file: &File, role: Role, trashed: bool) -> Value {
    let folder = file.mime_type == FOLDER;
    let (owner, writes) = (role == Role::Owner, role >= Role::Writer);
    let edits = writes && !trashed;
    json!({
        "canAddChildren": folder && edits,
        "canChangeCopyRequiresWriterPermission": writes,
        "canComment": role >= Role::Commenter && !folder,
        "canCopy": !folder && (writes || !file.copy_requires_writer),
        "canDelete": owner && !file.is_root,
        "canDownload": !folder,
        "canEdit": edits,
        "canListChildren": folder,
        "canModifyContent": edits,
        "canMoveItemWithinDrive": edits && !file.is_root,
        "canReadRevisions": false,
        "canRemoveChildren": folder && edits,
        "canRename": edits && !file.is_root,
        "canShare": writes,
        "canTrash": owner && !file.is_root,
        "canUntrash": owner && !file.is_root,
    })
}
