//! What is kept of a file.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::access::Role;
use crate::google::accounts::Account;
use crate::google::docs;
use crate::google::world::{Document, NOBODY, Tx};

pub(crate) const FOLDER: &str = "application/vnd.google-apps.folder";
pub(crate) const DOCUMENT: &str = "application/vnd.google-apps.document";
pub(crate) const SHORTCUT: &str = "application/vnd.google-apps.shortcut";

/// One file, folder or Google document.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) mime_type: String,
    pub(crate) description: Option<String>,
    /// None for roots, and for what was taken out of every folder.
    pub(crate) parent: Option<String>,
    pub(crate) owner: String,
    pub(crate) created: Timestamp,
    pub(crate) modified: Timestamp,
    pub(crate) modified_by: String,
    pub(crate) trashed: Option<Trashed>,
    pub(crate) starred_by: BTreeSet<String>,
    pub(crate) viewed: BTreeMap<String, Timestamp>,
    pub(crate) properties: BTreeMap<String, String>,
    /// Private to the app; here all apps are one.
    pub(crate) app_properties: BTreeMap<String, String>,
    pub(crate) permissions: Vec<Permission>,
    /// Rises with every change.
    pub(crate) version: u64,
    /// There for a file with content of its own, which is the blob of the same id.
    pub(crate) content: Option<Content>,
    pub(crate) original_filename: Option<String>,
    pub(crate) folder_color: Option<String>,
    pub(crate) shortcut_target: Option<String>,
    pub(crate) copy_requires_writer: bool,
    pub(crate) is_root: bool,
}

impl Document for File {
    const KIND: &'static str = "drive.file";
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Trashed {
    pub(crate) at: Timestamp,
    pub(crate) by: String,
}

/// Of a file's bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Content {
    pub(crate) size: u64,
    pub(crate) md5: String,
    pub(crate) sha1: String,
    pub(crate) sha256: String,
    pub(crate) head_revision: String,
}

/// Who may do what with a file and with all below it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Permission {
    pub(crate) id: String,
    pub(crate) grantee: Grantee,
    pub(crate) role: Role,
    /// When and by whom it was given; not for the owner's.
    pub(crate) shared: Option<(Timestamp, String)>,
    pub(crate) expires: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Grantee {
    User(String),
    Group(String),
    Domain(String),
    /// Whoever knows the id; if `true`, whoever searches too.
    Anyone(bool),
}

impl File {
    /// An empty file of this account, not yet in a folder.
    pub(crate) fn new(tx: &mut Tx<'_>, account: &str, name: &str, mime_type: &str) -> Self {
        let now = tx.tick();
        let owner = Permission {
            id: permission_id(tx, account),
            grantee: Grantee::User(account.to_owned()),
            role: Role::Owner,
            shared: None,
            expires: None,
        };
        Self {
            name: name.to_owned(),
            mime_type: mime_type.to_owned(),
            description: None,
            parent: None,
            owner: account.to_owned(),
            created: now,
            modified: now,
            modified_by: account.to_owned(),
            trashed: None,
            starred_by: BTreeSet::new(),
            viewed: BTreeMap::from([(account.to_owned(), now)]),
            properties: BTreeMap::new(),
            app_properties: BTreeMap::new(),
            permissions: vec![owner],
            version: 1,
            content: None,
            original_filename: None,
            folder_color: None,
            shortcut_target: None,
            copy_requires_writer: false,
            is_root: false,
        }
    }

    /// Made by a Google editor: no bytes of its own to download.
    pub(crate) fn is_native(&self) -> bool {
        self.mime_type.starts_with("application/vnd.google-apps.")
    }
}

/// The file; `root` must have been resolved before.
pub(crate) fn get(tx: &Tx<'_>, id: &str) -> Option<Arc<File>> {
    tx.get::<File>(NOBODY, id)
}

/// Every file of everybody.
pub(crate) fn all(tx: &Tx<'_>) -> Vec<(String, Arc<File>)> {
    tx.list::<File>(NOBODY)
}

/// The files right below a folder.
pub(crate) fn children(tx: &Tx<'_>, folder: &str) -> Vec<(String, Arc<File>)> {
    let mut found = all(tx);
    found.retain(|(_, file)| file.parent.as_deref() == Some(folder));
    found
}

