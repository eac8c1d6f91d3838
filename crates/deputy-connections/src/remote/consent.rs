//! Consent at a remote server's authorization server: sending a person there, and taking what they
//! come back with.
//!
//! The state is signed and its row counts once, as for Google: [`crate::state`]. What the consent
//! is about (who was asked, as whom, with which verifier) is sealed in the row.

use std::sync::Arc;

use aws_lc_rs::hmac;
use deputy_core::{Secret, UserId};
use serde::{Deserialize, Serialize};
use url::Url;

use super::client::Source;
use super::{Grant, Inner, Key, Remote, SealedAt, Server, exposed};
use crate::state::{self, State};
use crate::{CallbackQuery, StorageError};

mod begin;
mod complete;
mod error;

pub use error::{BeginError, CallbackError};

/// What a completed consent brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connected {
    /// The server's number.
    pub server_id: i64,
    /// What was asked for and granted; empty where scopes weren't spoken of.
    pub scopes: Vec<String>,
}

/// A consent under way, as it is sealed in the state's row.
#[derive(Serialize, Deserialize)]
struct Pending {
    server_id: i64,
    server_url: Url,
    grant: Grant,
    /// What was asked for; empty where nothing was named.
    scopes: Vec<String>,
    /// Whether the answer must say whose it is.
    says_issuer: bool,
    redirect_uri: String,
    #[serde(serialize_with = "exposed")]
    verifier: Secret<String>,
}

impl Remote {
    /// Begins a consent of `user` for their `server` and returns the page to send the person to.
    /// The answer counts once, within ten minutes, and only for this person. Asks the server and
    /// its authorization server, which may take as long as they do.
    pub async fn begin(&self, user: UserId, server: &Server) -> Result<Url, BeginError> {
        let begun = self.inner.begin(user, server).await;
        let word = begun.as_ref().map_or_else(BeginError::as_str, |_| "begun");
        metrics::counter!("deputy_remote_consent_total", "outcome" => word).increment(1);
        if let Err(error) = &begun {
            tracing::info!(%user, server = server.id, %error, "no consent could begin");
        }
        begun
    }

    /// Whether `query` is worth asking a visitor to sign in for: checks the `state` as far as that
    /// goes without knowing the visitor.
    pub async fn precheck(&self, query: &CallbackQuery) -> Result<(), CallbackError> {
        self.inner.read_state(query).await.map(|_| ())
    }

    /// Completes a consent with what the authorization server sent the browser of `user` back with,
    /// who must be signed in there. Another person's visit attaches nothing and uses nothing up.
    pub async fn complete(
        &self,
        user: UserId,
        query: CallbackQuery,
    ) -> Result<Connected, CallbackError> {
        let inner = Arc::clone(&self.inner);
        // A task of its own: a browser that goes away must not interrupt it between the
        // authorization server and the database.
        let task = self
            .inner
            .lifecycle
            .spawn(async move { Box::pin(inner.complete(user, &query)).await });
        let outcome = match task.await {
            Ok(Some(outcome)) => outcome,
            Ok(None) | Err(_) => Err(CallbackError::Storage(None)),
        };
        let word = outcome
            .as_ref()
            .map_or_else(CallbackError::as_str, |_| "completed");
        metrics::counter!("deputy_remote_consent_total", "outcome" => word).increment(1);
        match &outcome {
            Ok(connected) => {
                tracing::info!(%user, server = connected.server_id, "an account at a remote server was connected");
            }
            Err(error) => tracing::info!(%user, %error, "a consent attached nothing"),
        }
        outcome
    }
}

fn pending_at(user: UserId, nonce_hash: &str) -> SealedAt {
    SealedAt {
        user,
        table: "oauth_states",
        row: nonce_hash.to_owned(),
        column: "verifier",
    }
}

impl Inner {
    async fn state_key(&self) -> Result<&hmac::Key, StorageError> {
        self.state_key
            .get_or_try_init(|| state::load_key(&self.vault))
            .await
    }

    async fn read_state(&self, query: &CallbackQuery) -> Result<State, CallbackError> {
        let key = self.state_key().await?;
        Ok(State::read(query.state.as_deref(), key, self.clock.now())?)
    }

    /// Where the client was registered on the spot, the next consent registers another.
    pub(super) async fn forget_registered(
        &self,
        user: UserId,
        grant: &Grant,
    ) -> Result<(), StorageError> {
        if grant.client.source == Source::Registered {
            self.forget_client(user, &grant.issuer).await?;
        }
        Ok(())
    }

    pub(super) async fn seal_token(
        &self,
        key: Key,
        column: &'static str,
        token: &Secret<String>,
    ) -> Result<Vec<u8>, StorageError> {
        let place = SealedAt::account(key, column);
        Ok(self
            .vault
            .seal(&place.place(), token.expose().as_bytes())
            .await?)
    }
}

#[cfg(test)]
mod tests;
