//! `find_free_busy`.

use std::collections::BTreeMap;

use http::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::range::{Bounds, Unreadable};
use super::wire;
use crate::call::Call;
use crate::client::Api;
use crate::error::ToolError;

/// Google answers for so many calendars at a time (freebusy.query, `calendarExpansionMax`).
const CALENDARS_MAX: usize = 50;

/// When people are busy.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FindFreeBusy {
    /// From: "2026-02-13T00:00:00+04:00", a time without offset in time_zone, or a date for its midnight.
    time_min: String,
    /// To, written like time_min.
    time_max: String,
    /// Calendars, or addresses of people who share their free and busy times. Default: the person's main calendar, "primary".
    calendar_ids: Option<Vec<String>>,
    /// IANA time zone of times without an offset, and of the answer. Default: the main calendar's; the answer is in UTC then.
    time_zone: Option<String>,
}

/// Busy times by calendar.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct FreeBusy {
    /// By the id that was asked for: the busy times in order. The rest of the range is free.
    calendars: BTreeMap<String, Vec<Busy>>,
    /// Calendars of which nothing is known: take them for neither free nor busy.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unreadable: Vec<Unreadable>,
}

/// A busy time.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Busy {
    /// From, RFC 3339.
    start: String,
    /// To (exclusive), RFC 3339.
    end: String,
}

/// Busy times in a range. It changes nothing, although Google wants a POST.
pub(crate) async fn find_free_busy(call: Call, args: FindFreeBusy) -> Result<FreeBusy, ToolError> {
    let zone = args.time_zone.as_deref();
    let bounds = Bounds::of(&call, "primary", zone, &args.time_min, &args.time_max).await?;
    let mut ids = args
        .calendar_ids
        .filter(|ids| !ids.is_empty())
        .unwrap_or_else(|| vec!["primary".to_owned()]);
    ids.sort_unstable();
    ids.dedup();
    let mut found = FreeBusy {
        calendars: BTreeMap::new(),
        unreadable: Vec::new(),
    };
    for ids in ids.chunks(CALENDARS_MAX) {
        let mut body = json!({
            "timeMin": format!("{:.0}", bounds.from),
            "timeMax": format!("{:.0}", bounds.to),
            "items": ids.iter().map(|id| json!({"id": id})).collect::<Vec<_>>(),
        });
        if let Some(zone) = zone {
            body["timeZone"] = json!(zone);
        }
        let answer: wire::FreeBusy = call
            .google
            .request(Method::POST, Api::Calendar, &["freeBusy"])
            .json(&body)
            .reads()
            .fetch()
            .await?;
        for id in ids {
            let calendar = answer.calendars.get(id).cloned();
            let calendar =
                calendar.and_then(|c| serde_json::from_value::<wire::FreeBusyCalendar>(c).ok());
            match calendar {
                Some(calendar) if calendar.errors.is_empty() => {
                    let busy = calendar.busy.into_iter().filter_map(|p| {
                        Some(Busy {
                            start: p.start?,
                            end: p.end?,
                        })
                    });
                    found.calendars.insert(id.clone(), busy.collect());
                }
                other => {
                    let reason = other.and_then(|c| c.errors.into_iter().find_map(|e| e.reason));
                    let reason = match reason.as_deref() {
                        Some("notFound") | None => {
                            "there is no such calendar, or its free and busy times are not shared"
                                .to_owned()
                        }
                        Some(reason) => format!("Google says: {reason}"),
                    };
                    found.unreadable.push(Unreadable {
                        calendar_id: id.clone(),
                        reason,
                    });
                }
            }
        }
    }
    Ok(found)
}
