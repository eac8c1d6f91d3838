//! Drive: files, folders and Google documents, their sharing, import and export.
//!
//! A file is one thing with one id, whoever sees it: files are kept under nobody's account, and
//! permissions (its own and those of the folders above) say who may do what. To everybody else a file
//! is not there (404). A Google document's text lives in [`super::docs`]; both APIs change the one
//! model, so that what one writes the other reads.
//!
//! Left for later: the changes feed (it hangs on `version`, which every change raises), shared
//! drives, comments, revisions.

use super::call::{Answer, Call};
use super::failure::Failure;
use super::service::Service;
use super::world::Tx;

mod access;
mod content;
mod copy;
mod create;
mod file;
mod list;
mod permissions;
mod query;
mod read;
mod resource;
mod update;
mod window;

pub(crate) use access::Role;
pub(crate) use file::{DOCUMENT, File, touch};

pub(crate) static SERVICE: Service = Service {
    window: Some(window::WINDOW),
    resume: Some(resume),
    ..Service::new(
        &[
            ("drive.about.get", read::about),
            ("drive.files.list", list::list),
            ("drive.files.get", read::get),
            ("drive.files.create", create::create),
            ("drive.files.update", update::update),
            ("drive.files.copy", copy::copy),
            ("drive.files.export", read::export),
            ("drive.files.delete", update::delete),
            ("drive.files.emptyTrash", update::empty_trash),
            ("drive.files.generateIds", create::generate_ids),
            ("drive.permissions.create", permissions::create),
            ("drive.permissions.list", permissions::list),
            ("drive.permissions.get", permissions::get),
            ("drive.permissions.update", permissions::update),
            ("drive.permissions.delete", permissions::delete),
        ],
        provision,
    )
};

/// Everybody's drive has a folder that all else is in.
fn provision(tx: &mut Tx<'_>, account: &str) {
    file::make_root(tx, account);
}

fn resume(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    super::upload::resume(call, |method| match method {
        "drive.files.create" => Some(create::create_upload),
        "drive.files.update" => Some(update::update_upload),
        _ => None,
    })
}

/// A new document of this title in the account's root: what the Docs API makes.
pub(crate) fn new_document(tx: &mut Tx<'_>, account: &str, title: &str) -> String {
    let id = file::fresh_id(tx, DOCUMENT);
    let parent = file::root_of(tx, account);
    let mut file = File::new(tx, account, title, DOCUMENT);
    file.parent = parent;
    tx.put(super::world::NOBODY, &id, file);
    id
}

/// The file, if the account may at least read it, with what it may do.
pub(crate) fn visible(
    tx: &Tx<'_>,
    account: &str,
    id: &str,
) -> Option<(std::sync::Arc<File>, Role)> {
    let file = file::get(tx, id)?;
    let role = access::role(tx, &file, account)?;
    Some((file, role))
}

/// Whether there is a file of this id for anybody.
pub(crate) fn exists(tx: &Tx<'_>, id: &str) -> bool {
    file::get(tx, id).is_some()
}

#[cfg(test)]
mod tests;
