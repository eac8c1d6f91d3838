//! Calendars, the list of them, settings and colours.

use http::StatusCode;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use super::event::{self, Event};
use super::token::{self, Page, Sync};
use super::{Calendar, etag, own, resolve};
use crate::google::accounts::Account;
use crate::google::call::{Answer, Call};
use crate::google::failure::Failure;
use crate::google::world::{NOBODY, Tx};

/// Members of a list entry that its owner may set.
const ENTRY: [&str; 8] = [
    "summaryOverride",
    "colorId",
    "backgroundColor",
    "foregroundColor",
    "hidden",
    "selected",
    "defaultReminders",
    "notificationSettings",
];

fn entry(id: &str, calendar: &Calendar) -> Value {
    let mut out = json!({
        "kind": "calendar#calendarListEntry",
        "etag": etag(calendar.tick),
        "id": id,
        "summary": calendar.summary,
        "timeZone": calendar.time_zone,
        "dataOwner": calendar.owner,
    });
    if calendar.deleted {
        out["deleted"] = json!(true);
        return out;
    }
    for (name, value) in [
        ("description", &calendar.description),
        ("location", &calendar.location),
    ] {
        if let Some(value) = value {
            out[name] = json!(value);
        }
    }
    out["colorId"] = json!("14");
    out["backgroundColor"] = json!("#9fe1e7");
    out["foregroundColor"] = json!("#000000");
    out["selected"] = json!(true);
    out["accessRole"] = json!("owner");
    out["defaultReminders"] = json!([{"method": "popup", "minutes": 10}]);
    out["conferenceProperties"] = json!({"allowedConferenceSolutionTypes": ["hangoutsMeet"]});
    if id == calendar.owner {
        out["primary"] = json!(true);
    }
    for (name, value) in &calendar.entry {
        out[name] = value.clone();
    }
    out
}

fn all(tx: &Tx<'_>, account: &str) -> Vec<(String, Calendar)> {
    let mut all: Vec<_> = tx
        .list::<Calendar>(NOBODY)
        .into_iter()
        .filter(|(_, c)| c.owner == account)
        .map(|(id, c)| (id, Calendar::clone(&c)))
        .collect();
    all.sort_by_key(|(id, c)| (*id != c.owner, id.clone()));
    all
}

/// GET one's calendars.
pub(crate) fn list(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    let params = &call.params;
    if params.get("syncToken").is_some() && params.get("minAccessRole").is_some() {
        return Err(Failure::bad_request(
            "Sync token cannot be used with other request restrictions.",
        ));
    }
    let sync = token::sync(call.tx, &call.account, "calendarList", params)?;
    let page = token::page(params)?;
    let change = page.as_ref().map_or(call.tx.last_change(), |p| p.change);
    let everything = all(call.tx, &call.account);
    let newest = everything
        .iter()
        .map(|(_, c)| c.tick)
        .max()
        .unwrap_or_default();
    let wanted: Vec<_> = everything
        .iter()
        .filter(|(_, c)| match &sync {
            Some(sync) => c.change > sync.change,
            None => {
                (!c.deleted || params.flag("showDeleted"))
                    && (params.flag("showHidden") || c.entry.get("hidden") != Some(&json!(true)))
            }
        })
        .collect();
    let size = params.page_size("maxResults", 100, 250);
    let offset = page.map_or(0, |p| p.offset);
    let items: Vec<Value> = wanted
        .iter()
        .skip(offset)
        .take(size)
        .map(|(id, c)| entry(id, c))
        .collect();
    let mut body = json!({"kind": "calendar#calendarList", "etag": etag(newest), "items": items});
    if wanted.len() > offset + size {
        let next = Page {
            binding: token::binding(params),
            offset: offset + size,
            change,
        };
        body["nextPageToken"] = json!(token::write(&next));
    } else if params.get("minAccessRole").is_none() {
        let next = Sync {
            of: "calendarList".to_owned(),
            change,
            issued: call.tx.now(),
            single: false,
            types: Vec::new(),
            from: None,
            to: None,
        };
        body["nextSyncToken"] = json!(token::write(&next));
    }
    Ok(call.unless_known(&etag(newest), body))
}

/// GET one entry of the list.
pub(crate) fn list_get(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    let (id, calendar) = resolve(call)?;
    Ok(call.unless_known(&etag(calendar.tick), entry(&id, &calendar)))
}

