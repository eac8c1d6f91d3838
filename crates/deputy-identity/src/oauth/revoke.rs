//! Giving a token back (RFC 7009), and asking what one is (RFC 7662).

use std::net::IpAddr;

use deputy_core::secret::sha256_hex;
use deputy_core::{Principal, Scopes};
use deputy_store::oauth_grant::Grant;
use deputy_store::user::User;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::bearer::is_live;
use super::form::Form;
use super::token::{ACCESS_PREFIX, REFRESH_PREFIX, TokenEndpointError, client_id, has_form};
use super::{AuthorizationServer, CLIENT, EndedGrant};
use crate::sign_in::network;
use crate::{Identity, token};

impl AuthorizationServer {
    /// The revocation endpoint; parameters as in [`AuthorizationServer::token`]. A refresh token
    /// ends its grant, which is given back, and the consent is forgotten; an access token ends alone (RFC 7009 section 2.1). What
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
    ) -> Result<Option<EndedGrant>, TokenEndpointError> {
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
                return Ok(None);
            };
            is_its(&grant)?;
            let tx = store.begin().await?;
            let ended = tx.end_oauth_grant(grant.id, CLIENT, self.now()).await?;
            if ended {
                let user = tx.user(grant.user_id);
                user.delete_oauth_consent(&grant.client_id).await?;
            }
            tx.commit().await?;
            return Ok(ended.then(|| EndedGrant::of(&grant, CLIENT)));
        }
        if has_form(text, ACCESS_PREFIX) {
            let Some((_, grant, _)) = store.access_token(&hash).await? else {
                return Ok(None);
            };
            is_its(&grant)?;
            let tx = store.begin().await?;
            tx.delete_access_token(&hash).await?;
            tx.commit().await?;
        }
        if text.starts_with(token::PREFIX) {
            return Err(TokenEndpointError::new(
                400,
                "unsupported_token_type",
                "a personal token is revoked on /settings",
            ));
        }
        Ok(None)
    }

    /// The introspection endpoint, for whoever is let in with a token of their own or a session.
    /// Tells about tokens of the same person; any other is as little active as one that does not
    /// exist.
    pub async fn introspect(
        &self,
        principal: &Principal,
        form_body: &[u8],
        content_type: Option<&str>,
    ) -> Result<Value, TokenEndpointError> {
        let form = Form::of_body(form_body, content_type)?;
        let text = presented(&form)?;
        let hash = sha256_hex(text.as_bytes());
        let found = if has_form(text, ACCESS_PREFIX) {
            self.access_token_of(principal, &hash).await?
        } else if has_form(text, REFRESH_PREFIX) {
            self.refresh_token_of(principal, &hash).await?
        } else if has_form(text, token::PREFIX) {
            self.personal_token_of(principal, &hash).await?
        } else {
            None
        };
        Ok(found.unwrap_or_else(|| json!({ "active": false })))
    }

    async fn access_token_of(
        &self,
        principal: &Principal,
        hash: &str,
    ) -> Result<Option<Value>, TokenEndpointError> {
        let Some((token, grant, user)) = self.inner.store.access_token(hash).await? else {
            return Ok(None);
        };
        let now = self.now();
        let is_active = is_live(token.created_at, token.expires_at, now)
            && is_usable(principal, &grant, &user, now);
        Ok(is_active.then(|| {
            let mut told = self.told(&user, &token.scopes, Some(&grant));
            told["token_type"] = "Bearer".into();
            told["aud"] = json!(token.resources);
            told["iat"] = token.created_at.as_second().into();
            told["exp"] = token.expires_at.as_second().into();
            told
        }))
    }

    async fn refresh_token_of(
        &self,
        principal: &Principal,
        hash: &str,
    ) -> Result<Option<Value>, TokenEndpointError> {
        let Some((token, grant, user)) = self.inner.store.refresh_token(hash).await? else {
            return Ok(None);
        };
        let now = self.now();
        let is_active = token.rotated_at.is_none()
            && is_live(token.created_at, token.expires_at, now)
            && is_usable(principal, &grant, &user, now);
        Ok(is_active.then(|| {
            let mut told = self.told(&user, &grant.scopes, Some(&grant));
            told["token_type"] = "refresh_token".into();
            told["aud"] = json!(grant.resources);
            told["iat"] = token.created_at.as_second().into();
            told["exp"] = token.expires_at.as_second().into();
            told
        }))
    }

    async fn personal_token_of(
        &self,
        principal: &Principal,
        hash: &str,
    ) -> Result<Option<Value>, TokenEndpointError> {
        let Some((token, user)) = self.inner.store.token_by_hash(hash).await? else {
            return Ok(None);
        };
        let is_active = user.id == principal.user_id
            && user.is_active
            && token.expires_at.is_none_or(|at| at > self.now());
        Ok(is_active.then(|| {
            let mut told = self.told(&user, &token.scopes, None);
            told["token_type"] = "Bearer".into();
            told["iat"] = token.created_at.as_second().into();
            if let Some(at) = token.expires_at {
                told["exp"] = at.as_second().into();
            }
            told
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

fn is_usable(principal: &Principal, grant: &Grant, user: &User, now: Timestamp) -> bool {
    user.id == principal.user_id
        && user.is_active
        && grant.ended_at.is_none()
        && grant.expires_at > now
}

#[cfg(test)]
mod tests;
