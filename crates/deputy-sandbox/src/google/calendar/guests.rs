//! Guests: their copies of an event, and their answers.
//!
//! The organizer's event is the original. Every guest with an account has a copy in the primary
//! calendar with the same id; what is shared follows the original, what is private to the guest
//! ([`PRIVATE`]) stays. A guest who answers changes the original, and through it everybody's copy.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::Calendar;
use super::event::{self, Event, PRIVATE};
use super::mail::{Notice, Send, notify, reply};
use crate::google::accounts;
use crate::google::failure::Failure;
use crate::google::world::{NOBODY, Tx};

/// The part of an event that everybody shares.
fn shared(event: &Event) -> Map<String, Value> {
    let mut data = event.data.clone();
    for name in PRIVATE {
        data.remove(name);
    }
    if let Some(Value::Object(properties)) = data.get_mut("extendedProperties") {
        properties.remove("private");
        if properties.is_empty() {
            data.remove("extendedProperties");
        }
    }
    data
}

/// Makes the guests' copies like the original, and returns it with what it knows of them.
pub(crate) fn sync_copies(tx: &mut Tx<'_>, calendar_id: &str, mut event: Event) -> Event {
    let owner = tx
        .get::<Calendar>(NOBODY, calendar_id)
        .map(|c| c.owner.clone())
        .unwrap_or_default();
    let guests: BTreeSet<String> = event
        .attendees()
        .iter()
        .filter_map(|a| a["email"].as_str())
        .filter(|email| *email != owner && accounts::exists(tx, email))
        .map(str::to_owned)
        .collect();
    let series = tx.get::<Event>(calendar_id, event.series_id());
    let origin = (calendar_id.to_owned(), event.text("id").to_owned());
    let mut copies = std::collections::BTreeMap::new();
    // An exception takes over from its series: a guest left out of it loses this one occurrence.
    let mut before: BTreeSet<String> = event.copies.keys().cloned().collect();
    if let Some(series) = &series {
        before.extend(series.copies.keys().cloned());
    }
    for email in before.union(&guests) {
        let (id, series_id) = match series
            .as_ref()
            .and_then(|s| Some((s, s.copies.get(email)?)))
        {
            Some((series, series_copy)) => {
                let suffix = event
                    .text("id")
                    .strip_prefix(series.text("id"))
                    .unwrap_or("");
                (format!("{series_copy}{suffix}"), Some(series_copy.clone()))
            }
            None => (
                event
                    .copies
                    .get(email)
                    .cloned()
                    .unwrap_or_else(|| free_id(tx, email, &origin)),
                None,
            ),
        };
        let invited = guests.contains(email);
        copy(
            tx,
            email,
            &id,
            series_id.as_deref(),
            &event,
            &origin,
            invited,
        );
        if invited {
            copies.insert(email.clone(), id);
        }
    }
    if copies != event.copies {
        event.copies = copies;
        tx.put(calendar_id, &origin.1, event.clone());
    }
    event
}

/// The original's id, or another one where the guest has an event of that id already.
fn free_id(tx: &Tx<'_>, email: &str, origin: &(String, String)) -> String {
    match tx.get::<Event>(email, &origin.1) {
        Some(other) if other.origin.as_ref() != Some(origin) => {
            tx.random_id("0123456789abcdefghijklmnopqrstuv", 26)
        }
        _ => origin.1.clone(),
    }
}

fn copy(
    tx: &mut Tx<'_>,
    email: &str,
    id: &str,
    series_id: Option<&str>,
    original: &Event,
    origin: &(String, String),
    invited: bool,
) {
    let there = tx.get::<Event>(email, id);
    let mut data = shared(original);
    data.insert("id".to_owned(), json!(id));
    if let Some(series_id) = series_id {
        data.insert("recurringEventId".to_owned(), json!(series_id));
    }
    if !invited {
        data.insert("status".to_owned(), json!("cancelled"));
    }
    let private = match &there {
        Some(there) => {
            if there.is_cancelled() && original.response(email) == Some("declined") {
                // Deleted by the guest: changes don't bring it back.
                return;
            }
            let mut private: Map<String, Value> = PRIVATE
                .iter()
                .filter_map(|n| Some(((*n).to_owned(), there.data.get(*n)?.clone())))
                .collect();
            if let Some(own) = there
                .data
                .get("extendedProperties")
                .and_then(|p| p.get("private"))
            {
                let properties = data
                    .entry("extendedProperties")
                    .or_insert_with(|| json!({}));
                properties["private"] = own.clone();
            }
            private
                .entry("reminders")
                .or_insert_with(|| json!({"useDefault": true}));
            private
        }
        None if !invited && series_id.is_none() => return,
        None => {
            let mut private: Map<String, Value> = ["transparency", "visibility"]
                .iter()
                .filter_map(|n| Some(((*n).to_owned(), original.data.get(*n)?.clone())))
                .collect();
            private.insert("reminders".to_owned(), json!({"useDefault": true}));
            private
        }
    };
    data.extend(private);
    let mut copy = there
        .as_ref()
        .map_or_else(|| Event::new(tx, Map::new()), |there| Event::clone(there));
    if there.is_some() && copy.data == data && copy.former == original.former {
        return;
    }
    copy.data = data;
    copy.former.clone_from(&original.former);
    copy.origin = Some(origin.clone());
    copy.save(tx, email);
}

/// The original went to another calendar: the copies follow that one now.
pub(crate) fn rebind(tx: &mut Tx<'_>, original: &Event, calendar_id: &str) {
    for (email, id) in &original.copies {
        if let Some(copy) = tx.get::<Event>(email, id) {
            let mut copy = Event::clone(&copy);
            copy.origin = Some((calendar_id.to_owned(), original.text("id").to_owned()));
            copy.data
                .insert("organizer".to_owned(), json!({"email": calendar_id}));
            copy.save(tx, email);
        }
    }
}

