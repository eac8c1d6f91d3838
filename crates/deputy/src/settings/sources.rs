//! Where the values come from: the file, `.env` and the environment.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::{SettingError, Sources, Values, keys, wrong};

/// `deputy.toml`, or the file that was named.
pub(super) fn read_file(
    sources: Sources,
    named: Option<&Path>,
    values: &mut Values,
) -> Result<(), SettingError> {
    let path = match (named, sources) {
        (Some(path), _) => path.to_owned(),
        (None, Sources::All) if Path::new("deputy.toml").exists() => PathBuf::from("deputy.toml"),
        (None, _) => return Ok(()),
    };
    let text = std::fs::read_to_string(&path)
        .map_err(|e| wrong(format!("{} can't be read: {e}", path.display())))?;
    let table: toml::Table = text
        .parse()
        .map_err(|e| wrong(format!("{}: {e}", path.display())))?;
    for (key, value) in keys::flatten(&table) {
        let Some(name) = keys::env_of(&key) else {
            let hint = keys::nearest(&key)
                .map(|near| format!("; did you mean '{near}'?"))
                .unwrap_or_default();
            return Err(wrong(format!(
                "{}: unknown key '{key}'{hint}",
                path.display()
            )));
        };
        if keys::is_allowed(name, sources) {
            values.0.insert(name, (value, "file"));
        }
    }
    Ok(())
}

/// The environment, and what of it `.env` has instead.
pub(super) fn read_environment(sources: Sources, values: &mut Values) -> Result<(), SettingError> {
    let mut dotenv = HashMap::new();
    if sources == Sources::All && Path::new(".env").exists() {
        for pair in dotenvy::from_path_iter(".env")
            .map_err(|e| wrong(format!(".env can't be read: {e}")))?
        {
            let (name, value) = pair.map_err(|e| wrong(format!(".env: {e}")))?;
            dotenv.insert(name, value);
        }
    }
    for (name, _) in keys::KEYS {
        if !keys::is_allowed(name, sources) {
            continue;
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place that reads the environment"
        )]
        let value = std::env::var(name).ok().or_else(|| dotenv.remove(*name));
        // An empty variable counts as unset: compose files pass those on.
        if let Some(value) = value.filter(|v| !v.trim().is_empty()) {
            values.0.insert(name, (value, "environment"));
        }
    }
    Ok(())
}
