//! What goes wrong in a tool, as a text that says what to do and as a kind that the gateway acts on.
//!
//! Google names a failure by an HTTP status and, in the body, a `reason` (older APIs) or a `status`
//! and `details[].reason` (newer ones); a rate error may come as 403 or as 429. [`GoogleError`] is
//! the one place where these become a [`FailureKind`].

use std::time::Duration;

use deputy_core::firstparty::{FailureKind, ToolFailure};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

/// Why a tool has no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ToolError {
    /// An argument is wrong; nothing was sent that changes anything.
    #[error("{pointer}: {message}")]
    Argument {
        /// JSON pointer of the argument, e.g. `/start_time`.
        pointer: String,
        /// What is wrong with it and how to get it right.
        message: String,
    },
    /// Google refused or could not be asked.
    #[error(transparent)]
    Google(#[from] Box<GoogleError>),
    /// The tool itself found that it cannot do it.
    #[error("{message}")]
    Refused {
        /// The kind of failure.
        kind: FailureKind,
        /// What is the matter and what to do.
        message: String,
    },
}

impl ToolError {
    /// `pointer` is without the leading slash for a plain argument name.
    pub(crate) fn argument(pointer: &str, message: impl Into<String>) -> Self {
        let pointer = if pointer.is_empty() || pointer.starts_with('/') {
            pointer.to_owned()
        } else {
            format!("/{pointer}")
        };
        Self::Argument {
            pointer,
            message: message.into(),
        }
    }

    /// The tool itself cannot do it.
    pub(crate) fn refused(kind: FailureKind, message: impl Into<String>) -> Self {
        Self::Refused {
            kind,
            message: message.into(),
        }
    }

    /// What Google said, if it was Google.
    pub(crate) fn google(&self) -> Option<&GoogleError> {
        match self {
            Self::Google(error) => Some(error),
            _ => None,
        }
    }

    /// The HTTP status that Google answered with, if it answered.
    pub(crate) fn status(&self) -> Option<u16> {
        self.google().and_then(|e| e.status)
    }

    /// Whether a write may have been made although it has no result.
    pub(crate) fn may_have_happened(&self) -> bool {
        self.google().is_some_and(|e| e.may_have_happened)
    }

    /// The failure for the gateway.
    pub(crate) fn failure(&self) -> ToolFailure {
        match self {
            Self::Argument { .. } => ToolFailure {
                kind: FailureKind::Invalid,
                status: None,
                retry_after_ms: None,
            },
            Self::Refused { kind, .. } => ToolFailure {
                kind: *kind,
                status: None,
                retry_after_ms: None,
            },
            Self::Google(e) => ToolFailure {
                kind: e.kind,
                status: e.status,
                retry_after_ms: e
                    .retry_after
                    .map(|d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX)),
            },
        }
    }
}

impl From<GoogleError> for ToolError {
    fn from(error: GoogleError) -> Self {
        Self::Google(Box::new(error))
    }
}

/// A request to Google that did not succeed. Its text never holds a token, an address or a body.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.text())]
pub(crate) struct GoogleError {
    /// The kind of failure.
    pub(crate) kind: FailureKind,
    /// The HTTP status, if there was an answer.
    pub(crate) status: Option<u16>,
    /// Google's name for it, e.g. `rateLimitExceeded`.
    pub(crate) reason: Option<String>,
    /// Google's own words.
    pub(crate) said: Option<String>,
    /// When to come back.
    pub(crate) retry_after: Option<Duration>,
    /// The request was a write, and it may have been made.
    pub(crate) may_have_happened: bool,
}

/// When a rate error does not say when to come back: the quotas count requests in a sliding minute
/// (Calendar and Gmail API guides, "Usage limits"), so a few seconds free some.
const RATE_PAUSE: Duration = Duration::from_secs(5);

/// Google's words are shown up to so many characters.
const SAID_MAX: usize = 300;

impl GoogleError {
    /// The answer `status` with its body.
    pub(crate) fn answered(
        status: u16,
        retry_after: Option<&str>,
        body: &[u8],
        write: bool,
        now: Timestamp,
    ) -> Self {
        let parsed: Envelope = serde_json::from_slice(body).unwrap_or_default();
        let reason = parsed.reason();
        let said = parsed.error.and_then(|e| e.message).map(shorten);
        let kind = kind_of(status, reason.as_deref());
        let retry_after = match kind {
            FailureKind::RateLimited => Some(
                retry_after
                    .and_then(|header| retry_after_header(header, now))
                    .or_else(|| said.as_deref().and_then(|text| retry_after_text(text, now)))
                    .unwrap_or(RATE_PAUSE),
            ),
            FailureKind::QuotaExceeded => Some(until_quota_day_ends(now)),
            FailureKind::Unavailable => {
                retry_after.and_then(|header| retry_after_header(header, now))
            }
            _ => None,
        };
        Self {
            kind,
            status: Some(status),
            reason,
            said,
            retry_after,
            may_have_happened: write && status >= 500,
        }
    }

    /// No answer, or not a whole one.
    pub(crate) fn broke(error: &reqwest::Error, write: bool) -> Self {
        let kind = if error.is_timeout() {
            FailureKind::Timeout
        } else {
            FailureKind::Network
        };
        // Before there is a connection nothing can have been sent; a request that could not be
        // built was not sent either.
        let unsent = error.is_connect() || error.is_builder();
        Self {
            kind,
            status: None,
            reason: None,
            said: None,
            retry_after: None,
            may_have_happened: write && !unsent,
        }
    }

