//! What is said to Google's OAuth endpoints, and what their answers mean.
//!
//! An answer is believed only when it is what RFC 6749 section 5 describes; everything else, an HTML
//! page with status 200 included, is a failure that may pass. Only an explicit `invalid_grant` is
//! news about the grant.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use deputy_core::{Rng, Secret, random};
use jiff::Timestamp;
use reqwest::StatusCode;
use reqwest::header::{ACCEPT, HeaderMap, RETRY_AFTER};
use serde_json::Value;

use crate::Config;

/// Answers are a few hundred bytes; Google's tokens are at most 2 KiB each.
const MAX_ANSWER: usize = 64 * 1024;
/// The longest `Retry-After` that is honoured.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(1);
/// What is waited for within one refresh; a longer `Retry-After` ends it.
const MAX_WAIT: Duration = Duration::from_secs(5);
/// Lifetime of an access token where the answer names none.
const DEFAULT_LIFETIME: Duration = Duration::from_hours(1);
/// Lifetimes outside of this are taken for mistakes.
const LIFETIMES: std::ops::RangeInclusive<u64> = 10..=86_400;

/// A token answer (RFC 6749, section 5.1).
pub(crate) struct TokenAnswer {
    pub(crate) access_token: Secret<String>,
    pub(crate) refresh_token: Option<Secret<String>>,
    /// How long the access token lives, within reason.
    pub(crate) expires_in: Duration,
    /// The same as the answer says it, if it does and it is any time at all; at least 10 s.
    pub(crate) lifetime: Option<Duration>,
    /// The kind of the access token, e.g. `Bearer`, if the answer says it.
    pub(crate) token_type: Option<String>,
    /// How long the refresh token lives; Google names it only for grants that are limited in time.
    pub(crate) refresh_expires_in: Option<Duration>,
    /// The granted scopes; `None` where the answer leaves them out because they are what was asked.
    pub(crate) scopes: Option<Vec<String>>,
    /// The account's e-mail address, if an `id_token` tells it.
    pub(crate) account: Option<String>,
}

/// Why there is no token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The code or the refresh token is not valid, or no longer.
    InvalidGrant {
        /// Google's `error_subtype`, e.g. `invalid_rapt`.
        subtype: Option<String>,
    },
    /// Google refuses for a reason that repeating doesn't change, such as `invalid_client`.
    Rejected {
        /// The error code.
        code: String,
    },
    /// It may work later.
    Temporary {
        /// When to come back, where Google said so.
        retry_after: Option<Duration>,
        /// What happened, for the log.
        cause: Cause,
    },
}

/// What kept Google from answering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// No connection came about: nothing was sent.
    Connect,
    /// It broke off, or took too long.
    Network,
    /// Too many requests.
    RateLimited,
    /// 5xx.
    Server,
    /// An answer that is none.
    Malformed,
}

impl Cause {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Network => "network",
            Self::RateLimited => "rate_limited",
            Self::Server => "server",
            Self::Malformed => "malformed",
        }
    }

    /// How often it is worth another try at once.
    const fn retries(self) -> u32 {
        match self {
            Self::Connect | Self::Network | Self::Malformed => 1,
            Self::Server | Self::RateLimited => 2,
        }
    }
}

/// What became of a revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Revoked {
    /// Google has forgotten the grant, or knew no such token.
    Done,
    /// It may work later.
    Later(Option<Duration>),
}

/// Google's OAuth endpoints for one client.
pub(crate) struct Upstream<'a> {
    pub(crate) config: &'a Config,
    pub(crate) http: &'a reqwest::Client,
    pub(crate) rng: &'a dyn Rng,
    /// The present, for dates in `Retry-After`.
    pub(crate) now: Timestamp,
}

