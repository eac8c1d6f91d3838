//! Events between two times: of one calendar, or of all of the person's, merged.

mod cursor;

use futures_util::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::cursor::Cursor;
use super::event::{Event, FIELDS};
use super::list::calendars;
use super::time::{Given, Moment, Zone};
use super::wire;
use crate::call::Call;
use crate::client::Api;
use crate::error::ToolError;
use deputy_core::firstparty::FailureKind;

/// Calendars that are read at the same time.
const AT_ONCE: usize = 6;

/// Pages of one listing that are asked for before an incomplete answer is given.
const PAGES_MAX: usize = 20;

/// Events of one calendar.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListEvents {
    /// Events that end after this: "2026-02-13T00:00:00+04:00", a time without offset in time_zone, or a date for its midnight.
    time_min: String,
    /// Events that start before this, written like time_min.
    time_max: String,
    /// The calendar. Default: the person's main one, "primary".
    calendar_id: Option<String>,
    /// Words that the event has in its title, description, place or guests.
    query: Option<String>,
    /// IANA time zone of times without an offset, and of the answer. Default: the calendar's.
    time_zone: Option<String>,
    /// The most events to answer with. Default 20.
    #[schemars(range(min = 1, max = 250))]
    max_results: Option<u16>,
    /// The next_page_token of the answer before.
    page_token: Option<String>,
}

/// Events in the order of their start.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(crate) struct EventList {
    /// The events; a repeating event is there by its occurrences.
    events: Vec<Event>,
    /// There are more: give this as page_token, with the same other arguments.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
    /// Calendars that could not be read, where several were asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unreadable: Vec<Unreadable>,
}

/// A calendar that could not be read: nothing is known about its time.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Unreadable {
    /// The calendar.
    pub(crate) calendar_id: String,
    /// Why.
    pub(crate) reason: String,
}

/// Events of one calendar, a page of Google's at a time.
pub(crate) async fn list_calendar_events(
    call: Call,
    args: ListEvents,
) -> Result<EventList, ToolError> {
    let calendar_id = args.calendar_id.as_deref().unwrap_or("primary");
    let bounds = Bounds::of(
        &call,
        calendar_id,
        args.time_zone.as_deref(),
        &args.time_min,
        &args.time_max,
    )
    .await?;
    let query = PageQuery {
        calendar_id,
        bounds,
        query: args.query.as_deref(),
        time_zone: args.time_zone.as_deref(),
        max_results: args.max_results.unwrap_or(20),
    };
    let mut page_token = args.page_token;
    // A page may be empty although more follow.
    for _ in 0..PAGES_MAX {
        let page = query.fetch(&call, page_token.as_deref()).await?;
        page_token = page.next_page_token;
        if !page.items.is_empty() || page_token.is_none() {
            let events = page
                .items
                .into_iter()
                .map(|event| Event::of(event, calendar_id))
                .collect();
            return Ok(EventList {
                events,
                next_page_token: page_token,
                ..EventList::default()
            });
        }
    }
    Ok(EventList {
        next_page_token: page_token,
        ..EventList::default()
    })
}

/// Events of several calendars.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RangeEvents {
    /// Events that end after this: "2026-02-13T00:00:00+04:00", a time without offset in time_zone, or a date for its midnight.
    time_min: String,
    /// Events that start before this, written like time_min.
    time_max: String,
    /// The calendars. Default: all in the person's list.
    calendar_ids: Option<Vec<String>>,
    /// IANA time zone of times without an offset, and of the answer. Default: that of the person's main calendar.
    time_zone: Option<String>,
    /// The most events to answer with. Default 20.
    #[schemars(range(min = 1, max = 250))]
    max_results: Option<u16>,
    /// The next_page_token of the answer before.
    page_token: Option<String>,
}

