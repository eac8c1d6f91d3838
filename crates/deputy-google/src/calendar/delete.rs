//! `delete_calendar_event`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::events::{Events, SendUpdates, is_cancelled};
use super::guests;
use super::series::{CutPoint, Reach, Target, end_series};
use crate::call::Call;
use crate::error::ToolError;

/// Which event goes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeleteEvent {
    /// The event's id, from a listing.
    event_id: String,
    /// The calendar. Default: the person's main one, "primary".
    calendar_id: Option<String>,
    /// For a repeating event, what goes: "this" occurrence, this and the "following" ones, or "all". Default: what event_id names.
    scope: Option<Reach>,
    /// Which guests are told by mail. Default: all of them.
    send_updates: Option<SendUpdates>,
}

/// The event is gone.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Deleted {
    /// Always true: a failure is an error.
    deleted: bool,
    /// The id that was given.
    event_id: String,
}

/// Deletes the event; one that is gone already is as good.
pub(crate) async fn delete_calendar_event(
    call: Call,
    args: DeleteEvent,
) -> Result<Deleted, ToolError> {
    let calendar_id = args.calendar_id.as_deref().unwrap_or("primary");
    let events = Events {
        call: &call,
        calendar_id,
    };
    let done = Deleted {
        deleted: true,
        event_id: args.event_id.clone(),
    };
    let event = match events.get(&args.event_id).await {
        Ok(event) if is_cancelled(&event) => return Ok(done),
        Ok(event) => event,
        // What an earlier attempt deleted may be beyond Google's memory by now.
        Err(error)
            if error.status() == Some(410) || (error.status() == Some(404) && call.is_repeat()) =>
        {
            return Ok(done);
        }
        Err(error) => return Err(error),
    };
    let target = Target::resolve(&events, event, args.scope).await?;
    let told = !guests::others(guests::of(target.hosting())).is_empty();
    let send = SendUpdates::or_default(args.send_updates, told);
    match &target {
        Target::Named(_) => events.delete(&args.event_id, send).await?,
        Target::Series { series, .. } => {
            events
                .delete(series.id.as_deref().unwrap_or_default(), send)
                .await?;
        }
        Target::From { occurrence, series } => {
            let point = CutPoint::of(&events, occurrence, series).await?;
            end_series(&events, series, &point, send).await?;
        }
    }
    Ok(done)
}
