//! Clients that register themselves (RFC 7591).
//!
//! Anybody may, since most clients know no other way yet; so a registration is worth nothing until
//! a person allows it something, and what a stranger can grow is bounded. An address may register
//! so many in an hour, and try ten times as often. Those that nobody allows anything are swept after
//! a day.
//!
//! # When there are too many of them before that
//!
//! Room is made among those of whoever made most (`room.rs`). A client that has had a few minutes for
//! its consent is dropped before a younger one; but a network that holds more than a twentieth of all
//! loses its own, however young. So a host with all the addresses of its IPv6 /48 shuts nobody else
//! out. Somebody with more than twenty such networks, or a thousand addresses of IPv4, does as long as
//! they go on: then a newcomer has to wait.
//!
//! No client gets a secret: whatever it asks for, it is answered `none` (RFC 7591 section 3.2.1).
//! There is no RFC 7592, and so no `registration_client_uri` either.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use deputy_core::{Clock, Throttle, Throttled, random};
use deputy_store::oauth_client::{ClientKind, NewClient};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::described::{Described, Fault};
use super::{AuthorizationServer, Client, Kind, earlier, redirect};
use crate::sign_in::{network, network_of};

mod room;

/// What the identifiers of clients that registered themselves begin with.
const PREFIX: &str = "dpt_cl_";
/// Largest registration, in bytes.
const MAX_BODY: usize = 16 * 1024;
/// A client that nobody has allowed anything goes after so long.
const UNUSED: SignedDuration = SignedDuration::from_hours(24);
/// A client whose last grant is over goes after so long without use.
const IDLE: SignedDuration = SignedDuration::from_hours(90 * 24);
/// For so long after its registration, or after its person was asked, a client is not dropped to
/// make room: the person may be reading the consent page.
const CONSENT: SignedDuration = SignedDuration::from_mins(10);
/// That a person is asked is not noted again for so long; whoever opens the page at its end has the
/// rest of [`CONSENT`].
const NOTED: SignedDuration = SignedDuration::from_mins(5);

/// A registration that was refused, as it is answered (RFC 7591 section 3.2.2).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}: {description}")]
pub struct RegisterError {
    /// The status of the answer.
    pub status: u16,
    /// The code.
    pub error: &'static str,
    /// What is wrong, for whoever builds the client.
    pub description: String,
    /// For `Retry-After`, in seconds.
    pub retry_after: Option<u64>,
}

impl RegisterError {
    fn metadata(description: impl Into<String>) -> Self {
        Self {
            status: 400,
            error: "invalid_client_metadata",
            description: description.into(),
            retry_after: None,
        }
    }

    fn later(status: u16, description: &str, seconds: u64) -> Self {
        Self {
            status,
            error: "temporarily_unavailable",
            description: description.to_owned(),
            retry_after: Some(seconds),
        }
    }

    /// The body of the answer.
    pub fn json(&self) -> Value {
        json!({ "error": self.error, "error_description": self.description })
    }
}

impl From<Fault> for RegisterError {
    fn from(fault: Fault) -> Self {
        let mut refused = Self::metadata(fault.to_string());
        if matches!(fault, Fault::Redirects | Fault::Redirect(_)) {
            refused.error = "invalid_redirect_uri";
        }
        refused
    }
}

impl From<Throttled> for RegisterError {
    fn from(throttled: Throttled) -> Self {
        let seconds = throttled.seconds();
        let minutes = seconds.div_ceil(60);
        Self::later(
            429,
            &format!("too many registrations from this address; try again in {minutes} min"),
            seconds,
        )
    }
}

impl From<deputy_store::Error> for RegisterError {
    fn from(error: deputy_store::Error) -> Self {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "a client could not be registered"
        );
        Self::later(503, "the client could not be stored; try again", 30)
    }
}

/// Attempts for each registration that an address may make.
const ATTEMPTS: u32 = 10;

/// Who registered how many, of late.
pub(super) struct Registering {
    stored: ByNetwork,
    /// Also those that were refused: reading them is work.
    tried: ByNetwork,
}

/// Counts for an address and, generously, for the larger networks of IPv6 around it: who has a /48
/// has 65,536 networks of the size that others have one of.
struct ByNetwork([(u32, Throttle<IpAddr>); 3]);

impl ByNetwork {
    fn new(limit: u32, clock: &Arc<dyn Clock>) -> Self {
        const HOUR: Duration = Duration::from_hours(1);
        Self([(64, 1), (56, 4), (48, 16)].map(|(bits, times)| {
            let limit = limit.saturating_mul(times);
            (bits, Throttle::new(limit, HOUR, Arc::clone(clock)))
        }))
    }

    /// Counts one; where one of the networks has had enough, none.
    fn hit(&self, address: IpAddr) -> Result<(), Throttled> {
        for (n, (bits, throttle)) in self.0.iter().enumerate() {
            if let Err(throttled) = throttle.hit(&network_of(address, *bits)) {
                take_back(&self.0[..n], address);
                return Err(throttled);
            }
        }
        Ok(())
    }

    fn take_back(&self, address: IpAddr) {
        take_back(&self.0, address);
    }
}

fn take_back(counts: &[(u32, Throttle<IpAddr>)], address: IpAddr) {
    for (bits, throttle) in counts {
        throttle.take_back(&network_of(address, *bits));
    }
}

