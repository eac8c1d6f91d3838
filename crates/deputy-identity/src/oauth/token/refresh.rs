//! Rotating a refresh token.
//!
//! Every refresh gives a new refresh token. Clients run in several processes over one stored token,
//! lose answers and try again; so for some seconds the old token gives the same successor to
//! whoever presents it. After that, whoever presents it has a copy that he should not have: the
//! grant ends, with all its tokens, and the person is told.

use std::collections::BTreeMap;

use deputy_core::secret::sha256_hex;
use deputy_core::{Scopes, Secret, random};
use deputy_store::Tx;
use deputy_store::oauth_grant::{Grant, NewAccessToken, NewRefreshToken, RefreshToken};
use jiff::Timestamp;

use super::super::bearer::is_live;
use super::super::form::Form;
use super::super::grants::why_ended;
use super::super::{AuthorizationServer, EndedGrant, NOTICE_REUSE, REUSE};
use super::answer::Successor;
use super::{
    ACCESS_PREFIX, Issued, REFRESH_PREFIX, TokenAnswer, TokenEndpointError, Wanted, has_form,
    seconds,
};

fn unknown() -> TokenEndpointError {
    TokenEndpointError::invalid_grant("the refresh token is unknown or has expired")
}

impl AuthorizationServer {
    pub(super) async fn refresh(
        &self,
        form: &Form,
        client_id: &str,
    ) -> Result<TokenAnswer, TokenEndpointError> {
        let old = form.secret("refresh_token");
        let old =
            old.ok_or_else(|| TokenEndpointError::invalid_request("refresh_token is missing"))?;
        let mut is_counted = false;
        // Once more when somebody else rotated it between the look and the update.
        for _ in 0..2 {
            let (token, grant) = self.usable(old, client_id).await?;
            let now = self.now();
            let is_late = |at| token.answer.is_none() || !self.is_in_grace(at, now);
            if token.rotated_at.is_some_and(is_late) {
                return Err(self.end_for_misuse(&grant, REUSE).await?);
            }
            if !is_counted {
                self.inner.refreshes.hit(&grant.id)?;
                is_counted = true;
            }
            if token.rotated_at.is_some() {
                return self.repeat(form, old, &token, &grant, now).await;
            }
            let wanted = self.wanted(form, form.text("scope"), &grant)?;
            if let Some(answer) = self.rotate(old, &token, &grant, wanted).await? {
                return Ok(answer);
            }
        }
        Err(unknown())
    }

    /// The refresh token and its grant, if the client may use it but for having used it.
    async fn usable(
        &self,
        old: &Secret<String>,
        client_id: &str,
    ) -> Result<(RefreshToken, Grant), TokenEndpointError> {
        let found = if has_form(old.expose(), REFRESH_PREFIX) {
            let hash = sha256_hex(old.expose().as_bytes());
            self.inner.store.refresh_token(&hash).await?
        } else {
            None
        };
        let found = found.filter(|(_, grant, _)| grant.client_id == client_id);
        let Some((token, grant, user)) = found else {
            return Err(unknown());
        };
        let refuse = |why: &str| Err(TokenEndpointError::invalid_grant(why));
        if let Some(why) = why_ended(&grant) {
            return refuse(&why);
        }
        let now = self.now();
        if token.expires_at <= now || grant.expires_at <= now {
            return refuse("the refresh token has expired");
        }
        // A clock that is behind knows neither how old the token is nor how long ago it was rotated.
        let latest = token.rotated_at.unwrap_or(token.created_at);
        if !is_live(latest, token.expires_at, now) {
            // Not the token's fault: with a refusal the client would throw it away.
            return Err(TokenEndpointError {
                retry_after: Some(60),
                ..TokenEndpointError::new(
                    503,
                    "temporarily_unavailable",
                    "the clock of this server is behind",
                )
            });
        }
        if !user.is_active {
            return refuse("the account is disabled");
        }
        Ok((token, grant))
    }

    pub(super) fn is_in_grace(&self, used_at: Timestamp, now: Timestamp) -> bool {
        let grace = self.inner.config.grace;
        // Less than nothing where another replica's clock is ahead of this one's.
        !grace.is_zero() && now.duration_since(used_at) < grace
    }

