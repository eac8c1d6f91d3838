//! What is kept of a login between two commands: a refresh token, in the system's store of secrets or in a file that
//! only its owner reads, and beside it, in a folder per server, what is no secret (where the server's endpoints are, who
//! logged in, with which scopes).
//!
//! Processes share this. A lock per server keeps them apart while one of them refreshes; where a file system knows no
//! locks, what is written and deleted is still compared first ([`Slot::replace`], [`Slot::forget_if`]): a token that is
//! newer than the one somebody worked with is never touched.

mod file;
mod keyring;
mod private;
#[cfg(test)]
mod tests;

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use deputy_core::Secret;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::server::ServerUrl;
use crate::settings::variable;

/// How long one process waits for another that refreshes.
const LOCK_WAIT: Duration = Duration::from_mins(2);
/// How often it looks.
const LOCK_LOOK: Duration = Duration::from_millis(20);

/// Why something can't be kept, or read back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// There is no place for the agent's files.
    #[error("there is no home folder to keep a login in: set HOME or XDG_CONFIG_HOME")]
    NoHome,
    /// The folder or a file in it can't be used.
    #[error("{path} can't be used")]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// A file is not what was written there.
    #[error("{0} is damaged: delete it, then log in again")]
    Damaged(PathBuf),
    /// Somebody else may have read the token.
    #[error("{0} can be read by others: delete it, then log in again")]
    Open(PathBuf),
    /// The system's store of secrets.
    #[error("the system's key store can't be used: {0}")]
    Keyring(String),
    /// The lock was not to be had.
    #[error("another deputy has been busy with this login for two minutes (its lock is {0})")]
    Busy(PathBuf),
}

/// Where the refresh token of a login is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Place {
    /// The system's store of secrets: Keychain, Credential Manager, Secret Service
    Keyring,
    /// A file that only you can read
    File,
}

/// What is known of a login, beside its token.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Login {
    /// The server's address.
    pub(crate) server: String,
    /// Who logged in, as the server calls them.
    pub(crate) username: String,
    /// What was granted, separated by spaces.
    pub(crate) scopes: String,
    /// What it was granted for.
    pub(crate) resources: Vec<String>,
    /// Where the token is.
    pub(crate) kept: Place,
    /// Since when.
    pub(crate) since: Timestamp,
    /// The server's token endpoint.
    pub(crate) token_endpoint: url::Url,
    /// The server's revocation endpoint, if it has one.
    pub(crate) revocation_endpoint: Option<url::Url>,
}

/// All logins of an account of this machine.
#[derive(Clone, Debug)]
pub(crate) struct Logins {
    folder: PathBuf,
}

impl Logins {
    /// Where the settings of programs are: `$XDG_CONFIG_HOME/deputy`, or `~/.config/deputy`; on Windows `%APPDATA%\deputy` where neither is said.
    pub(crate) fn find() -> Result<Self, StoreError> {
        let config = variable("XDG_CONFIG_HOME")
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
            .or_else(|| Some(Path::new(&variable("HOME")?).join(".config")))
            .or_else(|| {
                variable("APPDATA")
                    .filter(|_| cfg!(windows))
                    .map(PathBuf::from)
            })
            .ok_or(StoreError::NoHome)?;
        Ok(Self::at(config.join("deputy")))
    }

    pub(crate) fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The server that commands mean when nobody names one: that of the last login.
    pub(crate) fn current(&self) -> Option<ServerUrl> {
        let text = file::read(&self.folder.join("current")).ok()??;
        ServerUrl::parse(std::str::from_utf8(&text).ok()?).ok()
    }

    /// Sets it; `None`: there is none any more.
    pub(crate) fn set_current(&self, server: Option<&ServerUrl>) -> Result<(), StoreError> {
        let path = self.folder.join("current");
        match server {
            Some(server) => {
                file::private_folder(&self.folder)?;
                file::write(&path, format!("{server}\n").as_bytes())
            }
            None => file::delete(&path),
        }
    }

    /// The place of one server's login.
    pub(crate) fn of(&self, server: &ServerUrl) -> Slot {
        Slot {
            folder: self.folder.join("servers").join(server.folder_name()),
            root: self.folder.clone(),
            server: server.clone(),
        }
    }

    /// Addresses of the servers that there is a login for.
    pub(crate) fn servers(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.folder.join("servers")) else {
            return Vec::new();
        };
        let mut servers: Vec<String> = entries
            .filter_map(|entry| {
                let path = entry.ok()?.path().join("login.json");
                let login: Login = serde_json::from_slice(&file::read(&path).ok()??).ok()?;
                Some(login.server)
            })
            .collect();
        servers.sort();
        servers
    }
}

/// The place of one server's login.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    root: PathBuf,
    folder: PathBuf,
    server: ServerUrl,
}

/// Nobody else refreshes, logs in or out at this server while it is held.
pub(crate) struct Lock {
    _held: Option<File>,
}

