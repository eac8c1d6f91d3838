//! Sealing secrets: tokens of third parties, credentials of people's own servers, signing keys.
//!
//! # Three layers
//!
//! A *root key* comes from the settings and never touches the database. It wraps *data keys*, one
//! per person (and one for the installation itself), that lie in `user_keys`. From a data key each
//! sealed value gets a *record key* of its own. So replacing the root key re-wraps one row per
//! person and touches no sealed value, and deleting a person's data keys makes all that was sealed
//! for them unreadable at once.
//!
//! # Where a value belongs
//!
//! Everything is sealed for a [`Place`]: owner, table, row, column and purpose. It opens there and
//! nowhere else, so a value that was copied to another person, row or column of the database is
//! refused. [`record`] gives the format.
//!
//! # Transactions
//!
//! [`Vault::seal`] may have to store an owner's first data key, for which it starts a transaction:
//! never call it while holding a [`Tx`]. Who holds one calls [`Vault::seal_in`], which keeps the
//! first key and the sealed value in the same unit of work. Sealing itself takes microseconds and
//! reaches nothing outside.
//!
//! # What deletion means
//!
//! A backup that still has a person's wrapped key, together with the root key, still opens their
//! values: shredding is complete when such backups are gone or the root key that wrapped them is.

use std::sync::Arc;

use deputy_core::{Clock, Rng, Secret, UserId, random};
use deputy_store::user_key::{NewUserKey, UserKey};
use deputy_store::{Store, Tx};
use zeroize::Zeroize as _;

mod cache;
mod installation;
mod place;
pub mod record;
pub mod root_key;
pub mod rotation;

pub use place::Place;
pub use root_key::{KeyError, RootKeyId, generate_key, parse_key, parse_old_keys};
pub use rotation::{Rotation, Status};

use cache::Cache;
use record::{DataKey, KeyId};
use root_key::RootKeys;

/// The root keys.
pub struct Config {
    /// The key that wraps from now on.
    pub current: Secret<[u8; 32]>,
    /// Former keys, which only unwrap.
    pub old: Vec<Secret<[u8; 32]>>,
}

/// Why something could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The value is too short, or of a version or suite that this program does not know.
    #[error("not a sealed value, or one of a newer version")]
    Format,
    /// The value was changed, or is not where it was sealed for.
    #[error("a sealed value was changed or moved")]
    Refused,
    /// The owner has no such data key: it was shredded, or the value is another owner's.
    #[error("there is no data key for a sealed value")]
    NoDataKey,
    /// The data key is wrapped by a root key that is not among the settings.
    #[error(
        "sealed under the root key {0}, which is neither TOKEN_ENCRYPTION_KEY(_FILE) nor among \
         TOKEN_ENCRYPTION_KEYS_OLD; put the former key there"
    )]
    UnknownRootKey(RootKeyId),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] deputy_store::Error),
}

/// Seals and opens. Cheap to clone.
#[derive(Clone)]
pub struct Vault {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    roots: RootKeys,
    cache: Cache,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
}

impl Vault {
    /// A vault on `store`. Reads nothing yet; [`Vault::check`] says whether the keys fit the data.
    pub fn new(store: Store, config: &Config, clock: Arc<dyn Clock>, rng: Arc<dyn Rng>) -> Self {
        let roots = RootKeys::new(config);
        let cache = Cache::new(Arc::clone(&clock));
        Self {
            inner: Arc::new(Inner {
                store,
                roots,
                cache,
                clock,
                rng,
            }),
        }
    }

    /// Seals `plain` for `place`. Stores the owner's first data key where there is none: not to be
    /// called while a [`Tx`] is open.
    pub async fn seal(&self, place: &Place<'_>, plain: &[u8]) -> Result<Vec<u8>, Error> {
        let (id, key) = self.active_key(place.owner()).await?;
        Ok(record::seal(&*self.inner.rng, id, &key, place, plain))
    }

    /// Seals `plain` for `place` within a unit of work: an owner's first data key is stored in it.
    pub async fn seal_in(
        &self,
        tx: &Tx,
        place: &Place<'_>,
        plain: &[u8],
    ) -> Result<Vec<u8>, Error> {
        let (id, key) = self.active_key_in(tx, place.owner()).await?;
        Ok(record::seal(&*self.inner.rng, id, &key, place, plain))
    }

    /// Opens what was sealed for `place`.
    pub async fn open(&self, place: &Place<'_>, sealed: &[u8]) -> Result<Secret<Vec<u8>>, Error> {
        let id = record::key_id(sealed)?;
        let key = match self.inner.cache.get(place.owner(), id) {
            Some(key) => key,
            None => self.load(place.owner(), id).await?,
        };
        record::open(id, &key, place, sealed)
    }

