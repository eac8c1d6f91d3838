//! By when something is due: a day, or a moment.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::{Error, Result};

/// A deadline, as it was said and as an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    /// `2026-12-01`, or RFC 3339 with the offset that it was said with.
    pub(crate) said: String,
    /// When it has passed: a day when it is over where the person is.
    pub(crate) at: Timestamp,
}

/// Reads a date or a time (ISO 8601). A time without an offset is one where the person is.
pub(crate) fn parse(text: &str, zone: &str) -> Result<Due> {
    let text = text.trim();
    let wrong = || {
        Error::invalid(
            "due_date",
            "due_date is a date such as 2026-12-01 or a time such as 2026-12-01T15:00:00+02:00",
        )
    };
    if text.len() > 64 {
        return Err(wrong());
    }
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    if text.len() == 10 {
        let day: Date = text.parse().map_err(|_| wrong())?;
        let next = day.tomorrow().map_err(|_| wrong())?;
        let over = next.to_zoned(zone).map_err(|_| wrong())?.timestamp();
        return Ok(Due {
            said: day.to_string(),
            at: over,
        });
    }
    if let Ok(pieces) = jiff::fmt::temporal::DateTimeParser::new().parse_pieces(text)
        && let (Some(time), Some(offset)) = (pieces.time(), pieces.to_numeric_offset())
    {
        let at = offset
            .to_timestamp(pieces.date().to_datetime(time))
            .map_err(|_| wrong())?;
        return Ok(Due {
            said: at.display_with_offset(offset).to_string(),
            at,
        });
    }
    let civil: jiff::civil::DateTime = text.parse().map_err(|_| wrong())?;
    let there = civil.to_zoned(zone).map_err(|_| wrong())?;
    let at = there.timestamp();
    Ok(Due {
        said: at.display_with_offset(there.offset()).to_string(),
        at,
    })
}

#[cfg(test)]
mod tests;