impl Upstream<'_> {
    /// Exchanges a code. It works once, so it is repeated only when nothing was sent.
    pub(crate) async fn exchange(
        &self,
        code: &str,
        verifier: &str,
    ) -> Result<TokenAnswer, Failure> {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("code_verifier", verifier),
            ("redirect_uri", self.config.callback_url.as_str()),
            ("client_id", &self.config.client_id),
            ("client_secret", self.config.client_secret.expose()),
        ];
        match self.token(&form).await {
            Err(Failure::Temporary {
                cause: Cause::Connect,
                ..
            }) => {
                tokio::time::sleep(delay(self.rng, self.config.timing.retry, 1)).await;
                self.token(&form).await
            }
            answer => answer,
        }
    }

    /// Gets a new access token; at most three attempts.
    pub(crate) async fn refresh(
        &self,
        refresh_token: &Secret<String>,
    ) -> Result<TokenAnswer, Failure> {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token.expose()),
            ("client_id", &self.config.client_id),
            ("client_secret", self.config.client_secret.expose()),
        ];
        repeated(self.rng, self.config.timing.retry, || self.token(&form)).await
    }

    /// Revokes a token and with it the whole grant.
    pub(crate) async fn revoke(&self, token: &Secret<String>) -> Revoked {
        let sent = self
            .http
            .post(self.config.revoke_url.clone())
            .header(ACCEPT, "application/json")
            .timeout(self.config.timing.request)
            .form(&[("token", token.expose())])
            .send()
            .await;
        match sent {
            // 400 says that there is no such token: that is what was wanted.
            Ok(answer)
                if answer.status().is_success() || answer.status() == StatusCode::BAD_REQUEST =>
            {
                Revoked::Done
            }
            Ok(answer) => Revoked::Later(retry_after(answer.headers(), self.now)),
            Err(_) => Revoked::Later(None),
        }
    }

    async fn token(&self, form: &[(&str, &str)]) -> Result<TokenAnswer, Failure> {
        let sent = self
            .http
            .post(self.config.token_url.clone())
            .header(ACCEPT, "application/json")
            .timeout(self.config.timing.request)
            .form(form)
            .send()
            .await;
        let answer = sent.map_err(|err| Failure::Temporary {
            retry_after: None,
            cause: if err.is_connect() {
                Cause::Connect
            } else {
                Cause::Network
            },
        })?;
        let status = answer.status();
        let retry_after = retry_after(answer.headers(), self.now);
        let body = read(answer)
            .await
            .map_err(|cause| Failure::Temporary { retry_after, cause })?;
        understand(status, retry_after, body.expose())
    }
}

/// Asks until there is an answer that asking again would not change; at most three times.
pub(crate) async fn repeated<F: Future<Output = Result<TokenAnswer, Failure>>>(
    rng: &dyn Rng,
    start: Duration,
    ask: impl Fn() -> F,
) -> Result<TokenAnswer, Failure> {
    let mut attempt = 1;
    loop {
        let failure = match ask().await {
            Ok(answer) => return Ok(answer),
            Err(failure) => failure,
        };
        let Failure::Temporary { retry_after, cause } = &failure else {
            return Err(failure);
        };
        if attempt > cause.retries() || retry_after.is_some_and(|after| after > MAX_WAIT) {
            return Err(failure);
        }
        tracing::debug!(
            attempt,
            cause = cause.as_str(),
            "token refresh is tried again"
        );
        let wait = delay(rng, start, attempt).max(retry_after.unwrap_or_default());
        tokio::time::sleep(wait).await;
        attempt += 1;
    }
}

/// Doubles from `start`, ±25 %.
pub(crate) fn delay(rng: &dyn Rng, start: Duration, attempt: u32) -> Duration {
    let [byte] = random::bytes::<1>(rng);
    let jitter = 0.75 + f64::from(byte) / 255.0 * 0.5;
    (start * 2u32.saturating_pow(attempt.saturating_sub(1).min(5))).mul_f64(jitter)
}

async fn read(mut answer: reqwest::Response) -> Result<Secret<Vec<u8>>, Cause> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|_| Cause::Network)? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err(Cause::Malformed);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Secret::new(body))
}

