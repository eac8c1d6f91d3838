//! What people have allowed, how it ends, and the end of what nobody needs any more.

use std::time::Duration;

use deputy_core::{Caller, Lifecycle, UserId};
use deputy_store::oauth_grant::Grant;
use jiff::{SignedDuration, Timestamp};

use super::{
    ADMINISTRATOR, ADMINISTRATOR_BLOCK, ADMINISTRATOR_END, AuthorizationServer, CLIENT, PERSON,
    REPLACED, REPLAY, REUSE, TOKEN,
};

/// How often the answers of rotations are deleted.
const FORGET: Duration = Duration::from_mins(1);
/// What else is over is deleted every so many times.
const SWEEP: u32 = 10;
/// For how long after the grace an answer stays, for a replica whose clock is behind.
const LATE: SignedDuration = SignedDuration::from_mins(1);
/// How long an ended grant is kept, so that its client can be told why.
const ENDED: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A grant that a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedGrant {
    /// The grant.
    pub grant_id: i64,
    /// Whose it was.
    pub user_id: UserId,
    /// The client.
    pub client_id: String,
    /// The client's name.
    pub client_name: String,
    /// Why, one of the words above, such as [`CLIENT`].
    pub why: &'static str,
}

impl EndedGrant {
    pub(crate) fn of(grant: &Grant, why: &'static str) -> Self {
        Self {
            grant_id: grant.id,
            user_id: grant.user_id,
            client_id: grant.client_id.clone(),
            client_name: grant.client_name.clone(),
            why,
        }
    }
}

/// The word for why a grant ends that this caller ends: a person on a page, their personal token, or
/// a program that gives back what it has itself.
pub const fn ended_by(caller: &Caller) -> &'static str {
    match caller {
        Caller::Browser { .. } | Caller::System => PERSON,
        Caller::Token { .. } => TOKEN,
        Caller::Client { .. } => CLIENT,
    }
}

/// How a grant ended and when, for who presents a token of it; `None` while it has not.
pub(crate) fn why_ended(grant: &Grant) -> Option<String> {
    let at = grant.ended_at?;
    let at = at.strftime("%Y-%m-%d at %H:%M UTC");
    Some(match grant.ended_why.as_deref() {
        Some(PERSON) => format!("access was taken away on /settings on {at}"),
        Some(TOKEN) => format!("access was taken away with a personal token on {at}"),
        Some(CLIENT) => format!("the client gave its access back on {at}"),
        Some(REUSE) => format!("a refresh token was used twice, so access ended on {at}"),
        Some(REPLAY) => format!("a code was used twice, so access ended on {at}"),
        Some(REPLACED) => format!("the client logged in anew on {at}, in place of this access"),
        Some(ADMINISTRATOR) => format!("an administrator removed the client on {at}"),
        Some(ADMINISTRATOR_END) => format!("an administrator ended the access on {at}"),
        Some(ADMINISTRATOR_BLOCK) => format!("an administrator blocked the client on {at}"),
        _ => format!("access ended on {at}"),
    })
}

impl AuthorizationServer {
    /// What the person has allowed and still holds, newest first.
    pub async fn grants(&self, user: UserId) -> Result<Vec<Grant>, deputy_store::Error> {
        let now = self.now();
        let mut grants = self.inner.store.user(user).oauth_grants().await?;
        grants.retain(|grant| grant.expires_at > now);
        for grant in &mut grants {
            let used = self.inner.identity.grant_used(grant.id);
            grant.last_used_at = grant.last_used_at.max(used);
        }
        Ok(grants)
    }

    /// Takes away what the person allowed, and forgets the consent, so that the client has to ask
    /// again. Its tokens are dead from now on. False when it is not theirs or had ended. `why`:
    /// [`ended_by`].
    pub async fn end_grant(
        &self,
        user: UserId,
        id: i64,
        why: &str,
    ) -> Result<bool, deputy_store::Error> {
        let now = self.now();
        let tx = self.inner.store.begin().await?;
        let scope = tx.user(user);
        let Some(grant) = scope.oauth_grant(id).await? else {
            return Ok(false);
        };
        let ended = scope.end_oauth_grant(id, why, now).await?;
        scope.delete_oauth_consent(&grant.client_id).await?;
        tx.commit().await?;
        Ok(ended)
    }

    /// Takes away all that the person allowed this client (`None`: any), as
    /// [`AuthorizationServer::end_grant`] does for one; what ended.
    pub async fn end_grants(
        &self,
        user: UserId,
        client_id: Option<&str>,
        why: &str,
    ) -> Result<Vec<Grant>, deputy_store::Error> {
        let now = self.now();
        let tx = self.inner.store.begin().await?;
        let scope = tx.user(user);
        let ended = scope.end_oauth_grants(client_id, why, now).await?;
        match client_id {
            Some(client) => {
                scope.delete_oauth_consent(client).await?;
            }
            None => {
                scope.delete_oauth_consents().await?;
            }
        }
        tx.commit().await?;
        Ok(ended)
    }

    /// Deletes what is over: codes, tokens, the answers of rotations, grants that ended long ago,
    /// clients that nobody uses. How many rows went.
    pub async fn sweep(&self) -> Result<u64, deputy_store::Error> {
        let inner = &*self.inner;
        let used = std::mem::take(&mut *inner.used_clients.lock());
        // In one order, so that two replicas wait for each other and never in a circle.
        let mut used: Vec<_> = used.into_iter().collect();
        used.sort_unstable();
        let now = self.now();
        let before = |age: SignedDuration| now.checked_sub(age).unwrap_or(Timestamp::MIN);
        let tx = inner.store.begin().await?;
        for (client, at) in used {
            tx.touch_oauth_client(&client, at).await?;
        }
        tx.commit().await?;
        let mut gone = 0;
        loop {
            let tx = inner.store.begin().await?;
            let answers = self.answers_over();
            let some = tx.sweep_oauth(now, before(ENDED), answers).await?;
            tx.commit().await?;
            gone += some;
            if some == 0 {
                break;
            }
        }
        Ok(gone + self.sweep_clients().await?)
    }

    /// Deletes the answers of rotations whose grace is over; how many.
    pub(super) async fn forget_answers(&self) -> Result<u64, deputy_store::Error> {
        let mut gone = 0;
        loop {
            let tx = self.inner.store.begin().await?;
            let some = tx.forget_oauth_answers(self.answers_over()).await?;
            tx.commit().await?;
            gone += some;
            if some == 0 {
                return Ok(gone);
            }
        }
    }

    /// Answers of rotations before this instant are over.
    fn answers_over(&self) -> Timestamp {
        let age = self.inner.config.grace.saturating_add(LATE);
        self.now().checked_sub(age).unwrap_or(Timestamp::MIN)
    }

    pub(super) fn sweep_from_time_to_time(&self, lifecycle: &Lifecycle) {
        let server = self.clone();
        let stop = lifecycle.soft().clone();
        lifecycle.spawn(async move {
            let mut timer = tokio::time::interval(FORGET);
            timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            let mut turn = 0_u32;
            loop {
                let stopped = tokio::select! {
                    () = stop.cancelled() => true,
                    _ = timer.tick() => false,
                };
                let done = if stopped || turn.is_multiple_of(SWEEP) {
                    server.sweep().await
                } else {
                    server.forget_answers().await
                };
                turn = turn.wrapping_add(1);
                if let Err(err) = done {
                    tracing::warn!(
                        error = &err as &dyn std::error::Error,
                        "codes, tokens and clients could not be swept"
                    );
                }
                if stopped {
                    return;
                }
            }
        });
    }
}
