//! `events.list`, `instances` and `get`.
//!
//! A listing is made whole, filtered, ordered and cut into pages. An infinite series without `timeMax`
//! is followed for two years from now.

use std::collections::{BTreeMap, BTreeSet};

use http::StatusCode;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::event::{self, Event, Viewer};
use super::token::{self, Page, Sync};
use super::{Calendar, etag, resolve};
use crate::google::call::{Answer, Call, Params};
use crate::google::failure::Failure;
use crate::google::world::Tx;

/// How far from now a series without end is followed.
const HORIZON: SignedDuration = SignedDuration::from_hours(24 * 732);

/// What a sync token can't be used together with.
const NOT_WITH_SYNC: [&str; 8] = [
    "iCalUID",
    "orderBy",
    "privateExtendedProperty",
    "q",
    "sharedExtendedProperty",
    "timeMin",
    "timeMax",
    "updatedMin",
];
/// What makes a listing that no sync token comes out of.
const NO_SYNC_AFTER: [&str; 6] = [
    "iCalUID",
    "orderBy",
    "privateExtendedProperty",
    "q",
    "sharedExtendedProperty",
    "updatedMin",
];

/// GET one event: a cancelled one too.
pub(crate) fn get(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    let (id, calendar) = resolve(call)?;
    let event = event::load(call.tx, &id, &calendar, call.params.path("eventId"))
        .ok_or_else(|| Failure::not_found("Not Found"))?;
    let viewer = viewer(call, &id, &calendar)?;
    Ok(call.unless_known(&event.etag(), event.show(&viewer)))
}

/// How the caller sees events of this calendar.
pub(crate) fn viewer<'v>(
    call: &Call<'v, '_>,
    id: &'v str,
    calendar: &'v Calendar,
) -> Result<Viewer<'v>, Failure> {
    Ok(Viewer {
        calendar,
        id,
        zone: answer_zone(&call.params, calendar)?,
        base: call.base,
        max_attendees: call.params.number("maxAttendees"),
    })
}

fn answer_zone(params: &Params, calendar: &Calendar) -> Result<TimeZone, Failure> {
    match params.get("timeZone") {
        None => Ok(calendar.zone()),
        Some(name) => TimeZone::get(name).map_err(|_| {
            Failure::invalid(format!("Invalid time zone: {name}")).at_parameter("timeZone")
        }),
    }
}

/// What is asked for.
struct Wanted {
    single: bool,
    deleted: bool,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    updated: Option<Timestamp>,
    words: Vec<String>,
    uid: Option<String>,
    types: Vec<String>,
    private: Vec<(String, String)>,
    shared: Vec<(String, String)>,
    /// Only what changed since, and then everything that did.
    since: Option<u64>,
}

impl Wanted {
    fn read(call: &Call<'_, '_>, sync: Option<&Sync>) -> Result<Self, Failure> {
        let params = &call.params;
        let properties = |name| {
            params
                .all(name)
                .map(|p| {
                    let (key, value) = p
                        .split_once('=')
                        .ok_or_else(|| Failure::invalid("Invalid Value").at_parameter(name))?;
                    Ok((key.to_owned(), value.to_owned()))
                })
                .collect::<Result<Vec<_>, Failure>>()
        };
        let mut wanted = Self {
            single: params.flag("singleEvents"),
            deleted: params.flag("showDeleted"),
            from: params.instant("timeMin")?,
            to: params.instant("timeMax")?,
            updated: params.instant("updatedMin")?,
            words: params
                .get("q")
                .unwrap_or("")
                .split_whitespace()
                .map(str::to_lowercase)
                .collect(),
            uid: params.get("iCalUID").map(str::to_owned),
            types: params.all("eventTypes").map(str::to_owned).collect(),
            private: properties("privateExtendedProperty")?,
            shared: properties("sharedExtendedProperty")?,
            since: None,
        };
        if let (Some(from), Some(to)) = (wanted.from, wanted.to)
            && to <= from
        {
            return Err(Failure::new(
                StatusCode::BAD_REQUEST,
                "timeRangeEmpty",
                "The specified time range is empty.",
            )
            .domain("calendar")
            .at_parameter("timeMax"));
        }
        if params.get("orderBy") == Some("startTime") && !wanted.single {
            return Err(Failure::bad_request(
                "The requested ordering is not available for the particular query.",
            )
            .at_parameter("orderBy"));
        }
        if let Some(sync) = sync {
            wanted.single = sync.single;
            wanted.types.clone_from(&sync.types);
            wanted.since = Some(sync.change);
            (wanted.from, wanted.to) = (sync.from, sync.to);
            wanted.deleted = true;
        }
        Ok(wanted)
    }

