//! Whoever presents a token with a request.

use deputy_core::secret::sha256_hex;
use deputy_core::{Caller, Principal};
use jiff::Timestamp;

use super::SKEW;
use super::grants::why_ended;
use super::token::{ACCESS_PREFIX, has_form};
use crate::{AuthError, Identity, principal, token};

impl Identity {
    /// Whose token this is, and what it may do here: its scopes, cut to the person's present
    /// rights. `resource` is the URL of what is asked for, as [`super::Resource::url`] writes it; an
    /// access token for another one is [`AuthError::Audience`]. A personal token opens all.
    pub async fn authenticate_bearer(
        &self,
        text: &str,
        resource: &str,
    ) -> Result<Principal, AuthError> {
        self.authenticate_at(text, Some(resource)).await
    }

    /// The same for a token that is for any of our resources: for what opens none of them.
    pub(crate) async fn authenticate_anywhere(&self, text: &str) -> Result<Principal, AuthError> {
        self.authenticate_at(text, None).await
    }

    async fn authenticate_at(
        &self,
        text: &str,
        resource: Option<&str>,
    ) -> Result<Principal, AuthError> {
        if text.starts_with(token::PREFIX) {
            return self.authenticate_token(text).await;
        }
        // Spares the database what can't be one; the prefix and the length are no secret.
        if !has_form(text, ACCESS_PREFIX) {
            return Err(AuthError::Unknown);
        }
        let hash = sha256_hex(text.as_bytes());
        let found = self.inner.store.access_token(&hash).await?;
        let (token, grant, user) = found.ok_or(AuthError::Unknown)?;
        if let Some(why) = why_ended(&grant) {
            return Err(AuthError::Ended { why });
        }
        let now = self.inner.clock.now();
        if !is_live(token.created_at, token.expires_at, now) || grant.expires_at <= now {
            return Err(AuthError::Expired);
        }
        if resource.is_some_and(|resource| !token.resources.iter().any(|url| url == resource)) {
            return Err(AuthError::Audience);
        }
        let mut scopes = token.scopes;
        scopes.0.retain(|scope| grant.scopes.contains(*scope));
        let principal = principal(
            user,
            Some(scopes),
            Caller::Client {
                grant: grant.id,
                id: grant.client_id,
                name: grant.client_name,
            },
        )?;
        self.inner.used.grants.lock().insert(grant.id, now);
        Ok(principal)
    }

    /// When a token of the grant was last used since the last sweep.
    pub(crate) fn grant_used(&self, grant: i64) -> Option<Timestamp> {
        self.inner.used.grants.lock().get(&grant).copied()
    }
}

/// Whether what was made at `created` and works until `expires` works at `now`. What seems to come
/// from the future was made before the clock was set back, and may be long over.
pub(crate) fn is_live(created: Timestamp, expires: Timestamp, now: Timestamp) -> bool {
    now < expires && created.duration_since(now) <= SKEW
}

#[cfg(test)]
mod tests;
