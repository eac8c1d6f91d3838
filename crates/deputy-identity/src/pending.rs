//! Between the password and the second step: somebody who is nobody yet.
//!
//! The browser's session says who gave the right password, and nothing else of it counts:
//! [`Identity::authenticate_session`] knows such a person as little as a stranger. After five
//! minutes it begins anew, and so it does where the password was changed or the person disabled
//! meanwhile.

use deputy_core::UserId;
use deputy_core::secret::sha256_hex;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use tower_sessions::Session;

use crate::{Browser, Identity, SessionError, User};

/// The member of a session's data that says who gave the password.
const PENDING: &str = "deputy.pending";

/// How long the second step may take.
const LIFETIME: SignedDuration = SignedDuration::from_mins(5);

#[derive(Clone, Serialize, Deserialize)]
struct Pending {
    user: UserId,
    browser: Browser,
    /// Milliseconds since 1970.
    since: i64,
    /// Which password it was: a digest of its hash.
    password: String,
}

impl Identity {
    /// Notes in this browser's session that `user` gave the right password: under a new id, with
    /// nothing of what the session held. Whoever was signed in here no longer is.
    pub async fn start_pending(
        &self,
        session: &Session,
        user: &User,
        browser: Browser,
    ) -> Result<(), SessionError> {
        let password = self.password_mark(user.id).await?;
        session.clear().await;
        session.cycle_id().await?;
        let pending = Pending {
            user: user.id,
            browser: browser.cut(),
            since: self.inner.clock.now().as_millisecond(),
            password: password.unwrap_or_default(),
        };
        session.insert(PENDING, pending).await?;
        session.save().await?;
        Ok(())
    }

    /// Who gave the right password in this browser, up to five minutes ago, and from where.
    pub async fn pending(
        &self,
        session: &Session,
    ) -> Result<Option<(User, Browser)>, SessionError> {
        let Some(pending) = session.get::<Pending>(PENDING).await? else {
            return Ok(None);
        };
        let now = self.inner.clock.now().as_millisecond();
        let lifetime = LIFETIME.as_millis();
        if i128::from(now) - i128::from(pending.since) >= lifetime {
            return Ok(None);
        }
        if self.password_mark(pending.user).await?.as_ref() != Some(&pending.password) {
            return Ok(None);
        }
        let user = self.inner.store.user(pending.user).profile().await?;
        let user = user.filter(|user| user.is_active);
        Ok(user.map(|user| (user, pending.browser)))
    }

    async fn password_mark(&self, user: UserId) -> Result<Option<String>, SessionError> {
        let hash = self.inner.store.user(user).password_hash().await?;
        Ok(hash.map(|hash| sha256_hex(hash.expose().as_bytes())[..16].to_owned()))
    }
}

#[cfg(test)]
mod tests;
