//! Access tokens out of a stored login.
//!
//! One refresh at a time: in this process by a mutex, between processes by the login's lock, under which the stored
//! token is read again; so whoever waited uses what the other one stored. The token that comes back is stored before
//! the access token beside it is handed out: a process that is killed in between has lost nothing, since the server
//! answers the old token once more, for a while, with the same new one. Once begun a refresh goes on to its end, also
//! when nobody waits for it any more.
//!
//! A refusal ends the login only if the token that was refused is still the one that is stored. Anything else (no
//! network, a server that is down, a key store that is locked) is an error of the moment.

use std::sync::Arc;

use deputy_core::{Lifecycle, Secret};
use tokio::sync::Mutex;

use super::server::ServerUrl;
use super::store::{Login, Logins, Slot, StoreError};
use super::tokens::{TokenEndpoint, TokenError, Tokens};

/// Why there is no access token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    /// Nobody is logged in there.
    #[error("you are not logged in to {server}: run `deputy login {server}`{elsewhere}")]
    NotLoggedIn { server: String, elsewhere: String },
    /// The server refused the refresh token that is stored.
    #[error("you are logged out of {server}: {why}; log in again with `deputy login {server}`")]
    Ended { server: String, why: String },
    /// The login is for other addresses of the server.
    #[error("your login is not for {resource}; log in again with `{command}`")]
    Resource { resource: String, command: String },
    /// What is kept can't be read or written.
    #[error("the login to {server} can't be used now")]
    Store {
        server: String,
        #[source]
        source: StoreError,
    },
    /// The new token could not be stored, and so is not used.
    #[error("the renewed login to {server} can't be kept, so it was not used")]
    NotKept {
        server: String,
        #[source]
        source: StoreError,
    },
    /// The server gave no token this time.
    #[error("{server} did not renew your login")]
    Token {
        server: String,
        #[source]
        source: TokenError,
    },
    /// The process is ending.
    #[error("stopping")]
    Stopping,
}

/// A login that is in use.
#[derive(Clone)]
pub(crate) struct Session {
    inner: Arc<Inner>,
}

struct Inner {
    server: ServerUrl,
    slot: Slot,
    login: Login,
    /// What the access tokens are for.
    resource: String,
    endpoint: TokenEndpoint,
    access: Mutex<Option<Secret<String>>>,
    lifecycle: Lifecycle,
}

impl Session {
    /// Of the login that is kept for this server, for one of its resources.
    pub(crate) fn open(
        logins: &Logins,
        server: &ServerUrl,
        resource: String,
        lifecycle: &Lifecycle,
    ) -> Result<Self, SessionError> {
        let slot = logins.of(server);
        let unusable = |source| SessionError::Store {
            server: server.to_string(),
            source,
        };
        let Some(login) = slot.login().map_err(unusable)? else {
            return Err(not_logged_in(logins, server));
        };
        if !login.resources.contains(&resource) {
            let scopes: Vec<&str> = login.scopes.split_ascii_whitespace().collect();
            let command = login_command(server, &login, &scopes, Some(&resource));
            return Err(SessionError::Resource { resource, command });
        }
        let endpoint = TokenEndpoint::new(
            login.token_endpoint.clone(),
            login.revocation_endpoint.clone(),
        );
        let endpoint = endpoint.map_err(|error| SessionError::Token {
            server: server.to_string(),
            source: TokenError::Unreachable(server.to_string(), error),
        })?;
        Ok(Self {
            inner: Arc::new(Inner {
                server: server.clone(),
                slot,
                login,
                resource,
                endpoint,
                access: Mutex::default(),
                lifecycle: lifecycle.clone(),
            }),
        })
    }

    /// What is known of the login.
    pub(crate) fn login(&self) -> &Login {
        &self.inner.login
    }

    /// Where its token is, for people.
    pub(crate) fn kept_in(&self) -> String {
        self.inner.slot.describe(self.inner.login.kept)
    }

    /// An access token that has not been refused yet.
    pub(crate) async fn access(&self) -> Result<Secret<String>, SessionError> {
        self.other_than(None).await
    }

    /// Another access token than this one, which the server did not accept.
    pub(crate) async fn renew(
        &self,
        refused: &Secret<String>,
    ) -> Result<Secret<String>, SessionError> {
        self.other_than(Some(refused)).await
    }

