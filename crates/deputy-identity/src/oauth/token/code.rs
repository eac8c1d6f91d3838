//! Redeeming a code.
//!
//! A code that comes again may be in a thief's hands, so what it gave ends (RFC 6749 section 4.1.2:
//! *should*). Not so when it comes again within the grace, from its client and with its verifier: only
//! the program that began the login has the verifier, so this is that program, which lost the answer
//! or sent its request twice. It is refused, and what the first request got goes on working.
//!
//! A program that registered itself did so in one installation; when that logs in anew, nobody holds
//! on to what it had before, and it ends. Any other identifier is shared by all installations, on the
//! person's other machines too: there nothing ends by itself.

use deputy_core::random;
use deputy_core::secret::sha256_hex;
use deputy_store::oauth_grant::{Code, Grant, NewAccessToken, NewRefreshToken};
use jiff::Timestamp;

use super::super::authorize::CODE_PREFIX;
use super::super::bearer::is_live;
use super::super::form::Form;
use super::super::grants::why_ended;
use super::super::{AuthorizationServer, EndedGrant, Kind, REPLACED, REPLAY, pkce, redirect};
use super::{
    ACCESS_PREFIX, Issued, REFRESH_PREFIX, TokenAnswer, TokenEndpointError, has_form, seconds,
};

fn unknown() -> TokenEndpointError {
    TokenEndpointError::invalid_grant("the code is unknown or has expired")
}

impl AuthorizationServer {
    pub(super) async fn redeem(
        &self,
        form: &Form,
        client_id: &str,
    ) -> Result<TokenAnswer, TokenEndpointError> {
        let missing =
            |what: &str| TokenEndpointError::invalid_request(format!("{what} is missing"));
        let code = form.secret("code").ok_or_else(|| missing("code"))?;
        let verifier = form.secret("code_verifier");
        let found = if has_form(code.expose(), CODE_PREFIX) {
            let hash = sha256_hex(code.expose().as_bytes());
            self.inner.store.oauth_code(&hash).await?
        } else {
            None
        };
        let Some((code, grant)) = found.filter(|(_, grant)| grant.client_id == client_id) else {
            // Somebody else's code is as unknown as none.
            return Err(unknown());
        };
        let now = self.now();
        if code.used_at.is_some() {
            let verifier = verifier.map(|verifier| verifier.expose().as_str());
            let is_its_own = is_redirect(form, &code)
                && verifier.is_some_and(|text| pkce::matches(&code.challenge, text));
            if is_its_own {
                return Err(self.used_code(&code, &grant, now).await?);
            }
            return Err(self.end_for_misuse(&grant, REPLAY).await?);
        }
        if let Some(why) = why_ended(&grant) {
            return Err(TokenEndpointError::invalid_grant(why));
        }
        if !is_live(code.created_at, code.expires_at, now) {
            return Err(unknown());
        }
        if !is_redirect(form, &code) {
            return Err(TokenEndpointError::invalid_grant(
                "redirect_uri is not that of the authorization request",
            ));
        }
        let verifier = verifier.ok_or_else(|| missing("code_verifier"))?;
        if !pkce::matches(&code.challenge, verifier.expose()) {
            return Err(TokenEndpointError::invalid_grant(
                "code_verifier does not fit the code_challenge",
            ));
        }
        self.issue_for_code(form, &code, &grant).await
    }