    /// Whether cancelled events are in the answer.
    fn shows_cancelled(&self) -> bool {
        self.deleted || self.updated.is_some() || self.since.is_some()
    }

    fn overlaps(&self, start: Timestamp, end: Timestamp) -> bool {
        self.from.is_none_or(|from| end > from) && self.to.is_none_or(|to| start < to)
    }

    fn matches(&self, event: &Event) -> bool {
        let property = |kind: &str, (key, value): &(String, String)| {
            event
                .data
                .get("extendedProperties")
                .is_some_and(|p| p[kind][key] == value.as_str())
        };
        self.uid
            .as_deref()
            .is_none_or(|uid| event.text("iCalUID") == uid)
            && (self.types.is_empty() || self.types.iter().any(|t| t == event.text("eventType")))
            && self.updated.is_none_or(|at| event.updated >= at)
            && self.private.iter().all(|p| property("private", p))
            && self.shared.iter().all(|p| property("shared", p))
            && (self.words.is_empty() || has_words(event, &self.words))
    }
}

/// Free text search: every word somewhere in the texts that people read.
fn has_words(event: &Event, words: &[String]) -> bool {
    let mut texts: Vec<&str> = ["summary", "description", "location"]
        .map(|name| event.text(name))
        .to_vec();
    for person in event.attendees().iter().chain(event.data.get("organizer")) {
        texts.extend(
            ["email", "displayName"]
                .iter()
                .filter_map(|name| person[name].as_str()),
        );
    }
    let text = texts.join("\n").to_lowercase();
    words.iter().all(|word| text.contains(word.as_str()))
}

/// GET a calendar's events.
pub(crate) fn list(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    let (id, calendar) = resolve(call)?;
    let sync = sync_token(call, &id)?;
    let wanted = Wanted::read(call, sync.as_ref())?;
    if let Some(least) = wanted.updated
        && call.tx.now().duration_since(least) > SignedDuration::from_hours(24 * 28)
    {
        return Err(Failure::new(
            StatusCode::GONE,
            "updatedMinTooLongAgo",
            "The requested minimum modification time lies too far in the past.",
        )
        .domain("calendar")
        .at_parameter("updatedMin"));
    }
    let page = token::page(&call.params)?;
    let change = page.as_ref().map_or(call.tx.last_change(), |p| p.change);
    let mut events = collect(call.tx, &id, &calendar, &wanted);
    order(&mut events, call.params.get("orderBy"), &calendar.zone());

    let size = call.params.page_size("maxResults", 250, 2500);
    let offset = page.map_or(0, |p| p.offset);
    let rest = events.len().saturating_sub(offset + size);
    let viewer = viewer(call, &id, &calendar)?;
    let items: Vec<Value> = events
        .iter()
        .skip(offset)
        .take(size)
        .map(|e| e.show(&viewer))
        .collect();
    let newest = call
        .tx
        .list::<Event>(&id)
        .iter()
        .map(|(_, e)| e.tick)
        .max()
        .unwrap_or(calendar.tick);
    let mut body = head(&calendar, newest);
    body["items"] = Value::Array(items);
    if rest > 0 {
        let next = Page {
            binding: token::binding(&call.params),
            offset: offset + size,
            change,
        };
        body["nextPageToken"] = json!(token::write(&next));
    } else if !NO_SYNC_AFTER
        .iter()
        .any(|name| call.params.get(name).is_some())
    {
        let next = Sync {
            of: id.clone(),
            change,
            issued: call.tx.now(),
            single: wanted.single,
            types: wanted.types,
            from: wanted.from,
            to: wanted.to,
        };
        body["nextSyncToken"] = json!(token::write(&next));
    }
    let etag = etag(newest);
    Ok(call.unless_known(&etag, body))
}

