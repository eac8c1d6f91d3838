//! Where a page of merged events stopped.
//!
//! The place is a key in a total order (start, calendar, id), not a number of events passed: what is
//! added or removed before it meanwhile neither repeats nor hides an event after it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Bounds;
use crate::error::ToolError;

/// A place in the order of events.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Cursor {
    start: i64,
    calendar: String,
    event: String,
}

impl Cursor {
    pub(super) fn at(start: Timestamp, calendar: &str, event: &str) -> Self {
        Self {
            start: start.as_second(),
            calendar: calendar.to_owned(),
            event: event.to_owned(),
        }
    }

    /// Shortly before the place: Google's lower bound is exclusive.
    pub(super) fn second_before(&self) -> Timestamp {
        let at = Timestamp::from_second(self.start).unwrap_or(Timestamp::MIN);
        at.checked_sub(SignedDuration::from_secs(1)).unwrap_or(at)
    }

    /// The place as a page token for the range `bounds`.
    pub(super) fn token(&self, bounds: Bounds) -> String {
        let place = (self, bounds.from.as_second(), bounds.to.as_second());
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(&place).unwrap_or_default())
    }

    /// The place that `token` names, which must be one of the range `bounds`.
    pub(super) fn parse(token: &str, bounds: Bounds) -> Result<Self, ToolError> {
        let wrong = || {
            ToolError::argument(
                "page_token",
                "this is no next_page_token of a listing of this range",
            )
        };
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| wrong())?;
        let (cursor, from, to): (Self, i64, i64) =
            serde_json::from_slice(&bytes).map_err(|_| wrong())?;
        if (from, to) == (bounds.from.as_second(), bounds.to.as_second()) {
            Ok(cursor)
        } else {
            Err(wrong())
        }
    }
}

#[cfg(test)]
mod tests;
