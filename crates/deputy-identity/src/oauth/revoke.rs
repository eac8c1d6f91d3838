//! Giving a token back (RFC 7009), and asking what one is (RFC 7662).

use std::net::IpAddr;

use deputy_core::secret::sha256_hex;
use deputy_core::{Caller, Principal, Scopes, UserId};
use deputy_store::oauth_grant::Grant;
use deputy_store::user::User;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::bearer::is_live;
use super::form::Form;
use super::token::{ACCESS_PREFIX, REFRESH_PREFIX, TokenEndpointError, client_id, has_form};
use super::{AuthorizationServer, CLIENT, EndedGrant};
use crate::sign_in::network;
use crate::{AuthError, Identity, token};

/// What a client gave back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// Nothing that there was.
    Nothing,
    /// An access token alone; what is open with it ends.
    Access,
    /// A refresh token, and with it all that the person had allowed.
    Grant(EndedGrant),
}

/// Who asks what a token is.
enum Asker {
    /// A person's own token.
    Person(UserId),
    /// A client's access token, of this grant.
    Grant(i64),
    /// Nobody proven: a client that holds the token it asks about.
    Client(String),
}

impl Asker {
    fn may_know(&self, user: &User, grant: Option<&Grant>) -> bool {
        match self {
            Self::Person(id) => user.id == *id,
            Self::Grant(id) => grant.is_some_and(|grant| grant.id == *id),
            Self::Client(id) => grant.is_some_and(|grant| grant.client_id == *id),
        }
    }
}

impl AuthorizationServer {
    /// The revocation endpoint; parameters as in [`AuthorizationServer::token`]. A refresh token
    /// ends its grant, and the consent is forgotten; an access token ends alone (RFC 7009 section 2.1). What
    /// is unknown or over is as good as revoked.
    ///
    /// A client that names itself must be the token's. One that does not need not: whoever holds a
    /// token could do worse with it than give it back.
    pub async fn revoke(
        &self,
        form_body: &[u8],
        content_type: Option<&str>,
        authorization: Option<&str>,
        address: IpAddr,
    ) -> Result<Revoked, TokenEndpointError> {
        self.inner.requests.hit(&network(address))?;
        let form = Form::of_body(form_body, content_type)?;
        let client_id = client_id(&form, authorization)?;
        let text = presented(&form)?;
        let hash = sha256_hex(text.as_bytes());
        let store = &self.inner.store;
        let is_its = |grant: &Grant| {
            if client_id.as_ref().is_some_and(|id| *id != grant.client_id) {
                return Err(TokenEndpointError::invalid_grant(
                    "the token belongs to another client",
                ));
            }
            Ok(())
        };
        if has_form(text, REFRESH_PREFIX) {
            let Some((_, grant, _)) = store.refresh_token(&hash).await? else {
                return Ok(Revoked::Nothing);
            };
            is_its(&grant)?;
            let tx = store.begin().await?;
            let ended = tx.end_oauth_grant(grant.id, CLIENT, self.now()).await?;
            if ended {
                let user = tx.user(grant.user_id);
                user.delete_oauth_consent(&grant.client_id).await?;
            }
            tx.commit().await?;
            return Ok(if ended {
                Revoked::Grant(EndedGrant::of(&grant, CLIENT))
            } else {
                Revoked::Nothing
            });
        }
        if has_form(text, ACCESS_PREFIX) {
            let Some((_, grant, _)) = store.access_token(&hash).await? else {
                return Ok(Revoked::Nothing);
            };
            is_its(&grant)?;
            let tx = store.begin().await?;
            let was_there = tx.delete_access_token(&hash).await?;
            tx.commit().await?;
            return Ok(if was_there {
                Revoked::Access
            } else {
                Revoked::Nothing
            });
        }
        if text.starts_with(token::PREFIX) {
            return Err(TokenEndpointError::new(
                400,
                "unsupported_token_type",
                "a personal token is revoked on /settings",
            ));
        }
        Ok(Revoked::Nothing)
    }

    /// The introspection endpoint; parameters as in [`AuthorizationServer::token`]. Whoever asks
    /// presents a token (`Authorization: Bearer`, for any of our resources): a personal one is told
    /// about all of the person's tokens, a client's access token about those of its own grant. A
    /// client without one names itself and is told about a token of its own, which it holds: it
    /// could use it as well. Any other token is as little active as one that does not exist (RFC
    /// 7662 section 2.2).
    ///
    /// What is told counts per person, anything else per address: who guesses is slowed down.
    pub async fn introspect(
        &self,
        form_body: &[u8],
        content_type: Option<&str>,
        authorization: Option<&str>,
        address: IpAddr,
    ) -> Result<Value, TokenEndpointError> {
        let from = network(address);
        self.inner.requests.hit(&from)?;
        let form = Form::of_body(form_body, content_type)?;
        let asker = self.asker(&form, authorization).await?;
        let text = presented(&form)?;
        let hash = sha256_hex(text.as_bytes());
        let found = if has_form(text, ACCESS_PREFIX) {
            self.access_token_of(&asker, &hash).await?
        } else if has_form(text, REFRESH_PREFIX) {
            self.refresh_token_of(&asker, &hash).await?
        } else if has_form(text, token::PREFIX) {
            self.personal_token_of(&asker, &hash).await?
        } else {
            None
        };
        let Some((user, told)) = found else {
            return Ok(json!({ "active": false }));
        };
        self.inner.requests.take_back(&from);
        self.inner.introspections.hit(&user)?;
        Ok(told)
    }

