//! The templates that there are.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use crate::file::{self, TemplateFault};
use crate::row::Row;
use crate::template::{Origin, Template};

/// Most files that are read from the administrator's folder.
const MAX_FILES: usize = 200;

macro_rules! built_in {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../templates/", $name)))),*]
    };
}

/// The templates that are compiled in: file and text.
const BUILT_IN: &[(&str, &str)] = built_in![
    "brave-search.toml",
    "custom.toml",
    "fetch.toml",
    "filesystem.toml",
    "github-local.toml",
    "github.toml",
    "memory.toml",
    "notion.toml",
    "playwright.toml",
    "postgres.toml",
    "remote.toml",
    "slack.toml",
    "sqlite.toml",
];

/// The templates that there are, by their types. Of two with one type the later source counts: compiled in, then the
/// database, then the administrator's folder.
///
/// A file or a row with a fault is left out, and what it would have taken the place of goes with it: somebody may have
/// written it to allow less.
#[derive(Clone, Debug)]
pub struct Registry {
    templates: BTreeMap<String, Arc<Template>>,
    /// Types of which nothing counts that comes from there or from before.
    closed: BTreeMap<String, Origin>,
    faults: Vec<TemplateFault>,
}

impl Registry {
    /// Those that are compiled in.
    pub fn builtin() -> Self {
        let mut registry = Self {
            templates: BTreeMap::new(),
            closed: BTreeMap::new(),
            faults: Vec::new(),
        };
        for (name, text) in BUILT_IN {
            match file::parse(name, text, Origin::BuiltIn) {
                Ok(template) => registry.take(template),
                Err(fault) => registry.faults.push(fault),
            }
        }
        registry
    }

    /// With the files `*.toml` and `*.json` of an administrator's folder. A file with a fault is noted in
    /// [`Self::faults`], and takes the type away that it names, or that it is called by; two of one type are a fault. A
    /// folder that can't be read is noted.
    #[must_use]
    pub fn with_folder(mut self, folder: &Path) -> Self {
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(e) => {
                let message = format!("the folder can't be read: {e}");
                self.faults
                    .push(fault(&folder.display().to_string(), message));
                return self;
            }
        };
        let mut files: Vec<_> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| {
                path.extension()
                    .is_some_and(|extension| extension == "toml" || extension == "json")
            })
            .collect();
        files.sort();
        if files.len() > MAX_FILES {
            let message =
                format!("has more than {MAX_FILES} templates; the later ones are left out");
            self.faults
                .push(fault(&folder.display().to_string(), message));
            files.truncate(MAX_FILES);
        }
        let mut from: BTreeMap<String, String> = BTreeMap::new();
        for path in files {
            let name = path.display().to_string();
            let text = read(&path);
            let template = match &text {
                Ok(text) => file::parse(&name, text, Origin::Folder),
                Err(message) => Err(fault(&name, message.clone())),
            };
            match template {
                Ok(template) => match from.insert(template.server_type.clone(), name.clone()) {
                    None => self.take(template),
                    Some(other) => {
                        let message = format!("has the type of {other}; neither counts");
                        self.faults.push(fault(&name, message));
                        self.close(&template.server_type, Origin::Folder);
                    }
                },
                Err(fault) => {
                    let stem = path.file_stem().and_then(|stem| stem.to_str());
                    let named = text.ok().and_then(|text| file::type_of(&name, &text));
                    if let Some(server_type) = named.as_deref().or(stem) {
                        self.close(server_type, Origin::Folder);
                    }
                    self.faults.push(fault);
                }
            }
        }
        self
    }

    /// With rows of `mcp_server_templates`. A row that isn't active takes the type away, also a compiled-in one; so does
    /// a row with a fault, which is noted in [`Self::faults`].
    #[must_use]
    pub fn with_rows(mut self, rows: impl IntoIterator<Item = Row>) -> Self {
        for row in rows {
            let template = row.is_active.then(|| Template::from_row(&row));
            match template {
                Some(Ok(template)) => self.take(template),
                None => self.close(&row.server_type, Origin::Database),
                Some(Err(fault)) => {
                    self.close(&row.server_type, Origin::Database);
                    self.faults.push(fault);
                }
            }
        }
        self
    }

    fn take(&mut self, template: Template) {
        let (server_type, origin) = (&template.server_type, template.origin);
        let closed = self.closed.get(server_type).is_some_and(|by| origin <= *by);
        let later = self
            .get(server_type)
            .is_some_and(|known| known.origin > origin);
        if !closed && !later {
            self.templates
                .insert(template.server_type.clone(), Arc::new(template));
        }
    }

    /// From now on nothing of this type counts that comes from `origin` or from before it.
    fn close(&mut self, server_type: &str, origin: Origin) {
        if self
            .get(server_type)
            .is_some_and(|known| known.origin <= origin)
        {
            self.templates.remove(server_type);
        }
        let by = self.closed.entry(server_type.to_owned()).or_insert(origin);
        *by = origin.max(*by);
    }

    /// The template of a type.
    pub fn get(&self, server_type: &str) -> Option<&Arc<Template>> {
        self.templates.get(server_type)
    }

    /// All of them, by type.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Template>> {
        self.templates.values()
    }

    /// The type most like `name`, for a message about an unknown one.
    pub fn nearest(&self, name: &str) -> Option<&str> {
        file::nearest(name, self.templates.keys().map(String::as_str))
    }

    /// What was left out and why, for the log and `deputy doctor`.
    pub fn faults(&self) -> &[TemplateFault] {
        &self.faults
    }
}

/// A fault of a whole file.
fn fault(file: &str, message: String) -> TemplateFault {
    TemplateFault {
        file: file.to_owned(),
        key: String::new(),
        message,
    }
}

/// The text of a file, or why there is none. What is no file isn't opened: a pipe would be waited for.
fn read(path: &Path) -> Result<String, String> {
    let unread = |e: std::io::Error| format!("can't be read: {e}");
    let meta = fs::metadata(path).map_err(unread)?;
    if !meta.is_file() {
        return Err("is not a file".to_owned());
    }
    if meta.len() > file::MAX_BYTES as u64 {
        return Err(format!("is larger than {} bytes", file::MAX_BYTES));
    }
    fs::read_to_string(path).map_err(unread)
}
