use std::time::Duration;

use super::is_worth;
use crate::pool::UpstreamError;

/// What a server says of when to come back is waited for as long as the deadline allows, which is [`Tried`]'s to see.
///
/// [`Tried`]: crate::retry::Tried
#[test]
fn only_a_rest_of_ours_is_too_long_to_wait_for() {
    let said = UpstreamError::RateLimited {
        retry_after: Some(Duration::from_secs(25)),
    };
    assert!(is_worth(Duration::from_secs(25), &said));
    let busy = UpstreamError::Unavailable {
        status: 503,
        sent: true,
        retry_after: Some(Duration::from_secs(11)),
    };
    assert!(is_worth(Duration::from_secs(11), &busy));
    let rest = |seconds| {
        let retry_after = Duration::from_secs(seconds);
        let error = UpstreamError::BackingOff {
            retry_after,
            reason: "it exited".to_owned(),
        };
        is_worth(retry_after, &error)
    };
    assert!(rest(10));
    assert!(!rest(11));
}
