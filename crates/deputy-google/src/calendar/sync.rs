//! `sync_calendar_events`: all events once, then only what changed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::event::{Event, FIELDS};
use super::wire;
use crate::call::Call;
use crate::client::Api;
use crate::error::ToolError;

/// Where the last synchronisation stopped.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SyncEvents {
    /// The calendar. Default: the person's main one, "primary".
    calendar_id: Option<String>,
    /// The next_sync_token of the synchronisation before. Left out: everything from the start.
    sync_token: Option<String>,
    /// The most events to answer with. Default 250.
    #[schemars(range(min = 1, max = 250))]
    max_results: Option<u16>,
    /// The next_page_token of the answer before, with the same sync_token.
    page_token: Option<String>,
}

/// What changed.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Changes {
    /// Events as they are now. Series come with their rule, changed occurrences on their own; a deleted event has the status "cancelled" and may have nothing but its id.
    events: Vec<Event>,
    /// For the next synchronisation. Null while there are more pages.
    next_sync_token: Option<String>,
    /// There are more: give this as page_token.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
    /// The sync_token is too old: forget all events of this calendar and synchronise without a token.
    full_sync_required: bool,
}

/// A page of changes. Series are not expanded: an unbounded one has no last occurrence.
pub(crate) async fn sync_calendar_events(
    call: Call,
    args: SyncEvents,
) -> Result<Changes, ToolError> {
    let calendar_id = args.calendar_id.as_deref().unwrap_or("primary");
    let page = call
        .google
        .get(Api::Calendar, &["calendars", calendar_id, "events"])
        .query("maxResults", args.max_results.unwrap_or(250))
        .query("showDeleted", true)
        .query(
            "fields",
            format!("nextPageToken,nextSyncToken,items({FIELDS})"),
        )
        .query_opt("syncToken", args.sync_token.as_deref())
        .query_opt("pageToken", args.page_token.as_deref())
        .fetch::<wire::EventPage>()
        .await;
    match page {
        Ok(page) => Ok(Changes {
            events: page
                .items
                .into_iter()
                .map(|event| Event::of(event, calendar_id))
                .collect(),
            next_sync_token: page.next_sync_token,
            next_page_token: page.next_page_token,
            full_sync_required: false,
        }),
        Err(error) if args.sync_token.is_some() && error.status() == Some(410) => Ok(Changes {
            events: Vec::new(),
            next_sync_token: None,
            next_page_token: None,
            full_sync_required: true,
        }),
        Err(error) => Err(error),
    }
}