impl Registering {
    /// `per_hour` of each address; 0 for no limit.
    pub(super) fn new(per_hour: u32, clock: &Arc<dyn Clock>) -> Self {
        Self {
            stored: ByNetwork::new(per_hour, clock),
            tried: ByNetwork::new(per_hour.saturating_mul(ATTEMPTS), clock),
        }
    }
}

impl AuthorizationServer {
    /// Registers the client that `body` describes. `address` is the client's, not a proxy's. What
    /// is given back is the body of a 201 answer, without `null` members.
    pub async fn register(
        &self,
        body: &[u8],
        content_type: Option<&str>,
        address: IpAddr,
    ) -> Result<Value, RegisterError> {
        let Registering { stored, tried } = &self.inner.registering;
        tried.hit(address)?;
        let described = Described::read(&object(body, content_type)?)?;
        // Counted before it is stored, so that many at a time are not more than one after the other.
        stored.hit(address)?;
        let answer = self.store_client(&described, network(address)).await;
        if answer.is_err() {
            stored.take_back(address);
        }
        answer
    }

    async fn store_client(
        &self,
        described: &Described,
        from: IpAddr,
    ) -> Result<Value, RegisterError> {
        let name = if described.name.is_empty() {
            described
                .redirect_uris
                .first()
                .map(|uri| redirect::host_shown(uri))
                .unwrap_or_default()
        } else {
            described.name.clone()
        };
        let now = self.now();
        let from = from.to_string();
        self.make_room(ClientKind::Dynamic, &from, now).await?;
        let client_id = random::token(PREFIX, &*self.inner.rng).expose().clone();
        let tx = self.inner.store.begin().await?;
        let row = tx
            .insert_oauth_client(NewClient {
                client_id,
                kind: ClientKind::Dynamic,
                name,
                redirect_uris: described.redirect_uris.clone(),
                metadata: described.metadata(),
                created_from: Some(from),
                at: now,
                fresh_until: None,
            })
            .await?;
        tx.commit().await?;
        let mut answer = json!({
            "client_id": row.client_id,
            "client_id_issued_at": now.as_second(),
            "client_name": row.name,
            "redirect_uris": row.redirect_uris,
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
        });
        for (member, value) in described.extras() {
            answer[member] = value.into();
        }
        Ok(answer)
    }

    /// Lets one more client of `kind` in that nobody has allowed anything yet.
    pub(super) async fn make_room(
        &self,
        kind: ClientKind,
        from: &str,
        now: Timestamp,
    ) -> Result<(), RegisterError> {
        let max = self.inner.config.max_unused_clients;
        let store = &self.inner.store;
        if store.count_oauth_clients(kind, true).await? < max {
            return Ok(());
        }
        self.sweep_clients().await?;
        if store.count_oauth_clients(kind, true).await? < max {
            return Ok(());
        }
        // The one that is chosen may be somebody else's choice too, or be allowed something now.
        for _ in 0..3 {
            let unused = store.unused_oauth_clients(kind).await?;
            let Some(goes) = room::goes(&unused, from, earlier(now, CONSENT), max) else {
                break;
            };
            let tx = store.begin().await?;
            let is_gone = tx.delete_unused_oauth_client(goes).await?;
            tx.commit().await?;
            if is_gone {
                return Ok(());
            }
        }
        tracing::warn!(max, "too many clients that nobody has allowed anything");
        Err(RegisterError::later(
            503,
            "too many clients are waiting for a consent; try again later",
            CONSENT.as_secs().unsigned_abs(),
        ))
    }

    /// Notes that a person is asked: what they are reading is not swept meanwhile. Writes only what
    /// was not noted a while ago, so that opening the page again and again writes nothing.
    pub async fn note_shown(&self, client: &Client) -> Result<(), deputy_store::Error> {
        if !matches!(client.kind, Kind::Dynamic | Kind::Document) {
            return Ok(());
        }
        let now = self.now();
        let store = &self.inner.store;
        let row = store.oauth_client(&client.client_id).await?;
        let noted = row.and_then(|row| row.last_used_at);
        if noted.is_some_and(|at| now.duration_since(at) < NOTED) {
            return Ok(());
        }
        let tx = store.begin().await?;
        tx.touch_oauth_client(&client.client_id, now).await?;
        tx.commit().await
    }

    /// Deletes clients that registered themselves, and documents, that nobody has allowed anything
    /// for a day since they last asked, or that nobody has used for 90 days. How many.
    pub(super) async fn sweep_clients(&self) -> Result<u64, deputy_store::Error> {
        let now = self.now();
        let mut swept = 0;
        loop {
            let tx = self.inner.store.begin().await?;
            let gone = tx
                .sweep_oauth_clients(earlier(now, UNUSED), earlier(now, IDLE))
                .await?;
            tx.commit().await?;
            if gone == 0 {
                return Ok(swept);
            }
            swept += gone;
        }
    }
}

/// The JSON object of a request's body.
pub(super) fn object(
    body: &[u8],
    content_type: Option<&str>,
) -> Result<Map<String, Value>, RegisterError> {
    let essence = content_type
        .and_then(|value| value.split(';').next())
        .unwrap_or_default()
        .trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(RegisterError::metadata(
            "a registration is sent as application/json",
        ));
    }
    if body.len() > MAX_BODY {
        let mut refused =
            RegisterError::metadata(format!("a registration has at most {MAX_BODY} bytes"));
        refused.status = 413;
        return Err(refused);
    }
    serde_json::from_slice(body)
        .map_err(|_| RegisterError::metadata("the body is not a JSON object"))
}

#[cfg(test)]
mod tests;