    /// Rotates the token; `None` when somebody else did, or it is over.
    async fn rotate(
        &self,
        old: &Secret<String>,
        token: &RefreshToken,
        grant: &Grant,
        wanted: Wanted,
    ) -> Result<Option<TokenAnswer>, TokenEndpointError> {
        let inner = &*self.inner;
        let (now, access_ends) = self.span_of(grant, inner.config.access);
        let (_, refresh_ends) = self.span_of(grant, inner.config.refresh);
        let next = Successor {
            access_token: random::token(ACCESS_PREFIX, &*inner.rng),
            access_ends,
            refresh_token: random::token(REFRESH_PREFIX, &*inner.rng),
            scopes: wanted.scopes.clone(),
            resources: wanted.resources.clone(),
        };
        let sealed = if inner.config.grace.is_zero() {
            Vec::new()
        } else {
            let sealed = next.seal(&*inner.rng, old, grant.id);
            sealed.map_err(|err| TokenEndpointError::new(500, "server_error", err.to_string()))?
        };
        let tx = inner.store.begin().await?;
        if !tx
            .rotate_refresh_token(&token.token_hash, now, sealed)
            .await?
        {
            return Ok(None);
        }
        self.insert_access(&tx, grant, &next.access_token, wanted)
            .await?;
        tx.insert_refresh_token(NewRefreshToken {
            token_hash: sha256_hex(next.refresh_token.expose().as_bytes()),
            grant_id: grant.id,
            at: now,
            expires_at: refresh_ends,
        })
        .await?;
        tx.extend_oauth_grant(grant.id, refresh_ends).await?;
        tx.touch_oauth_grant(grant.id, now).await?;
        tx.commit().await?;
        Ok(Some(answer(grant, next, Issued::Refresh, now)))
    }

    async fn insert_access(
        &self,
        tx: &Tx,
        grant: &Grant,
        access: &Secret<String>,
        wanted: Wanted,
    ) -> Result<(), deputy_store::Error> {
        let (at, expires_at) = self.span_of(grant, self.inner.config.access);
        tx.insert_access_token(NewAccessToken {
            token_hash: sha256_hex(access.expose().as_bytes()),
            grant_id: grant.id,
            scopes: wanted.scopes,
            resources: wanted.resources,
            at,
            expires_at,
        })
        .await
    }

    /// The same successor again. The same access token too, unless it would not do: it is over, or
    /// this request wants one for something else. Two processes may refresh at once, one for `/mcp`
    /// and one for `/api`.
    async fn repeat(
        &self,
        form: &Form,
        old: &Secret<String>,
        token: &RefreshToken,
        grant: &Grant,
        now: Timestamp,
    ) -> Result<TokenAnswer, TokenEndpointError> {
        let wanted = self.wanted(form, form.text("scope"), grant)?;
        let sealed = token.answer.as_deref().unwrap_or_default();
        let mut next = Successor::open(sealed, old, grant.id).map_err(|err| {
            tracing::error!(grant = grant.id, "{err}");
            TokenEndpointError::new(500, "server_error", err.to_string())
        })?;
        let fits = next.scopes == wanted.scopes
            && next.resources == wanted.resources
            && next.access_ends > now;
        if !fits {
            let inner = &*self.inner;
            next.access_token = random::token(ACCESS_PREFIX, &*inner.rng);
            (_, next.access_ends) = self.span_of(grant, inner.config.access);
            next.scopes.clone_from(&wanted.scopes);
            let tx = inner.store.begin().await?;
            let locked = tx.refresh_token_locked(&token.token_hash).await?;
            if locked.is_none_or(|(_, grant, _)| grant.ended_at.is_some()) {
                return Err(TokenEndpointError::invalid_grant("the access has ended"));
            }
            self.insert_access(&tx, grant, &next.access_token, wanted)
                .await?;
            tx.commit().await?;
        }
        Ok(answer(grant, next, Issued::Repeated, now))
    }

    /// Ends a grant because a code or a refresh token came twice, forgets the consent, so that the
    /// person is asked before there is another, and leaves them a notice. The refusal to answer with.
    pub(super) async fn end_for_misuse(
        &self,
        grant: &Grant,
        why: &'static str,
    ) -> Result<TokenEndpointError, TokenEndpointError> {
        let now = self.now();
        let tx = self.inner.store.begin().await?;
        let ended = tx.end_oauth_grant(grant.id, why, now).await?;
        if ended {
            let parameters = BTreeMap::from([
                ("client".to_owned(), grant.client_name.clone()),
                ("why".to_owned(), why.to_owned()),
            ]);
            let user = tx.user(grant.user_id);
            user.delete_oauth_consent(&grant.client_id).await?;
            user.notice_put(NOTICE_REUSE, &parameters, now).await?;
        }
        tx.commit().await?;
        let description = if why == REUSE {
            "the refresh token was used before, so the access has ended; sign in again"
        } else {
            "the code was used before, so the access has ended; sign in again"
        };
        let mut error = TokenEndpointError::invalid_grant(description);
        error.ended = ended.then(|| Box::new(EndedGrant::of(grant, why)));
        Ok(error)
    }
}

fn answer(grant: &Grant, next: Successor, kind: Issued, now: Timestamp) -> TokenAnswer {
    let scopes: Scopes = next.scopes;
    TokenAnswer {
        access_token: next.access_token,
        expires_in: seconds(now, next.access_ends),
        refresh_token: next.refresh_token,
        scopes,
        kind,
        grant_id: grant.id,
        user_id: grant.user_id,
        client_id: grant.client_id.clone(),
        client_name: grant.client_name.clone(),
        replaced: Vec::new(),
    }
}
