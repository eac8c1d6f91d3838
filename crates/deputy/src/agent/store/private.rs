//! What keeps other accounts of the machine out of a folder or a file: its mode, where there are modes. On Windows a
//! folder in a person's profile is closed to others by what it inherits.

#[cfg(unix)]
mod system {
    use std::fs::{DirBuilder, File, Metadata, OpenOptions, Permissions};
    use std::io;
    use std::os::unix::fs::{
        DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
    };
    use std::path::Path;

    pub(in super::super) fn is_open(metadata: &Metadata) -> bool {
        metadata.mode() & 0o077 != 0
    }

    pub(in super::super) fn folder(path: &Path) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        if is_open(&std::fs::metadata(path)?) {
            std::fs::set_permissions(path, Permissions::from_mode(0o700))?;
        }
        Ok(())
    }

    pub(in super::super) fn ours(options: &mut OpenOptions) -> &mut OpenOptions {
        options.mode(0o600)
    }

    pub(in super::super) fn sync(folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }
}

#[cfg(not(unix))]
mod system {
    use std::fs::{Metadata, OpenOptions};
    use std::io;
    use std::path::Path;

    pub(in super::super) fn is_open(_: &Metadata) -> bool {
        false
    }

    pub(in super::super) fn folder(path: &Path) -> io::Result<()> {
        std::fs::create_dir_all(path)
    }

    pub(in super::super) fn ours(options: &mut OpenOptions) -> &mut OpenOptions {
        options
    }

    /// A folder is no file there that could be flushed.
    pub(in super::super) fn sync(_: &Path) -> io::Result<()> {
        Ok(())
    }
}

/// Makes a folder that only its owner opens, and those above it; closes one that was open.
pub(super) use system::folder;
/// Whether others can read it.
pub(super) use system::is_open;
/// A file that is made is its owner's alone.
pub(super) use system::ours;
/// Has the names in a folder on the disk.
pub(super) use system::sync;
