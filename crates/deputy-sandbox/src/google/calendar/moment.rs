//! Times of events: days and instants, as they are written and as they are shown.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde_json::{Map, Value, json};

use crate::google::failure::Failure;

/// The start or the end of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// A day, in whatever zone the calendar is.
    Day(Date),
    /// An instant.
    At(Timestamp),
}

impl Moment {
    /// The moment of a stored `start` or `end`.
    pub(crate) fn stored(value: &Value) -> Option<Self> {
        match (value.get("date"), value.get("dateTime")) {
            (Some(date), None) => Some(Self::Day(date.as_str()?.parse().ok()?)),
            (None, Some(instant)) => Some(Self::At(instant.as_str()?.parse().ok()?)),
            _ => None,
        }
    }

    /// As an instant: a day begins at midnight of `zone`.
    pub(crate) fn instant(self, zone: &TimeZone) -> Timestamp {
        match self {
            Self::At(instant) => instant,
            Self::Day(date) => resolved(date.to_datetime(jiff::civil::Time::midnight()), zone),
        }
    }

    /// As local time of `zone`.
    pub(crate) fn local(self, zone: &TimeZone) -> DateTime {
        match self {
            Self::At(instant) => zone.to_datetime(instant),
            Self::Day(date) => date.to_datetime(jiff::civil::Time::midnight()),
        }
    }

    /// Moved as far as `from` is from `to`.
    pub(crate) fn shifted(self, from: Self, to: Self) -> Self {
        match (self, from, to) {
            (Self::Day(day), Self::Day(from), Self::Day(to)) => {
                let days = (to - from).get_days();
                Self::Day(day.saturating_add(days.days()))
            }
            (Self::At(at), Self::At(from), Self::At(to)) => {
                Self::At(at.saturating_add(to.duration_since(from)).unwrap_or(at))
            }
            _ => self,
        }
    }

    /// As kept: `{"date"}` or `{"dateTime" (UTC), "timeZone"?}`.
    pub(crate) fn store(self, time_zone: Option<&str>) -> Value {
        match (self, time_zone) {
            (Self::Day(date), _) => json!({"date": date.to_string()}),
            (Self::At(instant), None) => json!({"dateTime": instant.to_string()}),
            (Self::At(instant), Some(zone)) => {
                json!({"dateTime": instant.to_string(), "timeZone": zone})
            }
        }
    }

    /// What an instance's id ends with.
    pub(crate) fn stamp(self) -> String {
        match self {
            Self::Day(date) => date.strftime("%Y%m%d").to_string(),
            Self::At(instant) => instant.strftime("%Y%m%dT%H%M%SZ").to_string(),
        }
    }

    /// The moment of an instance's id's end.
    pub(crate) fn from_stamp(stamp: &str) -> Option<Self> {
        if stamp.len() == 8 {
            return Date::strptime("%Y%m%d", stamp).ok().map(Self::Day);
        }
        let local = DateTime::strptime("%Y%m%dT%H%M%SZ", stamp).ok()?;
        Some(Self::At(TimeZone::UTC.to_timestamp(local).ok()?))
    }
}

/// The instant of a local time: in a gap the time after it, in a fold the first.
pub(crate) fn resolved(local: DateTime, zone: &TimeZone) -> Timestamp {
    zone.to_ambiguous_timestamp(local)
        .compatible()
        .unwrap_or(Timestamp::MAX)
}

/// An instant as Google writes it: seconds, the zone's offset, `Z` for none.
pub(crate) fn shown(instant: Timestamp, zone: &TimeZone) -> String {
    let zoned = instant.to_zoned(zone.clone());
    if zoned.offset().is_zero() {
        zoned.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    } else {
        zoned.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
    }
}

/// An instant with milliseconds, as `created` and `updated` have it.
pub(crate) fn shown_ms(instant: Timestamp) -> String {
    instant.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// A stored `start`, `end` or `originalStartTime` for an answer in `zone`.
pub(crate) fn show(value: &Value, zone: &TimeZone, calendar_zone: &str) -> Value {
    match Moment::stored(value) {
        Some(Moment::At(instant)) => {
            let name = value
                .get("timeZone")
                .and_then(Value::as_str)
                .unwrap_or(calendar_zone);
            json!({"dateTime": shown(instant, zone), "timeZone": name})
        }
        _ => value.clone(),
    }
}

/// Reads a `start` or `end` that a client sent (or that was stored) into the stored form.
pub(crate) fn read(value: Option<&Value>, which: &str) -> Result<Value, Failure> {
    let empty = Map::new();
    let given = value.and_then(Value::as_object).unwrap_or(&empty);
    let text = |name: &str| {
        given
            .get(name)
            .and_then(Value::as_str)
            .filter(|s| !s.is_empty())
    };
    let time_zone = text("timeZone");
    let zone = match time_zone.map(TimeZone::get) {
        None => None,
        Some(Ok(zone)) => Some(zone),
        Some(Err(_)) => {
            return Err(Failure::invalid(format!(
                "Invalid time zone definition for {which} time."
            )));
        }
    };
    match (text("date"), text("dateTime")) {
        (None, None) => Err(Failure::required(format!("Missing {which} time."))),
        (Some(_), Some(_)) => Err(Failure::invalid(format!("Invalid {which} time."))),
        (Some(date), None) => {
            let date: Date = date
                .parse()
                .map_err(|_| Failure::invalid(format!("Invalid {which} time.")))?;
            Ok(Moment::Day(date).store(None))
        }
        (None, Some(text)) => {
            let instant = match (text.parse::<Timestamp>(), zone) {
                (Ok(instant), _) => instant,
                (Err(_), zone) => {
                    let local: DateTime = text
                        .parse()
                        .map_err(|_| Failure::invalid(format!("Invalid {which} time.")))?;
                    let zone = zone.ok_or_else(|| {
                        Failure::required(format!("Missing time zone definition for {which} time."))
                    })?;
                    resolved(local, &zone)
                }
            };
            let whole = Timestamp::from_second(instant.as_second()).unwrap_or(instant);
            Ok(Moment::At(whole).store(time_zone))
        }
    }
}

/// A day has this length where nothing else is said.
pub(crate) const DAY: SignedDuration = SignedDuration::from_hours(24);
