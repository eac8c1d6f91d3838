//! `events.insert`, `import`, `quickAdd`, `patch`, `update`, `delete` and `move`.

use http::StatusCode;
use jiff::{SignedDuration, ToSpan};
use serde_json::{Map, Value, json};

use super::event::{self, Event};
use super::guests;
use super::listing::viewer;
use super::mail::{self, Notice, Send};
use super::{Calendar, own, resolve};
use crate::google::call::{Answer, Call};
use crate::google::failure::Failure;

/// Letters of event ids: base32hex (RFC 2938), as Google wants it.
const ID_LETTERS: &str = "0123456789abcdefghijklmnopqrstuv";

/// Members that a write can't change once the event is there.
const FIXED: [&str; 7] = [
    "id",
    "iCalUID",
    "creator",
    "organizer",
    "recurringEventId",
    "originalStartTime",
    "eventType",
];

/// POST a new event.
pub(crate) fn insert(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    let (id, calendar) = resolve(call)?;
    let body = call.json()?;
    let event = create(call, &id, &calendar, body, true)?;
    let viewer = viewer(call, &id, &calendar)?;
    Ok(Answer::json(event.show(&viewer)))
}

/// POST a copy of somebody else's event: it keeps its `iCalUID` and organizer; nobody is told.
pub(crate) fn import(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    let (id, calendar) = resolve(call)?;
    let body = call.json()?;
    let Some(uid) = body
        .get("iCalUID")
        .and_then(Value::as_str)
        .map(str::to_owned)
    else {
        return Err(Failure::required("Missing iCalUID."));
    };
    let known = call
        .tx
        .list::<Event>(&id)
        .into_iter()
        .find(|(_, e)| e.text("iCalUID") == uid && e.series_id().is_empty());
    let organizer = body.get("organizer").cloned();
    let mut event = match known {
        Some((_, before)) => {
            let mut data = event::read(body, &calendar)?;
            keep(&before, &mut data);
            let mut after = Event::clone(&before);
            after.data = data;
            after.save(call.tx, &id)
        }
        None => create(call, &id, &calendar, body, false)?,
    };
    if let Some(organizer) = organizer.filter(|o| o["email"].is_string()) {
        event.data.insert("organizer".to_owned(), organizer);
        event = event.save(call.tx, &id);
    }
    let viewer = viewer(call, &id, &calendar)?;
    Ok(Answer::json(event.show(&viewer)))
}

/// POST a sentence: an event of an hour, an hour from now, that is called like it. (Google finds
/// times in the sentence.)
pub(crate) fn quick_add(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    let (id, calendar) = resolve(call)?;
    let text = call.params.get("text").unwrap_or("").to_owned();
    let hour = SignedDuration::from_hours(1);
    let start = call.tx.now() + hour;
    let body = json!({
        "summary": text,
        "start": {"dateTime": start.to_string()},
        "end": {"dateTime": (start + hour).to_string()},
    });
    let Value::Object(body) = body else {
        return Err(Failure::bad_request("Bad Request"));
    };
    let event = create(call, &id, &calendar, body, true)?;
    let viewer = viewer(call, &id, &calendar)?;
    Ok(Answer::json(event.show(&viewer)))
}

fn create(
    call: &mut Call<'_, '_>,
    calendar_id: &str,
    calendar: &Calendar,
    body: Map<String, Value>,
    inviting: bool,
) -> Result<Event, Failure> {
    let send = Send::of(&call.params)?;
    let id = match body
        .get("id")
        .and_then(Value::as_str)
        .filter(|id| !id.is_empty())
    {
        Some(id) => {
            if !(5..=1024).contains(&id.len()) || !id.chars().all(|c| ID_LETTERS.contains(c)) {
                return Err(Failure::invalid("Invalid resource id value."));
            }
            if call.tx.get::<Event>(calendar_id, id).is_some() {
                return Err(Failure::new(
                    StatusCode::CONFLICT,
                    "duplicate",
                    "The requested identifier already exists.",
                ));
            }
            id.to_owned()
        }
        None => call.tx.random_id(ID_LETTERS, 26),
    };
    let conference = conference(call, None, &body);
    let attachments = call.params.flag("supportsAttachments");
    let mut data = event::read(body, calendar)?;
    data.remove("conferenceData");
    if !attachments {
        data.remove("attachments");
    }
    if let Some(conference) = conference {
        add_conference(&mut data, conference);
    }
    data.insert("id".to_owned(), json!(id));
    data.entry("iCalUID")
        .or_insert_with(|| json!(format!("{id}@google.com")));
    data.insert("creator".to_owned(), json!({"email": call.account}));
    let mut organizer = json!({"email": calendar_id});
    if calendar_id != calendar.owner {
        organizer["displayName"] = json!(calendar.summary);
    }
    data.insert("organizer".to_owned(), organizer);
    let event = Event::new(call.tx, data).save(call.tx, calendar_id);
    if !inviting {
        return Ok(event);
    }
    let event = guests::sync_copies(call.tx, calendar_id, event);
    mail::notify(call.tx, &event, calendar, send, None, Notice::Invitation);
    Ok(event)
}

