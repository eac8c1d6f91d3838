//! What an update changes, worked out against the event as it is: only real differences are
//! written, so a repeat of an update that was made writes (and tells the guests) nothing.

use serde_json::{Map, Value, json};

use super::UpdateEvent;
use crate::calendar::events::Events;
use crate::calendar::guests::{self, GuestChange};
use crate::calendar::time::{Given, Length, Moment, Zone, in_order};
use crate::calendar::{recurrence, wire};
use crate::error::ToolError;

/// The change that the arguments ask for.
pub(crate) struct Change {
    summary: Option<String>,
    description: Option<String>,
    location: Option<String>,
    start: Option<Given>,
    end: Option<Given>,
    time_zone: Option<Zone>,
    guests: GuestChange,
    pub(super) recurrence: Option<Vec<String>>,
}

/// From when to when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: Moment,
    pub(crate) end: Moment,
}

impl Span {
    /// Of an event, if Google says both.
    pub(crate) fn of(event: &wire::Event) -> Option<Self> {
        Some(Self {
            start: Moment::of(event.start.as_ref())?,
            end: Moment::of(event.end.as_ref())?,
        })
    }

    /// How long it is.
    pub(crate) fn length(self) -> Option<Length> {
        Length::between(self.start, self.end)
    }
}

impl Change {
    pub(crate) fn of(args: &UpdateEvent) -> Result<Self, ToolError> {
        if args
            .summary
            .as_ref()
            .is_some_and(|summary| summary.trim().is_empty())
        {
            return Err(ToolError::argument(
                "summary",
                "an event keeps a title; leave it out to keep the present one",
            ));
        }
        let list = |name: &str, list: &Option<Vec<String>>| {
            guests::invited(name, list.as_deref().unwrap_or_default())
        };
        let time = |name: &str, text: &Option<String>| {
            text.as_deref().map(|t| Given::parse(name, t)).transpose()
        };
        let set = list("attendees", &args.attendees)?;
        Ok(Self {
            summary: args.summary.clone(),
            description: args.description.clone(),
            location: args.location.clone(),
            start: time("start_time", &args.start_time)?,
            end: time("end_time", &args.end_time)?,
            time_zone: args
                .time_zone
                .as_deref()
                .map(|name| Zone::named("time_zone", name))
                .transpose()?,
            guests: GuestChange {
                set: args.attendees.is_some().then_some(set),
                add: list("add_attendees", &args.add_attendees)?,
                remove: list("remove_attendees", &args.remove_attendees)?,
            },
            recurrence: args.recurrence.clone(),
        })
    }

    /// The zone that wall times are in: the given one, the event's, or the calendar's. Asked of
    /// Google only where it is needed.
    pub(crate) async fn zone(
        &self,
        events: &Events<'_>,
        event: &wire::Event,
    ) -> Result<Zone, ToolError> {
        if let Some(zone) = &self.time_zone {
            return Ok(zone.clone());
        }
        if let Some(name) = event.start.as_ref().and_then(|s| s.time_zone.as_deref())
            && let Ok(zone) = Zone::named("time_zone", name)
        {
            return Ok(zone);
        }
        let on_the_wall = [self.start, self.end]
            .iter()
            .flatten()
            .any(|given| matches!(given, Given::Wall(_)));
        if on_the_wall || self.recurrence.is_some() || event.recurrence.is_some() {
            return Zone::of(events.call, events.calendar_id, None).await;
        }
        Zone::named("time_zone", "UTC")
    }

    /// From when to when an event of `now` is afterwards, if the change says so.
    pub(crate) fn span(&self, now: Option<Span>, zone: &Zone) -> Result<Option<Span>, ToolError> {
        let within = |name: &str, given: Option<Given>| {
            given.map(|given| given.within(name, zone)).transpose()
        };
        let (start, end) = (
            within("start_time", self.start)?,
            within("end_time", self.end)?,
        );
        let span = match (start, end, now) {
            (None, None, _) => return Ok(None),
            (Some(start), Some(end), _) => Span { start, end },
            (Some(start), None, Some(now)) => {
                let end = now
                    .length()
                    .and_then(|length| length.after(start, Some(&zone.tz)));
                Span {
                    start,
                    end: end.ok_or_else(|| other_kind("end_time", now))?,
                }
            }
            (None, Some(end), Some(now)) if end.is_day() != now.start.is_day() => {
                return Err(other_kind("start_time", now));
            }
            (None, Some(end), Some(now)) => Span {
                start: now.start,
                end,
            },
            (_, _, None) => {
                return Err(ToolError::argument(
                    "start_time",
                    "give start_time and end_time: the event has no times yet",
                ));
            }
        };
        in_order(span.start, span.end)?;
        Ok(Some(span))
    }