fn sync_token(call: &Call<'_, '_>, id: &str) -> Result<Option<Sync>, Failure> {
    let params = &call.params;
    if params.get("syncToken").is_none() {
        return Ok(None);
    }
    if NOT_WITH_SYNC.iter().any(|name| params.get(name).is_some()) {
        return Err(Failure::bad_request(
            "Sync token cannot be used with other request restrictions.",
        ));
    }
    if params
        .get("showDeleted")
        .is_some_and(|v| v.eq_ignore_ascii_case("false"))
    {
        return Err(Failure::bad_request(
            "Sync token cannot be used with showDeleted set to false.",
        ));
    }
    let sync = token::sync(call.tx, &call.account, id, params)?;
    // Google calls other differences undefined behaviour; here they are found out.
    if let Some(sync) = &sync {
        let types: Vec<&str> = params.all("eventTypes").collect();
        if params.flag("singleEvents") != sync.single || types != sync.types {
            return Err(Failure::bad_request(
                "Sync token is used with other parameters than those of the initial request.",
            ));
        }
    }
    Ok(sync)
}

fn head(calendar: &Calendar, newest: Timestamp) -> Value {
    let mut head = json!({
        "kind": "calendar#events",
        "etag": etag(newest),
        "summary": calendar.summary,
        "description": calendar.description.as_deref().unwrap_or(""),
        "updated": super::moment::shown_ms(newest),
        "timeZone": calendar.time_zone,
        "accessRole": "owner",
        "defaultReminders": [{"method": "popup", "minutes": 10}],
    });
    if calendar.description.is_none()
        && let Some(head) = head.as_object_mut()
    {
        head.remove("description");
    }
    head
}

/// Everything of the calendar that is wanted.
fn collect(tx: &Tx<'_>, id: &str, calendar: &Calendar, wanted: &Wanted) -> Vec<Event> {
    let zone = calendar.zone();
    let all: Vec<_> = tx.list::<Event>(id).into_iter().map(|(_, e)| e).collect();
    let mut exceptions: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
    for event in all.iter().filter(|e| !e.series_id().is_empty()) {
        exceptions.entry(event.series_id()).or_default().push(event);
    }
    let horizon = wanted
        .to
        .unwrap_or_else(|| tx.now().saturating_add(HORIZON).unwrap_or(Timestamp::MAX));
    let mut out = Vec::new();
    for event in &all {
        let none = Vec::new();
        if event.is_series() {
            let of_series = exceptions.get(event.text("id")).unwrap_or(&none);
            if wanted.single {
                out.extend(expanded(event, of_series, calendar, wanted, horizon));
            } else if (!event.is_cancelled() || wanted.shows_cancelled()) && wanted.matches(event) {
                let in_range = || {
                    let instances = instances_of(event, &BTreeSet::new(), calendar, horizon);
                    instances
                        .iter()
                        .filter_map(|i| i.span(&zone))
                        .any(|(start, end)| wanted.overlaps(start, end))
                };
                if wanted.since.is_some()
                    || (wanted.from.is_none() && wanted.to.is_none())
                    || in_range()
                {
                    out.push(Event::clone(event));
                }
            }
        } else if event.series_id().is_empty() || !wanted.single {
            let orphan = !event.series_id().is_empty()
                && all
                    .iter()
                    .any(|e| e.text("id") == event.series_id() && e.is_cancelled());
            // Cancelled exceptions of a live series are listed whatever is asked for.
            let shown = !event.is_cancelled()
                || wanted.shows_cancelled()
                || (!event.series_id().is_empty() && !orphan);
            let in_range = event
                .span(&zone)
                .is_none_or(|(start, end)| wanted.overlaps(start, end));
            if shown
                && wanted.matches(event)
                && (in_range || (wanted.since.is_some() && event.is_cancelled()))
            {
                out.push(Event::clone(event));
            }
        } else if !all.iter().any(|e| e.text("id") == event.series_id()) {
            // An exception whose series isn't here: somebody was invited to this one occurrence.
            let in_range = event
                .span(&zone)
                .is_none_or(|(start, end)| wanted.overlaps(start, end));
            let shown = !event.is_cancelled() || wanted.shows_cancelled();
            if shown && in_range && wanted.matches(event) {
                out.push(Event::clone(event));
            }
        }
    }
    if let Some(since) = wanted.since {
        out.retain(|event| event.change > since);
    }
    out
}

/// Occurrences of a series that aren't exceptions.
fn instances_of(
    series: &Event,
    except: &BTreeSet<&str>,
    calendar: &Calendar,
    end: Timestamp,
) -> Vec<Event> {
    let Some(rule) = series.series(calendar) else {
        return Vec::new();
    };
    let starts = rule.before(end).into_iter();
    starts
        .map(|start| series.instance(start))
        .filter(|i| !except.contains(i.text("id")))
        .collect()
}

