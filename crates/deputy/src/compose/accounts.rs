//! People's Google accounts, as the gateway's port wants them.

use async_trait::async_trait;
use deputy_connections::{AccessError, Connections, Token};
use deputy_core::UserId;
use deputy_gateway::credentials::{AccessToken, Connected, CredentialError, Credentials};

/// The adapter.
pub(crate) struct Accounts(pub(crate) Connections);

#[async_trait]
impl Credentials for Accounts {
    async fn connected(&self, user: UserId) -> Result<Connected, CredentialError> {
        let connection = self
            .0
            .connection(user)
            .await
            .map_err(|e| CredentialError::Internal(Box::new(e)))?;
        Ok(
            connection.map_or_else(Connected::default, |google| Connected {
                services: google
                    .services
                    .iter()
                    .map(|s| s.as_str().to_owned())
                    .collect(),
                scopes: google.scopes,
            }),
        )
    }

    async fn access_token(&self, user: UserId) -> Result<AccessToken, CredentialError> {
        self.0.access_token(user).await.map(token).map_err(refused)
    }

    async fn refresh(
        &self,
        user: UserId,
        failed_generation: i64,
    ) -> Result<AccessToken, CredentialError> {
        self.0
            .refresh_after_unauthorized(user, failed_generation)
            .await
            .map(token)
            .map_err(refused)
    }
}

fn token(token: Token) -> AccessToken {
    AccessToken {
        secret: token.secret,
        generation: token.generation,
    }
}

fn refused(error: AccessError) -> CredentialError {
    match error {
        AccessError::NotConnected | AccessError::Expired | AccessError::Removed(_) => {
            CredentialError::NotConnected
        }
        AccessError::Temporarily { retry_after } => CredentialError::Temporary { retry_after },
        AccessError::NotConfigured | AccessError::Configuration { .. } => {
            CredentialError::Misconfigured(error.to_string())
        }
        AccessError::Storage(_) => CredentialError::Internal(Box::new(error)),
    }
}
