//! Calendars and single events.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::event::{Event, FIELDS};
use super::wire;
use crate::call::Call;
use crate::client::Api;
use crate::error::ToolError;

/// No arguments.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoArguments {}

/// The person's calendars.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Calendars {
    /// The calendars, the person's own first as Google orders them.
    pub(crate) calendars: Vec<Calendar>,
}

/// A calendar in the person's list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Calendar {
    /// The calendar's id, often an address.
    pub(crate) id: String,
    /// Its name, as the person calls it.
    pub(crate) summary: String,
    /// Its IANA time zone.
    pub(crate) time_zone: String,
    /// Whether it is the person's main calendar.
    pub(crate) primary: bool,
    /// `freeBusyReader`, `reader`, `writer` or `owner`.
    pub(crate) access_role: String,
}

/// All calendars of the person, over all pages.
pub(crate) async fn list_calendars(call: Call, _: NoArguments) -> Result<Calendars, ToolError> {
    Ok(Calendars {
        calendars: calendars(&call).await?,
    })
}

pub(crate) async fn calendars(call: &Call) -> Result<Vec<Calendar>, ToolError> {
    let mut all = Vec::new();
    let mut page_token = None;
    loop {
        let page: wire::CalendarPage = call
            .google
            .get(Api::Calendar, &["users", "me", "calendarList"])
            .query("maxResults", 250)
            .query(
                "fields",
                "nextPageToken,items(id,summary,summaryOverride,timeZone,primary,accessRole)",
            )
            .query_opt("pageToken", page_token)
            .fetch()
            .await?;
        all.extend(page.items.into_iter().filter_map(|entry| {
            Some(Calendar {
                id: entry.id?,
                summary: entry.summary_override.or(entry.summary).unwrap_or_default(),
                time_zone: entry.time_zone.unwrap_or_else(|| "UTC".to_owned()),
                primary: entry.primary.unwrap_or(false),
                access_role: entry.access_role.unwrap_or_default(),
            })
        }));
        page_token = page.next_page_token;
        if page_token.is_none() {
            return Ok(all);
        }
    }
}

/// Names an event.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetEvent {
    /// The event's id, from a listing.
    event_id: String,
    /// The calendar it is on. Default: the person's main calendar, "primary".
    calendar_id: Option<String>,
}

/// One event.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct OneEvent {
    /// The event.
    pub(crate) event: Event,
}

/// One event by its id.
pub(crate) async fn get_calendar_event(call: Call, args: GetEvent) -> Result<OneEvent, ToolError> {
    let calendar_id = args.calendar_id.as_deref().unwrap_or("primary");
    let event: wire::Event = call
        .google
        .get(
            Api::Calendar,
            &["calendars", calendar_id, "events", &args.event_id],
        )
        .query("fields", FIELDS)
        .fetch()
        .await?;
    Ok(OneEvent {
        event: Event::of(event, calendar_id),
    })
}
