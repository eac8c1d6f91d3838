//! Times as people and models write them, and as Google takes them.
//!
//! A time is a day (an all-day event), an instant (with an offset), or what a clock on the wall
//! shows (no offset), which means something only in a time zone: the one given, or else the
//! calendar's. It never means the server's zone.

use jiff::civil::{Date, DateTime};
use jiff::fmt::temporal::{Pieces, PiecesOffset};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan as _};

use super::wire;
use crate::call::Call;
use crate::client::Api;
use crate::error::ToolError;

/// A time as given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Given {
    /// A day.
    Day(Date),
    /// An instant, with the offset it was written in.
    Instant(Timestamp, Offset),
    /// What a clock on the wall shows.
    Wall(DateTime),
}

impl Given {
    /// The time in the argument `name`.
    pub(crate) fn parse(name: &str, text: &str) -> Result<Self, ToolError> {
        let wrong = || {
            let example = "write 2026-02-13T10:00:00+04:00, 2026-02-13T10:00:00 with time_zone, or 2026-02-13 for a whole day";
            ToolError::argument(name, format!("'{text}' is no time; {example}"))
        };
        let pieces = Pieces::parse(text.trim()).map_err(|_| wrong())?;
        let date = pieces.date();
        let Some(time) = pieces.time() else {
            return Ok(Self::Day(date));
        };
        let wall = DateTime::from_parts(date, time);
        match pieces.offset() {
            None => Ok(Self::Wall(wall)),
            Some(offset) => {
                let offset = match offset {
                    PiecesOffset::Numeric(numeric) => numeric.offset(),
                    _ => Offset::UTC,
                };
                let at = offset.to_timestamp(wall).map_err(|_| wrong())?;
                Ok(Self::Instant(at, offset))
            }
        }
    }

    /// The time in `zone`. A wall time that the clocks jump over in spring is refused; of one that
    /// comes twice in autumn the first is taken.
    pub(crate) fn within(self, name: &str, zone: &Zone) -> Result<Moment, ToolError> {
        Ok(match self {
            Self::Day(day) => Moment::Day(day),
            Self::Instant(at, offset) => Moment::Instant(at, offset),
            Self::Wall(wall) => {
                let there = zone.tz.to_ambiguous_zoned(wall);
                let gap = matches!(there.offset(), jiff::tz::AmbiguousOffset::Gap { .. });
                let zoned = there.compatible().ok().filter(|_| !gap).ok_or_else(|| {
                    ToolError::argument(
                        name,
                        format!(
                            "{wall} does not exist in {}: the clocks are put forward then",
                            zone.name
                        ),
                    )
                })?;
                Moment::Instant(zoned.timestamp(), zoned.offset())
            }
        })
    }
}

/// A time that is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// A day.
    Day(Date),
    /// An instant, with the offset to write it in.
    Instant(Timestamp, Offset),
}

impl Moment {
    /// What Google's `time` says, if it says a time.
    pub(crate) fn of(time: Option<&wire::EventTime>) -> Option<Self> {
        let time = time?;
        if let Some(date) = &time.date {
            return date.parse().ok().map(Self::Day);
        }
        match Given::parse("", time.date_time.as_deref()?).ok()? {
            Given::Instant(at, offset) => Some(Self::Instant(at, offset)),
            // Google leaves the offset out where it says the zone.
            wall @ Given::Wall(_) => {
                let zone = Zone::named("", time.time_zone.as_deref()?).ok()?;
                wall.within("", &zone).ok()
            }
            Given::Day(_) => None,
        }
    }

    /// As Google takes it.
    pub(crate) fn wire(self, time_zone: Option<&str>) -> wire::EventTime {
        match self {
            Self::Day(day) => wire::EventTime {
                date: Some(day.to_string()),
                ..wire::EventTime::default()
            },
            Self::Instant(..) => wire::EventTime {
                date_time: Some(self.rfc3339()),
                time_zone: time_zone.map(str::to_owned),
                ..wire::EventTime::default()
            },
        }
    }

    /// A date, or RFC 3339 with offset, to the second.
    pub(crate) fn rfc3339(self) -> String {
        match self {
            Self::Day(day) => day.to_string(),
            Self::Instant(at, offset) if offset == Offset::UTC => format!("{at:.0}"),
            Self::Instant(at, offset) => format!("{:.0}", at.display_with_offset(offset)),
        }
    }

    /// Whether it is a day.
    pub(crate) fn is_day(self) -> bool {
        matches!(self, Self::Day(_))
    }

    /// The instant it is or, for a day, begins at in `zone`.
    pub(crate) fn instant(self, zone: &TimeZone) -> Option<Timestamp> {
        match self {
            Self::Instant(at, _) => Some(at),
            Self::Day(day) => day.to_zoned(zone.clone()).ok().map(|z| z.timestamp()),
        }
    }

