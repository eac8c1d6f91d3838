//! Tokens for people's own remote servers, as the gateway wants them.

use async_trait::async_trait;
use deputy_connections::StorageError;
use deputy_connections::remote::{AccessError, Remote, Token};
use deputy_core::UserId;
use deputy_gateway::credentials::{AccessToken, RemoteCredentials, RemoteError};
use url::Url;

/// The adapter.
pub struct RemoteAccounts(pub Remote);

#[async_trait]
impl RemoteCredentials for RemoteAccounts {
    async fn bearer(
        &self,
        user: UserId,
        server: i64,
        url: &Url,
    ) -> Result<Option<AccessToken>, RemoteError> {
        let held = self.0.bearer(user, server, url).await;
        Ok(held.map_err(refused)?.map(token))
    }

    async fn refused(
        &self,
        user: UserId,
        server: i64,
        url: &Url,
        failed_generation: i64,
        challenge: Option<String>,
    ) -> Result<AccessToken, RemoteError> {
        let failed = (failed_generation > 0).then_some(failed_generation);
        self.0
            .refused(user, server, url, failed, challenge.as_deref())
            .await
            .map(token)
            .map_err(refused)
    }

    async fn forget(&self, user: UserId, server: i64) -> Result<(), RemoteError> {
        match self.0.forget(user, server).await {
            Ok(_) => Ok(()),
            Err(error) => Err(storage(error)),
        }
    }
}

fn token(token: Token) -> AccessToken {
    AccessToken {
        secret: token.secret,
        generation: token.generation,
    }
}

fn refused(error: AccessError) -> RemoteError {
    match error {
        AccessError::ConsentNeeded => RemoteError::ConsentNeeded,
        AccessError::Temporarily { retry_after } => RemoteError::Temporary { retry_after },
        AccessError::Refused => RemoteError::Refused(error.to_string()),
        AccessError::Configuration { .. } | AccessError::NotRenewed { .. } => {
            RemoteError::SignInAgain(error.to_string())
        }
        AccessError::Storage(_) => RemoteError::Internal(Box::new(error)),
    }
}

fn storage(error: StorageError) -> RemoteError {
    RemoteError::Internal(Box::new(error))
}