/// Events of the calendars merged in the order of start, calendar and id. A page starts where the
/// last one stopped in that order, so events that come and go in between move no others.
pub(crate) async fn get_events_for_date_range(
    call: Call,
    args: RangeEvents,
) -> Result<EventList, ToolError> {
    let zone = args.time_zone.as_deref();
    let bounds = Bounds::of(&call, "primary", zone, &args.time_min, &args.time_max).await?;
    let named = args.calendar_ids.filter(|ids| !ids.is_empty());
    let mut ids = match &named {
        Some(ids) => ids.clone(),
        None => calendars(&call)
            .await?
            .into_iter()
            .map(|calendar| calendar.id)
            .collect(),
    };
    ids.sort_unstable();
    ids.dedup();
    let cursor = args
        .page_token
        .as_deref()
        .map(|token| Cursor::parse(token, bounds))
        .transpose()?;
    let want = usize::from(args.max_results.unwrap_or(20));
    let mut found = Vec::new();
    let mut unreadable = Vec::new();
    let mut done = 0;
    let total = ids.len();
    let mut reads = futures_util::stream::iter(ids.into_iter().map(|id| {
        let call = call.clone();
        let (cursor, zone) = (cursor.clone(), zone.map(str::to_owned));
        async move {
            let read = after(&call, &id, bounds, zone.as_deref(), cursor.as_ref(), want).await;
            // One calendar that is gone or not shared any more does not hide the others.
            match read {
                Err(error)
                    if matches!(
                        error.failure().kind,
                        FailureKind::NotFound | FailureKind::Forbidden
                    ) =>
                {
                    Ok((
                        Vec::new(),
                        Some(Unreadable {
                            calendar_id: id,
                            reason: error.to_string(),
                        }),
                    ))
                }
                read => read.map(|events| (events, None)),
            }
        }
    }))
    .buffered(AT_ONCE);
    while let Some((events, failed)) = reads.try_next().await? {
        found.extend(events);
        unreadable.extend(failed);
        done += 1;
        #[expect(clippy::cast_precision_loss, reason = "a few calendars")]
        call.progress(f64::from(done), Some(total as f64), "calendars read")
            .await;
    }
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    let more = found.len() > want;
    found.truncate(want);
    let next_page_token = if more {
        found.last().map(|(key, _)| key.token(bounds))
    } else {
        None
    };
    Ok(EventList {
        events: found.into_iter().map(|(_, event)| event).collect(),
        next_page_token,
        unreadable,
    })
}

/// The first `want` events of one calendar after the cursor and, to know whether there are more,
/// one further.
async fn after(
    call: &Call,
    calendar_id: &str,
    bounds: Bounds,
    time_zone: Option<&str>,
    cursor: Option<&Cursor>,
    want: usize,
) -> Result<Vec<(Cursor, Event)>, ToolError> {
    let query = PageQuery {
        calendar_id,
        // What starts at the cursor or later ends at the cursor or later.
        bounds: Bounds {
            from: cursor.map_or(bounds.from, |c| bounds.from.max(c.second_before())),
            ..bounds
        },
        query: None,
        time_zone,
        max_results: 250,
    };
    let mut found = Vec::new();
    let mut page_token = None;
    for _ in 0..PAGES_MAX {
        let page = query.fetch(call, page_token.as_deref()).await?;
        let tz = page
            .time_zone
            .as_deref()
            .and_then(|name| TimeZone::get(name).ok())
            .unwrap_or(TimeZone::UTC);
        for event in page.items {
            let start = Moment::of(event.start.as_ref())
                .and_then(|moment| moment.instant(&tz))
                .unwrap_or(Timestamp::MIN);
            let event = Event::of(event, calendar_id);
            let key = Cursor::at(start, calendar_id, &event.id);
            if cursor.is_none_or(|cursor| key > *cursor) {
                found.push((key, event));
            }
        }
        page_token = page.next_page_token;
        if page_token.is_none() || found.len() > want {
            break;
        }
    }
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    found.truncate(want + 1);
    Ok(found)
}

/// The two ends of a range of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
}

impl Bounds {
    /// From the arguments `time_min` and `time_max`; the calendar's zone is asked for only where a
    /// time has no offset.
    pub(crate) async fn of(
        call: &Call,
        calendar_id: &str,
        time_zone: Option<&str>,
        min: &str,
        max: &str,
    ) -> Result<Self, ToolError> {
        let (min, max) = (
            Given::parse("time_min", min)?,
            Given::parse("time_max", max)?,
        );
        let zone = match (min, max, time_zone) {
            (Given::Instant(..), Given::Instant(..), None) => Zone::named("time_zone", "UTC")?,
            (_, _, given) => Zone::of(call, calendar_id, given).await?,
        };
        let instant = |name: &str, given: Given| {
            let no_midnight = || ToolError::argument(name, "no calendar has this time");
            given
                .within(name, &zone)?
                .instant(&zone.tz)
                .ok_or_else(no_midnight)
        };
        let (from, to) = (instant("time_min", min)?, instant("time_max", max)?);
        if to <= from {
            return Err(ToolError::argument(
                "time_max",
                "time_max must be after time_min (a date means its midnight)",
            ));
        }
        Ok(Self { from, to })
    }
}

struct PageQuery<'a> {
    calendar_id: &'a str,
    bounds: Bounds,
    query: Option<&'a str>,
    time_zone: Option<&'a str>,
    max_results: u16,
}

impl PageQuery<'_> {
    async fn fetch(
        &self,
        call: &Call,
        page_token: Option<&str>,
    ) -> Result<wire::EventPage, ToolError> {
        call.google
            .get(Api::Calendar, &["calendars", self.calendar_id, "events"])
            .query("singleEvents", true)
            .query("orderBy", "startTime")
            .query("timeMin", format!("{:.0}", self.bounds.from))
            .query("timeMax", format!("{:.0}", self.bounds.to))
            .query("maxResults", self.max_results)
            .query("fields", format!("timeZone,nextPageToken,items({FIELDS})"))
            .query_opt("q", self.query)
            .query_opt("timeZone", self.time_zone)
            .query_opt("pageToken", page_token)
            .fetch()
            .await
    }
}