/// A series as single events: its occurrences and its exceptions.
fn expanded(
    series: &Event,
    exceptions: &[&Event],
    calendar: &Calendar,
    wanted: &Wanted,
    end: Timestamp,
) -> Vec<Event> {
    let zone = calendar.zone();
    let in_range = |event: &Event| {
        event
            .span(&zone)
            .is_none_or(|(start, end)| wanted.overlaps(start, end))
    };
    let mut out = Vec::new();
    let ids: BTreeSet<&str> = exceptions.iter().map(|e| e.text("id")).collect();
    if (!series.is_cancelled() || wanted.shows_cancelled()) && wanted.matches(series) {
        out.extend(
            instances_of(series, &ids, calendar, end)
                .into_iter()
                .filter(in_range),
        );
    }
    for exception in exceptions {
        let shown = !exception.is_cancelled() || wanted.shows_cancelled();
        if shown && wanted.matches(exception) && in_range(exception) {
            out.push(Event::clone(exception));
        }
    }
    if wanted.since.is_some() {
        let present: BTreeSet<String> = out.iter().map(|e| e.text("id").to_owned()).collect();
        for (id, original) in series
            .former
            .iter()
            .filter(|(id, _)| !present.contains(*id))
        {
            let mut gone = series.clone();
            gone.data = serde_json::Map::from_iter([
                ("id".to_owned(), json!(id)),
                ("status".to_owned(), json!("cancelled")),
                ("recurringEventId".to_owned(), json!(series.text("id"))),
                ("originalStartTime".to_owned(), original.clone()),
            ]);
            out.push(gone);
        }
    }
    out
}

fn order(events: &mut [Event], by: Option<&str>, zone: &TimeZone) {
    let start = |event: &Event| event.span(zone).map(|(start, _)| start);
    match by {
        Some("startTime") => events.sort_by_key(|e| (start(e), e.text("id").to_owned())),
        Some("updated") => events.sort_by_key(|e| (e.updated, e.text("id").to_owned())),
        _ => events.sort_by_key(|e| (e.created, start(e), e.text("id").to_owned())),
    }
}

/// GET the occurrences of one series.
pub(crate) fn instances(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    let (id, calendar) = resolve(call)?;
    let series_id = call.params.path("eventId").to_owned();
    let series = call
        .tx
        .get::<Event>(&id, &series_id)
        .ok_or_else(|| Failure::not_found("Not Found"))?;
    let mut wanted = Wanted {
        single: true,
        deleted: call.params.flag("showDeleted"),
        from: call.params.instant("timeMin")?,
        to: call.params.instant("timeMax")?,
        updated: None,
        words: Vec::new(),
        uid: None,
        types: Vec::new(),
        private: Vec::new(),
        shared: Vec::new(),
        since: None,
    };
    if series.is_cancelled() {
        wanted.deleted = true;
    }
    let horizon = wanted.to.unwrap_or_else(|| {
        call.tx
            .now()
            .saturating_add(HORIZON)
            .unwrap_or(Timestamp::MAX)
    });
    let exceptions = event::exceptions(call.tx, &id, &series_id);
    let exceptions: Vec<&Event> = exceptions.iter().collect();
    let mut events = if series.is_series() {
        expanded(&series, &exceptions, &calendar, &wanted, horizon)
    } else {
        Vec::new()
    };
    if let Some(original) = call.params.get("originalStart") {
        let viewer_zone = calendar.zone();
        events.retain(|e| {
            e.moment("originalStartTime").is_some_and(|m| {
                original
                    .parse::<Timestamp>()
                    .is_ok_and(|at| at == m.instant(&viewer_zone))
                    || original
                        .parse::<jiff::civil::Date>()
                        .is_ok_and(|d| m == super::moment::Moment::Day(d))
            })
        });
    }
    order(&mut events, Some("startTime"), &calendar.zone());
    let size = call.params.page_size("maxResults", 250, 2500);
    let page = token::page(&call.params)?;
    let offset = page.as_ref().map_or(0, |p| p.offset);
    let viewer = viewer(call, &id, &calendar)?;
    let items: Vec<Value> = events
        .iter()
        .skip(offset)
        .take(size)
        .map(|e| e.show(&viewer))
        .collect();
    let mut body = head(&calendar, series.tick);
    body["items"] = Value::Array(items);
    if events.len() > offset + size {
        let change = call.tx.last_change();
        let next = Page {
            binding: token::binding(&call.params),
            offset: offset + size,
            change,
        };
        body["nextPageToken"] = json!(token::write(&next));
    }
    Ok(Answer::json(body))
}
