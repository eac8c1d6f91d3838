//! What people's clients want to hear of a server beside answers: which resources change, and log messages.
//!
//! It is kept here, under the server's key, and not in the process: a process that is started in place of another is
//! told the same ([`super::listen`]). Nothing of it keeps a server awake, and what nobody wants any more is forgotten.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;

use super::launch::PoolKey;

/// Levels of log messages, the lowest first (RFC 5424).
pub const LEVELS: [&str; 8] = [
    "debug",
    "info",
    "notice",
    "warning",
    "error",
    "critical",
    "alert",
    "emergency",
];

/// How far up a level of log messages is; what is none is treated as `info`.
pub fn severity(level: &str) -> usize {
    LEVELS.iter().position(|l| *l == level).unwrap_or(1)
}

/// The most resources of one server that are watched, by all who do.
const MOST_WATCHED: usize = 1024;
/// The longest URI that is watched, in bytes: of longer ones no update is passed on.
const LONGEST_URI: usize = 2048;

/// What is wanted of a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Resources whose changes are of interest.
    pub(super) uris: BTreeSet<String>,
    /// The lowest level of log messages; nothing, if nobody said one.
    pub(super) level: Option<usize>,
}

impl Wanted {
    pub(super) fn is_nothing(&self) -> bool {
        self.uris.is_empty() && self.level.is_none()
    }
}

/// What is wanted of all servers.
#[derive(Default)]
pub(super) struct Wants(Mutex<Known>);

#[derive(Default)]
struct Known {
    servers: HashMap<PoolKey, Server>,
    last: u64,
}

/// One server, for as long as somebody wants something of it or a process of it runs.
#[derive(Default)]
struct Server {
    wishes: HashMap<u64, Wanted>,
    followers: usize,
    all: watch::Sender<Wanted>,
    /// What the process has taken up of it.
    taken: Arc<watch::Sender<BTreeSet<String>>>,
}

impl Server {
    fn sum_up(&self) {
        let mut all = Wanted::default();
        for wish in self.wishes.values() {
            all.uris.extend(wish.uris.iter().cloned());
            all.level = all.level.into_iter().chain(wish.level).min();
        }
        self.all.send_if_modified(|now| {
            let differs = *now != all;
            *now = all;
            differs
        });
    }
}

impl Wants {
    /// Somebody who may want something of the server `key`.
    pub(super) fn wish(self: &Arc<Self>, key: &PoolKey) -> Wish {
        let mut known = self.0.lock();
        known.last += 1;
        let id = known.last;
        let server = known.servers.entry(key.clone()).or_default();
        server.wishes.insert(id, Wanted::default());
        Wish {
            wants: Arc::clone(self),
            key: key.clone(),
            id,
        }
    }

    /// A process of the server `key`, which does what is wanted.
    pub(super) fn follow(self: &Arc<Self>, key: &PoolKey) -> Following {
        let mut known = self.0.lock();
        let server = known.servers.entry(key.clone()).or_default();
        server.followers += 1;
        server.taken.send_replace(BTreeSet::new());
        Following {
            wants: Arc::clone(self),
            key: key.clone(),
            all: server.all.subscribe(),
            taken: Arc::clone(&server.taken),
        }
    }

    fn change<T>(&self, key: &PoolKey, change: impl FnOnce(&mut Server) -> T) -> Option<T> {
        let mut known = self.0.lock();
        let server = known.servers.get_mut(key)?;
        let changed = change(server);
        server.sum_up();
        if server.wishes.is_empty() && server.followers == 0 {
            known.servers.remove(key);
        }
        Some(changed)
    }
}

/// What one client wants of a server. Dropped, it wants nothing any more.
pub struct Wish {
    wants: Arc<Wants>,
    key: PoolKey,
    id: u64,
}

impl Wish {
    /// Wants to hear of changes of a resource. False: too many are watched already, or its URI is too long.
    pub fn watch(&self, uri: &str) -> bool {
        let watched = self.wants.change(&self.key, |server| {
            let all = &server.all.borrow().uris;
            let room = all.len() < MOST_WATCHED || all.contains(uri);
            let wish = server.wishes.get_mut(&self.id)?;
            (room && uri.len() <= LONGEST_URI).then(|| wish.uris.insert(uri.to_owned()))
        });
        watched.flatten().is_some()
    }

    /// Wants to hear of it no more.
    pub fn unwatch(&self, uri: &str) {
        self.wants.change(&self.key, |server| {
            if let Some(wish) = server.wishes.get_mut(&self.id) {
                wish.uris.remove(uri);
            }
        });
    }

    /// Wants log messages from this level on, an index of [`LEVELS`].
    pub fn set_level(&self, level: usize) {
        self.wants.change(&self.key, |server| {
            if let Some(wish) = server.wishes.get_mut(&self.id) {
                wish.level = Some(level);
            }
        });
    }

    /// The lowest level that anybody wants of this server, an index of [`LEVELS`]; nothing, if nobody said one.
    pub fn lowest(&self) -> Option<usize> {
        let known = self.wants.0.lock();
        known.servers.get(&self.key)?.all.borrow().level
    }

    /// Waits until a server of the newer era listens for changes of these resources. False: it does not, `within` this
    /// time.
    pub async fn taken_up(&self, uris: &[String], within: Duration) -> bool {
        let taken = {
            let known = self.wants.0.lock();
            let server = known.servers.get(&self.key);
            server.map(|server| server.taken.subscribe())
        };
        let Some(mut taken) = taken else { return false };
        let all = taken.wait_for(|taken| uris.iter().all(|uri| taken.contains(uri)));
        matches!(tokio::time::timeout(within, all).await, Ok(Ok(_)))
    }
}

impl Drop for Wish {
    fn drop(&mut self) {
        self.wants.change(&self.key, |server| {
            server.wishes.remove(&self.id);
        });
    }
}

/// A process that does what is wanted of its server.
pub(super) struct Following {
    wants: Arc<Wants>,
    key: PoolKey,
    all: watch::Receiver<Wanted>,
    taken: Arc<watch::Sender<BTreeSet<String>>>,
}

impl Following {
    /// What is wanted now.
    pub(super) fn wanted(&mut self) -> Wanted {
        self.all.borrow_and_update().clone()
    }

    /// Waits until something else is wanted than the last time this was asked. Cancel-safe.
    pub(super) async fn changed(&mut self) {
        if self.all.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// The process listens for changes of these resources.
    pub(super) fn take_up(&self, uris: BTreeSet<String>) {
        self.taken.send_replace(uris);
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.wants.change(&self.key, |server| server.followers -= 1);
    }
}

#[cfg(test)]
mod tests;
