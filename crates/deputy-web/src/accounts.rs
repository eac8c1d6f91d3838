//! People's Google accounts, as the gateway's port wants them: here because this is the first room
//! that sees both.

use async_trait::async_trait;
use deputy_connections::{AccessError, Connection, Connections, Token};
use deputy_core::UserId;
use deputy_gateway::credentials::{AccessToken, Connected, CredentialError, Credentials};

/// The adapter.
pub struct Accounts(pub Connections);

#[async_trait]
impl Credentials for Accounts {
    async fn connected(&self, user: UserId) -> Result<Connected, CredentialError> {
        let connection = self.0.connection(user).await;
        let connection = connection.map_err(|e| CredentialError::Internal(Box::new(e)))?;
        Ok(connection.map_or_else(Connected::default, connected))
    }

    async fn at_hand(
        &self,
        user: UserId,
    ) -> Result<(Connected, Option<AccessToken>), CredentialError> {
        let found = self.0.at_hand(user).await.map_err(refused)?;
        Ok(found.map_or_else(Default::default, |(connection, fresh)| {
            (connected(connection), fresh.map(token))
        }))
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

fn connected(connection: Connection) -> Connected {
    Connected {
        services: connection
            .services
            .iter()
            .map(|s| s.as_str().to_owned())
            .collect(),
        scopes: connection.scopes,
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
