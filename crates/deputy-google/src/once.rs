//! Looking for what a lost answer would have said.

use futures_util::future::BoxFuture;

use crate::client::Google;
use crate::error::ToolError;

/// One look for an effect: what is there of it, if anything.
pub(crate) type Look<'a, T> = BoxFuture<'a, Result<Option<T>, ToolError>>;

/// Asks `look` for the effect until it is seen; `None` when it is not there after
/// [`crate::Limits::lag`].
pub(crate) async fn look_for<'a, T>(
    google: &Google,
    look: impl Fn() -> Look<'a, T>,
) -> Result<Option<T>, ToolError> {
    let mut found = look().await?;
    for pause in google.lag() {
        if found.is_some() {
            break;
        }
        tokio::time::sleep(pause).await;
        found = look().await?;
    }
    Ok(found)
}

/// The outcome of a write; where its answer was lost, what `look` finds of its effect. If nothing is
/// found, or looking fails too, the write's own error.
pub(crate) async fn outcome_or_look<'a, T>(
    google: &Google,
    written: Result<T, ToolError>,
    look: impl Fn() -> Look<'a, T>,
) -> Result<T, ToolError> {
    let error = match written {
        Err(error) if error.may_have_happened() => error,
        clear => return clear,
    };
    tracing::info!(%error, "no clear answer to a write: looking for its effect");
    match look_for(google, look).await {
        Ok(Some(found)) => Ok(found),
        Ok(None) => Err(error),
        Err(looking) => {
            tracing::info!(error = %looking, "looking failed too");
            Err(error)
        }
    }
}
