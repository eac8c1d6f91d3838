//! How servers are: what the pool says of those that run here, and what was written down of the
//! others.
//!
//! It is written down in groups, every few seconds, and a server that goes on answering only every
//! [`super::Config::status_for`]: a call costs no write. For as long what was written down counts: a server that
//! answered within that time on another replica runs, as far as one knows here.

use std::collections::HashMap;

use deputy_core::UserId;
use deputy_store::own_server::{OwnServer, OwnServerHealth};
use jiff::Timestamp;

use super::{ServerError, Servers, Status};
use crate::pool::{PoolKey, ServerState};
use crate::signed;

/// What is to be written down.
#[derive(Default)]
pub(super) struct Pending {
    used: HashMap<(UserId, i64), Timestamp>,
    seen: HashMap<(UserId, i64), (i64, OwnServerHealth)>,
}

impl Pending {
    /// What was seen last of a server as it is set up now.
    fn known<'h>(&'h self, row: &'h OwnServer) -> &'h OwnServerHealth {
        let seen = self.seen.get(&(row.user, row.id));
        seen.filter(|(generation, _)| *generation == row.generation)
            .map_or(&row.health, |(_, health)| health)
    }
}

/// How a server is now.
pub(super) struct Health {
    pub(super) status: Status,
    pub(super) last_used: Option<Timestamp>,
    pub(super) last_activity: Option<Timestamp>,
    pub(super) checked_at: Option<Timestamp>,
    pub(super) error_count: i32,
    pub(super) retry_after: Option<Timestamp>,
    pub(super) error_message: Option<String>,
}

/// Longest error text that is kept, in characters.
const MAX_ERROR: usize = 4000;

impl Servers {
    /// How a server is: what runs here counts, else what was written down.
    pub(super) fn health_of(&self, row: &OwnServer) -> Health {
        let now = self.with().clock.now();
        let key = (row.user, row.id);
        let (stored, last_used) = {
            let pending = self.inner.health.lock();
            (
                pending.known(row).clone(),
                pending.used.get(&key).copied().or(row.last_used),
            )
        };
        let recent = stored
            .checked_at
            .is_some_and(|at| now.duration_since(at) < signed(self.inner.config.status_for));
        let mut health = Health {
            status: match stored.status.as_str() {
                "error" => Status::Error,
                "needs_consent" => Status::NeedsConsent,
                // On another replica, as far as one knows: what runs here says so itself.
                "active" if recent => Status::Active,
                _ => Status::Inactive,
            },
            last_used,
            last_activity: stored.last_activity,
            checked_at: stored.checked_at,
            error_count: stored.error_count,
            retry_after: stored.retry_after.filter(|at| *at > now),
            error_message: stored.error_message,
        };
        let Some(live) = self.with().pool.state(&PoolKey::own(row.user, row.id)) else {
            return health;
        };
        health.checked_at = Some(now);
        match live.state {
            Some(ServerState::Starting) => health.status = Status::Starting,
            // One that runs and failed the last call has not answered since.
            Some(ServerState::Running)
                if !matches!(health.status, Status::NeedsConsent | Status::Error) =>
            {
                health.status = Status::Active;
            }
            _ if live.backoff_until.is_some_and(|until| until > now) => {
                health.status = Status::Error;
                health.retry_after = live.backoff_until;
                health.error_count = i32::try_from(live.failures).unwrap_or(i32::MAX);
                let reason = live.reason.unwrap_or_default();
                health.error_message = Some(told(&reason, &live.stderr_tail));
            }
            _ if health.status == Status::Active => health.status = Status::Inactive,
            _ => {}
        }
        health
    }

    /// A call, or a request that is passed on, went to a server.
    pub(crate) fn note_used(&self, row: &OwnServer) {
        let now = self.with().clock.now();
        let mut pending = self.inner.health.lock();
        pending.used.insert((row.user, row.id), now);
    }

    /// How a server was says nothing of how it is: it was switched on again, or let in.
    pub(super) fn forget_health(&self, row: &OwnServer) {
        self.inner.health.lock().seen.remove(&(row.user, row.id));
    }