    /// What the wall shows then in `zone`; for a day, its midnight.
    pub(crate) fn wall(self, zone: &TimeZone) -> DateTime {
        match self {
            Self::Instant(at, _) => zone.to_datetime(at),
            Self::Day(day) => day.to_datetime(jiff::civil::Time::midnight()),
        }
    }
}

/// How long it is from one moment to a later one of the same kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    /// Whole days.
    Days(i32),
    /// Time on a clock.
    Time(SignedDuration),
}

impl Length {
    /// From `start` to `end`, if they are of one kind.
    pub(crate) fn between(start: Moment, end: Moment) -> Option<Self> {
        match (start, end) {
            (Moment::Day(a), Moment::Day(b)) => Some(Self::Days((b - a).get_days())),
            (Moment::Instant(a, _), Moment::Instant(b, _)) => Some(Self::Time(b.duration_since(a))),
            _ => None,
        }
    }

    /// The moment that is this long after `start`; `None` for the other kind of moment. The offset
    /// is that of `zone` then.
    pub(crate) fn after(self, start: Moment, zone: Option<&TimeZone>) -> Option<Moment> {
        match (self, start) {
            (Self::Days(days), Moment::Day(day)) => {
                day.checked_add(days.days()).ok().map(Moment::Day)
            }
            (Self::Time(length), Moment::Instant(at, offset)) => {
                let at = at.checked_add(length).ok()?;
                Some(Moment::Instant(
                    at,
                    zone.map_or(offset, |z| z.to_offset(at)),
                ))
            }
            _ => None,
        }
    }
}

/// Refuses an end that is not after its start.
pub(crate) fn in_order(start: Moment, end: Moment) -> Result<(), ToolError> {
    match Length::between(start, end) {
        None => Err(ToolError::argument(
            "end_time",
            "start_time and end_time must both be dates (an all-day event) or both be times",
        )),
        Some(Length::Days(days)) if days < 0 => Err(ToolError::argument(
            "end_time",
            "the event would end before it starts",
        )),
        Some(Length::Days(0)) => Err(ToolError::argument(
            "end_time",
            "the end of an all-day event is the day after its last day: for one day give the next date",
        )),
        Some(Length::Time(length)) if length.is_negative() => Err(ToolError::argument(
            "end_time",
            "the event would end before it starts",
        )),
        Some(_) => Ok(()),
    }
}

/// A time zone with the name it goes by.
#[derive(Clone, Debug)]
pub(crate) struct Zone {
    pub(crate) name: String,
    pub(crate) tz: TimeZone,
}

impl Zone {
    /// The zone of that IANA name, given in the argument `argument`.
    pub(crate) fn named(argument: &str, name: &str) -> Result<Self, ToolError> {
        let tz = TimeZone::get(name).map_err(|_| {
            let text = format!(
                "'{name}' is no IANA time zone; write for example Europe/Berlin or Asia/Tbilisi"
            );
            ToolError::argument(argument, text)
        })?;
        Ok(Self {
            name: tz.iana_name().unwrap_or(name).to_owned(),
            tz,
        })
    }

    /// The given zone, or else that of the calendar, which is asked of Google.
    pub(crate) async fn of(
        call: &Call,
        calendar_id: &str,
        given: Option<&str>,
    ) -> Result<Self, ToolError> {
        if let Some(name) = given {
            return Self::named("time_zone", name);
        }
        // Not calendars.get: a grant of calendar.events alone does not cover that.
        let head: wire::EventPage = call
            .google
            .get(Api::Calendar, &["calendars", calendar_id, "events"])
            .query("maxResults", 1)
            .query("fields", "timeZone")
            .fetch()
            .await?;
        let name = head.time_zone.unwrap_or_else(|| "UTC".to_owned());
        Self::named("time_zone", &name).map_err(|_| {
            ToolError::argument(
                "time_zone",
                format!("the calendar's zone '{name}' is not known here; give time_zone"),
            )
        })
    }
}

/// Settles `times` (with their argument names), asking for the calendar's zone only where one of
/// them needs it.
pub(crate) async fn settle<const N: usize>(
    call: &Call,
    calendar_id: &str,
    time_zone: Option<&str>,
    times: [(&str, Given); N],
) -> Result<([Moment; N], Option<Zone>), ToolError> {
    let needs_zone = times
        .iter()
        .any(|(_, given)| matches!(given, Given::Wall(_)));
    let zone = if needs_zone || time_zone.is_some() {
        Some(Zone::of(call, calendar_id, time_zone).await?)
    } else {
        None
    };
    let utc = Zone {
        name: "UTC".to_owned(),
        tz: TimeZone::UTC,
    };
    let mut settled = [Moment::Day(Date::ZERO); N];
    for (slot, (name, given)) in settled.iter_mut().zip(times) {
        *slot = given.within(name, zone.as_ref().unwrap_or(&utc))?;
    }
    Ok((settled, zone))
}

#[cfg(test)]
mod tests;
