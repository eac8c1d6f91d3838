//! One event: how it is kept, what a client may write into it, and how it is shown.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::moment::{self, Moment};
use super::recurrence::Series;
use super::{Calendar, etag};
use crate::google::accounts;
use crate::google::failure::Failure;
use crate::google::methods::METHODS;
use crate::google::world::{Document, Tx};

/// An event of a calendar. Kept under (calendar, event id).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Event {
    /// As on the wire, with times in UTC and without what depends on the viewer.
    pub(crate) data: Map<String, Value>,
    pub(crate) created: Timestamp,
    /// Last change that guests would notice: the wire's `updated`.
    pub(crate) updated: Timestamp,
    /// Last change of any kind: the etag.
    pub(crate) tick: Timestamp,
    pub(crate) change: u64,
    /// Of an original: who has a copy, and its id there.
    #[serde(default)]
    pub(crate) copies: BTreeMap<String, String>,
    /// Of a copy: `(calendar, event id)` of the original.
    #[serde(default)]
    pub(crate) origin: Option<(String, String)>,
    /// Occurrences that the series had before its times were changed, by instance id: a listing by
    /// sync token reports them as cancelled.
    #[serde(default)]
    pub(crate) former: BTreeMap<String, Value>,
}

impl Document for Event {
    const KIND: &'static str = "event";
}

/// What only the owner of a copy sees and sets.
pub(crate) const PRIVATE: [&str; 4] = ["reminders", "colorId", "transparency", "visibility"];

/// What a client can't set.
const READ_ONLY: [&str; 12] = [
    "kind",
    "etag",
    "htmlLink",
    "created",
    "updated",
    "creator",
    "organizer",
    "hangoutLink",
    "recurringEventId",
    "originalStartTime",
    "attendeesOmitted",
    "locked",
];

impl Event {
    pub(crate) fn new(tx: &Tx<'_>, data: Map<String, Value>) -> Self {
        let now = tx.now();
        Self {
            data,
            created: now,
            updated: now,
            tick: now,
            change: 0,
            copies: BTreeMap::new(),
            origin: None,
            former: BTreeMap::new(),
        }
    }