    async fn issue_for_code(
        &self,
        form: &Form,
        code: &Code,
        grant: &Grant,
    ) -> Result<TokenAnswer, TokenEndpointError> {
        // A code stands for what was allowed: there is no scope here (RFC 6749 section 4.1.3).
        let wanted = self.wanted(form, None, grant)?;
        let person = self.inner.store.user(grant.user_id).profile().await?;
        if !person.is_some_and(|person| person.is_active) {
            return Err(TokenEndpointError::invalid_grant("the account is disabled"));
        }
        let inner = &*self.inner;
        let access = random::token(ACCESS_PREFIX, &*inner.rng);
        let refresh = random::token(REFRESH_PREFIX, &*inner.rng);
        let (now, access_ends) = self.span_of(grant, inner.config.access);
        let (_, refresh_ends) = self.span_of(grant, inner.config.refresh);
        let client = self.known_client(&grant.client_id).await?;
        let is_alone = client.is_some_and(|client| client.kind == Kind::Dynamic);
        let mut answer = TokenAnswer {
            access_token: access,
            expires_in: seconds(now, access_ends),
            refresh_token: refresh,
            scopes: wanted.scopes.clone(),
            kind: Issued::Code,
            grant_id: grant.id,
            user_id: grant.user_id,
            client_id: grant.client_id.clone(),
            client_name: grant.client_name.clone(),
            replaced: Vec::new(),
        };

        let tx = inner.store.begin().await?;
        let user = tx.user(grant.user_id);
        // All of them before the code's own: whoever holds several holds the oldest first.
        let held = if is_alone {
            user.hold_oauth_grants(&grant.client_id).await?
        } else {
            Vec::new()
        };
        if !tx.use_oauth_code(&code.code_hash, now).await? {
            drop(tx);
            return Err(self.lost_code(code).await?);
        }
        tx.insert_access_token(NewAccessToken {
            token_hash: sha256_hex(answer.access_token.expose().as_bytes()),
            grant_id: grant.id,
            scopes: wanted.scopes,
            resources: wanted.resources,
            at: now,
            expires_at: access_ends,
        })
        .await?;
        tx.insert_refresh_token(NewRefreshToken {
            token_hash: sha256_hex(answer.refresh_token.expose().as_bytes()),
            grant_id: grant.id,
            at: now,
            expires_at: refresh_ends,
        })
        .await?;
        tx.extend_oauth_grant(grant.id, refresh_ends).await?;
        for other in held.iter().filter(|other| is_replaced(other, grant, now)) {
            if user.end_oauth_grant(other.id, REPLACED, now).await? {
                answer.replaced.push(EndedGrant::of(other, REPLACED));
            }
        }
        tx.commit().await?;
        Ok(answer)
    }

    /// Why a code that was good a moment ago is not: somebody else redeemed it, or it is over.
    async fn lost_code(&self, code: &Code) -> Result<TokenEndpointError, TokenEndpointError> {
        match self.inner.store.oauth_code(&code.code_hash).await? {
            Some((code, grant)) if code.used_at.is_some() => {
                self.used_code(&code, &grant, self.now()).await
            }
            _ => Ok(unknown()),
        }
    }

    /// The refusal of a code that was redeemed before, in a request that is right otherwise: within
    /// the grace it ends nothing.
    async fn used_code(
        &self,
        code: &Code,
        grant: &Grant,
        now: Timestamp,
    ) -> Result<TokenEndpointError, TokenEndpointError> {
        if code.used_at.is_some_and(|at| self.is_in_grace(at, now)) {
            return Ok(TokenEndpointError::invalid_grant(
                "the code was redeemed a moment ago; what it gave is given once",
            ));
        }
        self.end_for_misuse(grant, REPLAY).await
    }
}

/// Whether `new` takes the place of `other`, another grant of the same person to the same
/// installation of a program: it was allowed later, leads to the same address (on any port, where
/// that is free) and opens all that the other opens. What opens something else as well is another
/// login of the same program's, say for another server, and stays.
fn is_replaced(other: &Grant, new: &Grant, now: Timestamp) -> bool {
    other.id < new.id
        && other.redeemed_at.is_some()
        && other.expires_at > now
        && redirect::matches(&other.redirect_uri, &new.redirect_uri)
        && other.scopes.0.is_subset(&new.scopes.0)
        && (other.resources.iter()).all(|resource| new.resources.contains(resource))
}

/// Named at first, it must be named again; not named, there is nothing to compare with but the one
/// that was meant (RFC 6749 section 4.1.3).
fn is_redirect(form: &Form, code: &Code) -> bool {
    match form.text("redirect_uri") {
        Some(uri) => uri == code.redirect_uri,
        None => !code.redirect_given,
    }
}
