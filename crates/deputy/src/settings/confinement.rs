//! How people's own servers are held.

use std::path::{Component, Path, PathBuf};

use deputy_jail::Level;

use super::{SettingError, Values, wrong};

/// The confinement part.
#[derive(Clone, Debug)]
pub(crate) struct ConfinementSettings {
    /// How firmly.
    pub(crate) level: Level,
    /// Under which folders people may choose one for a server; `{user}` stands for the person's number.
    pub(crate) files_roots: Vec<PathBuf>,
    /// The memory of one server with all it starts, in bytes; 0: no limit.
    pub(crate) memory: u64,
}

impl ConfinementSettings {
    pub(super) fn check(values: &Values, data_dir: &Path) -> Result<Self, SettingError> {
        let mebibytes: u64 = values.parse(
            "DEPUTY_LIMITS_SERVER_MEMORY_MB",
            "a number of MiB, 0 for no limit",
            1024,
        )?;
        Ok(Self {
            level: values.parse("DEPUTY_SANDBOX", "strict, basic or off", Level::Strict)?,
            files_roots: match values.text("DEPUTY_FILES_ROOTS") {
                None => vec![absolute(&data_dir.join("files").join("{user}"))?],
                Some(text) => roots(text, data_dir)?,
            },
            memory: mebibytes << 20,
        })
    }
}

fn absolute(path: &Path) -> Result<PathBuf, SettingError> {
    std::path::absolute(path)
        .map_err(|error| wrong(format!("DEPUTY_DATA_DIR: {}: {error}", path.display())))
}

fn roots(text: &str, data_dir: &Path) -> Result<Vec<PathBuf>, SettingError> {
    let data = absolute(data_dir)?;
    let data = data.canonicalize().unwrap_or(data);
    let mut roots = Vec::new();
    for root in text
        .split(',')
        .map(str::trim)
        .filter(|root| !root.is_empty())
    {
        let path = PathBuf::from(root);
        if path.is_relative() || path.components().any(|part| part == Component::ParentDir) {
            return Err(wrong(format!(
                "DEPUTY_FILES_ROOTS must be full paths of folders, comma separated, such as \
                 /srv/files/{{user}}, not '{root}'"
            )));
        }
        // whoever reads there reads everybody's secrets
        if data.starts_with(path.canonicalize().unwrap_or_else(|_| path.clone())) {
            return Err(wrong(format!(
                "DEPUTY_FILES_ROOTS: '{root}' has Deputy's own data in it ({}); people's folders have to \
                 be beside or below that",
                data.display()
            )));
        }
        roots.push(path);
    }
    Ok(roots)
}
