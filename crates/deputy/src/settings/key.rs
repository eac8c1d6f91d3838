//! The root key.

use std::path::Path;

use deputy_core::Secret;

use super::{SettingError, Values, wrong};

/// The root key's text: from the variable, or from the file that the other one names.
pub(super) fn read_key(values: &Values) -> Result<Option<Secret<String>>, SettingError> {
    match (
        values.text("TOKEN_ENCRYPTION_KEY_FILE"),
        values.secret("TOKEN_ENCRYPTION_KEY"),
    ) {
        (Some(file), None) => key_from_file("TOKEN_ENCRYPTION_KEY_FILE", Path::new(file)).map(Some),
        (None, key) => Ok(key),
        (Some(_), Some(_)) => Err(wrong(
            "TOKEN_ENCRYPTION_KEY and TOKEN_ENCRYPTION_KEY_FILE are both set; keep one, the file being the better place",
        )),
    }
}

/// A key from a file that nobody else can read.
pub(super) fn key_from_file(setting: &str, file: &Path) -> Result<Secret<String>, SettingError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(file)
            .map_err(|e| wrong(format!("{setting}: {} can't be read: {e}", file.display())))?
            .permissions()
            .mode();
        if mode & 0o077 != 0 {
            return Err(wrong(format!(
                "{setting}: others can read {} (mode {:03o}); run: chmod 600 {}",
                file.display(),
                mode & 0o777,
                file.display()
            )));
        }
    }
    let text = std::fs::read_to_string(file)
        .map_err(|e| wrong(format!("{setting}: {} can't be read: {e}", file.display())))?;
    Ok(Secret::from(text.trim()))
}
