//! The token endpoint: a code or a refresh token becomes an access token and the next refresh
//! token.
//!
//! Everything that is wrong with a request is found before anything is used up; then one
//! transaction, in which one `UPDATE` decides who was first.
//!
//! # Who may ask how often
//!
//! What fails counts per address: what is behind one address shares that limit, and one that has
//! used it up keeps nobody else from anything. What succeeds does not count there, or a program that
//! refreshes often would shut out everybody behind its router. It counts per grant, ten times as
//! many: only who holds a refresh token of the grant can use that up, so no stranger can for somebody.
//! Nothing counts per client, whose identifier everybody knows.

mod answer;
mod code;
mod refresh;

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deputy_core::{Scopes, Secret, Throttled, UserId};
use deputy_store::oauth_grant::Grant;
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::document::is_url;
use super::form::{Form, FormError};
use super::{AuthorizationServer, EndedGrant, Resource, scope};
use crate::sign_in::network;

/// What every access token begins with.
pub const ACCESS_PREFIX: &str = "dpt_at_";
/// What every refresh token begins with.
pub const REFRESH_PREFIX: &str = "dpt_rt_";

/// How many times as often as a request may fail per address, a refresh may succeed per grant. A
/// command line refreshes with each command, and ten in a second are still somebody's shell loop.
pub(super) const PER_GRANT: u32 = 10;

/// 256 bits in URL-safe base64.
pub(crate) const RANDOM: usize = 43;

/// What a request to the token endpoint was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Issued {
    /// A code was redeemed.
    Code,
    /// A refresh token was rotated.
    Refresh,
    /// A refresh token that was rotated a moment ago gave the same successor again.
    Repeated,
}

/// Tokens for a client.
#[derive(Clone)]
pub struct TokenAnswer {
    /// The access token.
    pub access_token: Secret<String>,
    /// For how many seconds it works.
    pub expires_in: i64,
    /// The refresh token, which replaces the one that was presented.
    pub refresh_token: Secret<String>,
    /// What the access token may do.
    pub scopes: Scopes,
    /// What the request was.
    pub kind: Issued,
    /// The grant.
    pub grant_id: i64,
    /// The person.
    pub user_id: UserId,
    /// The client.
    pub client_id: String,
    /// The client's name.
    pub client_name: String,
    /// What ended because this took its place, for the record.
    pub replaced: Vec<EndedGrant>,
}

impl TokenAnswer {
    /// The body (RFC 6749 section 5.1). As secret as the tokens in it.
    pub fn json(&self) -> Value {
        json!({
            "access_token": self.access_token.expose(),
            "token_type": "Bearer",
            "expires_in": self.expires_in,
            "refresh_token": self.refresh_token.expose(),
            "scope": self.scopes.to_string(),
        })
    }
}

/// A refusal of the token, revocation or introspection endpoint (RFC 6749 section 5.2).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}: {description}")]
pub struct TokenEndpointError {
    /// The HTTP status.
    pub status: u16,
    /// The code.
    pub error: &'static str,
    /// For developers and users, in English, of the characters that section 5.2 allows.
    pub description: String,
    /// For `Retry-After`, seconds.
    pub retry_after: Option<u64>,
    /// The grant that this request ended, for the record: a code or a refresh token came twice.
    pub ended: Option<Box<EndedGrant>>,
}

impl TokenEndpointError {
    pub(crate) fn new(status: u16, error: &'static str, description: impl Into<String>) -> Self {
        Self {
            status,
            error,
            description: description.into(),
            retry_after: None,
            ended: None,
        }
    }

    pub(crate) fn invalid_request(description: impl Into<String>) -> Self {
        Self::new(400, "invalid_request", description)
    }

    pub(crate) fn invalid_client(description: impl Into<String>) -> Self {
        Self::new(401, "invalid_client", description)
    }

    pub(crate) fn invalid_grant(description: impl Into<String>) -> Self {
        Self::new(400, "invalid_grant", description)
    }