    async fn other_than(
        &self,
        refused: Option<&Secret<String>>,
    ) -> Result<Secret<String>, SessionError> {
        let (inner, refused) = (Arc::clone(&self.inner), refused.cloned());
        let task = self.inner.lifecycle.spawn(async move {
            let mut access = inner.access.lock().await;
            let usable = access
                .as_ref()
                .filter(|access| refused.is_none_or(|refused| refused.expose() != access.expose()));
            if let Some(usable) = usable {
                return Ok(usable.clone());
            }
            *access = None;
            let fresh = inner.refresh().await?;
            *access = Some(fresh.clone());
            Ok(fresh)
        });
        match task.await {
            Ok(Some(done)) => done,
            _ => Err(SessionError::Stopping),
        }
    }
}

impl Inner {
    async fn refresh(&self) -> Result<Secret<String>, SessionError> {
        let server = || self.server.to_string();
        let unusable = |source| SessionError::Store {
            server: server(),
            source,
        };
        let _lock = self.slot.lock().await.map_err(unusable)?;
        let mut refused: Option<(Secret<String>, String)> = None;
        loop {
            // a login that was made anew meanwhile may keep its token elsewhere
            let login = self.slot.login().map_err(unusable)?;
            let place = login.map(|login| login.kept);
            let stored = match place {
                Some(place) => self.slot.token(place).await.map_err(unusable)?,
                None => None,
            };
            let (Some(place), Some(token)) = (place, stored) else {
                return Err(match refused {
                    Some((_, why)) => self.ended(why),
                    None => SessionError::NotLoggedIn {
                        server: server(),
                        elsewhere: String::new(),
                    },
                });
            };
            if let Some((old, why)) = &refused
                && old.expose() == token.expose()
            {
                self.slot.forget_if(place, old).await.map_err(unusable)?;
                return Err(self.ended(why.clone()));
            }
            match self.endpoint.refresh(&token, &self.resource).await {
                Ok(tokens) => return self.keep(place, &token, tokens).await,
                // only what is still stored has been refused for good
                Err(TokenError::InvalidGrant(why)) => refused = Some((token, why)),
                Err(source) => {
                    return Err(SessionError::Token {
                        server: server(),
                        source,
                    });
                }
            }
        }
    }

    async fn keep(
        &self,
        place: super::store::Place,
        old: &Secret<String>,
        tokens: Tokens,
    ) -> Result<Secret<String>, SessionError> {
        if let Some(new) = tokens.refresh
            && new.expose() != old.expose()
        {
            // where something newer is stored already, that is the one to go on with
            let kept = self.slot.replace(place, old, &new).await;
            kept.map_err(|source| SessionError::NotKept {
                server: self.server.to_string(),
                source,
            })?;
        }
        Ok(tokens.access)
    }

    fn ended(&self, why: String) -> SessionError {
        SessionError::Ended {
            server: self.server.to_string(),
            why,
        }
    }
}

/// Has the server end what a kept login is allowed; says why it could not.
pub(crate) async fn revoke(login: &Login, token: &Secret<String>) -> Result<(), String> {
    let endpoint = TokenEndpoint::new(
        login.token_endpoint.clone(),
        login.revocation_endpoint.clone(),
    );
    let endpoint = endpoint.map_err(|error| error.to_string())?;
    endpoint
        .revoke(token)
        .await
        .map_err(|error| error.to_string())
}

fn not_logged_in(logins: &Logins, server: &ServerUrl) -> SessionError {
    let others: Vec<String> = logins
        .servers()
        .into_iter()
        .filter(|other| other != server.issuer())
        .collect();
    let elsewhere = if others.is_empty() {
        ", or put a personal token into DEPUTY_TOKEN".to_owned()
    } else {
        format!(
            " (you are logged in to {}; --url chooses)",
            others.join(", ")
        )
    };
    SessionError::NotLoggedIn {
        server: server.to_string(),
        elsewhere,
    }
}

/// The command that asks for these scopes, and for what the login has, and for one resource more.
pub(crate) fn login_command(
    server: &ServerUrl,
    login: &Login,
    scopes: &[&str],
    resource: Option<&str>,
) -> String {
    let mut command = format!("deputy login {server}");
    let usual: Vec<&str> = super::SCOPES.iter().map(|scope| scope.as_str()).collect();
    let is_usual = usual.len() == scopes.len() && usual.iter().all(|s| scopes.contains(s));
    if !is_usual {
        command.push_str(" --scope ");
        command.push_str(&scopes.join(","));
    }
    let one = format!("{}/", server.mcp(None));
    let resources = login.resources.iter().map(String::as_str);
    for name in resources
        .chain(resource)
        .filter_map(|r| r.strip_prefix(&one))
    {
        command.push_str(" --server ");
        command.push_str(name);
    }
    command
}

#[cfg(test)]
mod tests;