/// What `conferenceDataVersion=1` makes of the body's conference; `None` leaves it as it is.
fn conference(
    call: &Call<'_, '_>,
    before: Option<&Event>,
    body: &Map<String, Value>,
) -> Option<Value> {
    if call.params.number::<u8>("conferenceDataVersion") != Some(1) {
        return None;
    }
    let given = body.get("conferenceData")?;
    let Some(request) = given
        .get("createRequest")
        .filter(|_| given.get("entryPoints").is_none())
    else {
        return Some(given.clone());
    };
    if let Some(there) = before.and_then(|b| b.data.get("conferenceData"))
        && there["createRequest"]["requestId"] == request["requestId"]
    {
        return Some(there.clone());
    }
    let letters = "abcdefghijklmnopqrstuvwxyz";
    let code = [3, 4, 3].map(|n| call.tx.random_id(letters, n)).join("-");
    let uri = format!("https://meet.google.com/{code}");
    Some(json!({
        "createRequest": {
            "requestId": request["requestId"],
            "conferenceSolutionKey": {"type": "hangoutsMeet"},
            "status": {"statusCode": "success"},
        },
        "entryPoints": [{"entryPointType": "video", "uri": uri, "label": format!("meet.google.com/{code}")}],
        "conferenceSolution": {"key": {"type": "hangoutsMeet"}, "name": "Google Meet"},
        "conferenceId": code,
    }))
}

fn add_conference(data: &mut Map<String, Value>, conference: Value) {
    if let Some(uri) = conference["entryPoints"][0]["uri"].as_str() {
        data.insert("hangoutLink".to_owned(), json!(uri));
    }
    data.insert("conferenceData".to_owned(), conference);
}

fn keep(before: &Event, data: &mut Map<String, Value>) {
    for name in FIXED {
        match before.data.get(name) {
            Some(value) => data.insert(name.to_owned(), value.clone()),
            None => data.remove(name),
        };
    }
}

/// PATCH: what is given is merged in.
pub(crate) fn patch(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    change(call, |before, body| {
        let mut data = before.data.clone();
        event::merge(&mut data, body);
        data
    })
}

/// PUT: what isn't given is gone.
pub(crate) fn update(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    change(call, |_, body| body)
}

fn change(
    call: &mut Call<'_, '_>,
    make: impl FnOnce(&Event, Map<String, Value>) -> Map<String, Value>,
) -> Result<Answer, Failure> {
    let (calendar_id, calendar) = resolve(call)?;
    let before = event::load(
        call.tx,
        &calendar_id,
        &calendar,
        call.params.path("eventId"),
    )
    .ok_or_else(|| Failure::not_found("Not Found"))?;
    call.if_match(&before.etag())?;
    let send = Send::of(&call.params)?;
    let body = call.json()?;
    let sequence = body.get("sequence").and_then(Value::as_i64);
    let conference = conference(call, Some(&before), &body);
    let attachments = call.params.flag("supportsAttachments");
    let mut data = event::read(make(&before, body), &calendar)?;
    keep(&before, &mut data);
    for (name, given) in [
        ("conferenceData", false),
        ("hangoutLink", false),
        ("attachments", attachments),
    ] {
        if !given {
            match before.data.get(name) {
                Some(value) => data.insert(name.to_owned(), value.clone()),
                None => data.remove(name),
            };
        }
    }
    if let Some(conference) = conference {
        add_conference(&mut data, conference);
    }
    let old_sequence = before
        .data
        .get("sequence")
        .and_then(Value::as_i64)
        .unwrap_or(0);
    data.insert(
        "sequence".to_owned(),
        json!(sequence.unwrap_or(old_sequence).max(old_sequence)),
    );
    if !before.series_id().is_empty() {
        data.remove("recurrence");
    }
    let after = if before.origin.is_some() {
        guests::change_copy(call.tx, &calendar_id, &calendar, &before, data, send)?
    } else if data["status"] == "cancelled" && !before.is_cancelled() {
        cancel(call, &calendar_id, &calendar, before, send)
    } else {
        change_original(call, &calendar_id, &calendar, &before, data, send)
    };
    let viewer = viewer(call, &calendar_id, &calendar)?;
    Ok(Answer::json(after.show(&viewer)))
}