/// PATCH one entry of the list: how its owner sees the calendar.
pub(crate) fn list_patch(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    let (id, mut calendar) = resolve(call)?;
    call.if_match(&etag(calendar.tick))?;
    let mut body = call.json()?;
    body.retain(|name, _| ENTRY.contains(&name.as_str()));
    event::merge(&mut calendar.entry, body);
    save(call.tx, &id, &mut calendar);
    Ok(Answer::json(entry(&id, &calendar)))
}

fn save(tx: &mut Tx<'_>, id: &str, calendar: &mut Calendar) {
    calendar.tick = tx.tick();
    calendar.change = tx.next_change();
    tx.put(NOBODY, id, calendar.clone());
}

fn show(id: &str, calendar: &Calendar) -> Value {
    let mut out = json!({
        "kind": "calendar#calendar",
        "etag": etag(calendar.tick),
        "id": id,
        "summary": calendar.summary,
        "timeZone": calendar.time_zone,
        "dataOwner": calendar.owner,
        "conferenceProperties": {"allowedConferenceSolutionTypes": ["hangoutsMeet"]},
    });
    for (name, value) in [
        ("description", &calendar.description),
        ("location", &calendar.location),
    ] {
        if let Some(value) = value {
            out[name] = json!(value);
        }
    }
    out
}

/// GET a calendar.
pub(crate) fn get(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    let (id, calendar) = resolve(call)?;
    Ok(call.unless_known(&etag(calendar.tick), show(&id, &calendar)))
}

fn read(body: &Map<String, Value>, calendar: &mut Calendar, whole: bool) -> Result<(), Failure> {
    let text = |name: &str| {
        body.get(name)
            .and_then(Value::as_str)
            .filter(|t| !t.is_empty())
            .map(str::to_owned)
    };
    match text("summary") {
        Some(summary) => calendar.summary = summary,
        None if whole || body.contains_key("summary") => {
            return Err(Failure::required("Missing title."));
        }
        None => {}
    }
    if let Some(zone) = text("timeZone") {
        TimeZone::get(&zone).map_err(|_| Failure::invalid("Invalid time zone."))?;
        calendar.time_zone = zone;
    }
    if whole || body.contains_key("description") {
        calendar.description = text("description");
    }
    if whole || body.contains_key("location") {
        calendar.location = text("location");
    }
    Ok(())
}

/// POST a secondary calendar.
pub(crate) fn insert(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    let id = format!(
        "c_{}@group.calendar.google.com",
        call.tx.random_id("0123456789abcdef", 64)
    );
    let primary = call.tx.get::<Calendar>(NOBODY, &call.account);
    let mut calendar = Calendar {
        owner: call.account.clone(),
        summary: String::new(),
        description: None,
        location: None,
        time_zone: primary.map_or_else(|| "UTC".to_owned(), |p| p.time_zone.clone()),
        entry: Map::new(),
        deleted: false,
        tick: call.tx.now(),
        change: 0,
    };
    read(&call.json()?, &mut calendar, true)?;
    save(call.tx, &id, &mut calendar);
    Ok(Answer::json(show(&id, &calendar)))
}

/// PATCH a calendar.
pub(crate) fn patch(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    change(call, false)
}

/// PUT a calendar.
pub(crate) fn update(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    change(call, true)
}

fn change(call: &mut Call<'_, '_>, whole: bool) -> Result<Answer, Failure> {
    let (id, mut calendar) = resolve(call)?;
    call.if_match(&etag(calendar.tick))?;
    read(&call.json()?, &mut calendar, whole)?;
    save(call.tx, &id, &mut calendar);
    Ok(Answer::json(show(&id, &calendar)))
}

/// DELETE a secondary calendar with its events.
pub(crate) fn delete(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    let (id, mut calendar) = resolve(call)?;
    if id == calendar.owner {
        return Err(Failure::new(
            StatusCode::BAD_REQUEST,
            "invalid",
            "Cannot delete the primary calendar.",
        ));
    }
    empty(call.tx, &id);
    calendar.deleted = true;
    save(call.tx, &id, &mut calendar);
    Ok(Answer::no_content())
}

/// POST: a primary calendar loses all its events.
pub(crate) fn clear(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    let (id, calendar) = resolve(call)?;
    if id != calendar.owner {
        return Err(Failure::invalid("Only a primary calendar can be cleared."));
    }
    empty(call.tx, &id);
    Ok(Answer::no_content())
}