    /// A text member; empty if there is none.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.data.get(name).and_then(Value::as_str).unwrap_or("")
    }

    pub(crate) fn etag(&self) -> String {
        etag(self.tick)
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.text("status") == "cancelled"
    }

    pub(crate) fn is_series(&self) -> bool {
        self.data.contains_key("recurrence")
    }

    /// Id of the series this is an exception of; empty for others.
    pub(crate) fn series_id(&self) -> &str {
        self.text("recurringEventId")
    }

    pub(crate) fn organizer(&self) -> &str {
        self.data
            .get("organizer")
            .and_then(|o| o["email"].as_str())
            .unwrap_or("")
    }

    pub(crate) fn attendees(&self) -> &[Value] {
        self.data
            .get("attendees")
            .and_then(Value::as_array)
            .map_or(&[], Vec::as_slice)
    }

    /// What `email` answered, if invited.
    pub(crate) fn response(&self, email: &str) -> Option<&str> {
        let attendee = self.attendees().iter().find(|a| a["email"] == email)?;
        attendee["responseStatus"].as_str()
    }

    /// The moment kept as `name`: `start`, `end` or `originalStartTime`.
    pub(crate) fn moment(&self, name: &str) -> Option<Moment> {
        Moment::stored(self.data.get(name)?)
    }

    /// Start and end as instants; days are those of `zone`.
    pub(crate) fn span(&self, zone: &TimeZone) -> Option<(Timestamp, Timestamp)> {
        Some((
            self.moment("start")?.instant(zone),
            self.moment("end")?.instant(zone),
        ))
    }

    /// The series, if it is one.
    pub(crate) fn series(&self, calendar: &Calendar) -> Option<Series> {
        series(&self.data, calendar).ok().flatten()
    }

    /// The occurrence that begins at `start`, as an event of its own.
    pub(crate) fn instance(&self, start: Moment) -> Self {
        let mut instance = self.clone();
        let id = format!("{}_{}", self.text("id"), start.stamp());
        let data = &mut instance.data;
        data.remove("recurrence");
        let time_zone = |name: &str| {
            self.data
                .get(name)
                .and_then(|m| m["timeZone"].as_str())
                .map(str::to_owned)
        };
        if let (Some(first), Some(end)) = (self.moment("start"), self.moment("end")) {
            data.insert(
                "end".to_owned(),
                end.shifted(first, start).store(time_zone("end").as_deref()),
            );
        }
        data.insert(
            "start".to_owned(),
            start.store(time_zone("start").as_deref()),
        );
        data.insert(
            "originalStartTime".to_owned(),
            start.store(time_zone("start").as_deref()),
        );
        data.insert("recurringEventId".to_owned(), json!(self.text("id")));
        data.insert("id".to_owned(), json!(id));
        if let Some((_, original)) = &mut instance.origin {
            *original = format!("{original}_{}", start.stamp());
        }
        instance.copies.clear();
        instance.former.clear();
        instance
    }

    /// As the owner of `calendar` sees it. `zone` is that of the answer.
    pub(crate) fn show(&self, viewer: &Viewer<'_>) -> Value {
        let mut out = Map::new();
        out.insert("kind".to_owned(), json!("calendar#event"));
        out.insert("etag".to_owned(), json!(self.etag()));
        if self.is_cancelled() && !self.series_id().is_empty() {
            // Of a cancelled exception nothing else is guaranteed.
            for name in ["id", "status", "recurringEventId", "originalStartTime"] {
                if let Some(value) = self.data.get(name) {
                    out.insert(
                        name.to_owned(),
                        moment::show(value, &viewer.zone, &viewer.calendar.time_zone),
                    );
                }
            }
            return Value::Object(out);
        }
        for (name, value) in &self.data {
            let value = match name.as_str() {
                "start" | "end" | "originalStartTime" => {
                    moment::show(value, &viewer.zone, &viewer.calendar.time_zone)
                }
                "organizer" | "creator" => with_self(value, viewer),
                "attendees" => {
                    let (shown, omitted) = viewer.attendees(self);
                    if omitted {
                        out.insert("attendeesOmitted".to_owned(), json!(true));
                    }
                    shown
                }
                _ => value.clone(),
            };
            out.insert(name.clone(), value);
        }
        let link = format!(
            "{}accounts/{}/calendar/{}%2F{}",
            viewer.base,
            viewer.calendar.owner,
            viewer.id,
            self.text("id")
        );
        out.insert("htmlLink".to_owned(), json!(link));
        out.insert("created".to_owned(), json!(moment::shown_ms(self.created)));
        out.insert("updated".to_owned(), json!(moment::shown_ms(self.updated)));
        Value::Object(out)
    }

    /// Writes it: a new etag and, unless only reminders changed, a new `updated`.
    pub(crate) fn save(mut self, tx: &mut Tx<'_>, calendar: &str) -> Self {
        let id = self.text("id").to_owned();
        self.tick = tx.tick();
        self.change = tx.next_change();
        let only_reminders = tx.get::<Self>(calendar, &id).is_some_and(|before| {
            let mut data = before.data.clone();
            match self.data.get("reminders") {
                Some(reminders) => data.insert("reminders".to_owned(), reminders.clone()),
                None => data.remove("reminders"),
            };
            before.data.get("reminders") != self.data.get("reminders") && data == self.data
        });
        if !only_reminders {
            self.updated = self.tick;
        }
        tx.put(calendar, &id, self.clone());
        self
    }
}

/// Who looks at an event, and how.
pub(crate) struct Viewer<'v> {
    pub(crate) calendar: &'v Calendar,
    /// Id of the calendar.
    pub(crate) id: &'v str,
    pub(crate) zone: TimeZone,
    pub(crate) base: &'v url::Url,
    pub(crate) max_attendees: Option<usize>,
}