impl Slot {
    /// Waits for the lock, at most two minutes.
    pub(crate) async fn lock(&self) -> Result<Lock, StoreError> {
        self.make_folders()?;
        let path = self.folder.join("lock");
        let mut options = File::options();
        options.create(true).truncate(false).write(true);
        let file = private::ours(&mut options)
            .open(&path)
            .map_err(|source| StoreError::File {
                path: path.clone(),
                source,
            })?;
        let deadline = Instant::now() + LOCK_WAIT;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Lock { _held: Some(file) }),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                    tokio::time::sleep(LOCK_LOOK).await;
                }
                Err(TryLockError::WouldBlock) => return Err(StoreError::Busy(path)),
                // some network file systems know no locks; the compared writes have to do
                Err(TryLockError::Error(_)) => return Ok(Lock { _held: None }),
            }
        }
    }

    fn make_folders(&self) -> Result<(), StoreError> {
        for folder in [&self.root, &self.root.join("servers"), &self.folder] {
            file::private_folder(folder)?;
        }
        Ok(())
    }

    fn record(&self) -> PathBuf {
        self.folder.join("login.json")
    }

    fn token_file(&self) -> PathBuf {
        self.folder.join("refresh-token")
    }

    /// What is known of the login; nothing where nobody is logged in.
    pub(crate) fn login(&self) -> Result<Option<Login>, StoreError> {
        let path = self.record();
        let Some(text) = file::read(&path)? else {
            return Ok(None);
        };
        match serde_json::from_slice::<Login>(&text) {
            Ok(login) if login.server == self.server.issuer() => Ok(Some(login)),
            _ => Err(StoreError::Damaged(path)),
        }
    }

    /// Where the token is kept, for people.
    pub(crate) fn describe(&self, place: Place) -> String {
        match place {
            Place::Keyring => keyring::NAME.to_owned(),
            Place::File => self.token_file().display().to_string(),
        }
    }

    /// Whether the system has a store of secrets, and why not.
    pub(crate) async fn keyring_works(&self) -> Result<(), StoreError> {
        keyring::read(self.server.issuer()).await.map(drop)
    }

    /// The stored refresh token.
    pub(crate) async fn token(&self, place: Place) -> Result<Option<Secret<String>>, StoreError> {
        match place {
            Place::Keyring => keyring::read(self.server.issuer()).await,
            Place::File => {
                let path = self.token_file();
                let Some(text) = file::read(&path)? else {
                    return Ok(None);
                };
                let text = String::from_utf8(text.to_vec())
                    .map(Secret::new)
                    .map_err(|_| StoreError::Damaged(path))?;
                Ok(Some(Secret::from(text.expose().trim())))
            }
        }
    }

    async fn write_token(&self, place: Place, token: &Secret<String>) -> Result<(), StoreError> {
        match place {
            Place::Keyring => keyring::write(self.server.issuer(), token).await,
            Place::File => {
                let line = zeroize::Zeroizing::new(format!("{}\n", token.expose()));
                file::write(&self.token_file(), line.as_bytes())
            }
        }
    }

    async fn delete_token(&self, place: Place) -> Result<(), StoreError> {
        match place {
            Place::Keyring => keyring::delete(self.server.issuer()).await,
            Place::File => file::delete(&self.token_file()),
        }
    }

    /// Keeps a login in place of any other at this server. Under the lock.
    pub(crate) async fn put(
        &self,
        login: &Login,
        token: &Secret<String>,
    ) -> Result<(), StoreError> {
        self.make_folders()?;
        let before = self.login().ok().flatten().map(|login| login.kept);
        self.write_token(login.kept, token).await?;
        self.put_record(login)?;
        if let Some(before) = before.filter(|place| *place != login.kept) {
            self.delete_token(before).await?;
        }
        Ok(())
    }

    /// Keeps what is known of a login whose token is already there.
    pub(crate) fn put_record(&self, login: &Login) -> Result<(), StoreError> {
        let text =
            serde_json::to_vec_pretty(login).map_err(|_| StoreError::Damaged(self.record()))?;
        file::write(&self.record(), &text)
    }

    /// Puts `new` where `old` is. False where something else is there: then that stays.
    pub(crate) async fn replace(
        &self,
        place: Place,
        old: &Secret<String>,
        new: &Secret<String>,
    ) -> Result<bool, StoreError> {
        if !same(self.token(place).await?.as_ref(), old) {
            return Ok(false);
        }
        self.write_token(place, new).await?;
        Ok(true)
    }

    /// Forgets the login if its token is still `token`. False where something else is there.
    pub(crate) async fn forget_if(
        &self,
        place: Place,
        token: &Secret<String>,
    ) -> Result<bool, StoreError> {
        if !same(self.token(place).await?.as_ref(), token) {
            return Ok(false);
        }
        self.forget(place).await?;
        Ok(true)
    }

    /// Forgets the login. The token goes first: what is left of a half-done one is harmless.
    pub(crate) async fn forget(&self, place: Place) -> Result<(), StoreError> {
        self.delete_token(place).await?;
        file::delete(&self.record())
    }
}

fn same(stored: Option<&Secret<String>>, token: &Secret<String>) -> bool {
    stored.is_some_and(|stored| stored.expose() == token.expose())
}