/// What a token endpoint's answer means.
pub(crate) fn understand(
    status: StatusCode,
    retry_after: Option<Duration>,
    body: &[u8],
) -> Result<TokenAnswer, Failure> {
    let temporary = |cause| Failure::Temporary { retry_after, cause };
    if status == StatusCode::TOO_MANY_REQUESTS {
        return Err(temporary(Cause::RateLimited));
    }
    if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT {
        return Err(temporary(Cause::Server));
    }
    let body: Value = serde_json::from_slice(body).map_err(|_| temporary(Cause::Malformed))?;
    if let Some(code) = body.get("error").and_then(Value::as_str) {
        return Err(match code {
            "invalid_grant" => Failure::InvalidGrant {
                subtype: body
                    .get("error_subtype")
                    .and_then(Value::as_str)
                    .map(str::to_owned),
            },
            "temporarily_unavailable" | "server_error" | "internal_failure" | "backend_error" => {
                temporary(Cause::Server)
            }
            "slow_down" | "rate_limit_exceeded" => temporary(Cause::RateLimited),
            other => Failure::Rejected {
                code: code_for_log(other),
            },
        });
    }
    if !status.is_success() {
        return Err(temporary(Cause::Malformed));
    }
    let text = |name: &str| {
        body.get(name)
            .and_then(Value::as_str)
            .filter(|t| !t.is_empty())
    };
    let Some(access_token) = text("access_token") else {
        return Err(temporary(Cause::Malformed));
    };
    Ok(TokenAnswer {
        access_token: access_token.into(),
        refresh_token: text("refresh_token").map(Into::into),
        expires_in: seconds(body.get("expires_in")).map_or(DEFAULT_LIFETIME, |s| {
            Duration::from_secs(s.clamp(*LIFETIMES.start(), *LIFETIMES.end()))
        }),
        lifetime: seconds(body.get("expires_in"))
            .filter(|s| *s > 0)
            .map(|s| Duration::from_secs(s.max(*LIFETIMES.start()))),
        token_type: text("token_type").map(str::to_owned),
        refresh_expires_in: seconds(body.get("refresh_token_expires_in"))
            .filter(|s| *s > 0)
            .map(Duration::from_secs),
        scopes: text("scope").map(|s| s.split_ascii_whitespace().map(str::to_owned).collect()),
        account: text("id_token").and_then(email_of),
    })
}

/// An error code as far as it may be shown: RFC 6749 codes are lower-case words.
pub(crate) fn code_for_log(code: &str) -> String {
    code.chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
        .take(64)
        .collect()
}

/// Seconds as a number or, as some servers send them, a string.
fn seconds(value: Option<&Value>) -> Option<u64> {
    match value? {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "not negative, and the cast saturates"
        )]
        Value::Number(n) => n
            .as_u64()
            .or_else(|| n.as_f64().filter(|f| *f >= 0.0).map(|f| f as u64)),
        Value::String(s) => s.trim().parse().ok(),
        _ => None,
    }
}

/// The `email` of an ID token. It came over TLS from the token endpoint itself, which stands for its
/// signature (OpenID Connect Core, section 3.1.3.7, point 6).
fn email_of(id_token: &str) -> Option<String> {
    let payload = URL_SAFE_NO_PAD.decode(id_token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    claims
        .get("email")?
        .as_str()
        .filter(|e| e.len() <= 320)
        .map(str::to_owned)
}

/// `Retry-After` (RFC 9110, section 10.2.3): seconds or a date; at most [`MAX_RETRY_AFTER`].
pub(crate) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let after = if text.bytes().all(|b| b.is_ascii_digit()) && !text.is_empty() {
        text.parse().map_or(MAX_RETRY_AFTER, Duration::from_secs)
    } else {
        let date = jiff::fmt::rfc2822::DateTimeParser::new()
            .parse_timestamp(text)
            .ok()?;
        Duration::try_from(date.duration_since(now)).unwrap_or_default()
    };
    Some(after.min(MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests;
