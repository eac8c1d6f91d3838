//! Mails about events: invitations, changes, cancellations, answers.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use mail_builder::MessageBuilder;
use mail_builder::headers::address::Address;
use mail_builder::mime::MimePart;
use serde_json::Value;

use super::Calendar;
use super::event::Event;
use super::moment::Moment;
use crate::google::accounts::{self, Account};
use crate::google::call::Params;
use crate::google::failure::Failure;
use crate::google::service;
use crate::google::world::Tx;

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
        all.filter(|email| *email != calendar.owner)
            .map(str::to_owned)
            .collect()
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
        mail(
            tx,
            event,
            calendar,
            &Mail {
                from: &calendar.owner,
                to: email,
                word,
                method,
                answer: None,
            },
        );
    }
}

/// Mails the organizer what a guest answered.
pub(crate) fn reply(tx: &mut Tx<'_>, event: &Event, organizer: &Calendar, guest: &str, send: Send) {
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
    let mail_to = Mail {
        from: guest,
        to: &organizer.owner,
        word,
        method: "REPLY",
        answer: Some(&answer),
    };
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
    let name = |email: &str| {
        tx.get::<Account>(email, "")
            .map_or_else(|| email.to_owned(), |a| a.name.clone())
    };
    let summary = if event.text("summary").is_empty() {
        "(No title)"
    } else {
        event.text("summary")
    };
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
        .from(Address::new_address(
            Some(name(mail.from)),
            mail.from.to_owned(),
        ))
        .sender(Address::new_address(
            Some("Google Calendar"),
            "calendar-notification@google.com",
        ))
        .to(mail.to.to_owned())
        .subject(subject)
        .date(tx.now().as_second())
        .message_id(format!(
            "calendar-{}@google.com",
            tx.random_id("0123456789abcdef", 24)
        ))
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
            format!(
                "{} - {}",
                start.strftime("%a %b %-d, %Y %H:%M"),
                end.strftime("%H:%M (%Z)")
            )
        }
        _ => String::new(),
    }
}

/// The event as iCalendar (RFC 5545, iTIP method of the mail).
fn calendar_file(event: &Event, calendar: &Calendar, mail: &Mail<'_>) -> String {
    let escaped = |text: &str| {
        text.replace('\\', "\\\\")
            .replace(';', "\\;")
            .replace(',', "\\,")
            .replace('\n', "\\n")
            .replace('\r', "")
    };
    let mut lines = vec![
        "BEGIN:VCALENDAR".to_owned(),
        "PRODID:-//Google Inc//Google Calendar 70.9054//EN".to_owned(),
        "VERSION:2.0".to_owned(),
        "CALSCALE:GREGORIAN".to_owned(),
        format!("METHOD:{}", mail.method),
        "BEGIN:VEVENT".to_owned(),
    ];
    for (name, member) in [
        ("DTSTART", "start"),
        ("DTEND", "end"),
        ("RECURRENCE-ID", "originalStartTime"),
    ] {
        match event.moment(member) {
            Some(Moment::Day(day)) => {
                lines.push(format!("{name};VALUE=DATE:{}", day.strftime("%Y%m%d")));
            }
            Some(Moment::At(at)) => match event.data[member]["timeZone"]
                .as_str()
                .filter(|_| event.is_series())
            {
                Some(zone) => {
                    let local =
                        at.to_zoned(TimeZone::get(zone).unwrap_or_else(|_| calendar.zone()));
                    lines.push(format!(
                        "{name};TZID={zone}:{}",
                        local.strftime("%Y%m%dT%H%M%S")
                    ));
                }
                None => lines.push(format!("{name}:{}", at.strftime("%Y%m%dT%H%M%SZ"))),
            },
            None => {}
        }
    }
    let rules = event.data.get("recurrence").and_then(Value::as_array);
    lines.extend(
        rules
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned),
    );
    lines.push(format!(
        "DTSTAMP:{}",
        event.updated.strftime("%Y%m%dT%H%M%SZ")
    ));
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
        lines.push(format!(
            "ATTENDEE;PARTSTAT={status};RSVP=TRUE;CN={email}:mailto:{email}"
        ));
    }
    for (name, member) in [
        ("SUMMARY", "summary"),
        ("DESCRIPTION", "description"),
        ("LOCATION", "location"),
    ] {
        lines.push(format!("{name}:{}", escaped(event.text(member))));
    }
    lines.push(format!(
        "SEQUENCE:{}",
        event
            .data
            .get("sequence")
            .and_then(Value::as_i64)
            .unwrap_or(0)
    ));
    lines.push(format!("STATUS:{}", event.text("status").to_uppercase()));
    lines.extend([
        "END:VEVENT".to_owned(),
        "END:VCALENDAR".to_owned(),
        String::new(),
    ]);
    lines
        .iter()
        .map(|line| folded(line))
        .collect::<Vec<_>>()
        .join("\r\n")
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
