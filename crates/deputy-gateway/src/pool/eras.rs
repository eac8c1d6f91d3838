//! What servers turned out to speak, so that the next start need not find out. By what a server is and not by
//! whose: a hash, because arguments may be long. Some thousands are remembered.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use parking_lot::Mutex;
use url::Url;

use super::launch::ProcessLaunch;
use super::upstream::Era;

/// The most that are remembered.
const MOST: usize = 4096;

/// A definition of a server, hashed.
pub(super) type Definition = u64;

/// Which program it is, so far as its way of speaking goes.
pub(super) fn of_process(process: &ProcessLaunch) -> Definition {
    let mut hasher = DefaultHasher::new();
    (&process.program, &process.args).hash(&mut hasher);
    hasher.finish()
}

/// Which place it is: a query may hold a person's key, and says nothing about it.
pub(super) fn of_url(url: &Url) -> Definition {
    let mut hasher = DefaultHasher::new();
    (url.origin().ascii_serialization(), url.path()).hash(&mut hasher);
    hasher.finish()
}

/// What is remembered.
#[derive(Default)]
pub(super) struct Eras(Mutex<Known>);

#[derive(Default)]
struct Known {
    by_definition: HashMap<Definition, (Era, u64)>,
    /// Grows with each use.
    now: u64,
}

impl Eras {
    pub(super) fn get(&self, definition: Definition) -> Option<Era> {
        let mut known = self.0.lock();
        known.now += 1;
        let now = known.now;
        let (era, used) = known.by_definition.get_mut(&definition)?;
        *used = now;
        Some(*era)
    }

    pub(super) fn learn(&self, definition: Definition, era: Era) {
        let mut known = self.0.lock();
        known.now += 1;
        let now = known.now;
        known.by_definition.insert(definition, (era, now));
        if known.by_definition.len() > MOST {
            // a quarter at once, so that it is not done for each
            let mut used: Vec<_> = known
                .by_definition
                .values()
                .map(|(_, used)| *used)
                .collect();
            used.sort_unstable();
            let oldest = used[used.len() / 4];
            known.by_definition.retain(|_, (_, used)| *used > oldest);
        }
    }

    pub(super) fn forget(&self, definition: Definition) {
        self.0.lock().by_definition.remove(&definition);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_are_forgotten() {
        let eras = Eras::default();
        for definition in 0..10 * MOST as u64 {
            eras.learn(definition, Era::Legacy);
            assert!(eras.get(0).is_some(), "it was used all the time");
        }
        assert!(eras.0.lock().by_definition.len() <= MOST);
    }
}
