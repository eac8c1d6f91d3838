//! Looking for what a lost answer would have said.

use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::error::ToolError;

/// Google's lists may lag behind what was just written: pauses before looking again.
const LOOK_AGAIN: [Duration; 3] = [
    Duration::ZERO,
    Duration::from_millis(300),
    Duration::from_millis(1200),
];

/// One look for an effect: what is there of it, if anything.
pub(crate) type Look<'a, T> = BoxFuture<'a, Result<Option<T>, ToolError>>;

/// Asks `look` for the effect until it is seen; `None` when it is not there after some 1.5 s.
pub(crate) async fn look_for<'a, T>(
    look: impl Fn() -> Look<'a, T>,
) -> Result<Option<T>, ToolError> {
    for pause in LOOK_AGAIN {
        tokio::time::sleep(pause).await;
        if let Some(found) = look().await? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The outcome of a write; where its answer was lost, what `look` finds of its effect. If nothing is
/// found, or looking fails too, the write's own error.
pub(crate) async fn outcome_or_look<'a, T>(
    written: Result<T, ToolError>,
    look: impl Fn() -> Look<'a, T>,
) -> Result<T, ToolError> {
    let error = match written {
        Err(error) if error.may_have_happened() => error,
        clear => return clear,
    };
    tracing::info!(%error, "no clear answer to a write: looking for its effect");
    match look_for(look).await {
        Ok(Some(found)) => Ok(found),
        Ok(None) => Err(error),
        Err(looking) => {
            tracing::info!(error = %looking, "looking failed too");
            Err(error)
        }
    }
}
