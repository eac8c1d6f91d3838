//! Who a client is, wherever that is known from.
//!
//! Four kinds, told apart by nothing but where the identifier is found: built in (Deputy's own
//! command line), registered by an administrator, registered by itself (RFC 7591), or the URL of a
//! document that says it (`document.rs`). An identifier of one kind is never one of another:
//! those of administrators have no colon, those of clients that registered themselves a prefix
//! that no administrator can give.

use std::net::IpAddr;

use deputy_core::Throttled;
use deputy_store::oauth_client::{ClientKind, ClientRow, NewClient};
use deputy_store::oauth_grant::Grant;
use serde_json::json;

use super::described::{MAX_REDIRECTS, cleaned_name};
use super::document::{self, DocumentError};
use super::redirect::{self, RedirectError};
use super::{ADMINISTRATOR, AuthorizationServer};

/// The identifier of Deputy's own command line.
pub const BUILTIN: &str = "deputy-cli";
/// Deputy's own words begin so.
const RESERVED: &str = "dpt_";
/// Longest identifier that an administrator gives, in bytes.
const MAX_ID: usize = 100;

/// Where a client is known from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Deputy's own command line.
    Builtin,
    /// An administrator registered it.
    Registered,
    /// It registered itself; anybody can.
    Dynamic,
    /// Its identifier is the URL of the document that says who it is.
    Document,
}

impl From<ClientKind> for Kind {
    fn from(kind: ClientKind) -> Self {
        match kind {
            ClientKind::Registered => Self::Registered,
            ClientKind::Dynamic => Self::Dynamic,
            ClientKind::Document => Self::Document,
        }
    }
}

/// A program that asks to act for people. Its name and address are its own word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// Its identifier.
    pub client_id: String,
    /// Where it is known from.
    pub kind: Kind,
    /// What it calls itself, cleaned; never empty.
    pub name: String,
    /// Where it may have people sent back to; never empty.
    pub redirect_uris: Vec<String>,
    /// Its home page, if it says one (`http` or `https`).
    pub client_uri: Option<String>,
}

/// Why there is no such client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody knows the identifier.
    #[error("there is no such client")]
    Unknown,
    /// An administrator has blocked it.
    #[error("an administrator has blocked this client")]
    Blocked,
    /// The document that the identifier names says nothing about it.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// Too many documents were asked for.
    #[error(transparent)]
    Throttled(#[from] Throttled),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] deputy_store::Error),
}

/// A client as an administrator registers it.
#[derive(Clone, Debug)]
pub struct NewRegistered {
    /// Its identifier: 1 to 100 letters, digits, dots, hyphens and underscores of ASCII, beginning
    /// with a letter or a digit.
    pub client_id: String,
    /// What it is called; the identifier where it is `None`.
    pub name: Option<String>,
    /// Where it may have people sent back to, 1 to 20.
    pub redirect_uris: Vec<String>,
}

/// Why a client was not added; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// The identifier can't be one.
    #[error(
        "'{0}' can't be the identifier of a client: 1 to {MAX_ID} letters, digits, '.', '-' and '_', the first a letter \
         or a digit, and not beginning with '{RESERVED}'"
    )]
    Id(String),
    /// There is a client of this identifier.
    #[error("there is a client '{0}' already")]
    Taken(String),
    /// No redirect URI, or too many.
    #[error("a client has 1 to {MAX_REDIRECTS} redirect URIs")]
    Redirects,
    /// This one can't be registered.
    #[error("{uri}: {why}")]
    Redirect {
        /// The one.
        uri: String,
        /// What is wrong with it.
        why: RedirectError,
    },
    /// The name has nothing that can be shown.
    #[error("a client's name has something that can be shown in it")]
    Name,
    /// The database failed.
    #[error(transparent)]
    Store(deputy_store::Error),
}

/// A client that was removed, and what ended with it.
#[derive(Clone, Debug)]
pub struct Removed {
    /// The client.
    pub client: Client,
    /// The accesses that were live until then.
    pub ended: Vec<Grant>,
}

impl Client {
    /// Deputy's own command line.
    pub fn builtin() -> Self {
        Self {
            client_id: BUILTIN.to_owned(),
            kind: Kind::Builtin,
            name: "Deputy's command line".to_owned(),
            redirect_uris: vec![
                "http://localhost/callback".to_owned(),
                "http://127.0.0.1/callback".to_owned(),
                "http://[::1]/callback".to_owned(),
            ],
            client_uri: None,
        }
    }

    /// Whether people may be sent back to `redirect_uri`: it is the client's, and still of a kind
    /// that may be registered, however it came to be.
    pub fn accepts(&self, redirect_uri: &str) -> bool {
        redirect::check_registered(redirect_uri).is_ok()
            && self
                .redirect_uris
                .iter()
                .any(|registered| redirect::matches(registered, redirect_uri))
    }

    /// Whether all its redirects lead to the person's own machine, where any program can listen.
    pub fn only_loopback(&self) -> bool {
        self.redirect_uris
            .iter()
            .all(|uri| redirect::is_loopback(uri))
    }
}

