//! The notice that a connection was removed from the other side.

use std::collections::BTreeMap;

use deputy_store::oauth_token::OAuthToken;
use jiff::{SignedDuration, Timestamp};

use crate::connection::services_of;

/// The kind of the notice that Google ended a connection. Its parameters: `reason` (the words of
/// [`RemovalReason::as_str`]), `services` (names with blanks between), `connected_at` (RFC 3339) and,
/// where it is known, `account`.
pub const NOTICE_DISCONNECTED: &str = "google.disconnected";

/// In Testing mode Google ends a grant after seven days (Google Cloud, "Configure the OAuth consent
/// screen", publishing status). One day more, because the end is noticed at the next refresh.
const TESTING_MODE: SignedDuration = SignedDuration::from_hours(8 * 24);

/// Why Google ended a connection, as far as it can be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RemovalReason {
    /// The grant was younger than eight days: probably the Cloud project's consent screen is in
    /// Testing mode.
    TestingMode,
    /// The organisation asks its people to sign in again from time to time.
    Reauthentication,
    /// The grant was limited in time, and the time is over.
    TimeLimit,
    /// The person or an administrator revoked it, the password was changed, or it was not used for
    /// half a year. Google doesn't say which.
    Revoked,
}

impl RemovalReason {
    /// The word in a notice.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TestingMode => "testing_mode",
            Self::Reauthentication => "reauthentication",
            Self::TimeLimit => "time_limit",
            Self::Revoked => "revoked",
        }
    }

    pub(crate) fn of(row: &OAuthToken, subtype: Option<&str>, now: Timestamp) -> Self {
        if subtype == Some("invalid_rapt") {
            Self::Reauthentication
        } else if now.duration_since(row.granted_at) < TESTING_MODE {
            Self::TestingMode
        } else if row.refresh_expires_at.is_some_and(|at| at <= now) {
            Self::TimeLimit
        } else {
            Self::Revoked
        }
    }
}

/// The parameters of the notice about `row`.
pub(crate) fn parameters(row: &OAuthToken, reason: RemovalReason) -> BTreeMap<String, String> {
    let mut parameters = BTreeMap::from([
        ("reason".to_owned(), reason.as_str().to_owned()),
        ("services".to_owned(), services_of(row).to_string()),
        ("connected_at".to_owned(), row.connected_at.to_string()),
    ]);
    if let Some(account) = &row.account {
        parameters.insert("account".to_owned(), account.clone());
    }
    parameters
}
