//! ReqIF in an archive (`.reqifz`, ZIP): the one ReqIF file in it; what else is there is left out.

use std::io::{Cursor, Read as _};

use zip::ZipArchive;

use super::super::checks::{Gathering, shown};
use super::super::{MAX_FILE, ReadError};

/// How many files an archive may have.
const MAX_FILES: usize = 10_000;

/// Whether a file is an archive, by its first bytes.
pub(super) fn is_archive(file: &[u8]) -> bool {
    file.starts_with(b"PK\x03\x04") || file.starts_with(b"PK\x05\x06")
}

/// The ReqIF file in an archive.
pub(super) fn unpack(file: &[u8], gathering: &mut Gathering) -> Result<Vec<u8>, ReadError> {
    if file.len() > MAX_FILE {
        return Err(ReadError::TooLong);
    }
    let broken = |error: zip::result::ZipError| {
        ReadError::malformed("the archive", format!("it can't be read: {error}"))
    };
    let mut archive = ZipArchive::new(Cursor::new(file)).map_err(broken)?;
    if archive.len() > MAX_FILES {
        return Err(ReadError::TooMany {
            what: "files in the archive",
            limit: MAX_FILES,
        });
    }
    let names: Vec<String> = archive.file_names().map(str::to_owned).collect();
    let is_reqif = |name: &&String| {
        let name = name.to_ascii_lowercase();
        name.rsplit_once('.')
            .is_some_and(|(_, ending)| ending == "reqif")
    };
    let found: Vec<&String> = names.iter().filter(is_reqif).collect();
    let name = match found.as_slice() {
        [] => {
            return Err(ReadError::malformed(
                "the archive",
                "there is no .reqif file in it",
            ));
        }
        [name] => *name,
        _ => {
            let found: Vec<String> = found.iter().take(10).map(|name| shown(name)).collect();
            return Err(ReadError::malformed(
                "the archive",
                format!(
                    "there are several .reqif files in it; import them one by one: {}",
                    found.join(", ")
                ),
            ));
        }
    };
    for other in names
        .iter()
        .filter(|other| *other != name && !other.ends_with('/'))
    {
        gathering.leave_out(format!("The file {} in the archive", shown(other)));
    }
    let entry = archive.by_name(name).map_err(broken)?;
    let mut text = Vec::new();
    let most = u64::try_from(MAX_FILE).unwrap_or(u64::MAX);
    entry
        .take(most + 1)
        .read_to_end(&mut text)
        .map_err(|error| {
            ReadError::malformed(shown(name), format!("it can't be unpacked: {error}"))
        })?;
    if text.len() > MAX_FILE {
        return Err(ReadError::TooLong);
    }
    Ok(text)
}
