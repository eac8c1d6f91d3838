//! The folders that Deputy made for people: what of them stays when a person or a server is gone.
//!
//! A person is deleted or disabled by a command, which is another process than the one in which their servers
//! run and may be run while none does. So it is the running server that looks, now and then, whose processes
//! and folders there are, and ends and removes what is nobody's any more.
//!
//! Only folders whose name is a number are looked at, and no link is followed. That a folder is of *this*
//! installation is written down in it while its person is there, where no server writes: a data folder that
//! comes under another database loses nothing to that database's not knowing its people.
//!
//! ```text
//! SERVERS/USER/owner     which installation
//!              NUMBER    a server's home
//!              packages  what they are made of
//! FILES/USER             what the person keeps
//! ```

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};

use deputy_core::UserId;
use deputy_jail::{create_private, remove_all};

use super::Servers;
use super::launch::PACKAGES;

/// The file that says whose folder it is.
const OWNER: &str = "owner";
/// The name of the installation's secret from which it is made.
const SECRET: &str = "folders";

/// Why the folders could not be looked at.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SweepError {
    #[error("database")]
    Store(#[from] deputy_store::Error),
    #[error("vault")]
    Vault(#[from] deputy_vault::Error),
    #[error("a folder: {0}")]
    Folder(#[from] io::Error),
}

impl Servers {
    /// Stops what runs for people who are not active any more, and removes what was kept for those who are gone.
    pub(crate) async fn sweep_people(&self) -> Result<(), SweepError> {
        let with = self.with();
        let running = with.pool.people();
        let places = self.places().await?;
        // Read after that: who came since is among them.
        let users: HashMap<UserId, bool> = with
            .store
            .users()
            .await?
            .into_iter()
            .map(|user| (user.id, user.is_active))
            .collect();
        for user in running {
            if !users.get(&user).copied().unwrap_or(false) {
                tracing::info!(%user, "a person is not active any more: what runs for them ends");
                with.pool.stop_user(user).await;
            }
        }
        if places.is_empty() {
            return Ok(());
        }
        let installation = self.installation().await?;
        for user in places {
            let here = self
                .mark(user, &installation, users.contains_key(&user))
                .await?;
            if here && !users.contains_key(&user) {
                with.pool.stop_user(user).await;
                for folder in self.kept_for(user) {
                    tracing::info!(%user, folder = %folder.display(), "removing what was kept for a person who is gone");
                    remove(folder).await?;
                }
            }
        }
        Ok(())
    }

    /// Removes homes of servers that are gone, and packages that no server is made of.
    pub(crate) async fn sweep_servers(&self) -> Result<(), SweepError> {
        let config = &self.inner.config;
        let people = numbers(&config.folder).await?;
        if people.is_empty() {
            return Ok(());
        }
        let installation = self.installation().await?;
        for person in people {
            let user = UserId(person);
            let folder = config.folder.join(person.to_string());
            let homes = numbers(&folder).await?;
            if !is_of(&folder, &installation).await {
                continue;
            }
            // Read after that: a server has its row before its home.
            let rows = self.with().store.user(user).own_servers().await?;
            let known: HashSet<i64> = rows.iter().map(|row| row.id).collect();
            for home in homes.into_iter().filter(|home| !known.contains(home)) {
                let home = folder.join(home.to_string());
                tracing::info!(folder = %home.display(), "removing the home of a server that is gone");
                remove(home).await?;
            }
            let packages = folder.join(PACKAGES);
            self.with()
                .pool
                .sweep_packages(&packages, &|id| known.contains(&id))
                .await;
        }
        Ok(())
    }

    /// Whoever has a folder.
    async fn places(&self) -> io::Result<HashSet<UserId>> {
        let config = &self.inner.config;
        let mut found = HashSet::new();
        for folder in std::iter::once(&config.folder).chain(&config.files) {
            found.extend(numbers(folder).await?.into_iter().map(UserId));
        }
        Ok(found)
    }

    /// The folders of one person, that with the mark last.
    fn kept_for(&self, user: UserId) -> Vec<PathBuf> {
        let config = &self.inner.config;
        let own = |folder: &PathBuf| folder.join(user.to_string());
        config
            .files
            .iter()
            .map(own)
            .chain([own(&config.folder)])
            .collect()
    }

    /// Whether the folders of `user` are this installation's. Those of somebody who is there become so, if they
    /// are no other's.
    async fn mark(&self, user: UserId, installation: &str, is_there: bool) -> io::Result<bool> {
        let folder = self.inner.config.folder.join(user.to_string());
        if is_of(&folder, installation).await {
            return Ok(true);
        }
        if !is_there {
            return Ok(false);
        }
        let text = installation.to_owned();
        tokio::task::spawn_blocking(move || {
            use std::io::Write as _;
            create_private(&folder)?;
            match std::fs::File::create_new(folder.join(OWNER)) {
                Ok(mut file) => file.write_all(text.as_bytes()).map(|()| true),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
                Err(error) => Err(error),
            }
        })
        .await
        .map_err(io::Error::other)?
    }

    /// What this installation is known by: made from a secret that only its database has.
    async fn installation(&self) -> Result<String, SweepError> {
        let secret = self.with().vault.installation_key(SECRET).await?;
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, secret.expose());
        Ok(hex::encode(digest))
    }
}

async fn is_of(folder: &Path, installation: &str) -> bool {
    tokio::fs::read_to_string(folder.join(OWNER))
        .await
        .is_ok_and(|text| text == installation)
}

/// The folders in `folder` whose names are numbers as we write them. Links are none.
async fn numbers(folder: &Path) -> io::Result<Vec<i64>> {
    let mut found = Vec::new();
    let mut entries = match tokio::fs::read_dir(folder).await {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        Err(error) => return Err(error),
    };
    while let Some(entry) = entries.next_entry().await? {
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.parse::<i64>().ok());
        if let Some(number) = number
            && number > 0
            && name.to_str() == Some(number.to_string().as_str())
            && entry.file_type().await.is_ok_and(|kind| kind.is_dir())
        {
            found.push(number);
        }
    }
    Ok(found)
}

async fn remove(folder: PathBuf) -> io::Result<()> {
    tokio::task::spawn_blocking(move || {
        // a link in its place is left alone, with what it leads to
        match std::fs::symlink_metadata(&folder) {
            Ok(meta) if meta.is_dir() => remove_all(&folder),
            _ => Ok(()),
        }
    })
    .await
    .map_err(io::Error::other)?
}