/// Writes a changed file; its version rises.
pub(crate) fn put(tx: &mut Tx<'_>, id: &str, mut file: File) {
    file.version += 1;
    tx.next_change();
    tx.put(NOBODY, id, file);
}

/// Notes that the account changed what is in the file.
pub(crate) fn touch(tx: &mut Tx<'_>, id: &str, account: &str) {
    let Some(file) = get(tx, id) else { return };
    let mut file = File::clone(&file);
    file.modified = tx.tick();
    account.clone_into(&mut file.modified_by);
    file.viewed.insert(account.to_owned(), file.modified);
    put(tx, id, file);
}

/// Sets the bytes of a file.
pub(crate) fn set_content(tx: &mut Tx<'_>, id: &str, file: &mut File, data: Bytes) {
    use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
    use md5::Digest as _;
    file.content = Some(Content {
        size: data.len() as u64,
        md5: hex::encode(md5::Md5::digest(&data)),
        sha1: hex::encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &data)),
        sha256: hex::encode(digest(&SHA256, &data)),
        head_revision: format!("0B{}", tx.random_id(ID_LETTERS, 50)),
    });
    tx.put_blob(NOBODY, id, Some(data));
}

/// The bytes of a file.
pub(crate) fn bytes(tx: &Tx<'_>, id: &str) -> Bytes {
    tx.blob(NOBODY, id).unwrap_or_default()
}

/// Takes the file and all below it out for good.
pub(crate) fn remove(tx: &mut Tx<'_>, id: &str) {
    for (child, _) in children(tx, id) {
        remove(tx, &child);
    }
    tx.put_blob(NOBODY, id, None);
    docs::forget(tx, id);
    tx.remove::<File>(NOBODY, id);
    tx.next_change();
}

const ID_LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

/// An id as Google forms them: 44 characters for what its editors make, 33 for all else.
pub(crate) fn fresh_id(tx: &Tx<'_>, mime_type: &str) -> String {
    let native = mime_type.starts_with("application/vnd.google-apps.")
        && ![FOLDER, SHORTCUT].contains(&mime_type);
    loop {
        let id = format!(
            "1{}",
            tx.random_id(ID_LETTERS, if native { 43 } else { 32 })
        );
        if get(tx, &id).is_none() {
            return id;
        }
    }
}

/// Which folder is an account's root.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Root {
    id: String,
}

impl Document for Root {
    const KIND: &'static str = "drive.root";
}

/// Gives the account its root folder.
pub(crate) fn make_root(tx: &mut Tx<'_>, account: &str) {
    let id = format!("0A{}Uk9PVA", tx.random_id(ID_LETTERS, 11));
    let file = File {
        is_root: true,
        ..File::new(tx, account, "My Drive", FOLDER)
    };
    tx.put(NOBODY, &id, file);
    tx.put(account, "", Root { id });
}

/// The id of the account's root folder.
pub(crate) fn root_of(tx: &Tx<'_>, account: &str) -> Option<String> {
    tx.get::<Root>(account, "").map(|root| root.id.clone())
}

/// The id that `root` or an id stands for.
pub(crate) fn resolve(tx: &Tx<'_>, account: &str, id: &str) -> String {
    if id == "root" {
        root_of(tx, account).unwrap_or_default()
    } else {
        id.to_owned()
    }
}

/// The number under which a person's permissions go: the account's, or one made from the address.
pub(crate) fn permission_id(tx: &Tx<'_>, email: &str) -> String {
    if let Some(account) = tx.get::<Account>(email, "") {
        return account.number.clone();
    }
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, email.as_bytes());
    hash.as_ref()
        .iter()
        .take(20)
        .map(|byte| char::from(b'0' + byte % 10))
        .collect()
}

/// In the trash, by itself or with a folder above.
pub(crate) fn is_trashed(tx: &Tx<'_>, file: &File) -> bool {
    file.trashed.is_some()
        || ancestors(tx, file)
            .iter()
            .any(|(_, folder)| folder.trashed.is_some())
}

/// The folders above, from the nearest.
pub(crate) fn ancestors(tx: &Tx<'_>, file: &File) -> Vec<(String, Arc<File>)> {
    let above = |file: &File| {
        let id = file.parent.clone()?;
        get(tx, &id).map(|folder| (id, folder))
    };
    // The limit ends a circle, which `update` prevents.
    std::iter::successors(above(file), |(_, folder)| above(folder))
        .take(100)
        .collect()
}
