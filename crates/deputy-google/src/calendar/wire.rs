//! Google's own shapes. All fields are optional and unknown ones are kept, so that an event that is
//! read, changed and written back loses nothing.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// `Event` of calendar.v3.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Event {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) summary: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) location: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) start: Option<EventTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) end: Option<EventTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) original_start_time: Option<EventTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) recurring_event_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) recurrence: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) transparency: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) attendees: Option<Vec<Attendee>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) organizer: Option<Who>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) etag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) html_link: Option<String>,
    /// Everything else that Google said.
    #[serde(flatten)]
    pub(crate) extra: Map<String, Value>,
}

/// `EventDateTime`: a day, or an instant with the zone it was meant in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct EventTime {
    /// `2026-02-13`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) date: Option<String>,
    /// RFC 3339
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) date_time: Option<String>,
    /// IANA name
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) time_zone: Option<String>,
}

/// `EventAttendee`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Attendee {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) response_status: Option<String>,
    /// The person whose calendar this copy is on.
    #[serde(rename = "self", skip_serializing_if = "Option::is_none")]
    pub(crate) is_self: Option<bool>,
    /// A room or a device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resource: Option<bool>,
    #[serde(flatten)]
    pub(crate) extra: Map<String, Value>,
}

/// `Event.organizer`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Who {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) email: Option<String>,
    #[serde(rename = "self", skip_serializing_if = "Option::is_none")]
    pub(crate) is_self: Option<bool>,
    #[serde(flatten)]
    pub(crate) extra: Map<String, Value>,
}

/// `Events`: a page of events.list.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct EventPage {
    pub(crate) time_zone: Option<String>,
    pub(crate) items: Vec<Event>,
    pub(crate) next_page_token: Option<String>,
    pub(crate) next_sync_token: Option<String>,
}

/// `CalendarList`: a page of calendarList.list.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct CalendarPage {
    pub(crate) items: Vec<CalendarEntry>,
    pub(crate) next_page_token: Option<String>,
}

/// `CalendarListEntry`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct CalendarEntry {
    pub(crate) id: Option<String>,
    pub(crate) summary: Option<String>,
    pub(crate) summary_override: Option<String>,
    pub(crate) time_zone: Option<String>,
    pub(crate) primary: Option<bool>,
    pub(crate) access_role: Option<String>,
}

/// `FreeBusyResponse`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct FreeBusy {
    pub(crate) calendars: Map<String, Value>,
}

/// `FreeBusyCalendar`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct FreeBusyCalendar {
    pub(crate) busy: Vec<Period>,
    pub(crate) errors: Vec<FreeBusyError>,
}

/// `TimePeriod`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Period {
    pub(crate) start: Option<String>,
    pub(crate) end: Option<String>,
}

/// `Error` of a calendar in `FreeBusyResponse`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct FreeBusyError {
    pub(crate) reason: Option<String>,
}
