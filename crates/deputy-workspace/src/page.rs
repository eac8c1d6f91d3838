//! Pages of a listing.

use crate::limits::{DEFAULT_RESULTS, MAX_RESULTS};
use crate::{Error, Result};

/// How many to show, where this many were asked for.
pub(crate) fn limit(max_results: Option<u32>) -> Result<u64> {
    match max_results {
        None => Ok(DEFAULT_RESULTS.into()),
        Some(many @ 1..=MAX_RESULTS) => Ok(many.into()),
        Some(_) => Err(Error::invalid(
            "max_results",
            format!("max_results goes from 1 to {MAX_RESULTS}"),
        )),
    }
}

/// The numbers in a token, which has exactly `N`.
pub(crate) fn token<const N: usize>(token: Option<&str>) -> Result<Option<[i64; N]>> {
    let Some(token) = token else {
        return Ok(None);
    };
    let numbers: Option<Vec<i64>> = token.split('.').map(|part| part.parse().ok()).collect();
    numbers
        .and_then(|numbers| numbers.try_into().ok())
        .map(Some)
        .ok_or_else(|| Error::invalid("page_token", "page_token is not one that a listing gave"))
}

/// The token of the page after the last of `found`, if there are more than `limit`; those are cut
/// off.
pub(crate) fn next<T, const N: usize>(
    found: &mut Vec<T>,
    limit: u64,
    place: impl Fn(&T) -> [i64; N],
) -> Option<String> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    if found.len() <= limit {
        return None;
    }
    found.truncate(limit);
    let place = place(found.last()?);
    Some(place.map(|number| number.to_string()).join("."))
}
