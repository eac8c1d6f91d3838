//! Opens the database that the settings name.

use std::path::Path;

use anyhow::Context as _;
use deputy_store::Store;

use crate::settings::Settings;

/// Opens the database, making the folder of an embedded one.
pub(super) async fn open(settings: &Settings) -> anyhow::Result<Store> {
    if let Some(file) = settings.embedded_file()
        && let Some(folder) = file.parent().filter(|p| !p.as_os_str().is_empty())
    {
        private_folder(folder)?;
    }
    let config = deputy_store::Config::new(&settings.database_url);
    Store::connect(&config)
        .await
        .with_context(|| match settings.database_url.split_once("://") {
            Some(("sqlite", path)) => format!("opening the database {path}"),
            // The URL may hold a password.
            _ => "reaching the database of DATABASE_URL".to_owned(),
        })
}

/// Makes a folder that only its owner can enter.
pub(crate) fn private_folder(folder: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("making the folder {}", folder.display()))
}