impl Viewer<'_> {
    fn is_self(&self, email: &Value) -> bool {
        email
            .as_str()
            .is_some_and(|email| email == self.calendar.owner || email == self.id)
    }

    fn attendees(&self, event: &Event) -> (Value, bool) {
        let mut shown = Vec::new();
        for attendee in event.attendees() {
            let mut attendee = attendee.clone();
            if attendee["email"] == event.organizer() {
                attendee["organizer"] = json!(true);
            }
            if self.is_self(&attendee["email"]) {
                attendee["self"] = json!(true);
            }
            shown.push(attendee);
        }
        let omitted = self.max_attendees.is_some_and(|most| shown.len() > most);
        if omitted {
            shown.retain(|a| a["self"] == true);
        }
        (Value::Array(shown), omitted)
    }
}

fn with_self(person: &Value, viewer: &Viewer<'_>) -> Value {
    let mut person = person.clone();
    if viewer.is_self(&person["email"]) {
        person["self"] = json!(true);
    }
    person
}

/// The series of an event's data, if it has one.
fn series(data: &Map<String, Value>, calendar: &Calendar) -> Result<Option<Series>, Failure> {
    let Some(lines) = data.get("recurrence").and_then(Value::as_array) else {
        return Ok(None);
    };
    let Some(start) = data.get("start").and_then(Moment::stored) else {
        return Ok(None);
    };
    let zone = data
        .get("start")
        .and_then(|s| s["timeZone"].as_str())
        .and_then(|name| TimeZone::get(name).ok())
        .unwrap_or_else(|| calendar.zone());
    Series::parse(start, &zone, lines.iter().filter_map(Value::as_str))
        .map(Some)
        .map_err(|_| Failure::invalid("Invalid recurrence rule."))
}

/// What a client sent (or what a patch made of it), checked and in the form that is kept. Members
/// that it can't set are left out; so are those that Google doesn't know.
pub(crate) fn read(
    given: Map<String, Value>,
    calendar: &Calendar,
) -> Result<Map<String, Value>, Failure> {
    let schema = METHODS.schema("calendar", "Event");
    let mut data: Map<String, Value> = given
        .into_iter()
        .filter(|(name, value)| {
            !value.is_null()
                && !READ_ONLY.contains(&name.as_str())
                && schema.is_some_and(|schema| schema.contains_key(name))
        })
        .collect();
    for (name, which) in [("start", "start"), ("end", "end")] {
        let moment = moment::read(data.get(name), which)?;
        data.insert(name.to_owned(), moment);
    }
    let (start, end) = (
        data.get("start").and_then(Moment::stored),
        data.get("end").and_then(Moment::stored),
    );
    match (start, end) {
        (Some(Moment::At(start)), Some(Moment::At(end))) if start <= end => {}
        (Some(Moment::Day(start)), Some(Moment::Day(end))) if start <= end => {}
        (Some(Moment::At(_)), Some(Moment::Day(_)))
        | (Some(Moment::Day(_)), Some(Moment::At(_))) => {
            return Err(Failure::invalid(
                "Start and end times must either both be date or both be dateTime.",
            ));
        }
        _ => {
            return Err(Failure::new(
                http::StatusCode::BAD_REQUEST,
                "timeRangeEmpty",
                "The specified time range is empty.",
            )
            .domain("calendar"));
        }
    }
    if data
        .get("recurrence")
        .and_then(Value::as_array)
        .is_some_and(Vec::is_empty)
    {
        data.remove("recurrence");
    }
    if data.contains_key("recurrence") {
        if matches!(start, Some(Moment::At(_))) && data["start"].get("timeZone").is_none() {
            return Err(Failure::required(
                "Missing time zone definition for start time.",
            ));
        }
        series(&data, calendar)?;
    }
    for name in ["start", "end"] {
        if let Some(Value::Object(moment)) = data.get_mut(name)
            && moment.contains_key("dateTime")
        {
            moment
                .entry("timeZone")
                .or_insert_with(|| json!(calendar.time_zone));
        }
    }
    for (name, choices) in [
        ("status", ["confirmed", "tentative", "cancelled", ""]),
        ("transparency", ["opaque", "transparent", "", ""]),
        (
            "visibility",
            ["default", "public", "private", "confidential"],
        ),
    ] {
        if data.get(name).is_some_and(|v| {
            !v.as_str()
                .is_some_and(|v| !v.is_empty() && choices.contains(&v))
        }) {
            return Err(Failure::invalid("Invalid Value").at_parameter(name));
        }
    }
    if data.get("colorId").is_some_and(|v| {
        !v.as_str()
            .and_then(|v| v.parse().ok())
            .is_some_and(|n: u8| (1..=11).contains(&n))
    }) {
        return Err(Failure::invalid("Invalid Value").at_parameter("colorId"));
    }
    if let Some(attendees) = data.remove("attendees") {
        let attendees = read_attendees(attendees, calendar)?;
        if !attendees.is_empty() {
            data.insert("attendees".to_owned(), Value::Array(attendees));
        }
    }
    data.entry("status").or_insert_with(|| json!("confirmed"));
    data.entry("eventType").or_insert_with(|| json!("default"));
    data.entry("reminders")
        .or_insert_with(|| json!({"useDefault": true}));
    data.entry("sequence").or_insert_with(|| json!(0));
    Ok(data)
}