    /// The members of `event` that change, as a JSON merge patch. Where `event` is the series of
    /// the `occurrence` that was named, the given times are the occurrence's, and the series moves
    /// as far as it does.
    pub(crate) fn patch(
        &self,
        event: &wire::Event,
        occurrence: Option<&wire::Event>,
        zone: &Zone,
    ) -> Result<Map<String, Value>, ToolError> {
        let mut patch = Map::new();
        let mut text = |name: &str, new: &Option<String>, old: &Option<String>| {
            if let Some(new) = new
                && old.as_deref().unwrap_or_default() != new
            {
                patch.insert(name.to_owned(), json!(new));
            }
        };
        text("summary", &self.summary, &event.summary);
        text("description", &self.description, &event.description);
        text("location", &self.location, &event.location);
        let span = self.moved(event, occurrence, zone)?;
        let all_day = span
            .or_else(|| Span::of(event))
            .is_some_and(|s| s.start.is_day());
        let lines = self.lines(event, all_day)?;
        self.put_times(
            &mut patch,
            event,
            span,
            lines.as_ref().is_some_and(|l| !l.is_empty()),
            zone,
        )?;
        if let Some(lines) = lines
            && lines != event.recurrence.as_deref().unwrap_or_default()
        {
            patch.insert("recurrence".to_owned(), json!(lines));
        }
        if let Some(after) = self.guests.apply(guests::of(event)) {
            if event.extra.get("attendeesOmitted") == Some(&Value::Bool(true)) {
                return Err(ToolError::argument(
                    "attendees",
                    "Google shows only some of this event's guests here; change them in Google Calendar",
                ));
            }
            patch.insert("attendees".to_owned(), json!(after));
        }
        Ok(patch)
    }

    fn moved(
        &self,
        event: &wire::Event,
        occurrence: Option<&wire::Event>,
        zone: &Zone,
    ) -> Result<Option<Span>, ToolError> {
        let Some(occurrence) = occurrence else {
            return self.span(Span::of(event), zone);
        };
        let Some(to) = self.span(Span::of(occurrence), zone)? else {
            return Ok(None);
        };
        let from = Moment::of(occurrence.original_start_time.as_ref());
        let (Some(from), Some(series)) = (from, Span::of(event)) else {
            return Ok(Some(to));
        };
        if to.start.is_day() != series.start.is_day() {
            return Err(ToolError::argument(
                "start_time",
                "a whole series cannot be made all-day, or timed, this way: give its own id as event_id",
            ));
        }
        let shift = to.start.wall(&zone.tz).duration_since(from.wall(&zone.tz));
        let days_move = to.start.wall(&zone.tz).date() != from.wall(&zone.tz).date();
        if days_move
            && self.recurrence.is_none()
            && recurrence::names_days(event.recurrence.as_deref().unwrap_or_default())
        {
            return Err(days_are_named());
        }
        let beyond = || {
            ToolError::argument(
                "start_time",
                "the series would start at a time that no calendar has",
            )
        };
        let wall = series
            .start
            .wall(&zone.tz)
            .checked_add(shift)
            .map_err(|_| beyond())?;
        let start = if to.start.is_day() {
            Moment::Day(wall.date())
        } else {
            Given::Wall(wall).within("start_time", zone)?
        };
        let end = to
            .length()
            .and_then(|length| length.after(start, Some(&zone.tz)))
            .ok_or_else(beyond)?;
        Ok(Some(Span { start, end }))
    }

    fn lines(&self, event: &wire::Event, all_day: bool) -> Result<Option<Vec<String>>, ToolError> {
        let Some(lines) = &self.recurrence else {
            return Ok(None);
        };
        if event.recurring_event_id.is_some() {
            let text = "an occurrence has no repetition of its own; use scope 'following' or 'all'";
            return Err(ToolError::argument("recurrence", text));
        }
        recurrence::checked(lines, all_day).map(Some)
    }

    /// Puts `start` and `end` in where they or their zone change. A series needs a zone.
    fn put_times(
        &self,
        patch: &mut Map<String, Value>,
        event: &wire::Event,
        span: Option<Span>,
        will_repeat: bool,
        zone: &Zone,
    ) -> Result<(), ToolError> {
        let now = Span::of(event);
        let old_zone = event.start.as_ref().and_then(|s| s.time_zone.as_deref());
        let repeats = event.recurrence.is_some() || will_repeat;
        let new_zone = match &self.time_zone {
            Some(given) => Some(given.name.as_str()),
            None if repeats => old_zone.or(Some(zone.name.as_str())),
            None => old_zone,
        };
        let Some(span) = span.or(now) else {
            return Ok(());
        };
        if self.time_zone.is_some()
            && self.start.is_none()
            && self.end.is_none()
            && span.start.is_day()
        {
            return Err(ToolError::argument(
                "time_zone",
                "an all-day event has no time zone",
            ));
        }
        let same = |a: Moment, b: Moment| {
            Length::between(a, b).is_some_and(|l| {
                matches!(l, Length::Days(0)) || l == Length::Time(jiff::SignedDuration::ZERO)
            })
        };
        let same_times =
            now.is_some_and(|now| same(now.start, span.start) && same(now.end, span.end));
        if same_times && (span.start.is_day() || new_zone == old_zone) {
            return Ok(());
        }
        let other_kind = now.is_some_and(|now| now.start.is_day() != span.start.is_day());
        for (name, moment) in [("start", span.start), ("end", span.end)] {
            let mut time = json!(moment.wire(new_zone));
            if other_kind {
                for absent in if moment.is_day() {
                    ["dateTime", "timeZone"].as_slice()
                } else {
                    &["date"]
                } {
                    time[*absent] = Value::Null;
                }
            }
            patch.insert(name.to_owned(), time);
        }
        Ok(())
    }
}

pub(super) fn days_are_named() -> ToolError {
    ToolError::argument(
        "start_time",
        "the repetition names its days, so it cannot move to another day by its start alone; give recurrence too",
    )
}

fn other_kind(missing: &str, now: Span) -> ToolError {
    let is = if now.start.is_day() {
        "lasts whole days"
    } else {
        "has times of day"
    };
    ToolError::argument(
        missing,
        format!("the event {is}; to change that give both start_time and end_time"),
    )
}

#[cfg(test)]
mod tests;
