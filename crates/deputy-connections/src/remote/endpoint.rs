//! What is said to a token endpoint and a revocation endpoint.
//!
//! What the answers mean is read as Google's are: [`crate::upstream`].

use std::time::Duration;

use deputy_core::http::{Fetched, GuardError, Guarded};
use deputy_core::{Rng, Secret};
use jiff::Timestamp;

use super::Grant;
use crate::Timing;
use crate::upstream::{
    Cause, Failure, Revoked, TokenAnswer, delay, repeated, retry_after, understand,
};

/// The endpoints of one authorization server, for one client.
pub(super) struct Endpoint<'a> {
    pub(super) grant: &'a Grant,
    pub(super) http: &'a Guarded,
    pub(super) rng: &'a dyn Rng,
    pub(super) timing: Timing,
    /// The present, for dates in `Retry-After`.
    pub(super) now: Timestamp,
}

impl Endpoint<'_> {
    /// Exchanges a code. It works once, so it is repeated only when nothing was sent.
    pub(super) async fn exchange(
        &self,
        code: &Secret<String>,
        verifier: &Secret<String>,
        redirect_uri: &str,
    ) -> Result<TokenAnswer, Failure> {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.expose()),
            ("code_verifier", verifier.expose()),
            ("redirect_uri", redirect_uri),
            ("resource", &self.grant.resource),
        ];
        match self.token(&form).await {
            Err(Failure::Temporary {
                cause: Cause::Connect,
                ..
            }) => {
                tokio::time::sleep(delay(self.rng, self.timing.retry, 1)).await;
                self.token(&form).await
            }
            answer => answer,
        }
    }

    /// Gets a new access token; at most three attempts.
    pub(super) async fn refresh(
        &self,
        refresh_token: &Secret<String>,
    ) -> Result<TokenAnswer, Failure> {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token.expose()),
            ("resource", &self.grant.resource),
        ];
        repeated(self.rng, self.timing.retry, || self.token(&form)).await
    }

    /// Revokes a token (RFC 7009), where the authorization server can.
    pub(super) async fn revoke(&self, token: &Secret<String>, hint: &str) -> Revoked {
        let Some(endpoint) = &self.grant.revocation_endpoint else {
            return Revoked::Done;
        };
        let form = vec![
            ("token", token.expose().as_str()),
            ("token_type_hint", hint),
        ];
        let request = self.http.post(endpoint).timeout(self.timing.request);
        match self.grant.client.sign(request, form).fetch().await {
            // 4xx says that there is no such token, or no such client: nothing is left to revoke.
            Ok(answer)
                if answer.status.is_success()
                    || answer.status.is_client_error() && answer.status != 429 =>
            {
                Revoked::Done
            }
            Ok(answer) => Revoked::Later(retry_after(&answer.headers, self.now)),
            Err(GuardError::Blocked(_)) => Revoked::Done,
            Err(_) => Revoked::Later(None),
        }
    }

    async fn token(&self, form: &[(&str, &str)]) -> Result<TokenAnswer, Failure> {
        let request = self
            .http
            .post(&self.grant.token_endpoint)
            .timeout(self.timing.request);
        let fetched = self.grant.client.sign(request, form.to_vec()).fetch().await;
        let Fetched {
            status,
            headers,
            body,
        } = fetched.map_err(|error| failure(&error))?;
        let body = Secret::new(body);
        let answer = understand(status, retry_after(&headers, self.now), body.expose())?;
        match &answer.token_type {
            // A token that must not be presented as a bearer's is none that we can use.
            Some(kind) if !kind.eq_ignore_ascii_case("bearer") => Err(Failure::Rejected {
                code: "token_type".to_owned(),
            }),
            _ => Ok(answer),
        }
    }
}

fn failure(error: &GuardError) -> Failure {
    let cause = match error {
        GuardError::Blocked(_) => {
            return Failure::Rejected {
                code: "blocked".to_owned(),
            };
        }
        GuardError::TooLarge { .. } | GuardError::Redirects | GuardError::NotJson => {
            Cause::Malformed
        }
        GuardError::Network(_) if error.is_unsent() => Cause::Connect,
        GuardError::Network(_) => Cause::Network,
    };
    Failure::Temporary {
        retry_after: None::<Duration>,
        cause,
    }
}
