//! How people's own servers are held.

use std::path::{Component, Path, PathBuf};

use deputy_jail::{Closed, Level};

use super::{SettingError, Values, embedded_file, wrong};

/// The confinement part.
#[derive(Clone, Debug)]
pub(crate) struct ConfinementSettings {
    /// How firmly.
    pub(crate) level: Level,
    /// Under which folders people may choose one for a server; `{user}` stands for the person's number.
    pub(crate) files_roots: Vec<PathBuf>,
    /// The folder in the data folder with a folder for each person; none where another place was chosen.
    pub(crate) files: Option<PathBuf>,
    /// What is Deputy's own, so that no server comes by it: the data folder, the database, keys and settings.
    pub(crate) closed: Vec<PathBuf>,
    /// The memory of one server with all it starts, in bytes; 0: no limit.
    pub(crate) memory: u64,
}

impl ConfinementSettings {
    pub(super) fn check(
        values: &Values,
        data_dir: &Path,
        database_url: &str,
    ) -> Result<Self, SettingError> {
        let data = absolute(data_dir)?;
        let closed = own(values, &data, database_url)?;
        let mebibytes: u64 = values.parse(
            "DEPUTY_LIMITS_SERVER_MEMORY_MB",
            "a number of MiB, 0 for no limit",
            1024,
        )?;
        let files = data.join(FILES);
        let files_roots = match values.text("DEPUTY_FILES_ROOTS") {
            None => vec![files.join("{user}")],
            Some(text) => roots(text, &data, &closed)?,
        };
        Ok(Self {
            files: files_roots.contains(&files.join("{user}")).then_some(files),
            files_roots,
            level: values.parse("DEPUTY_SANDBOX", "strict, basic or off", Level::Strict)?,
            closed,
            memory: mebibytes << 20,
        })
    }
}

fn absolute(path: &Path) -> Result<PathBuf, SettingError> {
    std::path::absolute(path)
        .map_err(|error| wrong(format!("DEPUTY_DATA_DIR: {}: {error}", path.display())))
}

/// The folder in the data folder that is people's.
const FILES: &str = "files";

/// The data folder, and what of Deputy's may lie elsewhere.
fn own(values: &Values, data: &Path, database_url: &str) -> Result<Vec<PathBuf>, SettingError> {
    let mut own = vec![data.to_owned()];
    if let Some(file) = values.text("TOKEN_ENCRYPTION_KEY_FILE") {
        own.push(absolute(Path::new(file))?);
    }
    if let Some(file) = embedded_file(database_url) {
        let file = absolute(&file)?;
        // its log, its index and its journal (sqlite.org/tempfiles.html)
        for suffix in ["", "-wal", "-shm", "-journal"] {
            let mut name = file.clone().into_os_string();
            name.push(suffix);
            own.push(name.into());
        }
    }
    for name in [".env", "deputy.toml"] {
        if Path::new(name).exists() {
            own.push(absolute(Path::new(name))?);
        }
    }
    Ok(own)
}

/// `path` with the links in it resolved, as far as it exists.
fn real(path: &Path) -> PathBuf {
    path.ancestors()
        .find_map(|above| Some((path.strip_prefix(above).ok()?, above.canonicalize().ok()?)))
        .map_or_else(|| path.to_owned(), |(rest, above)| above.join(rest))
}

fn roots(text: &str, data: &Path, closed: &[PathBuf]) -> Result<Vec<PathBuf>, SettingError> {
    let own = Closed::new(std::slice::from_ref(&data.to_owned()));
    let files = Closed::new(&[data.join(FILES)]);
    let mut roots = Vec::new();
    for root in text
        .split(':')
        .map(str::trim)
        .filter(|root| !root.is_empty())
    {
        let path = PathBuf::from(root);
        // A comma between two paths would be a folder that nobody has.
        let two = root
            .split(',')
            .skip(1)
            .any(|next| next.trim_start().starts_with('/'));
        if two || path.is_relative() || path.components().any(|part| part == Component::ParentDir) {
            return Err(wrong(format!(
                "DEPUTY_FILES_ROOTS must be full paths of folders, separated by colons, such as \
                 /srv/people/{{user}}:/srv/shared, not '{root}'"
            )));
        }
        // whoever reads there reads everybody's secrets
        let held = Closed::new(std::slice::from_ref(&path));
        if let Some(what) = closed
            .iter()
            .find(|what| held.holds(what) || held.holds(&real(what)))
        {
            return Err(wrong(format!(
                "DEPUTY_FILES_ROOTS: '{root}' has Deputy's own data in it ({}); people's folders have to \
                 be beside or below that",
                what.display()
            )));
        }
        let place = real(&path);
        if own.holds(&place) && !files.holds(&place) {
            return Err(wrong(format!(
                "DEPUTY_FILES_ROOTS: '{root}' is among Deputy's own data; of {} only '{FILES}' is for people",
                data.display()
            )));
        }
        roots.push(path);
    }
    Ok(roots)
}
