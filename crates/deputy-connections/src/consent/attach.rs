//! Storing what a consent brought.

use deputy_core::UserId;
use deputy_store::oauth_revocation::OAuthRevocation;
use deputy_store::oauth_token::OAuthToken;
use jiff::Timestamp;

use super::{CallbackError, Connected};
use crate::connection::services_of;
use crate::event::ConnectionEventKind;
use crate::notice::NOTICE_DISCONNECTED;
use crate::refresh::after;
use crate::upstream::TokenAnswer;
use crate::{Column, Inner, PROVIDER, Services};

impl Inner {
    /// Stores what the exchange brought.
    pub(super) async fn attach(
        &self,
        user: UserId,
        asked: Services,
        answer: TokenAnswer,
    ) -> Result<Connected, CallbackError> {
        let access_token = self
            .seal(user, Column::AccessToken, &answer.access_token)
            .await?;
        let refresh_token = match &answer.refresh_token {
            Some(token) => Some(self.seal(user, Column::RefreshToken, token).await?),
            None => None,
        };
        let sealed = SealedTokens {
            access_token,
            refresh_token,
        };
        let now = self.clock.now();
        let tx = self.store.begin().await?;
        let scope = tx.user(user);
        let before = scope.oauth_token_for_update(PROVIDER).await?;
        let row = merge(before.as_ref(), asked, &answer, sealed, now);
        let services = services_of(&row);
        if services.intersection(asked).is_empty() {
            // Nobody will use what was granted. With a connection held it is the same grant to
            // Google, and stays; without one Google is told to forget it.
            if before.is_none() {
                scope.oauth_revocation_add(revocation_of(row, now)).await?;
            }
            tx.commit().await?;
            return Err(CallbackError::NothingGranted);
        }
        match &before {
            Some(before) => {
                scope.oauth_token_replace(row, before.generation).await?;
            }
            None => scope.oauth_token_add(row).await?,
        }
        scope.oauth_revocations_delete(PROVIDER).await?;
        scope.notice_clear(NOTICE_DISCONNECTED).await?;
        tx.commit().await?;
        self.tell(user, ConnectionEventKind::Connected);
        Ok(Connected {
            services,
            declined: asked.without(services),
            lost: before
                .map_or(Services::NONE, |b| services_of(&b))
                .without(services),
        })
    }
}

struct SealedTokens {
    access_token: Vec<u8>,
    refresh_token: Option<Vec<u8>>,
}

/// The row after a consent: what was held before is kept where the answer is silent.
fn merge(
    before: Option<&OAuthToken>,
    asked: Services,
    answer: &TokenAnswer,
    sealed: SealedTokens,
    now: Timestamp,
) -> OAuthToken {
    let wanted = before
        .map_or(Services::NONE, |b| Services::from_names(&b.services))
        .union(asked);
    // An answer without scopes granted what was asked for (RFC 6749, section 5.1).
    let scopes = answer
        .scopes
        .clone()
        .unwrap_or_else(|| wanted.scopes().map(str::to_owned).collect());
    let new_grant = sealed.refresh_token.is_some();
    let kept = before.filter(|_| !new_grant);
    OAuthToken {
        id: before.map_or(0, |b| b.id),
        provider: PROVIDER.to_owned(),
        access_token: sealed.access_token,
        refresh_token: sealed
            .refresh_token
            .or_else(|| before.and_then(|b| b.refresh_token.clone())),
        expires_at: after(now, Some(answer.expires_in)).unwrap_or(now),
        services: wanted.touched_by(&scopes).names(),
        scopes,
        // Above whatever a deleted predecessor had.
        generation: now
            .as_millisecond()
            .max(before.map_or(0, |b| b.generation + 1)),
        account: answer
            .account
            .clone()
            .or_else(|| kept.and_then(|b| b.account.clone())),
        connected_at: before.map_or(now, |b| b.connected_at),
        granted_at: kept.map_or(now, |b| b.granted_at),
        refreshed_at: now,
        refresh_expires_at: after(now, answer.refresh_expires_in)
            .or_else(|| kept.and_then(|b| b.refresh_expires_at)),
        last_used_at: now,
        failures: 0,
        retry_at: Timestamp::UNIX_EPOCH,
        created_at: before.map_or(now, |b| b.created_at),
        updated_at: now,
    }
}

/// Telling Google to forget the grant of `row`, due at `next_at`.
pub(crate) fn revocation_of(row: OAuthToken, next_at: Timestamp) -> OAuthRevocation {
    let (token, column) = match row.refresh_token {
        Some(token) => (token, Column::RefreshToken),
        None => (row.access_token, Column::AccessToken),
    };
    OAuthRevocation {
        id: 0,
        user: UserId(0),
        provider: row.provider,
        token,
        token_column: column.as_str().to_owned(),
        attempts: 0,
        next_at,
        created_at: next_at,
    }
}
