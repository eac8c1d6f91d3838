//! Replacing the root key while the program runs.
//!
//! The administrator puts the new key in `TOKEN_ENCRYPTION_KEY(_FILE)` and the former one in
//! `TOKEN_ENCRYPTION_KEYS_OLD`; from then on everything new is wrapped by the new key, and
//! [`Vault::rotate`] re-wraps what is left. When it says that nothing is left, the former key may
//! go from the settings.
//!
//! Each batch is one transaction and each row is replaced only if it is still the one that was
//! read: a run that was killed goes on where it was, and two at once do each row once.

use crate::record::KeyId;
use crate::root_key::RootKeyId;
use crate::{Error, Vault};

/// Rows per transaction.
const BATCH: u64 = 100;

/// What a rotation did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rotation {
    /// How many data keys this run re-wrapped.
    pub rewrapped: u64,
    /// How many are still wrapped by another root key than the current; 0 means that former keys
    /// may go.
    pub left: u64,
    /// Root keys that wrap some of these and are not among the settings.
    pub unknown: Vec<RootKeyId>,
}

/// How many data keys each root key wraps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The root key that wraps from now on.
    pub current: RootKeyId,
    /// Every root key that wraps something.
    pub uses: Vec<Use>,
}

/// What one root key wraps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// The root key.
    pub root: RootKeyId,
    /// How many data keys it wraps.
    pub keys: u64,
    /// Whether it is among the settings.
    pub is_known: bool,
}

impl Status {
    /// How many data keys are wrapped by another root key than the current.
    pub fn left(&self) -> u64 {
        self.uses
            .iter()
            .filter(|used| used.root != self.current)
            .map(|used| used.keys)
            .sum()
    }

    /// Root keys that wrap something and are not among the settings.
    pub fn unknown(&self) -> Vec<RootKeyId> {
        self.uses
            .iter()
            .filter(|used| !used.is_known)
            .map(|used| used.root)
            .collect()
    }
}

impl Vault {
    /// How many data keys each root key wraps.
    pub async fn status(&self) -> Result<Status, Error> {
        let uses = self.inner.store.root_key_uses().await?;
        let uses = uses
            .into_iter()
            .map(|row| {
                let root = RootKeyId::parse(&row.root_id)?;
                let keys = u64::try_from(row.keys).unwrap_or(0);
                Ok(Use {
                    root,
                    keys,
                    is_known: self.inner.roots.knows(root),
                })
            })
            .collect::<Result<_, Error>>()?;
        Ok(Status {
            current: self.inner.roots.current().0,
            uses,
        })
    }

    /// For the start: [`Error::UnknownRootKey`] when something is wrapped by a root key that is not
    /// among the settings, i.e. the key is wrong or a former key was taken away too early.
    pub async fn check(&self) -> Result<Status, Error> {
        let status = self.status().await?;
        match status.unknown().first() {
            Some(root) => Err(Error::UnknownRootKey(*root)),
            None => Ok(status),
        }
    }

    /// Re-wraps every data key that a former root key wraps. What an unknown root key wraps stays
    /// and is reported.
    pub async fn rotate(&self) -> Result<Rotation, Error> {
        let mut rewrapped = 0;
        let mut cursor = 0;
        while let Some(next) = self.rotate_batch(cursor, &mut rewrapped).await? {
            cursor = next;
        }
        let status = self.status().await?;
        let unknown = status.unknown();
        Ok(Rotation {
            rewrapped,
            left: status.left(),
            unknown,
        })
    }

    /// One transaction's worth after row `cursor`; gives the next cursor, `None` at the end.
    async fn rotate_batch(&self, cursor: i64, rewrapped: &mut u64) -> Result<Option<i64>, Error> {
        let (root_id, root) = self.inner.roots.current();
        let root_text = root_id.to_string();
        let rows = self
            .inner
            .store
            .keys_not_under(&root_text, cursor, BATCH)
            .await?;
        let Some(last) = rows.last().map(|row| row.row) else {
            return Ok(None);
        };
        let mut fresh = Vec::with_capacity(rows.len());
        for row in rows {
            match self.inner.roots.unwrap(&row) {
                Ok(key) => {
                    let id = KeyId::parse(&row.key_id)?;
                    fresh.push((
                        root.wrap(&*self.inner.rng, root_id, row.owner, id, &key),
                        row,
                    ));
                }
                Err(Error::UnknownRootKey(unknown)) => {
                    tracing::warn!(row = row.row, root = %unknown, "a data key is wrapped by an unknown root key");
                }
                Err(err) => {
                    tracing::warn!(row = row.row, error = %err, "a data key can't be unwrapped");
                }
            }
        }
        let tx = self.inner.store.begin().await?;
        let mut done = 0;
        for (wrapped, row) in fresh {
            done += u64::from(tx.rewrap_key(&row, &root_text, wrapped).await?);
        }
        tx.commit().await?;
        *rewrapped += done;
        Ok(Some(last))
    }
}

#[cfg(test)]
mod tests;