    /// Opens what was sealed for `place`, seeing what a unit of work has written.
    pub async fn open_in(
        &self,
        tx: &Tx,
        place: &Place<'_>,
        sealed: &[u8],
    ) -> Result<Secret<Vec<u8>>, Error> {
        let id = record::key_id(sealed)?;
        let row = match place.owner() {
            Some(user) => tx.user(user).key(&id.to_string()).await?,
            None => tx.installation_key(&id.to_string()).await?,
        };
        let key = self.unwrap(&row.ok_or(Error::NoDataKey)?)?;
        record::open(id, &key, place, sealed)
    }

    /// [`Vault::open`] for values that are text. [`Error::Format`] when they are not.
    pub async fn open_text(
        &self,
        place: &Place<'_>,
        sealed: &[u8],
    ) -> Result<Secret<String>, Error> {
        let plain = self.open(place, sealed).await?;
        match String::from_utf8(plain.expose().clone()) {
            Ok(text) => Ok(Secret::new(text)),
            Err(err) => {
                err.into_bytes().zeroize();
                Err(Error::Format)
            }
        }
    }

    /// Gives `owner` (`None` for the installation) a new active data key; former values still open.
    pub async fn renew_data_key(&self, owner: Option<UserId>) -> Result<(), Error> {
        let tx = self.inner.store.begin().await?;
        match owner {
            Some(user) => tx.user(user).retire_active_key().await?,
            None => tx.retire_installation_key().await?,
        }
        self.active_row_in(&tx, owner).await?;
        tx.commit().await?;
        self.inner.cache.forget(owner);
        Ok(())
    }

    /// Drops the person's keys from memory; whoever deletes a person calls it after the commit.
    pub fn forget(&self, user: UserId) {
        self.inner.cache.forget(Some(user));
    }

    /// Wipes keys from memory that were not used for five minutes. For a timer.
    pub fn sweep(&self) {
        self.inner.cache.sweep();
    }

    async fn active_key(&self, owner: Option<UserId>) -> Result<(KeyId, DataKey), Error> {
        if let Some(found) = self.inner.cache.active(owner) {
            return Ok(found);
        }
        let row = match owner {
            Some(user) => self.inner.store.user(user).active_key().await?,
            None => self.inner.store.installation_active_key().await?,
        };
        let row = if let Some(row) = row {
            row
        } else {
            let tx = self.inner.store.begin().await?;
            let row = self.active_row_in(&tx, owner).await?;
            tx.commit().await?;
            row
        };
        let (id, key) = (KeyId::parse(&row.key_id)?, self.unwrap(&row)?);
        self.inner.cache.put(owner, id, &key, true);
        Ok((id, key))
    }

    /// Fills no cache: what a unit of work has written may yet be undone.
    async fn active_key_in(
        &self,
        tx: &Tx,
        owner: Option<UserId>,
    ) -> Result<(KeyId, DataKey), Error> {
        if let Some(found) = self.inner.cache.active(owner) {
            return Ok(found);
        }
        let row = self.active_row_in(tx, owner).await?;
        Ok((KeyId::parse(&row.key_id)?, self.unwrap(&row)?))
    }

    /// The owner's active row, made when there is none.
    async fn active_row_in(&self, tx: &Tx, owner: Option<UserId>) -> Result<UserKey, Error> {
        let find = async || match owner {
            Some(user) => tx.user(user).active_key().await,
            None => tx.installation_active_key().await,
        };
        if let Some(row) = find().await? {
            return Ok(row);
        }
        let key = self.new_row(owner);
        match owner {
            Some(user) => tx.user(user).insert_active_key(key).await?,
            None => tx.insert_installation_key(key).await?,
        }
        // Somebody else may have been first: then theirs is the active one.
        find().await?.ok_or(Error::NoDataKey)
    }

    fn new_row(&self, owner: Option<UserId>) -> NewUserKey {
        let rng = &*self.inner.rng;
        let id = KeyId(random::bytes(rng));
        let key = DataKey::new(Secret::new(random::bytes(rng)));
        let (root_id, root) = self.inner.roots.current();
        NewUserKey {
            key_id: id.to_string(),
            root_id: root_id.to_string(),
            wrapped: root.wrap(rng, root_id, owner, id, &key),
            at: self.inner.clock.now(),
        }
    }

    async fn load(&self, owner: Option<UserId>, id: KeyId) -> Result<DataKey, Error> {
        let row = match owner {
            Some(user) => self.inner.store.user(user).key(&id.to_string()).await?,
            None => self.inner.store.installation_key(&id.to_string()).await?,
        };
        let key = self.unwrap(&row.ok_or(Error::NoDataKey)?)?;
        self.inner.cache.put(owner, id, &key, false);
        Ok(key)
    }

    fn unwrap(&self, row: &UserKey) -> Result<DataKey, Error> {
        self.inner.roots.unwrap(row)
    }
}

#[cfg(test)]
mod tests;