fn empty(tx: &mut Tx<'_>, id: &str) {
    for (_, event) in tx.list::<Event>(id) {
        if !event.is_cancelled() {
            let mut event = Event::clone(&event);
            event.data.insert("status".to_owned(), json!("cancelled"));
            let event = event.save(tx, id);
            super::guests::sync_copies(tx, id, event);
        }
    }
}

/// The account's time zone was changed: the primary calendar's follows.
pub(crate) fn account_changed(tx: &mut Tx<'_>, account: &str) {
    let zone = tx.get::<Account>(account, "").map(|a| a.time_zone.clone());
    if let (Some(zone), Ok((id, mut calendar))) = (zone, own(tx, account, "primary"))
        && calendar.time_zone != zone
    {
        calendar.time_zone = zone;
        save(tx, &id, &mut calendar);
    }
}

fn all_settings(call: &Call<'_, '_>) -> Vec<(&'static str, String)> {
    let zone = call
        .tx
        .get::<Calendar>(NOBODY, &call.account)
        .map_or_else(|| "UTC".to_owned(), |c| c.time_zone.clone());
    vec![
        ("autoAddHangouts", "false".to_owned()),
        ("dateFieldOrder", "DMY".to_owned()),
        ("defaultEventLength", "60".to_owned()),
        ("format24HourTime", "true".to_owned()),
        ("hideInvitations", "false".to_owned()),
        ("hideWeekends", "false".to_owned()),
        ("locale", "en".to_owned()),
        ("remindOnRespondedEventsOnly", "false".to_owned()),
        ("showDeclinedEvents", "true".to_owned()),
        ("timezone", zone),
        ("useKeyboardShortcuts", "true".to_owned()),
        ("weekStart", "1".to_owned()),
    ]
}

fn show_setting(id: &str, value: &str) -> Value {
    let tag = &deputy_core::secret::sha256_hex(value.as_bytes())[..16];
    json!({"kind": "calendar#setting", "etag": format!("\"{tag}\""), "id": id, "value": value})
}

/// GET settings.
pub(crate) fn settings(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    let items: Vec<Value> = all_settings(call)
        .iter()
        .map(|(id, value)| show_setting(id, value))
        .collect();
    let next = Sync {
        of: "settings".to_owned(),
        change: call.tx.last_change(),
        issued: call.tx.now(),
        single: false,
        types: Vec::new(),
        from: None,
        to: None,
    };
    token::sync(call.tx, &call.account, "settings", &call.params)?;
    let tag = deputy_core::secret::sha256_hex(format!("{items:?}").as_bytes());
    Ok(Answer::json(json!({
        "kind": "calendar#settings",
        "etag": format!("\"{}\"", &tag[..16]),
        "items": items,
        "nextSyncToken": token::write(&next),
    })))
}

/// GET one setting.
pub(crate) fn setting(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    let wanted = call.params.path("setting");
    let all = all_settings(call);
    let (id, value) = all
        .iter()
        .find(|(id, _)| *id == wanted)
        .ok_or_else(|| Failure::not_found("Not Found"))?;
    Ok(Answer::json(show_setting(id, value)))
}

/// GET the palette.
#[expect(clippy::unnecessary_wraps, reason = "a handler")]
pub(crate) fn colors(_: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    const EVENT: [&str; 11] = [
        "#a4bdfc", "#7ae7bf", "#dbadff", "#ff887c", "#fbd75b", "#ffb878", "#46d6db", "#e1e1e1",
        "#5484ed", "#51b749", "#dc2127",
    ];
    const CALENDAR: [&str; 24] = [
        "#ac725e", "#d06b64", "#f83a22", "#fa573c", "#ff7537", "#ffad46", "#42d692", "#16a765",
        "#7bd148", "#b3dc6c", "#fbe983", "#fad165", "#92e1c0", "#9fe1e7", "#9fc6e7", "#4986e7",
        "#9a9cff", "#b99aff", "#c2c2c2", "#cabdbf", "#cca6ac", "#f691b2", "#cd74e6", "#a47ae2",
    ];
    let palette = |colors: &[&str]| -> Map<String, Value> {
        let numbered = colors.iter().enumerate();
        numbered
            .map(|(i, c)| {
                (
                    (i + 1).to_string(),
                    json!({"background": c, "foreground": "#1d1d1d"}),
                )
            })
            .collect()
    };
    Ok(Answer::json(json!({
        "kind": "calendar#colors",
        "updated": "2012-02-14T00:00:00.000Z",
        "calendar": palette(&CALENDAR),
        "event": palette(&EVENT),
    })))
}
