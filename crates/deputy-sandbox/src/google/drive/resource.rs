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
    let (tx, account) = (&*call.tx, call.account.as_str());
    let role = access::role(tx, file, account).unwrap_or(Role::Reader);
    let mut out = brief(id, file);
    let trashed = file::is_trashed(tx, file);
    let is_shared = file.permissions.len() > 1
        || file::ancestors(tx, file)
            .iter()
            .any(|(_, folder)| folder.permissions.len() > 1);
    let mut set = |name: &str, value: Value| {
        out[name] = value;
    };
    set("starred", json!(file.starred_by.contains(account)));
    set("trashed", json!(trashed));
    set("explicitlyTrashed", json!(file.trashed.is_some()));
    set("spaces", json!(["drive"]));
    set("version", json!(file.version.to_string()));
    set("createdTime", time(file.created));
    set("modifiedTime", time(file.modified));
    set("modifiedByMe", json!(file.modified_by == account));
    set("viewedByMe", json!(file.viewed.contains_key(account)));
    set("owners", json!([user(tx, &file.owner, account)]));
    set("lastModifyingUser", user(tx, &file.modified_by, account));
    set("ownedByMe", json!(file.owner == account));
    set("shared", json!(is_shared));
    set("webViewLink", json!(link(call, id)));
    set("iconLink", json!(format!("{}picture.svg", call.base)));
    set("hasThumbnail", json!(false));
    set("thumbnailVersion", json!("0"));
    set("isAppAuthorized", json!(true));
    set(
        "copyRequiresWriterPermission",
        json!(file.copy_requires_writer),
    );
    set("viewersCanCopyContent", json!(!file.copy_requires_writer));
    set("writersCanShare", json!(true));
    set(
        "permissionIds",
        file.permissions
            .iter()
            .map(|permission| json!(permission.id))
            .collect(),
    );
    set("capabilities", capabilities(file, role, trashed));
    set(
        "quotaBytesUsed",
        json!(
            file.content
                .as_ref()
                .map_or(0, |content| content.size)
                .to_string()
        ),
    );
    if role >= Role::Writer {
        set(
            "permissions",
            file.permissions
                .iter()
                .map(|one| permission(tx, one))
                .collect(),
        );
    }
    if let Some(parent) = visible_parent(tx, file, account) {
        set("parents", json!([parent]));
    }
    if let Some(viewed) = file.viewed.get(account) {
        set("viewedByMeTime", time(*viewed));
    }
    if file.modified_by == account {
        set("modifiedByMeTime", time(file.modified));
    }
    if let Some(trashed) = &file.trashed {
        set("trashedTime", time(trashed.at));
        set("trashingUser", user(tx, &trashed.by, account));
    }
    if let Some(description) = &file.description {
        set("description", json!(description));
    }
    if !file.properties.is_empty() {
        set("properties", json!(file.properties));
    }
    if !file.app_properties.is_empty() {
        set("appProperties", json!(file.app_properties));
    }
    if let Some((at, by)) = shared_with(file, account) {
        set("sharedWithMeTime", time(*at));
        set("sharingUser", user(tx, by, account));
    }
    if let Some(content) = &file.content {
        set("size", json!(content.size.to_string()));
        set("md5Checksum", json!(content.md5));
        set("sha1Checksum", json!(content.sha1));
        set("sha256Checksum", json!(content.sha256));
        set("headRevisionId", json!(content.head_revision));
        set(
            "originalFilename",
            json!(file.original_filename.as_ref().unwrap_or(&file.name)),
        );
        let extension = file
            .name
            .rsplit_once('.')
            .map_or("", |(_, extension)| extension);
        set("fileExtension", json!(extension));
        set("fullFileExtension", json!(extension));
        set(
            "webContentLink",
            json!(format!("{}drive/v3/files/{id}?alt=media", call.base)),
        );
    }
    if file.mime_type == DOCUMENT {
        let links: Map<String, Value> = content::EXPORTS
            .iter()
            .map(|mime_type| {
                (
                    (*mime_type).to_owned(),
                    json!(format!(
                        "{}drive/v3/files/{id}/export?mimeType={mime_type}",
                        call.base
                    )),
                )
            })
            .collect();
        set("exportLinks", Value::Object(links));
    }
    if let Some(color) = &file.folder_color {
        set("folderColorRgb", json!(color));
    }
    if let Some(target) = &file.shortcut_target {
        let mime_type = file::get(tx, target)
            .map(|target| target.mime_type.clone())
            .unwrap_or_default();
        set(
            "shortcutDetails",
            json!({"targetId": target, "targetMimeType": mime_type}),
        );
    }
    out
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
        "canCopy": !folder && !(file.copy_requires_writer && !writes),
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
