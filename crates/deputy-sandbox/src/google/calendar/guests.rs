//! Guests: their copies of an event, their answers, and the mails about it.
//!
//! The organizer's event is the original. Every guest with an account has a copy in the primary
//! calendar with the same id; what is shared follows the original, what is private to the guest
//! ([`PRIVATE`]) stays. A guest who answers changes the original, and through it everybody's copy.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use mail_builder::MessageBuilder;
use mail_builder::headers::address::Address;
use mail_builder::mime::MimePart;
use serde_json::{Map, Value, json};

use super::event::{self, Event, PRIVATE};
use super::moment::Moment;
use super::Calendar;
use crate::google::accounts::{self, Account};
use crate::google::call::Params;
use crate::google::failure::Failure;
use crate::google::service;
use crate::google::world::{NOBODY, Tx};

/// Who gets mail about a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Send {
    All,
    /// Guests who don't use Google Calendar.
    External,
    None,
}

impl Send {
    /// `sendUpdates`, or the older `sendNotifications`. Google's default is nobody.
    pub(crate) fn of(params: &Params) -> Result<Self, Failure> {
        match params.get("sendUpdates") {
            Some("all") => Ok(Self::All),
            Some("externalOnly") => Ok(Self::External),
            None if params.flag("sendNotifications") => Ok(Self::All),
            Some("none") | None => Ok(Self::None),
            Some(_) => Err(Failure::invalid("Invalid Value").at_parameter("sendUpdates")),
        }
    }
}

