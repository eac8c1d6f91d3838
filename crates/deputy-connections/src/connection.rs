//! What a person has connected, as others see it.

use deputy_core::UserId;
use deputy_store::oauth_token::OAuthToken;
use jiff::Timestamp;
use serde::Serialize;

use crate::{Connections, Notice, Services, StorageError};

/// A connection, without its tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The services that count as connected; may be none.
    pub services: Services,
    /// The scopes that were granted and are in use: those of dropped services are left out. Full
    /// URLs, in Google's order.
    pub scopes: Vec<String>,
    /// Grows with every refresh and consent, also over a disconnect.
    pub generation: i64,
    /// When the person connected it first.
    pub connected_at: Timestamp,
    /// When the access token expires.
    pub expires_at: Timestamp,
    /// The account's e-mail address, where Google told it.
    pub account: Option<String>,
}

impl From<&OAuthToken> for Connection {
    fn from(row: &OAuthToken) -> Self {
        Self {
            services: services_of(row),
            scopes: scopes_of(row),
            generation: row.generation,
            connected_at: row.connected_at,
            expires_at: row.expires_at,
            account: row.account.clone(),
        }
    }
}

/// The services of a row that count as connected.
pub(crate) fn services_of(row: &OAuthToken) -> Services {
    Services::from_names(&row.services).connected_by(&row.scopes)
}

fn scopes_of(row: &OAuthToken) -> Vec<String> {
    let dropped = Services::ALL.without(Services::from_names(&row.services));
    row.scopes
        .iter()
        .filter(|s| !dropped.scopes().any(|d| d == s.as_str()))
        .cloned()
        .collect()
}

/// Whether the access token can't be renewed any more.
fn is_spent(row: &OAuthToken, now: Timestamp) -> bool {
    row.expires_at <= now
        && (row.refresh_token.is_none() || row.refresh_expires_at.is_some_and(|at| at <= now))
}

/// How a connection stands, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StatusName {
    /// It works.
    Connected,
    /// There is none.
    Disconnected,
    /// There is one, but its token has expired and can't be renewed: the person must connect again.
    Expired,
}

/// How a person's Google connection stands; serialized as the REST API shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// In a word.
    pub status: StatusName,
    /// The scopes in use, full URLs.
    pub scopes: Vec<String>,
    /// The services that count as connected.
    pub services: Services,
    /// Whether the access token has expired; the next call renews it.
    pub access_token_expired: bool,
    /// When it was connected first; null when it isn't.
    pub connected_at: Option<Timestamp>,
    /// The account's e-mail address, where Google told it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
}

impl Status {
    fn disconnected() -> Self {
        Self {
            status: StatusName::Disconnected,
            scopes: Vec::new(),
            services: Services::NONE,
            access_token_expired: false,
            connected_at: None,
            account: None,
        }
    }
}

impl Connections {
    /// What this person has connected, if anything.
    pub async fn connection(&self, user: UserId) -> Result<Option<Connection>, StorageError> {
        Ok(self.inner.row(user).await?.as_ref().map(Connection::from))
    }

    /// How this person's Google connection stands. Asks nobody.
    pub async fn status(&self, user: UserId) -> Result<Status, StorageError> {
        let Some(row) = self.inner.row(user).await? else {
            return Ok(Status::disconnected());
        };
        let now = self.inner.clock.now();
        Ok(Status {
            status: if is_spent(&row, now) {
                StatusName::Expired
            } else {
                StatusName::Connected
            },
            scopes: scopes_of(&row),
            services: services_of(&row),
            access_token_expired: row.expires_at <= now,
            connected_at: Some(row.connected_at),
            account: row.account,
        })
    }

    /// What this person should be told, newest first. The texts' keys are [`Notice::kind`] and the
    /// parameter `reason`.
    pub async fn notices(&self, user: UserId) -> Result<Vec<Notice>, StorageError> {
        Ok(self.inner.store.user(user).notices().await?)
    }

    /// Removes a notice that the person has read; false when they have no such notice.
    pub async fn dismiss_notice(&self, user: UserId, id: i64) -> Result<bool, StorageError> {
        let tx = self.inner.store.begin().await?;
        let done = tx.user(user).notice_dismiss(id).await?;
        tx.commit().await?;
        Ok(done)
    }
}
