//! Personal access tokens: `dpt_pat_` and 256 random bits, shown once, stored as SHA-256.
//!
//! A plain hash is enough because there is nothing to guess; so looking one up is one indexed
//! query, and how long it takes tells nothing about a token.

use deputy_core::secret::sha256_hex;
use deputy_core::{Caller, Principal, Scope, Scopes, Secret, UserId, random};
use deputy_store::personal_token::NewPersonalToken;
use jiff::{SignedDuration, Timestamp};

use crate::{AuthError, Identity, PersonalToken, principal};

/// What every token begins with.
pub const PREFIX: &str = "dpt_pat_";

/// 256 bits in URL-safe base64.
const RANDOM: usize = 43;

/// Longest name, in characters.
const MAX_NAME: usize = 64;

/// Longest life, in days.
pub const MAX_DAYS: u32 = 3650;

/// A token to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRequest {
    /// What the owner calls it.
    pub name: String,
    /// What it may do; `None` for all but `admin` and `approvals:decide`.
    pub scopes: Option<Scopes>,
    /// For how many days it works, 1 to 3650; `None` for ever.
    pub days: Option<u32>,
}

/// Why a token was not made.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The name is empty, too long or has control characters.
    #[error("a token's name has 1 to {MAX_NAME} printable characters")]
    Name,
    /// No scope at all.
    #[error("a token needs at least one scope")]
    NoScope,
    /// A scope that its owner does not have.
    #[error("the scope {0} exceeds the user's rights")]
    Exceeds(Scope),
    /// The number of days is outside 1 to 3650.
    #[error("a token works for 1 to {MAX_DAYS} days")]
    Days,
    /// The person has too many.
    #[error("there are {0} tokens already; revoke one first")]
    TooMany(u64),
    /// There is no such person.
    #[error("there is no such user")]
    NoUser,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] deputy_store::Error),
}

impl Identity {
    /// Makes a token for `user`: the token itself, which can't be shown again, and what is stored.
    pub async fn create_token(
        &self,
        user: UserId,
        request: TokenRequest,
    ) -> Result<(Secret<String>, PersonalToken), TokenError> {
        let name = request.name.trim().to_owned();
        if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control)
        {
            return Err(TokenError::Name);
        }
        let at = self.inner.clock.now();
        let expires_at = request.days.map(|days| expiry(at, days)).transpose()?;
        let scopes = request.scopes.unwrap_or_else(Scopes::default_for_token);
        if scopes.0.is_empty() {
            return Err(TokenError::NoScope);
        }
        let token = random::token(PREFIX, &*self.inner.rng);
        let hint = token.expose()[token.expose().len() - 4..].to_owned();
        let token_hash = sha256_hex(token.expose().as_bytes());

        let tx = self.inner.store.begin().await?;
        let owner = tx.user(user).profile().await?.ok_or(TokenError::NoUser)?;
        let rights = Self::rights(owner.role);
        if let Some(scope) = scopes.0.iter().find(|scope| !rights.contains(**scope)) {
            return Err(TokenError::Exceeds(*scope));
        }
        let count = tx.user(user).count_tokens().await?;
        if count >= self.inner.config.max_tokens {
            return Err(TokenError::TooMany(count));
        }
        let new = NewPersonalToken {
            name,
            token_hash,
            hint,
            scopes,
            at,
            expires_at,
        };
        let stored = tx.user(user).insert_token(new).await?;
        tx.commit().await?;
        Ok((token, stored))
    }

    /// The person's tokens, newest first, those that expired too.
    pub async fn tokens(&self, user: UserId) -> Result<Vec<PersonalToken>, TokenError> {
        Ok(self.inner.store.user(user).tokens().await?)
    }

    /// Revokes a token of the person. False when it is not theirs.
    pub async fn revoke_token(&self, user: UserId, id: i64) -> Result<bool, TokenError> {
        let tx = self.inner.store.begin().await?;
        let revoked = tx.user(user).delete_token(id).await?;
        tx.commit().await?;
        Ok(revoked)
    }

    /// Whose token this is, and what it may do: its scopes, cut to the person's present rights.
    pub async fn authenticate_token(&self, token: &str) -> Result<Principal, AuthError> {
        // Spares the database what can't be one; the prefix and the length are no secret.
        if token.len() != PREFIX.len() + RANDOM || !token.starts_with(PREFIX) {
            return Err(AuthError::Unknown);
        }
        let found = self
            .inner
            .store
            .token_by_hash(&sha256_hex(token.as_bytes()))
            .await?;
        let (token, user) = found.ok_or(AuthError::Unknown)?;
        let now = self.inner.clock.now();
        if token.expires_at.is_some_and(|at| at <= now) {
            return Err(AuthError::Expired);
        }
        let principal = principal(
            user,
            Some(token.scopes),
            Caller::Token {
                id: token.id,
                name: token.name,
            },
        )?;
        self.inner.used.tokens.lock().insert(token.id, now);
        Ok(principal)
    }
}

fn expiry(at: Timestamp, days: u32) -> Result<Timestamp, TokenError> {
    if !(1..=MAX_DAYS).contains(&days) {
        return Err(TokenError::Days);
    }
    at.checked_add(SignedDuration::from_hours(24 * i64::from(days)))
        .map_err(|_| TokenError::Days)
}

#[cfg(test)]
mod tests;