/// What a mail is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    Invitation,
    Update,
    Cancellation,
}

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
    let owner = tx.get::<Calendar>(NOBODY, calendar_id).map(|c| c.owner.clone()).unwrap_or_default();
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
        let (id, series_id) = match series.as_ref().and_then(|s| Some((s, s.copies.get(email)?))) {
            Some((series, series_copy)) => {
                let suffix = event.text("id").strip_prefix(series.text("id")).unwrap_or("");
                (format!("{series_copy}{suffix}"), Some(series_copy.clone()))
            }
            None => (event.copies.get(email).cloned().unwrap_or_else(|| free_id(tx, email, &origin)), None),
        };
        let invited = guests.contains(email);
        copy(tx, email, &id, series_id.as_deref(), &event, &origin, invited);
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
        Some(other) if other.origin.as_ref() != Some(origin) => tx.random_id("0123456789abcdefghijklmnopqrstuv", 26),
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
            let mut private: Map<String, Value> =
                PRIVATE.iter().filter_map(|n| Some(((*n).to_owned(), there.data.get(*n)?.clone()))).collect();
            if let Some(own) = there.data.get("extendedProperties").and_then(|p| p.get("private")) {
                let properties = data.entry("extendedProperties").or_insert_with(|| json!({}));
                properties["private"] = own.clone();
            }
            private.entry("reminders").or_insert_with(|| json!({"useDefault": true}));
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
    let mut copy = there.as_ref().map_or_else(|| Event::new(tx, Map::new()), |there| Event::clone(there));
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
            copy.data.insert("organizer".to_owned(), json!({"email": calendar_id}));
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
    before: Event,
    data: Map<String, Value>,
    send: Send,
) -> Result<Event, Failure> {
    let flag = |name: &str, default: bool| before.data.get(name).and_then(Value::as_bool).unwrap_or(default);
    let after = Event { data, ..before.clone() };
    let ignored = ["attendees", "status", "sequence"];
    let strip = |event: &Event| {
        let mut data = shared(event);
        data.retain(|name, _| !ignored.contains(&name.as_str()));
        data
    };
    let changed = strip(&before) != strip(&after);
    if changed && !flag("guestsCanModify", false) {
        return Err(Failure::forbidden(
            "forbiddenForNonOrganizer",
            "Shared properties can only be changed by the organizer of the event.",
        )
        .domain("calendar"));
    }
    let private = |event: &Event| -> Vec<Option<Value>> {
        let mut all: Vec<_> = PRIVATE.iter().map(|name| event.data.get(*name).cloned()).collect();
        all.push(event.data.get("extendedProperties").and_then(|p| p.get("private")).cloned());
        all
    };
    if private(&before) != private(&after) {
        let mut own = before.clone();
        for name in PRIVATE {
            match after.data.get(name) {
                Some(value) => own.data.insert(name.to_owned(), value.clone()),
                None => own.data.remove(name),
            };
        }
        match after.data.get("extendedProperties") {
            Some(value) => own.data.insert("extendedProperties".to_owned(), value.clone()),
            None => own.data.remove("extendedProperties"),
        };
        own.save(tx, calendar_id);
    }
    if let Some((original_calendar, organizer, source)) = original(tx, &before) {
        let mut target = source.clone();
        if changed {
            let kept: Map<String, Value> = source.data.iter().filter(|(name, _)| !strip(&before).contains_key(*name)).map(|(n, v)| (n.clone(), v.clone())).collect();
            target.data = kept.into_iter().chain(strip(&after)).collect();
            for name in ["id", "recurringEventId", "originalStartTime", "organizer", "creator"] {
                if let Some(value) = source.data.get(name) {
                    target.data.insert(name.to_owned(), value.clone());
                }
            }
        }
        answer(&mut target, &calendar.owner, after.attendees(), flag("guestsCanInviteOthers", true));
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
    event::load(tx, calendar_id, calendar, before.text("id")).ok_or_else(|| Failure::not_found("Not Found"))
}

/// Takes over the guest's own entry of `given` and, if they may invite, guests who are new.
fn answer(target: &mut Event, guest: &str, given: &[Value], may_invite: bool) {
    let mut attendees = target.attendees().to_vec();
    for one in given {
        match attendees.iter_mut().find(|a| a["email"] == one["email"]) {
            Some(own) if one["email"] == guest => *own = one.clone(),
            Some(_) => {}
            None if may_invite => attendees.push(one.clone()),
            None => {}
        }
    }
    if !attendees.is_empty() {
        target.data.insert("attendees".to_owned(), Value::Array(attendees));
    }
}

/// A guest deletes the copy: that declines.
pub(crate) fn leave(tx: &mut Tx<'_>, calendar_id: &str, calendar: &Calendar, before: Event, send: Send) {
    let mut gone = before.clone();
    gone.data.insert("status".to_owned(), json!("cancelled"));
    if let Some(Value::Array(attendees)) = gone.data.get_mut("attendees") {
        decline(attendees, &calendar.owner);
    }
    gone.save(tx, calendar_id);
    for mut exception in event::exceptions(tx, calendar_id, before.text("id")) {
        exception.data.insert("status".to_owned(), json!("cancelled"));
        exception.save(tx, calendar_id);
    }
    if let Some((original_calendar, organizer, mut source)) = original(tx, &before)
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

/// Mails the guests about the organizer's change.
pub(crate) fn notify(
    tx: &mut Tx<'_>,
    event: &Event,
    calendar: &Calendar,
    send: Send,
    before: Option<&Event>,
    notice: Notice,
) {
    let emails = |event: &Event| -> BTreeSet<String> {
        let all = event.attendees().iter().filter_map(|a| a["email"].as_str());
        all.filter(|email| *email != calendar.owner).map(str::to_owned).collect()
    };
    let now = emails(event);
    let was = before.map(&emails).unwrap_or_default();
    for email in now.union(&was) {
        let external = !accounts::exists(tx, email);
        if send == Send::None || (send == Send::External && !external) {
            continue;
        }
        let notice = match (notice, now.contains(email), was.contains(email)) {
            (Notice::Update, true, false) => Notice::Invitation,
            (Notice::Update, false, _) => Notice::Cancellation,
            (notice, _, _) => notice,
        };
        let (word, method) = match notice {
            Notice::Invitation => ("Invitation", "REQUEST"),
            Notice::Update => ("Updated invitation", "REQUEST"),
            Notice::Cancellation => ("Canceled event", "CANCEL"),
        };
        mail(tx, event, calendar, &Mail { from: &calendar.owner, to: email, word, method, answer: None });
    }
}

/// Mails the organizer what a guest answered.
fn reply(tx: &mut Tx<'_>, event: &Event, organizer: &Calendar, guest: &str, send: Send) {
    if send == Send::None || (send == Send::External && accounts::exists(tx, &organizer.owner)) {
        return;
    }
    let answer = event.response(guest).unwrap_or("needsAction").to_owned();
    let word = match answer.as_str() {
        "accepted" => "Accepted",
        "declined" => "Declined",
        "tentative" => "Tentatively Accepted",
        _ => return,
    };
    let mail_to = Mail { from: guest, to: &organizer.owner, word, method: "REPLY", answer: Some(&answer) };
    mail(tx, event, organizer, &mail_to);
}

struct Mail<'m> {
    from: &'m str,
    to: &'m str,
    word: &'m str,
    method: &'m str,
    answer: Option<&'m str>,
}

fn mail(tx: &mut Tx<'_>, event: &Event, calendar: &Calendar, mail: &Mail<'_>) {
    let name = |email: &str| tx.get::<Account>(email, "").map_or_else(|| email.to_owned(), |a| a.name.clone());
    let summary = if event.text("summary").is_empty() { "(No title)" } else { event.text("summary") };
    let when = when(event, calendar);
    let subject = format!("{}: {summary} @ {when} ({})", mail.word, mail.to);
    let text = format!(
        "{}: {summary}\r\nWhen: {when}\r\nWhere: {}\r\nOrganizer: {}\r\n\r\n{}\r\n",
        mail.word,
        event.text("location"),
        event.organizer(),
        event.text("description"),
    );
    let body = MimePart::new(
        "multipart/alternative",
        vec![
            MimePart::new("text/plain", text),
            MimePart::new(
                format!("text/calendar; charset=utf-8; method={}", mail.method),
                calendar_file(event, calendar, mail),
            ),
        ],
    );
    let raw = MessageBuilder::new()
        .from(Address::new_address(Some(name(mail.from)), mail.from.to_owned()))
        .sender(Address::new_address(Some("Google Calendar"), "calendar-notification@google.com"))
        .to(mail.to.to_owned())
        .subject(subject)
        .date(tx.now().as_second())
        .message_id(format!("calendar-{}@google.com", tx.random_id("0123456789abcdef", 24)))
        .body(body)
        .write_to_vec();
    match raw {
        Ok(raw) => service::deliver(tx, mail.from, &[mail.to.to_owned()], &raw),
        Err(error) => tracing::warn!(%error, "an invitation can't be written"),
    }
}

fn when(event: &Event, calendar: &Calendar) -> String {
    let zone = calendar.zone();
    match (event.moment("start"), event.moment("end")) {
        (Some(Moment::Day(day)), _) => day.strftime("%a %b %-d, %Y").to_string(),
        (Some(Moment::At(start)), Some(Moment::At(end))) => {
            let (start, end) = (start.to_zoned(zone.clone()), end.to_zoned(zone));
            format!("{} - {}", start.strftime("%a %b %-d, %Y %H:%M"), end.strftime("%H:%M (%Z)"))
        }
        _ => String::new(),
    }
}

/// The event as iCalendar (RFC 5545, iTIP method of the mail).
fn calendar_file(event: &Event, calendar: &Calendar, mail: &Mail<'_>) -> String {
    let escaped = |text: &str| text.replace('\\', "\\\\").replace(';', "\\;").replace(',', "\\,").replace('\n', "\\n").replace('\r', "");
    let mut lines = vec![
        "BEGIN:VCALENDAR".to_owned(),
        "PRODID:-//Google Inc//Google Calendar 70.9054//EN".to_owned(),
        "VERSION:2.0".to_owned(),
        "CALSCALE:GREGORIAN".to_owned(),
        format!("METHOD:{}", mail.method),
        "BEGIN:VEVENT".to_owned(),
    ];
    for (name, member) in [("DTSTART", "start"), ("DTEND", "end"), ("RECURRENCE-ID", "originalStartTime")] {
        match event.moment(member) {
            Some(Moment::Day(day)) => lines.push(format!("{name};VALUE=DATE:{}", day.strftime("%Y%m%d"))),
            Some(Moment::At(at)) => match event.data[member]["timeZone"].as_str().filter(|_| event.is_series()) {
                Some(zone) => {
                    let local = at.to_zoned(TimeZone::get(zone).unwrap_or_else(|_| calendar.zone()));
                    lines.push(format!("{name};TZID={zone}:{}", local.strftime("%Y%m%dT%H%M%S")));
                }
                None => lines.push(format!("{name}:{}", at.strftime("%Y%m%dT%H%M%SZ"))),
            },
            None => {}
        }
    }
    let rules = event.data.get("recurrence").and_then(Value::as_array);
    lines.extend(rules.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
    lines.push(format!("DTSTAMP:{}", event.updated.strftime("%Y%m%dT%H%M%SZ")));
    lines.push(format!("ORGANIZER;CN={0}:mailto:{0}", event.organizer()));
    lines.push(format!("UID:{}", event.text("iCalUID")));
    for attendee in event.attendees() {
        let email = attendee["email"].as_str().unwrap_or("");
        if mail.answer.is_some() && email != mail.from {
            continue;
        }
        let status = match attendee["responseStatus"].as_str() {
            Some("accepted") => "ACCEPTED",
            Some("declined") => "DECLINED",
            Some("tentative") => "TENTATIVE",
            _ => "NEEDS-ACTION",
        };
        lines.push(format!("ATTENDEE;PARTSTAT={status};RSVP=TRUE;CN={email}:mailto:{email}"));
    }
    for (name, member) in [("SUMMARY", "summary"), ("DESCRIPTION", "description"), ("LOCATION", "location")] {
        lines.push(format!("{name}:{}", escaped(event.text(member))));
    }
    lines.push(format!("SEQUENCE:{}", event.data.get("sequence").and_then(Value::as_i64).unwrap_or(0)));
    lines.push(format!("STATUS:{}", event.text("status").to_uppercase()));
    lines.extend(["END:VEVENT".to_owned(), "END:VCALENDAR".to_owned(), String::new()]);
    lines.iter().map(|line| folded(line)).collect::<Vec<_>>().join("\r\n")
}

/// Lines of at most 75 octets (RFC 5545, 3.1).
fn folded(line: &str) -> String {
    let mut out = String::new();
    let mut length = 0;
    for c in line.chars() {
        if length + c.len_utf8() > 74 {
            out.push_str("\r\n ");
            length = 1;
        }
        out.push(c);
        length += c.len_utf8();
    }
    out
}