impl From<ClientRow> for Client {
    fn from(row: ClientRow) -> Self {
        Self {
            client_id: row.client_id,
            kind: row.kind.into(),
            name: row.name,
            redirect_uris: row.redirect_uris,
            client_uri: home(&row.metadata),
        }
    }
}

impl From<NewClient> for Client {
    fn from(new: NewClient) -> Self {
        Self {
            client_id: new.client_id,
            kind: new.kind.into(),
            name: new.name,
            redirect_uris: new.redirect_uris,
            client_uri: home(&new.metadata),
        }
    }
}

/// Whether an administrator can give this identifier: [`AddError::Id`] if not.
pub fn check_client_id(id: &str) -> Result<(), AddError> {
    let is_id = (1..=MAX_ID).contains(&id.len())
        && id.starts_with(|c: char| c.is_ascii_alphanumeric())
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
        && !id.starts_with(RESERVED);
    if is_id {
        Ok(())
    } else {
        Err(AddError::Id(id.escape_debug().take(200).collect()))
    }
}

fn home(metadata: &serde_json::Value) -> Option<String> {
    metadata["client_uri"].as_str().map(str::to_owned)
}

impl AuthorizationServer {
    /// The client of this identifier. A document is fetched where there is no fresh copy of it.
    pub async fn client(&self, client_id: &str) -> Result<Client, ClientError> {
        self.client_for(client_id, None).await
    }

    /// The same, for somebody at `address`, for whom fetches of documents are counted.
    pub async fn client_for(
        &self,
        client_id: &str,
        address: Option<IpAddr>,
    ) -> Result<Client, ClientError> {
        if self.is_blocked(client_id).await? {
            return Err(ClientError::Blocked);
        }
        if document::is_url(client_id) {
            return self.document(client_id, address).await;
        }
        self.known_client(client_id)
            .await?
            .filter(|client| client.kind != Kind::Document)
            .ok_or(ClientError::Unknown)
    }

    /// The client as it is known here; nothing is fetched, and a copy of a document may be old.
    pub async fn known_client(
        &self,
        client_id: &str,
    ) -> Result<Option<Client>, deputy_store::Error> {
        if client_id == BUILTIN {
            return Ok(Some(Client::builtin()));
        }
        let row = self.inner.store.oauth_client(client_id).await?;
        Ok(row.map(Client::from))
    }

    /// Clients of `kind` (`None`: all that have a row) with a row number above `after`, in the
    /// order in which they came; at most `limit`.
    pub async fn clients(
        &self,
        kind: Option<ClientKind>,
        after: Option<i64>,
        limit: u64,
    ) -> Result<Vec<ClientRow>, deputy_store::Error> {
        self.inner.store.oauth_clients(kind, after, limit).await
    }

    /// Registers a client for an administrator.
    pub async fn add_client(&self, new: NewRegistered) -> Result<Client, AddError> {
        let client_id = new.client_id;
        check_client_id(&client_id)?;
        if client_id == BUILTIN {
            return Err(AddError::Taken(client_id));
        }
        if new.redirect_uris.is_empty() || new.redirect_uris.len() > MAX_REDIRECTS {
            return Err(AddError::Redirects);
        }
        for uri in &new.redirect_uris {
            redirect::check_registered(uri).map_err(|why| AddError::Redirect {
                uri: uri.escape_debug().take(200).collect(),
                why,
            })?;
        }
        let name = match &new.name {
            Some(name) => cleaned_name(name),
            None => client_id.clone(),
        };
        if name.is_empty() {
            return Err(AddError::Name);
        }
        let tx = self.inner.store.begin().await.map_err(AddError::Store)?;
        let row = tx
            .insert_oauth_client(NewClient {
                client_id: client_id.clone(),
                kind: ClientKind::Registered,
                name,
                redirect_uris: new.redirect_uris,
                metadata: json!({}),
                created_from: None,
                at: self.now(),
                fresh_until: None,
            })
            .await
            .map_err(|error| match error {
                deputy_store::Error::Conflict(_) => AddError::Taken(client_id),
                other => AddError::Store(other),
            })?;
        tx.commit().await.map_err(AddError::Store)?;
        Ok(row.into())
    }

    /// Removes a client, with what people remember of it, and ends all its accesses at once. One
    /// that registered itself, or a document, can come back, and is then asked about anew.
    /// [`ClientError::Unknown`] for what has no row.
    pub async fn remove_client(&self, client_id: &str) -> Result<Removed, ClientError> {
        let row = self.inner.store.oauth_client(client_id).await?;
        let client = Client::from(row.ok_or(ClientError::Unknown)?);
        let now = self.now();
        let tx = self.inner.store.begin().await?;
        // First, so that nobody is given anything for it meanwhile.
        if !tx.delete_oauth_client(client_id).await? {
            return Err(ClientError::Unknown);
        }
        let ended = tx
            .end_oauth_grants_of_clients(&[client_id], ADMINISTRATOR, now)
            .await?;
        tx.forget_oauth_consents(&[client_id]).await?;
        tx.commit().await?;
        Ok(Removed { client, ended })
    }
}

#[cfg(test)]
mod tests;
