//! `update_calendar_event`: read, change what was given, write under the etag that was read.

mod change;

use deputy_core::firstparty::{ByArguments, FailureKind, Preflight};
use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use self::change::{Change, Span};
use super::event::Event;
use super::events::{Events, SendUpdates, is_cancelled};
use super::list::OneEvent;
use super::series::{CutPoint, RACES_MAX, Reach, Target, end_series};
use super::time::Moment;
use super::{guests, recurrence, wire};
use crate::call::Call;
use crate::error::ToolError;

/// What changes; everything left out stays as it is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateEvent {
    /// The event's id, from a listing.
    event_id: String,
    /// The new title.
    summary: Option<String>,
    /// The new start: "2026-02-13T10:00:00+04:00"; "2026-02-13T10:00:00" in the event's zone or time_zone; or a date for an all-day event. Without end_time the event keeps its length.
    start_time: Option<String>,
    /// The new end, written like start_time. For an all-day event the day after its last day.
    end_time: Option<String>,
    /// The new description; "" takes it away.
    description: Option<String>,
    /// The new place; "" takes it away.
    location: Option<String>,
    /// The whole list of guests from now on, as e-mail addresses; those who stay keep their answers. To add or drop some, use add_attendees and remove_attendees.
    attendees: Option<Vec<String>>,
    /// E-mail addresses of people to invite besides those invited already.
    add_attendees: Option<Vec<String>>,
    /// E-mail addresses of guests to take off the list.
    remove_attendees: Option<Vec<String>>,
    /// The new repetition: lines of RFC 5545 such as RRULE:FREQ=WEEKLY;BYDAY=MO; an empty list ends the repetition. Not for a single occurrence.
    recurrence: Option<Vec<String>>,
    /// IANA time zone of the event, and of times without an offset.
    time_zone: Option<String>,
    /// The calendar. Default: the person's main one, "primary".
    calendar_id: Option<String>,
    /// Which guests are told by mail. Default: all of them.
    send_updates: Option<SendUpdates>,
    /// The version of the event that the change is based on, as an event's "etag"; if somebody changed it since, nothing is written.
    etag: Option<String>,
    /// For a repeating event, what changes: "this" occurrence, this and the "following" ones, or "all". Default: what event_id names.
    scope: Option<Reach>,
}

/// Changing the guests asks; else only Google knows whether there are any.
pub(crate) fn ask(arguments: &Value) -> ByArguments {
    let names = ["attendees", "add_attendees", "remove_attendees"];
    let guests = names
        .iter()
        .any(|name| arguments.get(name).is_some_and(|value| !value.is_null()));
    if guests {
        ByArguments::Ask
    } else {
        ByArguments::Preflight
    }
}

/// Whether the event has guests besides the person, who would be told.
pub(crate) async fn preflight(call: Call, args: UpdateEvent) -> Result<Preflight, ToolError> {
    let calendar_id = args.calendar_id.as_deref().unwrap_or("primary");
    let events = Events {
        call: &call,
        calendar_id,
    };
    let event = present(events.get(&args.event_id).await?)?;
    let target = Target::resolve(&events, event, args.scope).await?;
    let hosting = target.hosting();
    // An occurrence may have guests of its own.
    let mut others = guests::others(guests::of(hosting));
    others.extend(guests::others(guests::of(target.named())));
    others.sort_unstable();
    others.dedup();
    let title = hosting.summary.as_deref().unwrap_or("(no title)");
    let when = Moment::of(target.named().start.as_ref())
        .map(|m| format!(" ({})", m.rfc3339()))
        .unwrap_or_default();
    let summary = match others.as_slice() {
        [] => format!("Change “{title}”{when}, which has no guests."),
        [one] => format!("Change “{title}”{when} and tell its guest {one}."),
        [first, second, rest @ ..] => {
            let more = if rest.is_empty() {
                String::new()
            } else {
                format!(" and {} more", rest.len())
            };
            format!("Change “{title}”{when} and tell its guests {first}, {second}{more}.")
        }
    };
    Ok(Preflight {
        affects_others: !others.is_empty(),
        summary,
    })
}

