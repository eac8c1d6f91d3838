//! What the sandbox remembers between runs, beside its databases.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::Context as _;
use deputy_core::{Secret, SystemRng};
use serde::Deserialize;
use serde_json::json;

const FILE: &str = "sandbox.json";

/// What it remembers.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct State {
    /// The token of the user `demo`.
    pub(crate) token: Option<Secret<String>>,
    /// Where the emulated Google listened.
    pub(crate) google_port: Option<u16>,
    /// Whether the account was connected once: a person who disconnects it stays disconnected.
    pub(crate) is_connected: bool,
}

impl State {
    /// Reads it; the first run finds nothing.
    pub(crate) fn load(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(FILE);
        if !path.exists() {
            return Ok(Self::default());
        }
        let text = std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        serde_json::from_slice(&text)
            .with_context(|| format!("{} is damaged; delete it to begin anew", path.display()))
    }

    /// Writes it, whole or not at all.
    pub(crate) fn save(&self, folder: &Path) -> anyhow::Result<()> {
        let value = json!({
            "token": self.token.as_ref().map(|t| t.expose().as_str()),
            "google_port": self.google_port,
            "is_connected": self.is_connected,
        });
        write_private(&folder.join(FILE), value.to_string().as_bytes())
    }
}

/// The sandbox's root key, made on the first run.
pub(crate) fn root_key(path: &Path) -> anyhow::Result<Secret<String>> {
    if path.exists() {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        return Ok(Secret::from(text.trim()));
    }
    let key = deputy_vault::generate_key(&SystemRng);
    write_private(path, key.expose().as_bytes())?;
    Ok(key)
}

fn write_private(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let fresh = path.with_extension("new");
    let write = || {
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&fresh)?;
        file.write_all(content)?;
        file.sync_all()?;
        std::fs::rename(&fresh, path)
    };
    write().with_context(|| format!("writing {}", path.display()))
}
