//! The event as tools answer with it.

use schemars::JsonSchema;
use serde::Serialize;

use super::wire;

/// An event of a calendar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Event {
    /// The event's id. For an occurrence of a repeating event, the occurrence's.
    pub(crate) id: String,
    /// The calendar it is on.
    pub(crate) calendar_id: String,
    /// The title; empty if it has none or the person may not see it.
    pub(crate) summary: String,
    /// The description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    /// The place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) location: Option<String>,
    /// When it starts: RFC 3339 with offset, or a date for an all-day event. A cancelled event may have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) start: Option<String>,
    /// When it ends (exclusive): RFC 3339 with offset, or a date for an all-day event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) end: Option<String>,
    /// Whether it lasts whole days.
    pub(crate) all_day: bool,
    /// The IANA time zone it was made in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) time_zone: Option<String>,
    /// `confirmed`, `tentative` or `cancelled`.
    pub(crate) status: String,
    /// `opaque`: the person is busy then; `transparent`: free.
    pub(crate) transparency: String,
    /// The guests.
    pub(crate) attendees: Vec<Guest>,
    /// The organizer's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) organizer: Option<String>,
    /// For a series: RRULE, EXDATE and RDATE lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) recurrence: Option<Vec<String>>,
    /// For an occurrence: the id of its series.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) recurring_event_id: Option<String>,
    /// The version of the event, for an update that must not overwrite somebody else's.
    pub(crate) etag: String,
    /// The event's page in Google Calendar.
    pub(crate) html_link: String,
}

/// A guest of an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Guest {
    /// The guest's address.
    pub(crate) email: String,
    /// `needsAction`, `declined`, `tentative` or `accepted`.
    pub(crate) response_status: String,
}

/// What is asked of Google about an event for [`Event`]: the rest of it stays there.
pub(crate) const FIELDS: &str = "id,status,summary,description,location,start,end,recurringEventId,recurrence,\
transparency,attendees(email,responseStatus,self),organizer(email,self),etag,htmlLink";

impl Event {
    /// `event` of the calendar `calendar_id`.
    pub(crate) fn of(event: wire::Event, calendar_id: &str) -> Self {
        let time = |time: &Option<wire::EventTime>| {
            time.as_ref()
                .and_then(|t| t.date_time.clone().or_else(|| t.date.clone()))
        };
        let start = event.start.as_ref();
        Self {
            start: time(&event.start),
            end: time(&event.end),
            all_day: start.is_some_and(|t| t.date.is_some()),
            time_zone: start.and_then(|t| t.time_zone.clone()),
            id: event.id.unwrap_or_default(),
            calendar_id: calendar_id.to_owned(),
            summary: event.summary.unwrap_or_default(),
            description: event.description,
            location: event.location,
            status: event.status.unwrap_or_else(|| "confirmed".to_owned()),
            transparency: event.transparency.unwrap_or_else(|| "opaque".to_owned()),
            attendees: event
                .attendees
                .unwrap_or_default()
                .into_iter()
                .filter_map(Guest::of)
                .collect(),
            organizer: event.organizer.and_then(|o| o.email),
            recurrence: event.recurrence,
            recurring_event_id: event.recurring_event_id,
            etag: event.etag.unwrap_or_default(),
            html_link: event.html_link.unwrap_or_default(),
        }
    }
}

impl Guest {
    fn of(attendee: wire::Attendee) -> Option<Self> {
        Some(Self {
            email: attendee.email?,
            response_status: attendee
                .response_status
                .unwrap_or_else(|| "needsAction".to_owned()),
        })
    }
}
