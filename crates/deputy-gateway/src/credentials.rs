//! The port to people's accounts at third parties. Implemented where the accounts are kept.

use std::time::Duration;

use async_trait::async_trait;
use deputy_core::{Secret, UserId};
use url::Url;

/// What a person has connected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connected {
    /// The services that count as connected: `calendar`, `gmail`, `drive`.
    pub services: Vec<String>,
    /// The OAuth scopes that were granted, as full URLs.
    pub scopes: Vec<String>,
}

/// A token that may be presented now.
#[derive(Clone)]
pub struct AccessToken {
    /// The token.
    pub secret: Secret<String>,
    /// Which token of this connection it is: grows with every refresh and every consent.
    pub generation: i64,
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// The person has not connected the account, or it was removed because the grant is dead.
    #[error("not connected")]
    NotConnected,
    /// The account's provider can't be asked now.
    #[error("the provider does not answer")]
    Temporary {
        /// When to try again.
        retry_after: Duration,
    },
    /// The installation is not configured for it, or wrongly.
    #[error("{0}")]
    Misconfigured(String),
    /// Something of ours failed.
    #[error("credentials can't be read")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// People's accounts.
#[async_trait]
pub trait Credentials: Send + Sync + 'static {
    /// What this person has connected; empty when nothing is.
    async fn connected(&self, user: UserId) -> Result<Connected, CredentialError>;

    /// The same and, where one is at hand without asking the provider, a token, from one look.
    async fn at_hand(
        &self,
        user: UserId,
    ) -> Result<(Connected, Option<AccessToken>), CredentialError>;

    /// A token of this person that is valid for some minutes more.
    async fn access_token(&self, user: UserId) -> Result<AccessToken, CredentialError>;

    /// A newer token than the one of `failed_generation`, which the third party refused.
    async fn refresh(
        &self,
        user: UserId,
        failed_generation: i64,
    ) -> Result<AccessToken, CredentialError>;
}

/// Why there is no token for a person's own server.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// The person has to allow the access first, or again.
    #[error("the access was not allowed yet")]
    ConsentNeeded,
    /// The access is not renewed, and this says why; the person may mend it and allow it again.
    #[error("{0}")]
    SignInAgain(String),
    /// The authorization server can't be asked now.
    #[error("the authorization server does not answer")]
    Temporary {
        /// When to try again.
        retry_after: Duration,
    },
    /// The server or its authorization server refuses, and asking the person again would not help.
    #[error("{0}")]
    Refused(String),
    /// Something of ours failed.
    #[error("credentials can't be read")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The port to OAuth tokens for people's own remote servers. Implemented where they are kept.
#[async_trait]
pub trait RemoteCredentials: Send + Sync + 'static {
    /// The token for a request to this person's server at `url`; none where nothing was granted and
    /// the server may do without. A token is for the URL that it was got for: a server that has moved
    /// does not get it.
    async fn bearer(
        &self,
        user: UserId,
        server: i64,
        url: &Url,
    ) -> Result<Option<AccessToken>, RemoteError>;

    /// A newer token than the one of `failed_generation` (0: there was none), which the server at
    /// `url` refused with this challenge.
    async fn refused(
        &self,
        user: UserId,
        server: i64,
        url: &Url,
        failed_generation: i64,
        challenge: Option<String>,
    ) -> Result<AccessToken, RemoteError>;

    /// Forgets what is kept for a server that is about to be deleted, and sees to it that who gave
    /// it is told.
    async fn forget(&self, user: UserId, server: i64) -> Result<(), RemoteError>;
}

/// No server has credentials by OAuth: each that wants them needs consent that nobody can give.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoRemoteCredentials;

#[async_trait]
impl RemoteCredentials for NoRemoteCredentials {
    async fn bearer(&self, _: UserId, _: i64, _: &Url) -> Result<Option<AccessToken>, RemoteError> {
        Ok(None)
    }

    async fn refused(
        &self,
        _: UserId,
        _: i64,
        _: &Url,
        _: i64,
        _: Option<String>,
    ) -> Result<AccessToken, RemoteError> {
        Err(RemoteError::ConsentNeeded)
    }

    async fn forget(&self, _: UserId, _: i64) -> Result<(), RemoteError> {
        Ok(())
    }
}
