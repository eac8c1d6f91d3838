//! What people see of an account's calendars on its page.

use jiff::SignedDuration;
use jiff::Timestamp;
use serde_json::Value;

use super::Calendar;
use super::event::{self, Event};
use super::moment::Moment;
use crate::google::service::{Item, Row, Section, Window};
use crate::google::world::{NOBODY, Tx};

pub(crate) const WINDOW: Window = Window {
    name: "calendar",
    section,
    item,
};

/// How many events the page shows.
const MOST: usize = 50;

/// Events from yesterday on, of all calendars, series one by one for four weeks.
fn section(tx: &Tx<'_>, account: &str) -> Section {
    let since = tx.now() - SignedDuration::from_hours(24);
    let until = tx.now() + SignedDuration::from_hours(24 * 28);
    let mut lines: Vec<(Timestamp, Row)> = Vec::new();
    for (id, calendar) in tx.list::<Calendar>(NOBODY) {
        if calendar.owner != account || calendar.deleted {
            continue;
        }
        let zone = calendar.zone();
        let all: Vec<_> = tx.list::<Event>(&id).into_iter().map(|(_, e)| e).collect();
        let mut add = |event: &Event| {
            if let Some((start, end)) = event.span(&zone)
                && end >= since
            {
                lines.push((start, row(&id, &calendar, event)));
            }
        };
        for event in all.iter().filter(|e| !e.is_cancelled()) {
            match event.series(&calendar) {
                None => add(event),
                Some(series) => series
                    .before(until)
                    .into_iter()
                    .map(|start| event.instance(start))
                    .filter(|i| !all.iter().any(|e| e.text("id") == i.text("id")))
                    .for_each(|instance| add(&instance)),
            }
        }
    }
    lines.sort_by_key(|(start, _)| *start);
    Section {
        title: "Calendar",
        empty: "No events from yesterday on.",
        columns: &["Event", "When", "Where", "Guests"],
        rows: lines.into_iter().take(MOST).map(|(_, row)| row).collect(),
    }
}

fn row(id: &str, calendar: &Calendar, event: &Event) -> Row {
    let guests: Vec<String> = event.attendees().iter().map(guest).collect();
    Row {
        cells: vec![
            title(event),
            when(event, calendar),
            event.text("location").to_owned(),
            guests.join(", "),
        ],
        item: Some(format!("{id}/{}", event.text("id"))),
        strong: false,
    }
}

fn title(event: &Event) -> String {
    let summary = event.text("summary");
    if summary.is_empty() {
        "(No title)".to_owned()
    } else {
        summary.to_owned()
    }
}

fn guest(attendee: &Value) -> String {
    let email = attendee["email"].as_str().unwrap_or("");
    match attendee["responseStatus"].as_str() {
        Some("accepted") => format!("{email} (yes)"),
        Some("declined") => format!("{email} (no)"),
        Some("tentative") => format!("{email} (maybe)"),
        _ => email.to_owned(),
    }
}

fn when(event: &Event, calendar: &Calendar) -> String {
    match (event.moment("start"), event.moment("end")) {
        (Some(Moment::Day(start)), Some(Moment::Day(end))) => match end.yesterday() {
            Ok(last) if last > start => format!(
                "{} – {}",
                start.strftime("%a %-d %b %Y"),
                last.strftime("%a %-d %b")
            ),
            _ => start.strftime("%a %-d %b %Y, all day").to_string(),
        },
        (Some(Moment::At(start)), Some(Moment::At(end))) => {
            let (start, end) = (
                start.to_zoned(calendar.zone()),
                end.to_zoned(calendar.zone()),
            );
            let until = if start.date() == end.date() {
                "%H:%M %Z"
            } else {
                "%a %-d %b %H:%M %Z"
            };
            format!(
                "{} – {}",
                start.strftime("%a %-d %b %Y %H:%M"),
                end.strftime(until)
            )
        }
        _ => String::new(),
    }
}

fn item(tx: &Tx<'_>, account: &str, id: &str) -> Option<Item> {
    let (calendar_id, event_id) = id.split_once('/')?;
    let calendar = tx
        .get::<Calendar>(NOBODY, calendar_id)
        .filter(|c| c.owner == account)?;
    let event = event::load(tx, calendar_id, &calendar, event_id)?;
    let mut facts = vec![
        ("When".to_owned(), when(&event, &calendar)),
        ("Calendar".to_owned(), calendar.summary.clone()),
        ("Status".to_owned(), event.text("status").to_owned()),
        ("Organizer".to_owned(), event.organizer().to_owned()),
    ];
    if !event.text("location").is_empty() {
        facts.push(("Where".to_owned(), event.text("location").to_owned()));
    }
    for attendee in event.attendees() {
        facts.push(("Guest".to_owned(), guest(attendee)));
    }
    let rules = event.data.get("recurrence").and_then(Value::as_array);
    for rule in rules.into_iter().flatten().filter_map(Value::as_str) {
        facts.push(("Repeats".to_owned(), rule.to_owned()));
    }
    facts.push(("Id".to_owned(), event.text("id").to_owned()));
    facts.push(("Etag".to_owned(), event.etag()));
    Some(Item {
        title: title(&event),
        facts,
        text: event.text("description").to_owned(),
    })
}
