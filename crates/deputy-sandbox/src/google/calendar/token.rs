//! Page tokens and sync tokens: what a listing was about, so that it can go on with the same.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use deputy_core::secret::sha256_hex;
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::google::call::Params;
use crate::google::failure::Failure;
use crate::google::world::{Document, Tx};

/// How long a sync token is good: Google doesn't say; four weeks is what people have seen.
const SYNC_LIFE: SignedDuration = SignedDuration::from_hours(24 * 28);

/// Where a listing stopped.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Page {
    /// Of the parameters that make the listing.
    pub(crate) binding: String,
    pub(crate) offset: usize,
    /// The change number when the first page was made: the sync token at the end starts there.
    pub(crate) change: u64,
}

/// What a client has seen.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Sync {
    /// The calendar, or what else is listed.
    pub(crate) of: String,
    pub(crate) change: u64,
    pub(crate) issued: Timestamp,
    pub(crate) single: bool,
    pub(crate) types: Vec<String>,
    pub(crate) from: Option<Timestamp>,
    pub(crate) to: Option<Timestamp>,
}

/// Sync tokens from before this change number are too old. Kept under (account, "").
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Floor(u64);

impl Document for Floor {
    const KIND: &'static str = "calendar_sync_floor";
}

/// Makes the account's sync tokens too old.
pub(crate) fn expire(tx: &mut Tx<'_>, account: &str) {
    let floor = tx.next_change();
    tx.put(account, "", Floor(floor));
}

pub(crate) fn write(token: &impl Serialize) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(token).unwrap_or_default())
}

fn read<T: DeserializeOwned>(token: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token).ok()?).ok()
}

/// Parameters that may differ from page to page.
const FREE: [&str; 8] = [
    "pageToken",
    "maxResults",
    "fields",
    "alt",
    "prettyPrint",
    "key",
    "quotaUser",
    "maxAttendees",
];

/// What a page token is bound to.
pub(crate) fn binding(params: &Params) -> String {
    let mut bound: Vec<_> = params
        .0
        .iter()
        .filter(|(name, _)| !FREE.contains(&name.as_str()))
        .collect();
    bound.sort();
    sha256_hex(format!("{bound:?}").as_bytes())[..16].to_owned()
}

/// The page token of the request, if it has one; 400 if it is another listing's.
pub(crate) fn page(params: &Params) -> Result<Option<Page>, Failure> {
    let Some(token) = params.get("pageToken") else {
        return Ok(None);
    };
    match read::<Page>(token) {
        Some(page) if page.binding == binding(params) => Ok(Some(page)),
        _ => Err(Failure::invalid("Invalid page token value.").at_parameter("pageToken")),
    }
}

/// The sync token of the request, if it has one; 410 if it is too old, another calendar's or none.
pub(crate) fn sync(
    tx: &Tx<'_>,
    account: &str,
    of: &str,
    params: &Params,
) -> Result<Option<Sync>, Failure> {
    let Some(token) = params.get("syncToken") else {
        return Ok(None);
    };
    let floor = tx.get::<Floor>(account, "").map_or(0, |f| f.0);
    match read::<Sync>(token) {
        Some(sync)
            if sync.of == of
                && sync.change >= floor
                && tx.now().duration_since(sync.issued) <= SYNC_LIFE =>
        {
            Ok(Some(sync))
        }
        _ => Err(Failure::new(
            StatusCode::GONE,
            "fullSyncRequired",
            "Sync token is no longer valid, a full sync is required.",
        )
        .domain("calendar")
        .at_parameter("syncToken")),
    }
}
