//! Google Calendar.
//!
//! What hurts people with other servers is designed out here: an update reads the event, changes
//! only what was given and writes under the etag it read, so guests and recurrence survive a change
//! of title; a time without an offset is one in the event's zone and never the server's; an insert
//! that timed out is found by its id.

mod event;
mod list;
mod wire;

use crate::tool::Tool;

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

/// Scopes that let read the list of calendars, from those of `calendarList.list`.
const READ_CALENDARS: &[&str] = &[
    "https://www.googleapis.com/auth/calendar",
    "https://www.googleapis.com/auth/calendar.readonly",
    "https://www.googleapis.com/auth/calendar.calendarlist",
    "https://www.googleapis.com/auth/calendar.calendarlist.readonly",
];

/// The Calendar server's tools in the order in which people see them.
pub(crate) fn tools() -> Vec<Tool> {
    vec![
        Tool::new(
            "list_calendars",
            "List calendars",
            "Lists the person's calendars: their own, shared and subscribed ones.",
            list::list_calendars,
        )
        .scopes(READ_CALENDARS),
        Tool::new(
            "get_calendar_event",
            "Get one event",
            "Reads one event by its id, with its guests and, for a repeating event, its rule.",
            list::get_calendar_event,
        )
        .scopes(READ_EVENTS),
    ]
}