    /// Its person has allowed the access that a server asks for: how it was without says nothing of how it is.
    pub async fn access_allowed(&self, user: UserId, server: i64) -> Result<(), ServerError> {
        let tx = self.with().store.begin().await?;
        let scope = tx.user(user);
        let Some(row) = scope.own_server_by_id(server).await? else {
            return Ok(());
        };
        let health = OwnServerHealth {
            status: Status::Inactive.as_str().to_owned(),
            last_activity: row.health.last_activity,
            ..OwnServerHealth::default()
        };
        scope
            .own_server_health(row.id, row.generation, health)
            .await?;
        tx.commit().await?;
        // It may be as somebody else over there: neither its session nor its tools are the same.
        let key = PoolKey::own(row.user, row.id);
        self.with().pool.stop_server(&key).await;
        self.distrust(row.id);
        self.forget_health(&row);
        self.rest_ends(&row);
        self.look_soon(&row);
        Ok(())
    }

    /// A server answered.
    pub(crate) fn note_answer(&self, row: &OwnServer) {
        let now = self.with().clock.now();
        let key = (row.user, row.id);
        let mut pending = self.inner.health.lock();
        let known = pending.known(row);
        let recent = known
            .checked_at
            .is_some_and(|at| now.duration_since(at) < signed(self.inner.config.status_for));
        if known.status == Status::Active.as_str() && recent {
            return;
        }
        let health = OwnServerHealth {
            status: Status::Active.as_str().to_owned(),
            last_activity: Some(now),
            checked_at: Some(now),
            ..OwnServerHealth::default()
        };
        pending.seen.insert(key, (row.generation, health));
    }

    /// A server failed: it did not start, died, kept silent, broke the protocol, or does not let us in.
    pub(crate) fn note_failure(&self, row: &OwnServer, status: Status, error: &str) {
        let now = self.with().clock.now();
        let key = (row.user, row.id);
        let mut pending = self.inner.health.lock();
        let known = pending.known(row);
        let retry_after = self
            .with()
            .pool
            .state(&PoolKey::own(row.user, row.id))
            .and_then(|live| live.backoff_until);
        let health = OwnServerHealth {
            status: status.as_str().to_owned(),
            last_activity: known.last_activity,
            checked_at: Some(now),
            error_count: known.error_count.saturating_add(1),
            retry_after,
            error_message: Some(error.chars().take(MAX_ERROR).collect()),
        };
        pending.seen.insert(key, (row.generation, health));
    }

    /// Writes down what was noted.
    pub(crate) async fn write_health(&self) {
        let pending = std::mem::take(&mut *self.inner.health.lock());
        if pending.used.is_empty() && pending.seen.is_empty() {
            return;
        }
        let used: Vec<_> = pending
            .used
            .iter()
            .map(|((user, id), at)| (*user, *id, *at))
            .collect();
        let written = async {
            let tx = self.with().store.begin().await?;
            tx.own_servers_used(&used).await?;
            for ((user, id), (generation, health)) in &pending.seen {
                tx.user(*user)
                    .own_server_health(*id, *generation, health.clone())
                    .await?;
            }
            tx.commit().await
        };
        if let Err(error) = written.await {
            let error: &deputy_store::Error = &error;
            tracing::warn!(
                error = error as &dyn std::error::Error,
                "how servers are could not be written down"
            );
        }
    }
}

/// Between an error and what the server printed.
const PRINTED: &str = "; it printed:\n";

/// An error without what the server printed: that is for who may manage the server.
pub(crate) fn without_printed(text: &mut String) {
    if let Some(at) = text.find(PRINTED) {
        text.truncate(at);
    }
}

/// An error with the last lines that the server printed.
pub(crate) fn told(reason: &str, printed: &str) -> String {
    const LINES: usize = 20;
    let printed = printed.trim();
    if printed.is_empty() {
        return reason.to_owned();
    }
    let lines: Vec<&str> = printed.lines().collect();
    let last = lines[lines.len().saturating_sub(LINES)..].join("\n");
    let (last, _) = super::definition::clean(&last, MAX_ERROR / 2);
    format!("{reason}{PRINTED}{last}")
}