    async fn asker(
        &self,
        form: &Form,
        authorization: Option<&str>,
    ) -> Result<Asker, TokenEndpointError> {
        let bearer = authorization.and_then(|header| header.trim().split_once(' '));
        let bearer = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let Some((_, text)) = bearer else {
            let client = client_id(form, authorization)?;
            return client.map(Asker::Client).ok_or_else(|| {
                TokenEndpointError::new(
                    401,
                    "invalid_token",
                    "present a token as 'Authorization: Bearer TOKEN', or name the token's client as client_id",
                )
            });
        };
        match self.inner.identity.authenticate_anywhere(text.trim()).await {
            Ok(Principal {
                caller: Caller::Client { grant, .. },
                ..
            }) => Ok(Asker::Grant(grant)),
            Ok(principal) => Ok(Asker::Person(principal.user_id)),
            Err(AuthError::Store(error)) => {
                tracing::error!(error = &*error, "who asks about a token is not known");
                Err(TokenEndpointError {
                    retry_after: Some(5),
                    ..TokenEndpointError::new(503, "temporarily_unavailable", "the database failed")
                })
            }
            Err(error) => Err(TokenEndpointError::new(
                401,
                "invalid_token",
                error.to_string(),
            )),
        }
    }

    async fn access_token_of(
        &self,
        asker: &Asker,
        hash: &str,
    ) -> Result<Option<(UserId, Value)>, TokenEndpointError> {
        let Some((token, grant, user)) = self.inner.store.access_token(hash).await? else {
            return Ok(None);
        };
        let now = self.now();
        let is_active = is_live(token.created_at, token.expires_at, now)
            && is_usable(&grant, &user, now)
            && asker.may_know(&user, Some(&grant));
        Ok(is_active.then(|| {
            let mut told = self.told(&user, &token.scopes, Some(&grant));
            told["token_type"] = "Bearer".into();
            told["aud"] = json!(token.resources);
            told["iat"] = token.created_at.as_second().into();
            told["exp"] = token.expires_at.as_second().into();
            (user.id, told)
        }))
    }

    async fn refresh_token_of(
        &self,
        asker: &Asker,
        hash: &str,
    ) -> Result<Option<(UserId, Value)>, TokenEndpointError> {
        let Some((token, grant, user)) = self.inner.store.refresh_token(hash).await? else {
            return Ok(None);
        };
        let now = self.now();
        let is_active = token.rotated_at.is_none()
            && is_live(token.created_at, token.expires_at, now)
            && is_usable(&grant, &user, now)
            && asker.may_know(&user, Some(&grant));
        Ok(is_active.then(|| {
            let mut told = self.told(&user, &grant.scopes, Some(&grant));
            told["token_type"] = "refresh_token".into();
            told["aud"] = json!(grant.resources);
            told["iat"] = token.created_at.as_second().into();
            told["exp"] = token.expires_at.as_second().into();
            (user.id, told)
        }))
    }

    async fn personal_token_of(
        &self,
        asker: &Asker,
        hash: &str,
    ) -> Result<Option<(UserId, Value)>, TokenEndpointError> {
        let Some((token, user)) = self.inner.store.token_by_hash(hash).await? else {
            return Ok(None);
        };
        let is_active = asker.may_know(&user, None)
            && user.is_active
            && token.expires_at.is_none_or(|at| at > self.now());
        Ok(is_active.then(|| {
            let mut told = self.told(&user, &token.scopes, None);
            told["token_type"] = "Bearer".into();
            told["iat"] = token.created_at.as_second().into();
            if let Some(at) = token.expires_at {
                told["exp"] = at.as_second().into();
            }
            (user.id, told)
        }))
    }

    fn told(&self, user: &User, scopes: &Scopes, grant: Option<&Grant>) -> Value {
        let rights = Identity::rights(user.role);
        let mut scopes = scopes.clone();
        scopes.0.retain(|scope| rights.contains(*scope));
        let mut told = json!({
            "active": true,
            "scope": scopes.to_string(),
            "username": user.username,
            "sub": user.id.0.to_string(),
            "iss": self.issuer(),
        });
        if let Some(grant) = grant {
            told["client_id"] = grant.client_id.clone().into();
        }
        told
    }
}

fn presented(form: &Form) -> Result<&str, TokenEndpointError> {
    let text = form.text("token");
    text.ok_or_else(|| TokenEndpointError::invalid_request("token is missing"))
}

fn is_usable(grant: &Grant, user: &User, now: Timestamp) -> bool {
    user.is_active && grant.ended_at.is_none() && grant.expires_at > now
}

#[cfg(test)]
mod tests;
