//! Calendar: calendars, events and free/busy (developers.google.com/workspace/calendar/api/v3/reference).
//!
//! An event is kept as it is on the wire, except that its times are instants in UTC and that what
//! depends on who looks (`self`, `htmlLink`, `etag`) is put in when it is shown. A guest who has an
//! account has a copy of the event in the primary calendar; the organizer's is the original, and
//! [`guests`] keeps the copies like it.

mod calendars;
mod event;
mod freebusy;
mod guests;
mod listing;
mod mail;
mod moment;
mod recurrence;
mod token;
mod window;
mod writes;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::accounts::Account;
use super::call::Call;
use super::failure::Failure;
use super::service::{Quota, Service};
use super::world::{Document, NOBODY, Tx};

/// The Calendar API.
pub(crate) static SERVICE: Service = Service {
    changed: Some(calendars::account_changed),
    expire: Some(token::expire),
    window: Some(window::WINDOW),
    quota: Some(Quota {
        api: "calendar",
        per_minute: 600,
        cost: |_| 1,
    }),
    ..Service::new(
        &[
            ("calendar.calendarList.list", calendars::list),
            ("calendar.calendarList.get", calendars::list_get),
            ("calendar.calendarList.patch", calendars::list_patch),
            ("calendar.calendars.get", calendars::get),
            ("calendar.calendars.insert", calendars::insert),
            ("calendar.calendars.patch", calendars::patch),
            ("calendar.calendars.update", calendars::update),
            ("calendar.calendars.delete", calendars::delete),
            ("calendar.calendars.clear", calendars::clear),
            ("calendar.settings.list", calendars::settings),
            ("calendar.settings.get", calendars::setting),
            ("calendar.colors.get", calendars::colors),
            ("calendar.events.list", listing::list),
            ("calendar.events.instances", listing::instances),
            ("calendar.events.get", listing::get),
            ("calendar.events.insert", writes::insert),
            ("calendar.events.import", writes::import),
            ("calendar.events.quickAdd", writes::quick_add),
            ("calendar.events.patch", writes::patch),
            ("calendar.events.update", writes::update),
            ("calendar.events.delete", writes::delete),
            ("calendar.events.move", writes::relocate),
            ("calendar.freebusy.query", freebusy::query),
        ],
        provision,
    )
};

/// A calendar. Kept under ("", id); the id of a primary calendar is its owner's address.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Calendar {
    pub(crate) owner: String,
    pub(crate) summary: String,
    #[serde(default)]
    pub(crate) description: Option<String>,
    #[serde(default)]
    pub(crate) location: Option<String>,
    /// IANA name.
    pub(crate) time_zone: String,
    /// What the owner made of it in the list: colours, `hidden`, `summaryOverride`.
    #[serde(default)]
    pub(crate) entry: serde_json::Map<String, serde_json::Value>,
    #[serde(default)]
    pub(crate) deleted: bool,
    pub(crate) tick: jiff::Timestamp,
    pub(crate) change: u64,
}

impl Document for Calendar {
    const KIND: &'static str = "calendar";
}

impl Calendar {
    pub(crate) fn zone(&self) -> TimeZone {
        TimeZone::get(&self.time_zone).unwrap_or(TimeZone::UTC)
    }
}

/// The etag of what was last changed at `tick`: twice its microseconds, as Google's are.
pub(crate) fn etag(tick: jiff::Timestamp) -> String {
    format!("\"{}\"", tick.as_microsecond() * 2)
}

fn provision(tx: &mut Tx<'_>, account: &str) {
    let time_zone = tx
        .get::<Account>(account, "")
        .map_or_else(|| "UTC".to_owned(), |a| a.time_zone.clone());
    let calendar = Calendar {
        owner: account.to_owned(),
        summary: account.to_owned(),
        description: None,
        location: None,
        time_zone,
        entry: serde_json::Map::new(),
        deleted: false,
        tick: tx.tick(),
        change: tx.next_change(),
    };
    tx.put(NOBODY, account, calendar);
}

/// The calendar that a request is about, if it is the caller's: 404 for everybody else's.
fn resolve(call: &Call<'_, '_>) -> Result<(String, Calendar), Failure> {
    own(call.tx, &call.account, call.params.path("calendarId"))
}

/// The calendar `id` (`primary` is an alias) of `account`.
fn own(tx: &Tx<'_>, account: &str, id: &str) -> Result<(String, Calendar), Failure> {
    let id = if id == "primary" {
        account.to_owned()
    } else {
        id.to_lowercase()
    };
    match tx.get::<Calendar>(NOBODY, &id) {
        Some(calendar) if calendar.owner == account && !calendar.deleted => {
            Ok((id, Calendar::clone(&calendar)))
        }
        _ => Err(Failure::not_found("Not Found")),
    }
}
