//! `create_calendar_event`.

use deputy_core::firstparty::ByArguments;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::event::Event;
use super::events::{Events, SendUpdates};
use super::list::OneEvent;
use super::time::{Given, Zone, in_order, settle};
use super::{guests, recurrence, wire};
use crate::call::Call;
use crate::error::ToolError;

/// A new event.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateEvent {
    /// The title, e.g. "Meeting with Ivan".
    summary: String,
    /// When it starts: "2026-02-13T10:00:00+04:00"; "2026-02-13T10:00:00" in time_zone; or a date, "2026-02-13", for an all-day event.
    start_time: String,
    /// When it ends, written like start_time. For an all-day event the day after its last day.
    end_time: String,
    /// The description.
    description: Option<String>,
    /// The place.
    location: Option<String>,
    /// E-mail addresses of the people to invite.
    attendees: Option<Vec<String>>,
    /// For a repeating event: lines of RFC 5545 such as RRULE:FREQ=WEEKLY;BYDAY=MO;COUNT=10, without DTSTART.
    recurrence: Option<Vec<String>>,
    /// IANA time zone of times without an offset, and of the repetition, e.g. "Europe/Berlin". Default: the calendar's.
    time_zone: Option<String>,
    /// The calendar. Default: the person's main one, "primary".
    calendar_id: Option<String>,
    /// Which guests get an invitation by mail. Default: all of them.
    send_updates: Option<SendUpdates>,
}

/// Inviting guests is an act towards others; one's own events are not.
pub(crate) fn ask(arguments: &Value) -> ByArguments {
    let guests = arguments
        .get("attendees")
        .and_then(Value::as_array)
        .is_some_and(|list| !list.is_empty());
    if guests {
        ByArguments::Ask
    } else {
        ByArguments::Auto
    }
}

/// Creates the event under an id made from the call's, so that it is created once.
pub(crate) async fn create_calendar_event(
    call: Call,
    args: CreateEvent,
) -> Result<OneEvent, ToolError> {
    let calendar_id = args.calendar_id.as_deref().unwrap_or("primary");
    if args.summary.trim().is_empty() {
        return Err(ToolError::argument("summary", "give the event a title"));
    }
    let given = [
        ("start_time", Given::parse("start_time", &args.start_time)?),
        ("end_time", Given::parse("end_time", &args.end_time)?),
    ];
    let all_day = matches!(given[0].1, Given::Day(_));
    let attendees = guests::invited("attendees", args.attendees.as_deref().unwrap_or_default())?;
    let recurrence = match args.recurrence.as_deref() {
        None | Some([]) => None,
        Some(lines) => Some(recurrence::checked(lines, all_day)?),
    };
    let ([start, end], mut zone) =
        settle(&call, calendar_id, args.time_zone.as_deref(), given).await?;
    in_order(start, end)?;
    // A series of times repeats on the wall of a zone, so Google wants to know which.
    if recurrence.is_some() && !all_day && zone.is_none() {
        zone = Some(Zone::of(&call, calendar_id, None).await?);
    }
    let zone = zone.as_ref().map(|z| z.name.as_str());
    let send = SendUpdates::or_default(args.send_updates, !attendees.is_empty());
    let event = wire::Event {
        id: Some(call.effect_base32hex("event")),
        summary: Some(args.summary),
        description: args.description,
        location: args.location,
        start: Some(start.wire(zone)),
        end: Some(end.wire(zone)),
        attendees: (!attendees.is_empty()).then_some(attendees),
        recurrence,
        ..wire::Event::default()
    };
    let made = Events {
        call: &call,
        calendar_id,
    }
    .insert(&event, send)
    .await?;
    Ok(OneEvent {
        event: Event::of(made, calendar_id),
    })
}