/// The original of a copy: an occurrence of it, if the copy is one.
fn original(tx: &Tx<'_>, copy: &Event) -> Option<(String, Calendar, Event)> {
    let (calendar_id, id) = copy.origin.clone()?;
    let calendar = tx.get::<Calendar>(NOBODY, &calendar_id)?;
    let event = event::load(tx, &calendar_id, &calendar, &id)?;
    Some((calendar_id, Calendar::clone(&calendar), event))
}

/// A guest writes into the copy: private members stay there, an answer goes to everybody, more
/// guests if guests may invite, anything else only if guests may modify.
pub(crate) fn change_copy(
    tx: &mut Tx<'_>,
    calendar_id: &str,
    calendar: &Calendar,
    before: &Event,
    data: Map<String, Value>,
    send: Send,
) -> Result<Event, Failure> {
    let flag = |name: &str, default: bool| {
        before
            .data
            .get(name)
            .and_then(Value::as_bool)
            .unwrap_or(default)
    };
    let after = Event {
        data,
        ..before.clone()
    };
    let ignored = ["attendees", "status", "sequence"];
    let strip = |event: &Event| {
        let mut data = shared(event);
        data.retain(|name, _| !ignored.contains(&name.as_str()));
        data
    };
    let changed = strip(before) != strip(&after);
    if changed && !flag("guestsCanModify", false) {
        return Err(Failure::forbidden(
            "forbiddenForNonOrganizer",
            "Shared properties can only be changed by the organizer of the event.",
        )
        .domain("calendar"));
    }
    let private = |event: &Event| -> Vec<Option<Value>> {
        let mut all: Vec<_> = PRIVATE
            .iter()
            .map(|name| event.data.get(*name).cloned())
            .collect();
        all.push(
            event
                .data
                .get("extendedProperties")
                .and_then(|p| p.get("private"))
                .cloned(),
        );
        all
    };
    if private(before) != private(&after) {
        let mut own = before.clone();
        for name in PRIVATE {
            match after.data.get(name) {
                Some(value) => own.data.insert(name.to_owned(), value.clone()),
                None => own.data.remove(name),
            };
        }
        match after.data.get("extendedProperties") {
            Some(value) => own
                .data
                .insert("extendedProperties".to_owned(), value.clone()),
            None => own.data.remove("extendedProperties"),
        };
        own.save(tx, calendar_id);
    }
    if let Some((original_calendar, organizer, source)) = original(tx, before) {
        let mut target = source.clone();
        if changed {
            let kept: Map<String, Value> = source
                .data
                .iter()
                .filter(|(name, _)| !strip(before).contains_key(*name))
                .map(|(n, v)| (n.clone(), v.clone()))
                .collect();
            target.data = kept.into_iter().chain(strip(&after)).collect();
            for name in [
                "id",
                "recurringEventId",
                "originalStartTime",
                "organizer",
                "creator",
            ] {
                if let Some(value) = source.data.get(name) {
                    target.data.insert(name.to_owned(), value.clone());
                }
            }
        }
        answer(
            &mut target,
            &calendar.owner,
            after.attendees(),
            flag("guestsCanInviteOthers", true),
        );
        if target.data != source.data {
            let answered = target.response(&calendar.owner) != source.response(&calendar.owner);
            let target = target.save(tx, &original_calendar);
            let target = sync_copies(tx, &original_calendar, target);
            if answered {
                reply(tx, &target, &organizer, &calendar.owner, send);
            } else {
                notify(tx, &target, &organizer, send, Some(&source), Notice::Update);
            }
        }
    }
    event::load(tx, calendar_id, calendar, before.text("id"))
        .ok_or_else(|| Failure::not_found("Not Found"))
}

/// Takes over the guest's own entry of `given` and, if they may invite, guests who are new.
fn answer(target: &mut Event, guest: &str, given: &[Value], may_invite: bool) {
    let mut attendees = target.attendees().to_vec();
    for one in given {
        match attendees.iter_mut().find(|a| a["email"] == one["email"]) {
            Some(own) if one["email"] == guest => *own = one.clone(),
            None if may_invite => attendees.push(one.clone()),
            _ => {}
        }
    }
    if !attendees.is_empty() {
        target
            .data
            .insert("attendees".to_owned(), Value::Array(attendees));
    }
}

/// A guest deletes the copy: that declines.
pub(crate) fn leave(
    tx: &mut Tx<'_>,
    calendar_id: &str,
    calendar: &Calendar,
    before: &Event,
    send: Send,
) {
    let mut gone = before.clone();
    gone.data.insert("status".to_owned(), json!("cancelled"));
    if let Some(Value::Array(attendees)) = gone.data.get_mut("attendees") {
        decline(attendees, &calendar.owner);
    }
    gone.save(tx, calendar_id);
    for mut exception in event::exceptions(tx, calendar_id, before.text("id")) {
        exception
            .data
            .insert("status".to_owned(), json!("cancelled"));
        exception.save(tx, calendar_id);
    }
    if let Some((original_calendar, organizer, mut source)) = original(tx, before)
        && !source.is_cancelled()
    {
        if let Some(Value::Array(attendees)) = source.data.get_mut("attendees") {
            decline(attendees, &calendar.owner);
        }
        let source = source.save(tx, &original_calendar);
        let source = sync_copies(tx, &original_calendar, source);
        reply(tx, &source, &organizer, &calendar.owner, send);
    }
}

fn decline(attendees: &mut [Value], guest: &str) {
    for attendee in attendees.iter_mut().filter(|a| a["email"] == guest) {
        attendee["responseStatus"] = json!("declined");
    }
}
