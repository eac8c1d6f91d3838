//! The templates that there are.

use std::collections::BTreeMap;
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
#[derive(Clone, Debug)]
pub struct Registry {
    templates: BTreeMap<String, Arc<Template>>,
    faults: Vec<TemplateFault>,
}

impl Registry {
    /// Those that are compiled in.
    pub fn builtin() -> Self {
        let mut registry = Self {
            templates: BTreeMap::new(),
            faults: Vec::new(),
        };
        for (name, text) in BUILT_IN {
            registry.take(file::parse(name, text, Origin::BuiltIn));
        }
        registry
    }

    /// With the files `*.toml` and `*.json` of an administrator's folder. A file with a fault is left out and noted in
    /// [`Self::faults`]; so is a folder that can't be read.
    #[must_use]
    pub fn with_folder(mut self, folder: &Path) -> Self {
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(e) => {
                self.faults.push(TemplateFault {
                    file: folder.display().to_string(),
                    key: String::new(),
                    message: format!("the folder can't be read: {e}"),
                });
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
            self.faults.push(TemplateFault {
                file: folder.display().to_string(),
                key: String::new(),
                message: format!(
                    "has more than {MAX_FILES} templates; the later ones are left out"
                ),
            });
            files.truncate(MAX_FILES);
        }
        for path in files {
            let name = path.display().to_string();
            let read = match std::fs::metadata(&path) {
                Ok(meta) if meta.len() > file::MAX_BYTES as u64 => {
                    Err(format!("is larger than {} bytes", file::MAX_BYTES))
                }
                _ => std::fs::read_to_string(&path).map_err(|e| format!("can't be read: {e}")),
            };
            self.take(match read {
                Ok(text) => file::parse(&name, &text, Origin::Folder),
                Err(message) => Err(TemplateFault {
                    file: name,
                    key: String::new(),
                    message,
                }),
            });
        }
        self
    }

    /// With rows of `mcp_server_templates`. A row that isn't active takes the type away, also a compiled-in one; a row
    /// with a fault is left out and noted in [`Self::faults`].
    #[must_use]
    pub fn with_rows(mut self, rows: impl IntoIterator<Item = Row>) -> Self {
        for row in rows {
            if row.is_active {
                let template = Template::from_row(&row);
                self.take(template);
            } else if self
                .get(&row.server_type)
                .is_some_and(|template| template.origin != Origin::Folder)
            {
                self.templates.remove(&row.server_type);
            }
        }
        self
    }

    fn take(&mut self, template: Result<Template, TemplateFault>) {
        match template {
            Ok(template) => {
                if self
                    .get(&template.server_type)
                    .is_none_or(|known| known.origin <= template.origin)
                {
                    self.templates
                        .insert(template.server_type.clone(), Arc::new(template));
                }
            }
            Err(fault) => self.faults.push(fault),
        }
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
