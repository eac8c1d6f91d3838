//! Clients whose identifier is the URL of a document that says who they are
//! (draft-ietf-oauth-client-id-metadata-document).

use std::time::Duration;

use deputy_core::http::GuardLimits;

/// Largest document, in bytes.
const MAX: usize = 16 * 1024;
/// How long fetching one may take, with everything.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What fetching a document may spend: 16 KiB and 5 s.
pub fn document_limits() -> GuardLimits {
    GuardLimits {
        connect: TIMEOUT,
        total: Some(TIMEOUT),
        body: MAX,
        ..GuardLimits::default()
    }
}
