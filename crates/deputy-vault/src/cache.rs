//! Data keys in memory: for five minutes after they were last read from the database, then wiped.
//!
//! Keyed by owner and key id, so that no owner can reach another's key through it.

use std::collections::HashMap;
use std::sync::Arc;

use deputy_core::{Clock, UserId};
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;

use crate::record::{DataKey, KeyId};

const TTL: SignedDuration = SignedDuration::from_mins(5);

/// A bound on memory (about 1 MiB), reached only with thousands of people within five minutes.
const MAX_KEYS: usize = 10_000;

type Owner = Option<UserId>;

struct Entry {
    key: DataKey,
    until: Timestamp,
    is_active: bool,
}

pub(crate) struct Cache {
    entries: Mutex<HashMap<Owner, HashMap<KeyId, Entry>>>,
    clock: Arc<dyn Clock>,
}

impl Cache {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            entries: Mutex::new(HashMap::new()),
            clock,
        }
    }

    pub(crate) fn get(&self, owner: Owner, id: KeyId) -> Option<DataKey> {
        let now = self.clock.now();
        let entries = self.entries.lock();
        let entry = entries.get(&owner)?.get(&id)?;
        (now < entry.until).then(|| entry.key.clone())
    }

    pub(crate) fn active(&self, owner: Owner) -> Option<(KeyId, DataKey)> {
        let now = self.clock.now();
        let entries = self.entries.lock();
        let (id, entry) = entries
            .get(&owner)?
            .iter()
            .find(|(_, entry)| entry.is_active)?;
        (now < entry.until).then(|| (*id, entry.key.clone()))
    }

    pub(crate) fn put(&self, owner: Owner, id: KeyId, key: &DataKey, is_active: bool) {
        let now = self.clock.now();
        let until = now.checked_add(TTL).unwrap_or(Timestamp::MAX);
        let mut entries = self.entries.lock();
        if entries.values().map(HashMap::len).sum::<usize>() >= MAX_KEYS {
            drop_expired(&mut entries, now);
            if entries.values().map(HashMap::len).sum::<usize>() >= MAX_KEYS {
                entries.clear();
            }
        }
        let of_owner = entries.entry(owner).or_default();
        if is_active {
            for entry in of_owner.values_mut() {
                entry.is_active = false;
            }
        }
        let is_active = is_active || of_owner.get(&id).is_some_and(|entry| entry.is_active);
        of_owner.insert(
            id,
            Entry {
                key: key.clone(),
                until,
                is_active,
            },
        );
    }

    pub(crate) fn forget(&self, owner: Owner) {
        self.entries.lock().remove(&owner);
    }

    pub(crate) fn sweep(&self) {
        drop_expired(&mut self.entries.lock(), self.clock.now());
    }
}

fn drop_expired(entries: &mut HashMap<Owner, HashMap<KeyId, Entry>>, now: Timestamp) {
    entries.retain(|_, of_owner| {
        of_owner.retain(|_, entry| now < entry.until);
        !of_owner.is_empty()
    });
}

#[cfg(test)]
mod tests;