fn change_original(
    call: &mut Call<'_, '_>,
    calendar_id: &str,
    calendar: &Calendar,
    before: &Event,
    mut data: Map<String, Value>,
    send: Send,
) -> Event {
    let moved = ["start", "end", "recurrence"]
        .iter()
        .any(|name| before.data.get(*name) != data.get(*name));
    if moved {
        let sequence = data.get("sequence").and_then(Value::as_i64).unwrap_or(0);
        data.insert("sequence".to_owned(), json!(sequence + 1));
    }
    let mut after = before.clone();
    after.data = data;
    if moved && (before.is_series() || after.is_series()) {
        after.former = former(call, calendar, before, &after);
        for mut exception in event::exceptions(call.tx, calendar_id, before.text("id")) {
            let stays = exception
                .moment("originalStartTime")
                .is_some_and(|at| after.series(calendar).is_some_and(|series| series.has(at)));
            if !stays {
                exception
                    .data
                    .insert("status".to_owned(), json!("cancelled"));
                let exception = exception.save(call.tx, calendar_id);
                guests::sync_copies(call.tx, calendar_id, exception);
            }
        }
    }
    let after = after.save(call.tx, calendar_id);
    let after = guests::sync_copies(call.tx, calendar_id, after);
    mail::notify(
        call.tx,
        &after,
        calendar,
        send,
        Some(before),
        Notice::Update,
    );
    after
}

/// Instance ids that the series has had and has no more, with their original starts.
fn former(
    call: &Call<'_, '_>,
    calendar: &Calendar,
    before: &Event,
    after: &Event,
) -> std::collections::BTreeMap<String, Value> {
    let end = call
        .tx
        .now()
        .saturating_add((732 * 24).hours())
        .unwrap_or(jiff::Timestamp::MAX);
    let starts = |event: &Event| {
        event
            .series(calendar)
            .map(|s| s.before(end))
            .unwrap_or_default()
    };
    let now = starts(after);
    let mut former = before.former.clone();
    for start in starts(before) {
        former.insert(
            format!("{}_{}", before.text("id"), start.stamp()),
            start.store(None),
        );
    }
    for start in now {
        former.remove(&format!("{}_{}", after.text("id"), start.stamp()));
    }
    former
}

/// DELETE: 204 once, 410 after that.
pub(crate) fn delete(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    let (calendar_id, calendar) = resolve(call)?;
    let before = event::load(
        call.tx,
        &calendar_id,
        &calendar,
        call.params.path("eventId"),
    )
    .ok_or_else(|| Failure::not_found("Not Found"))?;
    if before.is_cancelled() {
        return Err(Failure::new(
            StatusCode::GONE,
            "deleted",
            "Resource has been deleted",
        ));
    }
    call.if_match(&before.etag())?;
    let send = Send::of(&call.params)?;
    if before.origin.is_some() {
        guests::leave(call.tx, &calendar_id, &calendar, &before, send);
    } else {
        cancel(call, &calendar_id, &calendar, before, send);
    }
    Ok(Answer::no_content())
}

fn cancel(
    call: &mut Call<'_, '_>,
    calendar_id: &str,
    calendar: &Calendar,
    before: Event,
    send: Send,
) -> Event {
    for mut exception in event::exceptions(call.tx, calendar_id, before.text("id")) {
        if !exception.is_cancelled() {
            exception
                .data
                .insert("status".to_owned(), json!("cancelled"));
            let exception = exception.save(call.tx, calendar_id);
            guests::sync_copies(call.tx, calendar_id, exception);
        }
    }
    let mut after = before;
    after.data.insert("status".to_owned(), json!("cancelled"));
    let after = after.save(call.tx, calendar_id);
    let after = guests::sync_copies(call.tx, calendar_id, after);
    mail::notify(call.tx, &after, calendar, send, None, Notice::Cancellation);
    after
}

/// POST: the event goes to another calendar of the same owner.
pub(crate) fn relocate(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    let (calendar_id, calendar) = resolve(call)?;
    let destination = call.params.get("destination").unwrap_or("").to_owned();
    let (target_id, target) = own(call.tx, &call.account, &destination)?;
    let id = call.params.path("eventId").to_owned();
    let before = event::load(call.tx, &calendar_id, &calendar, &id)
        .ok_or_else(|| Failure::not_found("Not Found"))?;
    if before.origin.is_some() || !before.series_id().is_empty() {
        return Err(Failure::forbidden(
            "cannotChangeOrganizer",
            "Cannot change the organizer of this event.",
        ));
    }
    if call
        .tx
        .get::<Event>(&target_id, &id)
        .is_some_and(|there| !there.is_cancelled())
    {
        return Err(Failure::new(
            StatusCode::CONFLICT,
            "duplicate",
            "The requested identifier already exists.",
        ));
    }
    let mut moved = before.clone();
    moved
        .data
        .insert("organizer".to_owned(), json!({"email": target_id}));
    let mut gone = before;
    gone.data.insert("status".to_owned(), json!("cancelled"));
    gone.copies.clear();
    gone.save(call.tx, &calendar_id);
    for mut exception in event::exceptions(call.tx, &calendar_id, &id) {
        exception.clone().save(call.tx, &target_id);
        exception
            .data
            .insert("status".to_owned(), json!("cancelled"));
        exception.copies.clear();
        exception.save(call.tx, &calendar_id);
    }
    let moved = moved.save(call.tx, &target_id);
    guests::rebind(call.tx, &moved, &target_id);
    let viewer = viewer(call, &target_id, &target)?;
    Ok(Answer::json(moved.show(&viewer)))
}
