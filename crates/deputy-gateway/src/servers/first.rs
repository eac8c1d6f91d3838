//! The first look at a server, while nobody waits for it.
//!
//! A server whose tools were never read has none that anybody could call, so nobody would ever start it.
//! Whoever adds one, switches it on, mends its settings or allows it its access has it started here once:
//! its tools are there then, or its status says why not. A test by its person does the same at once. What
//! is not come to before the program ends is left to such a test.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use deputy_core::{Lifecycle, UserId};
use deputy_store::own_server::OwnServer;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Servers;

/// Most servers that wait for their first look; one more is left to its person's test.
const WAITING: usize = 1024;
/// Most of one person's among them.
const WAITING_OF_ONE: usize = 20;
/// Most that are looked at at the same time, one of a person.
const AT_ONCE: usize = 16;
/// The longest that one takes. The pool's own limits, of fetching packages among them, are below it.
const WITHIN: Duration = Duration::from_mins(10);

/// Where servers wait for their first look.
pub(super) struct Line {
    enter: mpsc::Sender<(UserId, i64)>,
    leave: parking_lot::Mutex<Option<mpsc::Receiver<(UserId, i64)>>>,
}

impl Line {
    pub(super) fn new() -> Self {
        let (enter, leave) = mpsc::channel(WAITING);
        Self {
            enter,
            leave: parking_lot::Mutex::new(Some(leave)),
        }
    }
}

/// Whose turn it is: in order, but one at a time of a person, so that somebody's ten slow servers hold up nobody else.
#[derive(Default)]
struct Turns {
    waiting: VecDeque<(UserId, i64)>,
    busy: HashSet<UserId>,
}

impl Turns {
    /// Takes a server in, unless it waits already or too many do.
    fn enter(&mut self, user: UserId, server: i64) {
        let of_one = self.waiting.iter().filter(|(whose, _)| *whose == user);
        if self.waiting.len() < WAITING
            && of_one.count() < WAITING_OF_ONE
            && !self.waiting.contains(&(user, server))
        {
            self.waiting.push_back((user, server));
        }
    }

    /// The next that may be looked at; it is until [`Self::ended`].
    fn next(&mut self) -> Option<(UserId, i64)> {
        if self.busy.len() >= AT_ONCE {
            return None;
        }
        let free = |(user, _): &(UserId, i64)| !self.busy.contains(user);
        let at = self.waiting.iter().position(free)?;
        let (user, server) = self.waiting.remove(at)?;
        self.busy.insert(user);
        Some((user, server))
    }

    /// A look at a server of this person's has ended.
    fn ended(&mut self, user: UserId) {
        self.busy.remove(&user);
    }
}

/// Says that a look has ended, however it did.
struct Turn {
    user: UserId,
    ended: mpsc::UnboundedSender<UserId>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        // Nobody listens any more: the program ends.
        let _ = self.ended.send(self.user);
    }
}

impl Servers {
    /// Has a server looked at whose tools were never read.
    pub(super) fn look_soon(&self, row: &OwnServer) {
        if row.is_enabled && row.tools_read_at.is_none() {
            // A full line: its person tests it.
            let _ = self.inner.first.enter.try_send((row.user, row.id));
        }
    }

    /// Looks at those that wait, until the end of the program.
    pub(crate) async fn look_first(self, lifecycle: Lifecycle) {
        let Some(mut line) = self.inner.first.leave.lock().take() else {
            return;
        };
        let soft = lifecycle.soft().clone();
        let mut turns = Turns::default();
        // As many as are looked at, at most.
        let (ended, mut ends) = mpsc::unbounded_channel();
        loop {
            tokio::select! {
                Some((user, server)) = line.recv() => turns.enter(user, server),
                Some(user) = ends.recv() => turns.ended(user),
                () = soft.cancelled() => return,
            }
            while let Some((user, server)) = turns.next() {
                let servers = self.clone();
                let soft = soft.clone();
                let turn = Turn {
                    user,
                    ended: ended.clone(),
                };
                lifecycle.spawn(async move {
                    tokio::select! {
                        () = servers.look_once(user, server) => {}
                        () = soft.cancelled() => {}
                    }
                    drop(turn);
                });
            }
        }
    }

    async fn look_once(&self, user: UserId, server: i64) {
        let row = self.with().store.user(user).own_server_by_id(server).await;
        let Ok(Some(row)) = row else { return };
        if !row.is_enabled || row.tools_read_at.is_some() {
            return;
        }
        let deadline = Instant::now() + WITHIN;
        let tried = self.try_out(None, &row, deadline).await;
        self.note_trial(&row, &tried);
        self.write_health().await;
    }
}

#[cfg(test)]
mod tests;