    /// A failure found on this side.
    pub(crate) fn local(kind: FailureKind, said: impl Into<String>) -> Self {
        Self {
            kind,
            status: None,
            reason: None,
            said: Some(said.into()),
            retry_after: None,
            may_have_happened: false,
        }
    }

    fn text(&self) -> String {
        let said = self
            .said
            .as_deref()
            .map(|s| format!(" Google says: {s}"))
            .unwrap_or_default();
        match self.kind {
            FailureKind::Unauthorized => {
                "Google did not accept the access token. It has expired or was revoked: connect the Google account again.".to_owned()
            }
            FailureKind::MissingScope => {
                format!("The Google account is connected without a permission that this needs. Connect it again and allow that permission.{said}")
            }
            FailureKind::RateLimited => {
                let seconds = self.retry_after.unwrap_or(RATE_PAUSE).as_secs_f64().ceil();
                format!("Google has had too many requests for this account in a short time. Try again in {seconds} s.")
            }
            FailureKind::QuotaExceeded => {
                format!("The quota of this Google project or calendar is used up for now. Do not try again before it is renewed.{said}")
            }
            FailureKind::Unavailable => format!("Google has a problem at present. Try again in a minute.{said}"),
            FailureKind::Network if self.may_have_happened => {
                "The connection to Google broke after the request was sent; whether it was carried out is unknown. Look before repeating it.".to_owned()
            }
            FailureKind::Network => "Google could not be reached. Nothing was changed; try again.".to_owned(),
            FailureKind::Timeout if self.may_have_happened => {
                "Google did not answer in time; whether the request was carried out is unknown. Look before repeating it.".to_owned()
            }
            FailureKind::Timeout => "Google did not answer in time. Nothing was changed; try again.".to_owned(),
            FailureKind::NotFound => format!("There is no such thing in this Google account, or it is not shared with it. Check the id.{said}"),
            FailureKind::Conflict => format!("It was changed by somebody else meanwhile. Read it again and repeat the change.{said}"),
            FailureKind::Invalid => format!("Google could not make sense of the request.{said}"),
            FailureKind::Forbidden => format!("Google does not allow this.{said}"),
        }
    }
}

fn kind_of(status: u16, reason: Option<&str>) -> FailureKind {
    let reason = reason.unwrap_or_default();
    match (status, reason) {
        (401, _) => FailureKind::Unauthorized,
        (
            403,
            "insufficientPermissions" | "insufficientScopes" | "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
        ) => FailureKind::MissingScope,
        (
            403 | 429,
            "quotaExceeded"
            | "dailyLimitExceeded"
            | "dailyLimitExceededUnreg"
            | "storageQuotaExceeded"
            | "teamDriveFileLimitExceeded",
        ) => FailureKind::QuotaExceeded,
        (
            403,
            "userRateLimitExceeded"
            | "rateLimitExceeded"
            | "sharingRateLimitExceeded"
            | "RATE_LIMIT_EXCEEDED",
        )
        | (429, _) => FailureKind::RateLimited,
        (403, _) => FailureKind::Forbidden,
        (404 | 410, _) => FailureKind::NotFound,
        (409 | 412, _) => FailureKind::Conflict,
        (408, _) => FailureKind::Timeout,
        (500.., _) => FailureKind::Unavailable,
        _ => FailureKind::Invalid,
    }
}

/// `Retry-After`: seconds or an HTTP date (RFC 9110, 10.2.3).
fn retry_after_header(header: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(seconds) = header.trim().parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::parse(header.trim()).ok()?.timestamp();
    Some(wait_until(at, now))
}

/// Gmail writes "User-rate limit exceeded.  Retry after 2026-11-21T10:00:00.000Z".
fn retry_after_text(text: &str, now: Timestamp) -> Option<Duration> {
    let (_, rest) = text.split_once("Retry after ")?;
    let at: Timestamp = rest
        .split([' ', ')'])
        .next()?
        .trim_end_matches('.')
        .parse()
        .ok()?;
    Some(wait_until(at, now))
}

fn wait_until(at: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(now)).unwrap_or_default()
}

/// Daily quotas are renewed at midnight Pacific time (Google Cloud, "Capping API usage").
fn until_quota_day_ends(now: Timestamp) -> Duration {
    let day = Duration::from_hours(24);
    let Ok(pacific) = jiff::tz::TimeZone::get("America/Los_Angeles") else {
        return day;
    };
    let midnight = now
        .to_zoned(pacific)
        .checked_add(SignedDuration::from_hours(24))
        .and_then(|tomorrow| tomorrow.start_of_day());
    midnight.map_or(day, |at| wait_until(at.timestamp(), now))
}

fn shorten(text: String) -> String {
    if text.chars().count() <= SAID_MAX {
        return text;
    }
    text.chars().take(SAID_MAX).chain(['…']).collect()
}

/// Google's error body: the older APIs' and the newer ones' in one.
#[derive(Default, Deserialize)]
struct Envelope {
    error: Option<EnvelopeError>,
}

#[derive(Deserialize)]
struct EnvelopeError {
    message: Option<String>,
    #[serde(default)]
    errors: Vec<Reason>,
    #[serde(default)]
    details: Vec<Reason>,
    status: Option<String>,
}

#[derive(Deserialize)]
struct Reason {
    reason: Option<String>,
}

impl Envelope {
    /// `details` first: it tells a missing scope from other refusals where `errors` does not.
    fn reason(&self) -> Option<String> {
        let error = self.error.as_ref()?;
        let first = |reasons: &[Reason]| reasons.iter().find_map(|r| r.reason.clone());
        first(&error.details)
            .or_else(|| first(&error.errors))
            .or_else(|| error.status.clone())
    }
}

#[cfg(test)]
mod tests;
