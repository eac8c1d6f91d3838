//! Which event a change is about: one occurrence, this and the following ones, or the whole series.

use jiff::SignedDuration;
use jiff::civil::DateTime;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, json};

use super::events::{Events, SendUpdates, is_cancelled};
use super::recurrence::{self, Cut};
use super::time::{Moment, Zone};
use super::wire;
use crate::error::ToolError;
use deputy_core::firstparty::FailureKind;

/// How far a change of a repeating event reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Reach {
    /// This occurrence alone.
    This,
    /// This occurrence and all later ones.
    Following,
    /// The whole series.
    All,
}

/// What a change is made to.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    /// The event that was named: a single one, an occurrence, or a series as a whole.
    Named(Box<wire::Event>),
    /// The series of the occurrence that was named.
    Series {
        /// The occurrence, which the times in the arguments are about.
        occurrence: Box<wire::Event>,
        /// The event that carries the rule.
        series: Box<wire::Event>,
    },
    /// The series from the occurrence that was named on.
    From {
        /// The first occurrence that changes.
        occurrence: Box<wire::Event>,
        /// The event that carries the rule.
        series: Box<wire::Event>,
    },
}

impl Target {
    /// The event that was named.
    pub(crate) fn named(&self) -> &wire::Event {
        match self {
            Self::Named(event) => event,
            Self::Series { occurrence, .. } | Self::From { occurrence, .. } => occurrence,
        }
    }

    /// The event whose guests are told.
    pub(crate) fn hosting(&self) -> &wire::Event {
        match self {
            Self::Named(event) => event,
            Self::Series { series, .. } | Self::From { series, .. } => series,
        }
    }

    /// What `event`, which the caller named, and `reach` come to.
    pub(crate) async fn resolve(
        events: &Events<'_>,
        event: wire::Event,
        reach: Option<Reach>,
    ) -> Result<Self, ToolError> {
        let series_id = event.recurring_event_id.clone();
        let reach = match reach {
            None => return Ok(Self::Named(Box::new(event))),
            Some(Reach::This) if event.recurrence.is_some() => {
                let text = "this id names a whole series; for one occurrence give the occurrence's id from a listing, or use scope 'all'";
                return Err(ToolError::argument("scope", text));
            }
            Some(reach) => reach,
        };
        let (Reach::Following | Reach::All, Some(series_id)) = (reach, series_id) else {
            return Ok(Self::Named(Box::new(event)));
        };
        let series = events.get(&series_id).await?;
        if is_cancelled(&series) {
            return Err(ToolError::refused(
                FailureKind::NotFound,
                "The series of this event was deleted.",
            ));
        }
        let occurrence = Box::new(event);
        let first = Moment::of(occurrence.original_start_time.as_ref())
            == Moment::of(series.start.as_ref())
            || same_instant(
                occurrence.original_start_time.as_ref(),
                series.start.as_ref(),
            );
        Ok(if reach == Reach::All || first {
            Self::Series {
                occurrence,
                series: Box::new(series),
            }
        } else {
            Self::From {
                occurrence,
                series: Box::new(series),
            }
        })
    }
}

fn same_instant(a: Option<&wire::EventTime>, b: Option<&wire::EventTime>) -> bool {
    match (Moment::of(a), Moment::of(b)) {
        (Some(Moment::Instant(a, _)), Some(Moment::Instant(b, _))) => a == b,
        (Some(Moment::Day(a)), Some(Moment::Day(b))) => a == b,
        _ => false,
    }
}

/// Where a series is cut: before the occurrence at `at`.
pub(crate) struct CutPoint {
    /// The series' zone.
    pub(crate) zone: Zone,
    /// When the occurrence was to start by the rule.
    pub(crate) original: Moment,
    start: DateTime,
    at: DateTime,
    until: String,
}

impl CutPoint {
    /// Before `occurrence` of `series`.
    pub(crate) async fn of(
        events: &Events<'_>,
        occurrence: &wire::Event,
        series: &wire::Event,
    ) -> Result<Self, ToolError> {
        let zone_name = series.start.as_ref().and_then(|s| s.time_zone.as_deref());
        let zone = Zone::of(events.call, events.calendar_id, zone_name).await?;
        let missing = || {
            ToolError::refused(
                FailureKind::Unavailable,
                "Google did not say when the occurrence was to start.",
            )
        };
        let original = Moment::of(occurrence.original_start_time.as_ref()).ok_or_else(missing)?;
        let start = Moment::of(series.start.as_ref()).ok_or_else(missing)?;
        Ok(Self {
            start: start.wall(&zone.tz),
            at: original.wall(&zone.tz),
            until: recurrence::until_before(original),
            zone,
            original,
        })
    }

    /// The lines of both parts; occurrences of the second move by `shift`.
    pub(crate) fn cut(&self, series: &wire::Event, shift: SignedDuration) -> Cut {
        let lines = series.recurrence.as_deref().unwrap_or_default();
        recurrence::cut(lines, self.start, self.at, &self.until, shift)
    }

    /// When the occurrence was to start, on the wall of the series.
    pub(crate) fn wall(&self) -> DateTime {
        self.at
    }
}

/// How often a write is tried again because somebody else wrote in between.
pub(crate) const RACES_MAX: u32 = 3;

/// Ends `series` before the cut. A series that ends there already is left alone, so that a repeat
/// of the call does no harm.
pub(crate) async fn end_series(
    events: &Events<'_>,
    series: &wire::Event,
    point: &CutPoint,
    send: SendUpdates,
) -> Result<(), ToolError> {
    let id = series.id.as_deref().unwrap_or_default();
    let mut series = series.clone();
    let mut race = 0;
    loop {
        let before = point.cut(&series, SignedDuration::ZERO).before;
        if series.recurrence.as_deref() == Some(before.as_slice()) {
            return Ok(());
        }
        let patch = Map::from_iter([("recurrence".to_owned(), json!(before))]);
        let applied = |event: &wire::Event| event.recurrence.as_deref() == Some(before.as_slice());
        match events
            .patch(id, series.etag.as_deref(), &patch, send, applied)
            .await
        {
            Ok(_) => return Ok(()),
            Err(error) if error.status() == Some(412) && race < RACES_MAX => {
                race += 1;
                series = events.get(id).await?;
            }
            Err(error) => return Err(error),
        }
    }
}