    /// The body. No member is null.
    pub fn json(&self) -> Value {
        json!({ "error": self.error, "error_description": self.description })
    }
}

impl From<FormError> for TokenEndpointError {
    fn from(err: FormError) -> Self {
        Self::invalid_request(err.to_string())
    }
}

impl From<Throttled> for TokenEndpointError {
    fn from(throttled: Throttled) -> Self {
        // No code of RFC 6749 says it; this one says that coming back helps.
        Self {
            retry_after: Some(throttled.seconds()),
            ..Self::new(429, "temporarily_unavailable", throttled.to_string())
        }
    }
}

impl From<deputy_store::Error> for TokenEndpointError {
    fn from(err: deputy_store::Error) -> Self {
        tracing::error!(
            error = &err as &dyn std::error::Error,
            "the authorization server could not use the database"
        );
        match err {
            deputy_store::Error::Database(_) => Self {
                retry_after: Some(5),
                ..Self::new(503, "temporarily_unavailable", "the database failed")
            },
            _ => Self::new(500, "server_error", "the database holds something unfit"),
        }
    }
}

/// What tokens are to be made for.
pub(crate) struct Wanted {
    pub(crate) scopes: Scopes,
    /// URLs.
    pub(crate) resources: Vec<String>,
}

impl AuthorizationServer {
    /// The token endpoint: `form_body` and the headers `Content-Type` and `Authorization` as they
    /// came, `address` the client's, not a proxy's. What is in the URL is not looked at.
    pub async fn token(
        &self,
        form_body: &[u8],
        content_type: Option<&str>,
        authorization: Option<&str>,
        address: IpAddr,
    ) -> Result<TokenAnswer, TokenEndpointError> {
        let from = network(address);
        self.inner.requests.hit(&from)?;
        let answer = self
            .token_for(form_body, content_type, authorization)
            .await?;
        self.inner.requests.take_back(&from);
        self.note_client_use(&answer.client_id);
        Ok(answer)
    }

    async fn token_for(
        &self,
        form_body: &[u8],
        content_type: Option<&str>,
        authorization: Option<&str>,
    ) -> Result<TokenAnswer, TokenEndpointError> {
        let form = Form::of_body(form_body, content_type)?;
        let client_id = client_id(&form, authorization)?;
        let client_id =
            client_id.ok_or_else(|| TokenEndpointError::invalid_request("client_id is missing"))?;
        let grant_type = form.text("grant_type");
        let grant_type = grant_type
            .ok_or_else(|| TokenEndpointError::invalid_request("grant_type is missing"))?;
        self.must_be_known(&client_id).await?;
        match grant_type {
            "authorization_code" => self.redeem(&form, &client_id).await,
            "refresh_token" => self.refresh(&form, &client_id).await,
            _ => Err(TokenEndpointError::new(
                400,
                "unsupported_grant_type",
                "there are authorization_code and refresh_token",
            )),
        }
    }

    /// Refuses a client that is blocked, or that there is not, or no longer. A document is not fetched for it, and may
    /// have no copy here: whether it may have the grant is seen at the grant.
    async fn must_be_known(&self, client_id: &str) -> Result<(), TokenEndpointError> {
        if self.is_blocked(client_id).await? {
            return Err(TokenEndpointError::new(
                400,
                "unauthorized_client",
                "an administrator has blocked this client",
            ));
        }
        if is_url(client_id) || self.known_client(client_id).await?.is_some() {
            return Ok(());
        }
        Err(TokenEndpointError::invalid_client(
            "there is no such client",
        ))
    }

