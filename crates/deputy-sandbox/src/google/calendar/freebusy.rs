//! `freeBusy`: when people are busy, without saying with what.

use http::StatusCode;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::event::Event;
use super::moment::shown;
use super::{Calendar, own};
use crate::google::call::{Answer, Call};
use crate::google::failure::Failure;
use crate::google::world::{NOBODY, Tx};

/// Calendars per request.
const MOST: usize = 50;
/// The longest range.
const LONGEST: SignedDuration = SignedDuration::from_hours(24 * 93);

/// POST a range and calendars. What is wrong with one calendar is said beside it; the answer is 200.
pub(crate) fn query(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    let body = call.json()?;
    let instant = |name: &str| -> Result<Timestamp, Failure> {
        let text = body
            .get(name)
            .and_then(Value::as_str)
            .ok_or_else(|| Failure::required(format!("Missing {name} parameter.")))?;
        text.parse()
            .map_err(|_| Failure::bad_request("Bad Request"))
    };
    let (from, to) = (instant("timeMin")?, instant("timeMax")?);
    let refuse = |reason: &str, message: &str| {
        Err(Failure::new(StatusCode::BAD_REQUEST, reason, message)
            .domain("calendar")
            .at_parameter("timeMax"))
    };
    if to <= from {
        return refuse("timeRangeEmpty", "The specified time range is empty.");
    }
    if to.duration_since(from) > LONGEST {
        return refuse("timeRangeTooLong", "The requested time range is too long.");
    }
    let zone = match body.get("timeZone").and_then(Value::as_str) {
        None => TimeZone::UTC,
        Some(name) => TimeZone::get(name)
            .map_err(|_| Failure::invalid(format!("Invalid time zone: {name}")))?,
    };
    let most = body
        .get("calendarExpansionMax")
        .and_then(Value::as_u64)
        .map_or(MOST, |n| usize::try_from(n).unwrap_or(MOST).min(MOST));
    let empty = Vec::new();
    let items = body
        .get("items")
        .and_then(Value::as_array)
        .unwrap_or(&empty);
    let mut calendars = Map::new();
    for (i, item) in items.iter().enumerate() {
        let Some(id) = item["id"].as_str() else {
            continue;
        };
        let error =
            |reason: &str| json!({"errors": [{"domain": "global", "reason": reason}], "busy": []});
        let answer = if i >= most {
            error("tooManyCalendarsRequested")
        } else {
            match visible(call.tx, &call.account, id) {
                Some((id, calendar)) => {
                    let busy: Vec<Value> = busy(call.tx, &id, &calendar, from, to)
                        .into_iter()
                        .map(|(start, end)| json!({"start": shown(start, &zone), "end": shown(end, &zone)}))
                        .collect();
                    json!({ "busy": busy })
                }
                None => error("notFound"),
            }
        };
        calendars.insert(id.to_owned(), answer);
    }
    Ok(Answer::json(json!({
        "kind": "calendar#freeBusy",
        "timeMin": super::moment::shown_ms(from),
        "timeMax": super::moment::shown_ms(to),
        "calendars": calendars,
    })))
}

/// One's own calendars, and the primary ones of one's own domain: what a Workspace shares by default.
fn visible(tx: &Tx<'_>, account: &str, id: &str) -> Option<(String, Calendar)> {
    if let Ok(found) = own(tx, account, id) {
        return Some(found);
    }
    let id = id.to_lowercase();
    let domain = |email: &str| email.split_once('@').map(|(_, domain)| domain.to_owned());
    let calendar = tx.get::<Calendar>(NOBODY, &id)?;
    (calendar.owner == id
        && domain(&id) == domain(account)
        && domain(&id).as_deref() != Some("gmail.com"))
    .then(|| (id, Calendar::clone(&calendar)))
}

/// Busy times within the range, joined where they touch.
fn busy(
    tx: &Tx<'_>,
    id: &str,
    calendar: &Calendar,
    from: Timestamp,
    to: Timestamp,
) -> Vec<(Timestamp, Timestamp)> {
    let zone = calendar.zone();
    let all: Vec<_> = tx.list::<Event>(id).into_iter().map(|(_, e)| e).collect();
    let mut spans = Vec::new();
    let mut add = |event: &Event| {
        if let Some((start, end)) = event.span(&zone)
            && start < to
            && end > from
        {
            spans.push((start.max(from), end.min(to)));
        }
    };
    for event in all.iter().filter(|e| blocks(e, &calendar.owner)) {
        if let Some(series) = event.series(calendar) {
            for start in series.before(to) {
                let instance = event.instance(start);
                if !all.iter().any(|e| e.text("id") == instance.text("id")) {
                    add(&instance);
                }
            }
        } else {
            add(event);
        }
    }
    spans.sort_unstable();
    let mut joined: Vec<(Timestamp, Timestamp)> = Vec::new();
    for (start, end) in spans {
        match joined.last_mut() {
            Some((_, last)) if start <= *last => *last = (*last).max(end),
            _ => joined.push((start, end)),
        }
    }
    joined
}

/// Whether an event makes its owner busy.
fn blocks(event: &Event, owner: &str) -> bool {
    !event.is_cancelled()
        && event.text("transparency") != "transparent"
        && event.response(owner) != Some("declined")
        && event.text("eventType") != "workingLocation"
}
