//! Whether somebody who was let in once would still be: streams and sessions last, tokens and people come and go.

use deputy_core::{Caller, Principal};
use tokio::time::{Instant, Interval, MissedTickBehavior};

use crate::Gateway;

impl Gateway {
    /// When it is time to look, for one stream: not at once, for its caller was let in just now.
    pub(super) fn looks(&self) -> Interval {
        let every = self.inner.config.look_at_callers;
        let mut looks = tokio::time::interval_at(Instant::now() + every, every);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        looks
    }

    /// Whether the person is still active, and the token still there and not expired. While the database fails nobody is
    /// sent away: it is asked again.
    pub(super) async fn still_lets_in(&self, principal: &Principal) -> bool {
        match self.is_let_in(principal).await {
            Ok(is_let_in) => is_let_in,
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "whether a caller is still let in is not known"
                );
                true
            }
        }
    }

    async fn is_let_in(&self, principal: &Principal) -> Result<bool, deputy_store::Error> {
        let parts = &self.inner.parts;
        let scope = parts.store.user(principal.user_id);
        let person = scope.profile().await?;
        if !person.is_some_and(|person| person.is_active) {
            return Ok(false);
        }
        let Caller::Token { id, .. } = &principal.caller else {
            return Ok(true);
        };
        let now = parts.clock.now();
        let tokens = scope.tokens().await?;
        let token = tokens.iter().find(|token| token.id == *id);
        Ok(token.is_some_and(|token| token.expires_at.is_none_or(|at| at > now)))
    }
}