/// Changes the event, its occurrences from one on, or its series.
pub(crate) async fn update_calendar_event(
    call: Call,
    args: UpdateEvent,
) -> Result<OneEvent, ToolError> {
    let calendar_id = args.calendar_id.as_deref().unwrap_or("primary").to_owned();
    let events = Events {
        call: &call,
        calendar_id: &calendar_id,
    };
    let change = Change::of(&args)?;
    let changed = update(&events, &args, &change).await?;
    Ok(OneEvent {
        event: Event::of(changed, &calendar_id),
    })
}

async fn update(
    events: &Events<'_>,
    args: &UpdateEvent,
    change: &Change,
) -> Result<wire::Event, ToolError> {
    let mut race = 0;
    loop {
        let named = match events.get(&args.event_id).await {
            Ok(event) if !is_cancelled(&event) => event,
            // The cut that ends the old series is the last step of a split, and takes the
            // occurrence away: then the new series is the answer.
            gone => match resumed(events, args).await? {
                Some(series) => return Ok(series),
                None => present(gone?)?,
            },
        };
        let stale = args
            .etag
            .as_ref()
            .is_some_and(|etag| named.etag.as_ref() != Some(etag));
        let target = Target::resolve(events, named, args.scope).await?;
        let written = match &target {
            Target::From { occurrence, series } => {
                if stale {
                    return Err(outdated());
                }
                split(events, args, change, occurrence, series).await
            }
            Target::Named(_) | Target::Series { .. } => {
                patch(events, args, change, &target, stale).await
            }
        };
        match written {
            Err(error)
                if error.status() == Some(412) && args.etag.is_none() && race < RACES_MAX =>
            {
                race += 1;
            }
            done => return done,
        }
    }
}

async fn patch(
    events: &Events<'_>,
    args: &UpdateEvent,
    change: &Change,
    target: &Target,
    stale: bool,
) -> Result<wire::Event, ToolError> {
    let (event, occurrence) = match target {
        Target::Series { occurrence, series } => (&**series, Some(&**occurrence)),
        _ => (target.named(), None),
    };
    let zone = change.zone(events, event).await?;
    let patch = change.patch(event, occurrence, &zone)?;
    if patch.is_empty() {
        // All is as it should be: an earlier attempt did it, or there was nothing to do.
        return if stale && !events.call.is_repeat() {
            Err(outdated())
        } else {
            Ok(event.clone())
        };
    }
    if stale {
        return Err(outdated());
    }
    let send = SendUpdates::or_default(args.send_updates, tells_guests(event, &patch));
    let applied = |now: &wire::Event| {
        change
            .patch(now, occurrence, &zone)
            .is_ok_and(|rest| rest.is_empty())
    };
    let id = event.id.as_deref().unwrap_or(&args.event_id);
    events
        .patch(id, event.etag.as_deref(), &patch, send, applied)
        .await
}

/// This occurrence and the following ones: a new series from here on, then the old one ends before
/// it. In this order nothing is lost if the second step fails, and a repeat of the call finds the
/// new series by its id. Occurrences that were changed singly after the cut become as the rule says,
/// as they do in Google Calendar itself.
async fn split(
    events: &Events<'_>,
    args: &UpdateEvent,
    change: &Change,
    occurrence: &wire::Event,
    series: &wire::Event,
) -> Result<wire::Event, ToolError> {
    let point = CutPoint::of(events, occurrence, series).await?;
    let zone = change.zone(events, series).await?;
    let mut body = series.clone();
    let length = Span::of(series).and_then(Span::length);
    let end = length.and_then(|length| length.after(point.original, Some(&point.zone.tz)));
    let name = Some(point.zone.name.as_str());
    body.start = Some(point.original.wire(name));
    body.end = end.map(|end| end.wire(name));
    let moved = change.span(Span::of(occurrence), &zone)?;
    let shift = moved.map_or(SignedDuration::ZERO, |span| {
        span.start.wall(&point.zone.tz).duration_since(point.wall())
    });
    let lines = point.cut(series, shift).after;
    if change.recurrence.is_none()
        && moved.is_some_and(|s| s.start.wall(&point.zone.tz).date() != point.wall().date())
        && recurrence::names_days(&lines)
    {
        return Err(change::days_are_named());
    }
    body.recurrence = Some(lines);
    let patch = change.patch(&body, None, &zone)?;
    let send = SendUpdates::or_default(args.send_updates, tells_guests(series, &patch));
    let mut body = serde_json::to_value(body).unwrap_or_default();
    for name in OF_THE_OLD_SERIES {
        if let Some(members) = body.as_object_mut() {
            members.remove(name);
        }
    }
    merge(&mut body, Value::Object(patch));
    if let Some(list) = body.get_mut("attendees").and_then(Value::as_array_mut) {
        for guest in list
            .iter_mut()
            .filter(|g| g.get("self") != Some(&Value::Bool(true)))
        {
            guest["responseStatus"] = json!("needsAction");
        }
    }
    let mut body: wire::Event = serde_json::from_value(body).map_err(|error| {
        ToolError::refused(
            FailureKind::Unavailable,
            format!("the new series cannot be written: {error}"),
        )
    })?;
    let made = insert_successor(events, &mut body, send).await?;
    if let Err(error) = end_series(events, series, &point, send).await {
        if !error.may_have_happened() {
            // The old series goes on, so the new one must not: both would show.
            let id = made.id.as_deref().unwrap_or_default();
            if let Err(left) = events.delete(id, SendUpdates::None).await {
                tracing::warn!(%left, "a new series could not be taken back");
            }
        }
        return Err(error);
    }
    Ok(made)
}