fn read_attendees(given: Value, calendar: &Calendar) -> Result<Vec<Value>, Failure> {
    let Value::Array(given) = given else {
        return Err(Failure::invalid("Invalid attendees."));
    };
    let mut attendees: Vec<Value> = Vec::new();
    for attendee in given {
        let Value::Object(mut attendee) = attendee else {
            return Err(Failure::invalid("Invalid attendees."));
        };
        let email = attendee.get("email").and_then(Value::as_str).unwrap_or("");
        if email.is_empty() {
            return Err(Failure::required("Missing attendee email."));
        }
        let email = accounts::normalized(email)
            .ok_or_else(|| Failure::invalid("Invalid attendee email."))?;
        for name in ["self", "organizer", "resource", "id"] {
            attendee.remove(name);
        }
        let own = email == calendar.owner;
        let status = attendee
            .entry("responseStatus")
            .or_insert_with(|| json!(if own { "accepted" } else { "needsAction" }));
        if !["needsAction", "declined", "tentative", "accepted"]
            .iter()
            .any(|s| status == s)
        {
            return Err(Failure::invalid("Invalid Value").at_parameter("responseStatus"));
        }
        attendee.insert("email".to_owned(), json!(email));
        if !attendees.iter().any(|a| a["email"] == email) {
            attendees.push(Value::Object(attendee));
        }
    }
    Ok(attendees)
}

/// Patch semantics: given members replace, null removes, objects merge, lists are replaced whole.
pub(crate) fn merge(into: &mut Map<String, Value>, patch: Map<String, Value>) {
    for (name, value) in patch {
        match (into.get_mut(&name), value) {
            (_, Value::Null) => {
                into.remove(&name);
            }
            (Some(Value::Object(before)), Value::Object(patch)) => merge(before, patch),
            (_, Value::Object(patch)) => {
                let mut fresh = Map::new();
                merge(&mut fresh, patch);
                into.insert(name, Value::Object(fresh));
            }
            (_, value) => {
                into.insert(name, value);
            }
        }
    }
}

/// The event `id` of a calendar: a kept one, or an occurrence of a series that is no exception.
pub(crate) fn load(tx: &Tx<'_>, calendar_id: &str, calendar: &Calendar, id: &str) -> Option<Event> {
    if let Some(event) = tx.get::<Event>(calendar_id, id) {
        return Some(Event::clone(&event));
    }
    let (series_id, stamp) = id.rsplit_once('_')?;
    let start = Moment::from_stamp(stamp)?;
    let master = tx.get::<Event>(calendar_id, series_id)?;
    master
        .series(calendar)?
        .has(start)
        .then(|| master.instance(start))
}

/// The exceptions of a series, cancelled ones too.
pub(crate) fn exceptions(tx: &Tx<'_>, calendar_id: &str, series_id: &str) -> Vec<Event> {
    let of = |event: &Event| !series_id.is_empty() && event.series_id() == series_id;
    tx.list::<Event>(calendar_id)
        .iter()
        .filter(|(_, e)| of(e))
        .map(|(_, e)| Event::clone(e))
        .collect()
}
