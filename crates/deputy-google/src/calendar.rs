//! Google Calendar.
//!
//! What hurts people with other servers is designed out here: an update reads the event, changes
//! only what was given and writes under the etag it read, so guests and recurrence survive a change
//! of title; a time without an offset is one in the event's zone and never the server's; an insert
//! that timed out is found by its id.

mod create;
mod delete;
mod event;
mod events;
mod free_busy;
mod guests;
mod list;
mod range;
mod recurrence;
mod series;
mod sync;
mod time;
mod update;
mod wire;

use deputy_core::firstparty::AskRule;

use crate::tool::{Effect, Tool};

pub(crate) const INSTRUCTIONS: &str = "The person's Google Calendar. Times are RFC 3339 with offset \
(2026-02-13T10:00:00+04:00); a time without offset is taken in time_zone, or else in the calendar's own zone; \
all-day events have dates (2026-02-13) and their end is the day after the last. Ids of events come from the \
listings: a repeating event is listed by its occurrences.";

/// Scopes that let read events, from the `scopes` of `events.list` and `events.get`.
const READ_EVENTS: &[&str] = &[
    "https://www.googleapis.com/auth/calendar",
    "https://www.googleapis.com/auth/calendar.events",
    "https://www.googleapis.com/auth/calendar.readonly",
    "https://www.googleapis.com/auth/calendar.events.readonly",
];

/// Scopes that let change events, from those of `events.insert`, `events.patch` and `events.delete`.
const WRITE_EVENTS: &[&str] = &[
    "https://www.googleapis.com/auth/calendar",
    "https://www.googleapis.com/auth/calendar.events",
];

/// Scopes that let see free and busy times, from those of `freebusy.query`, which `calendar.events`
/// is not among.
const READ_FREE_BUSY: &[&str] = &[
    "https://www.googleapis.com/auth/calendar",
    "https://www.googleapis.com/auth/calendar.readonly",
    "https://www.googleapis.com/auth/calendar.freebusy",
    "https://www.googleapis.com/auth/calendar.events.freebusy",
];

/// Scopes that let read all calendars: the list and their events.
const READ_ALL: &[&str] = &[
    "https://www.googleapis.com/auth/calendar",
    "https://www.googleapis.com/auth/calendar.readonly",
];

/// Scopes that let read the list of calendars, from those of `calendarList.list`.
const READ_CALENDARS: &[&str] = &[
    "https://www.googleapis.com/auth/calendar",
    "https://www.googleapis.com/auth/calendar.readonly",
    "https://www.googleapis.com/auth/calendar.calendarlist",
    "https://www.googleapis.com/auth/calendar.calendarlist.readonly",
];

/// The Calendar server's tools in the order in which people see them.
pub(crate) fn tools() -> Vec<Tool> {
    let mut tools = reads();
    tools.extend(writes());
    tools
}

fn reads() -> Vec<Tool> {
    vec![
        Tool::new(
            "list_calendars",
            "List calendars",
            "Lists the person's calendars: their own, shared and subscribed ones.",
            list::list_calendars,
        )
        .scopes(READ_CALENDARS),
        Tool::new(
            "list_calendar_events",
            "List events",
            "Lists the events of one calendar between two times, in the order of their start, or those \
             of them that contain some words. A repeating event is listed by its occurrences. For all \
             calendars at once use get_events_for_date_range.",
            range::list_calendar_events,
        )
        .scopes(READ_EVENTS),
        Tool::new(
            "get_events_for_date_range",
            "List events of all calendars",
            "Lists what the person has between two times, over all of their calendars, in the order of \
             start: use it for questions about a day or a week.",
            range::get_events_for_date_range,
        )
        .scopes(READ_ALL),
        Tool::new(
            "get_calendar_event",
            "Get one event",
            "Reads one event by its id, with its guests and, for a series, its rule.",
            list::get_calendar_event,
        )
        .scopes(READ_EVENTS),
        Tool::new(
            "find_free_busy",
            "Find free and busy times",
            "Finds when the person, or other people who share it, are busy between two times.",
            free_busy::find_free_busy,
        )
        .scopes(READ_FREE_BUSY),
        Tool::new(
            "sync_calendar_events",
            "Synchronise events",
            "Gives all events of a calendar and a token, then with that token only what changed since: \
             for keeping a copy up to date.",
            sync::sync_calendar_events,
        )
        .scopes(READ_EVENTS),
    ]
}

fn writes() -> Vec<Tool> {
    vec![
        Tool::new(
            "create_calendar_event",
            "Create an event",
            "Creates an event in the person's calendar: a meeting, a reminder, something that repeats. \
             Guests, if there are any, get an invitation.",
            create::create_calendar_event,
        )
        .effect(Effect::Add)
        .scopes(WRITE_EVENTS)
        .ask(AskRule::Arguments(create::ask)),
        Tool::new(
            "update_calendar_event",
            "Change an event",
            "Changes an event: moves it, renames it, invites or drops guests. What is not given stays as it is. \
             Of a repeating event one occurrence, this and the following, or all change, by scope.",
            update::update_calendar_event,
        )
        .effect(Effect::Change)
        .scopes(WRITE_EVENTS)
        .ask(AskRule::Arguments(update::ask))
        .preflight(update::preflight),
        Tool::new(
            "delete_calendar_event",
            "Delete an event",
            "Deletes an event, or of a repeating one an occurrence, this and the following, or all, by scope. \
             Guests are told.",
            delete::delete_calendar_event,
        )
        .effect(Effect::Remove)
        .scopes(WRITE_EVENTS)
        .ask(AskRule::Always),
    ]
}

#[cfg(test)]
mod tests;
