//! The server's token endpoint (RFC 6749 sections 4.1.3 and 6) and its revocation endpoint (RFC 7009), from a public
//! client's end. Tokens travel in bodies and nowhere else.

use std::time::Duration;

use deputy_core::{Secret, http};
use serde::Deserialize;
use url::Url;

use super::CLIENT_ID;
use super::terminal::plain;

/// The largest answer that is read, in bytes.
const LARGEST: usize = 64 * 1024;

/// Before a request that got no answer is made again, once.
const AGAIN: Duration = Duration::from_millis(500);

/// What can go wrong with a request for a token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    /// No connection, or it broke: nothing is known about the token.
    #[error("{0} does not answer")]
    Unreachable(String, #[source] reqwest::Error),
    /// The server could not look at it now.
    #[error("{host} can't give a token now (HTTP {status}); try again later")]
    Unavailable { host: String, status: u16 },
    /// `invalid_grant`: the code or the refresh token is worth nothing any more. The server's words.
    #[error("{0}")]
    InvalidGrant(String),
    /// Any other refusal. The server's code and words.
    #[error("the server refused: {0}")]
    Refused(String),
    /// Not an answer of a token endpoint.
    #[error("the server's answer is no token")]
    Answer,
}

impl TokenError {
    /// Whether the same request may work later.
    pub(crate) fn is_passing(&self) -> bool {
        matches!(self, Self::Unreachable(..) | Self::Unavailable { .. })
    }
}

/// What the server gave.
pub(crate) struct Tokens {
    pub(crate) access: Secret<String>,
    pub(crate) refresh: Option<Secret<String>>,
    /// Separated by spaces; nothing where they are those that were asked for.
    pub(crate) scope: Option<String>,
}

#[derive(Deserialize)]
struct Answer {
    access_token: Secret<String>,
    token_type: String,
    refresh_token: Option<Secret<String>>,
    scope: Option<String>,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
    error_description: Option<String>,
}

/// Client of one server's endpoints.
#[derive(Clone)]
pub(crate) struct TokenEndpoint {
    http: reqwest::Client,
    token: Url,
    revoke: Option<Url>,
}

impl TokenEndpoint {
    pub(crate) fn new(token: Url, revoke: Option<Url>) -> Result<Self, reqwest::Error> {
        let http = http::trusted(http::Limits::default())?;
        Ok(Self {
            http,
            token,
            revoke,
        })
    }

    /// Redeems a code.
    pub(crate) async fn redeem(
        &self,
        code: &Secret<String>,
        verifier: &Secret<String>,
        redirect_uri: &str,
    ) -> Result<Tokens, TokenError> {
        self.ask(&[
            ("grant_type", "authorization_code"),
            ("client_id", CLIENT_ID),
            ("code", code.expose()),
            ("code_verifier", verifier.expose()),
            ("redirect_uri", redirect_uri),
        ])
        .await
    }

    /// Turns a refresh token into an access token for `resource` and the next refresh token. Made again once where
    /// nothing came back: the server answers a repeat with the same tokens for a while.
    pub(crate) async fn refresh(
        &self,
        token: &Secret<String>,
        resource: &str,
    ) -> Result<Tokens, TokenError> {
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", CLIENT_ID),
            ("refresh_token", token.expose().as_str()),
            ("resource", resource),
        ];
        match self.ask(&form).await {
            Err(error) if error.is_passing() => {
                tokio::time::sleep(AGAIN).await;
                self.ask(&form).await
            }
            done => done,
        }
    }

    /// Has the server end the grant that a refresh token belongs to.
    pub(crate) async fn revoke(&self, token: &Secret<String>) -> Result<(), TokenError> {
        let Some(url) = &self.revoke else {
            return Err(TokenError::Refused(
                "it has no revocation endpoint".to_owned(),
            ));
        };
        let form = [
            ("client_id", CLIENT_ID),
            ("token", token.expose().as_str()),
            ("token_type_hint", "refresh_token"),
        ];
        self.post(url, &form).await.map(drop)
    }

    async fn ask(&self, form: &[(&str, &str)]) -> Result<Tokens, TokenError> {
        let body = self.post(&self.token, form).await?;
        let answer: Answer = serde_json::from_slice(&body).map_err(|_| TokenError::Answer)?;
        if !answer.token_type.eq_ignore_ascii_case("bearer") {
            return Err(TokenError::Answer);
        }
        Ok(Tokens {
            access: answer.access_token,
            refresh: answer.refresh_token,
            scope: answer.scope.as_deref().map(plain),
        })
    }

    /// The body of a success. An answer that is too long or no JSON where an error should be says no more than its
    /// status: it may hold what was sent.
    async fn post(
        &self,
        url: &Url,
        form: &[(&str, &str)],
    ) -> Result<zeroize::Zeroizing<Vec<u8>>, TokenError> {
        let host = url.origin().ascii_serialization();
        let unreachable =
            |error: reqwest::Error| TokenError::Unreachable(host.clone(), error.without_url());
        let request = self.http.post(url.clone()).form(form);
        let mut response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let mut body = zeroize::Zeroizing::new(Vec::new());
        while let Some(piece) = response.chunk().await.map_err(unreachable)? {
            if body.len() + piece.len() > LARGEST {
                return Err(TokenError::Answer);
            }
            body.extend_from_slice(&piece);
        }
        if status.is_success() {
            return Ok(body);
        }
        if status.is_server_error() || status.as_u16() == 429 {
            return Err(TokenError::Unavailable {
                host,
                status: status.as_u16(),
            });
        }
        let Ok(refusal) = serde_json::from_slice::<Refusal>(&body) else {
            return Err(TokenError::Refused(format!("HTTP {status}")));
        };
        let words = refusal.error_description.as_deref().map(plain);
        Err(match words {
            Some(words) if refusal.error == "invalid_grant" => TokenError::InvalidGrant(words),
            None if refusal.error == "invalid_grant" => {
                TokenError::InvalidGrant("the server does not know it any more".to_owned())
            }
            Some(words) => TokenError::Refused(format!("{} ({words})", plain(&refusal.error))),
            None => TokenError::Refused(plain(&refusal.error)),
        })
    }
}
