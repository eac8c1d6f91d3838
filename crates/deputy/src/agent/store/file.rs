//! Files that only their owner reads, and that are whole at any moment: written beside, flushed to the disk, then moved
//! into place, so that neither a crash nor a full disk leaves half a token.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use zeroize::Zeroizing;

use super::{StoreError, private};

/// The largest file that is read, in bytes.
const LARGEST: u64 = 64 * 1024;

fn failed(path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    |source| StoreError::File { path, source }
}

/// Makes a folder that only its owner opens; closes one that was open.
pub(super) fn private_folder(path: &Path) -> Result<(), StoreError> {
    private::folder(path).map_err(failed(path))
}

/// What is in a file; nothing where there is none. One that others can read is refused.
pub(super) fn read(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(path)(error)),
    };
    let metadata = file.metadata().map_err(failed(path))?;
    if private::is_open(&metadata) {
        return Err(StoreError::Open(path.to_owned()));
    }
    let mut text = Zeroizing::new(Vec::new());
    file.take(LARGEST + 1)
        .read_to_end(&mut text)
        .map_err(failed(path))?;
    if text.len() as u64 > LARGEST {
        return Err(StoreError::Damaged(path.to_owned()));
    }
    Ok(Some(text))
}

/// Writes a file, whole or not at all.
pub(super) fn write(path: &Path, text: &[u8]) -> Result<(), StoreError> {
    let beside = path.with_extension(format!("{}.new", std::process::id()));
    let written = write_beside(&beside, text)
        .and_then(|()| std::fs::rename(&beside, path))
        .and_then(|()| sync_folder(path));
    if written.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    written.map_err(failed(path))
}

fn write_beside(path: &Path, text: &[u8]) -> io::Result<()> {
    // of a process that had this number and did not get further
    let _ = std::fs::remove_file(path);
    let mut options = File::options();
    options.write(true).create_new(true);
    let mut file = private::ours(&mut options).open(path)?;
    file.write_all(text)?;
    file.sync_all()
}

fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) => private::sync(folder),
        None => Ok(()),
    }
}

/// Deletes a file, if there is one, and what a process that was killed may have left of it.
pub(super) fn delete(path: &Path) -> Result<(), StoreError> {
    let stem = path.file_name().and_then(|name| name.to_str());
    if let (Some(folder), Some(stem)) = (path.parent(), stem)
        && let Ok(entries) = std::fs::read_dir(folder)
    {
        let stem = stem.split('.').next().unwrap_or(stem);
        for entry in entries.flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with(stem) && name.ends_with(".new") {
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(path)(error)),
        _ => Ok(()),
    }
}