/// Ids that the call gives to a new series. An id is spent once its event was deleted, which is what
/// happens to a new series whose old one could not be ended.
fn successor_ids(call: &Call) -> impl Iterator<Item = String> {
    (1..=3).map(|n| call.effect_base32hex(&format!("following {n}")))
}

async fn insert_successor(
    events: &Events<'_>,
    body: &mut wire::Event,
    send: SendUpdates,
) -> Result<wire::Event, ToolError> {
    for id in successor_ids(events.call) {
        body.id = Some(id);
        let made = events.insert(body, send).await?;
        if !is_cancelled(&made) {
            return Ok(made);
        }
    }
    Err(ToolError::refused(
        FailureKind::Conflict,
        "The series could not be cut in two, several times over. Nothing was changed.",
    ))
}

/// Members of an event that say which one it is, and so are not for its successor.
const OF_THE_OLD_SERIES: [&str; 14] = [
    "id",
    "etag",
    "kind",
    "iCalUID",
    "created",
    "updated",
    "creator",
    "organizer",
    "htmlLink",
    "hangoutLink",
    "sequence",
    "status",
    "recurringEventId",
    "originalStartTime",
];

/// The new series of an earlier attempt at a split, if there was one.
async fn resumed(
    events: &Events<'_>,
    args: &UpdateEvent,
) -> Result<Option<wire::Event>, ToolError> {
    if args.scope != Some(Reach::Following) || !events.call.is_repeat() {
        return Ok(None);
    }
    for id in successor_ids(events.call) {
        match events.find(&id).await? {
            Some(series) if is_cancelled(&series) => {}
            found => return Ok(found),
        }
    }
    Ok(None)
}

fn tells_guests(before: &wire::Event, patch: &Map<String, Value>) -> bool {
    let after: Vec<wire::Attendee> = patch
        .get("attendees")
        .and_then(|list| serde_json::from_value(list.clone()).ok())
        .unwrap_or_default();
    !guests::others(guests::of(before)).is_empty() || !guests::others(&after).is_empty()
}

fn present(event: wire::Event) -> Result<wire::Event, ToolError> {
    if is_cancelled(&event) {
        return Err(ToolError::refused(
            FailureKind::NotFound,
            "This event was deleted.",
        ));
    }
    Ok(event)
}

fn outdated() -> ToolError {
    ToolError::refused(
        FailureKind::Conflict,
        "The event was changed since the version that 'etag' names. Nothing was written: read it again and decide anew.",
    )
}

/// JSON merge patch (RFC 7396), which is what events.patch does to an event.
fn merge(target: &mut Value, patch: Value) {
    match (target, patch) {
        (Value::Object(target), Value::Object(patch)) => {
            for (name, value) in patch {
                if value.is_null() {
                    target.remove(&name);
                } else {
                    merge(target.entry(name).or_insert(Value::Null), value);
                }
            }
        }
        (target, Value::Object(patch)) => {
            *target = json!({});
            merge(target, Value::Object(patch));
        }
        (target, value) => *target = value,
    }
}
