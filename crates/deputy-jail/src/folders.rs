//! Which folder a person may choose for a server.
//!
//! The roots are the administrator's, with `{user}` in place of the person's id. What is chosen counts by
//! where it really is: links are resolved first. Between this check and the start of the server somebody
//! may put a link in the folder's place (another server of the same person, that holds the folder above),
//! and so the helper opens the canonical path again without following any link.

use std::io;
use std::path::{Component, Path, PathBuf};

/// Why a folder can't be chosen. Fit for the person who chose it.
#[derive(Debug, thiserror::Error)]
pub enum PathFault {
    /// It is no full path.
    #[error("give the full path of a folder, beginning with /")]
    Relative,
    /// It has `..` or a NUL in it.
    #[error("the path must not contain '..' or a NUL character")]
    Malformed,
    /// It is not there, or not to be looked at.
    #[error("there is no such folder")]
    Missing,
    /// It is there and is no folder.
    #[error("this is not a folder")]
    NotAFolder,
    /// It lies outside of what the administrator opened.
    #[error("only folders under {} can be used", list(.roots))]
    Outside {
        /// What this person may choose from.
        roots: Vec<PathBuf>,
    },
    /// The person's root is not there and can't be made.
    #[error("your folder {} can't be made: {error}", root.display())]
    Root {
        /// Which.
        root: PathBuf,
        /// Why.
        error: io::Error,
    },
}

fn list(roots: &[PathBuf]) -> String {
    if roots.is_empty() {
        return "none: no roots are set".to_owned();
    }
    let roots: Vec<_> = roots
        .iter()
        .map(|root| root.display().to_string())
        .collect();
    roots.join(" or ")
}

/// The canonical path of the folder `path`, if it lies under one of `roots` with `{user}` replaced by
/// `user`. A root with `{user}` in it is made if it is the folder itself or lies above it.
///
/// A path under no root gives [`PathFault::Outside`] whether or not it exists: nobody learns what is on
/// the machine by asking.
pub fn allowed_folder(path: &Path, roots: &[PathBuf], user: i64) -> Result<PathBuf, PathFault> {
    if path.as_os_str().as_encoded_bytes().contains(&0) {
        return Err(PathFault::Malformed);
    }
    if path.is_relative() {
        return Err(PathFault::Relative);
    }
    if path.components().any(|part| part == Component::ParentDir) {
        return Err(PathFault::Malformed);
    }
    let own = own_roots(roots, user);
    let outside = || PathFault::Outside { roots: own.clone() };
    let mut named_within = false;
    for (root, template) in own.iter().zip(roots) {
        let within = path.starts_with(root);
        named_within |= within;
        if within && is_personal(template) {
            create_private(root).map_err(|error| PathFault::Root {
                root: root.clone(),
                error,
            })?;
        }
    }
    let canonical = match path.canonicalize() {
        Ok(canonical) => canonical,
        Err(_) if named_within => return Err(PathFault::Missing),
        Err(_) => return Err(outside()),
    };
    let within = own
        .iter()
        .filter_map(|root| root.canonicalize().ok())
        .any(|root| canonical.starts_with(root));
    if !within {
        return Err(outside());
    }
    if !canonical.is_dir() {
        return Err(PathFault::NotAFolder);
    }
    Ok(canonical)
}

/// The roots of the person `user`.
pub fn own_roots(roots: &[PathBuf], user: i64) -> Vec<PathBuf> {
    let user = user.to_string();
    roots
        .iter()
        .map(|root| {
            root.components()
                .map(|part| match part {
                    Component::Normal(name) => match name.to_str() {
                        Some(text) => PathBuf::from(text.replace("{user}", &user)),
                        None => PathBuf::from(name),
                    },
                    other => PathBuf::from(other.as_os_str()),
                })
                .collect()
        })
        .collect()
}

fn is_personal(root: &Path) -> bool {
    root.to_str().is_some_and(|text| text.contains("{user}"))
}

/// Makes a folder, and those above it that are missing, for its owner alone.
pub fn create_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

/// Removes a folder with all in it, whatever modes its owner gave to what is in it. No link is followed. What
/// is not there is removed.
pub fn remove_all(path: &Path) -> io::Result<()> {
    let remove = || match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    };
    match remove() {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            make_enterable(path);
            remove()
        }
        other => other,
    }
}

fn make_enterable(top: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let mut folders = vec![top.to_owned()];
    while let Some(folder) = folders.pop() {
        let is_folder = std::fs::symlink_metadata(&folder).is_ok_and(|meta| meta.is_dir());
        let mode = std::fs::Permissions::from_mode(0o700);
        if !is_folder || std::fs::set_permissions(&folder, mode).is_err() {
            continue;
        }
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(entry.path());
            }
        }
    }
}

#[cfg(test)]
mod tests;