    /// What the request wants, within the grant. `resource` picks some of the grant's (RFC 8707
    /// section 2.2), `asked` narrows the access token (RFC 6749 section 6). What is not in the grant
    /// is left out: clients repeat what they asked at first, and the person may have ticked less.
    fn wanted(
        &self,
        form: &Form,
        asked: Option<&str>,
        grant: &Grant,
    ) -> Result<Wanted, TokenEndpointError> {
        let known = asked.map(scope::known).unwrap_or_default();
        let mut scopes = known.clone();
        scopes.0.retain(|scope| grant.scopes.contains(*scope));
        if known.0.is_empty() {
            scopes.clone_from(&grant.scopes);
        }
        if scopes.0.is_empty() {
            return Err(TokenEndpointError::new(
                400,
                "invalid_scope",
                "the person allowed none of these scopes",
            ));
        }
        let mut resources: Vec<String> = Vec::new();
        for text in form.all("resource") {
            let url = Resource::parse(self.issuer(), &text).map(|r| r.url(self.issuer()));
            let Some(url) = url.filter(|url| grant.resources.contains(url)) else {
                return Err(TokenEndpointError::new(
                    400,
                    "invalid_target",
                    "the person did not allow access to this resource",
                ));
            };
            if !resources.contains(&url) {
                resources.push(url);
            }
        }
        if resources.is_empty() {
            resources.clone_from(&grant.resources);
        }
        Ok(Wanted { scopes, resources })
    }
}

/// Who asks. Clients have no secret, so there is nothing to prove; but who sends one believes that
/// it is checked, and is told that it is not. `Authorization: Basic` with an empty password names a
/// client as `client_id` does: some libraries know no other way (RFC 6749 section 2.3.1). Another
/// scheme says nothing about a client that is named already: HTTP stacks put their `Bearer` on every
/// request, and a client that is told `invalid_client` throws its whole login away.
pub(crate) fn client_id(
    form: &Form,
    authorization: Option<&str>,
) -> Result<Option<String>, TokenEndpointError> {
    let no_secrets = || TokenEndpointError::invalid_client("clients have no secrets here");
    if form.secret("client_secret").is_some() || form.secret("client_assertion").is_some() {
        return Err(no_secrets());
    }
    let named = form.text("client_id").map(str::to_owned);
    let Some(header) = authorization.filter(|header| named.is_none() || is_basic(header)) else {
        return Ok(named);
    };
    let (id, password) = basic(header).ok_or_else(|| {
        TokenEndpointError::invalid_client("this kind of Authorization is not supported")
    })?;
    if !password.expose().is_empty() {
        return Err(no_secrets());
    }
    if named.as_ref().is_some_and(|named| *named != id) {
        return Err(TokenEndpointError::invalid_request(
            "client_id and Authorization name different clients",
        ));
    }
    Ok(Some(id))
}

fn is_basic(header: &str) -> bool {
    let scheme = header.split_ascii_whitespace().next().unwrap_or_default();
    scheme.eq_ignore_ascii_case("basic")
}

/// `Basic base64(id:password)`, both form-encoded.
fn basic(header: &str) -> Option<(String, Secret<String>)> {
    let (_, encoded) = header.trim().split_once(' ').filter(|_| is_basic(header))?;
    let pair = STANDARD.decode(encoded.trim()).ok()?;
    let pair = Secret::new(String::from_utf8(pair).ok()?);
    let (id, password) = pair.expose().split_once(':')?;
    let id = percent_decode_str(&id.replace('+', " "))
        .decode_utf8()
        .ok()?
        .into_owned();
    let is_fit = !id.is_empty() && !id.chars().any(char::is_control);
    is_fit.then(|| (id, Secret::from(password)))
}

/// Whether `text` has the form of a token with this prefix; spares the database what can't be one.
pub(crate) fn has_form(text: &str, prefix: &str) -> bool {
    text.len() == prefix.len() + RANDOM && text.starts_with(prefix)
}

/// Whole seconds from `now` to `then`, at least 0.
fn seconds(now: Timestamp, then: Timestamp) -> i64 {
    then.duration_since(now).as_secs().max(0)
}

#[cfg(test)]
mod tests;
