//! The first look at a server, while nobody waits for it.
//!
//! A server whose tools were never read has none that anybody could call, so nobody would ever start it.
//! Whoever adds one, switches it on, mends its settings or allows it its access has it started here once:
//! its tools are there then, or its status says why not. A test by its person does the same at once. What
//! is not come to before the program ends is left to such a test.

use std::sync::Arc;
use std::time::Duration;

use deputy_core::{Lifecycle, UserId};
use deputy_store::own_server::OwnServer;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;

use super::Servers;

/// Most servers that wait for their first look; one more is left to its person's test.
const WAITING: usize = 1024;
/// Most that are looked at at the same time.
const AT_ONCE: usize = 4;
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
        let places = Arc::new(Semaphore::new(AT_ONCE));
        loop {
            let next = tokio::select! {
                next = line.recv() => next,
                () = soft.cancelled() => return,
            };
            let Some((user, server)) = next else { return };
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                return;
            };
            let servers = self.clone();
            let soft = soft.clone();
            lifecycle.spawn(async move {
                tokio::select! {
                    () = servers.look_once(user, server) => {}
                    () = soft.cancelled() => {}
                }
                drop(place);
            });
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
