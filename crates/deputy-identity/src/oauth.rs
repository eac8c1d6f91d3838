//! Deputy's own OAuth 2.1 authorization server: how a program logs in as a person, with that
//! person's consent and within that person's rights.
//!
//! # Words
//!
//! A **client** is a program that asks. A **grant** is what one person allowed one
//! client at one time; codes, access tokens and refresh tokens hang on it and die with it, at once.
//! A **resource** is what a token is for ([`Resource`]).
//!
//! # What holds
//!
//! - PKCE with S256 for every client; clients have no secrets.
//! - Of every code and token only the SHA-256 is stored; the text exists at the client alone.
//! - What is wrong with a request is found before a code is used up or a refresh token rotated, so
//!   a request that was wrong can be corrected.
//! - Who wins, of two that present the same code or refresh token at once, is decided by one
//!   `UPDATE` in one transaction.
//! - A code that comes twice, or a refresh token after its grace, ends that grant and no other: a
//!   client's identifier is shared by all its installations.
//!
//! Sources: draft-ietf-oauth-v2-1, RFC 7009, 7591, 7636, 7662, 8252, 8414, 8707, 9207, 9700, 9728,
//! draft-ietf-oauth-client-id-metadata-document, and the authorization chapter of MCP.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use deputy_core::clock::SteadyClock;
use deputy_core::http::Guarded;
use deputy_core::{Clock, Lifecycle, Rng, Throttle, UserId};
use deputy_store::Store;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;

use crate::Identity;

mod authorize;
mod bearer;
mod block;
mod client;
mod described;
mod document;
mod form;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod grants;
mod metadata;
mod pkce;
pub mod redirect;
mod register;
mod resource;
mod revoke;
mod scope;
mod token;

pub use authorize::{
    AllowError, Allowed, Asked, AuthorizeError, AuthorizeRequest, CODE_PREFIX, PageReason,
};
pub use block::{BlockError, Blocked, Subject};
pub use client::{
    AddError, BUILTIN, Client, ClientError, Kind, NewRegistered, Removed, check_client_id,
};
pub use deputy_store::oauth_block::{Block, BlockKind};
pub use deputy_store::oauth_client::{ClientKind, ClientRow};
pub use deputy_store::oauth_consent::Consent;
pub use deputy_store::oauth_grant::{Grant, Program};
pub use described::Fault;
pub use document::{DocumentError, document_limits};
pub use grants::{EndedGrant, ended_by};
pub use register::RegisterError;
pub use resource::Resource;
pub use revoke::Revoked;
pub use token::{ACCESS_PREFIX, Issued, REFRESH_PREFIX, TokenAnswer, TokenEndpointError};

/// Why a grant ended: the person took it away.
pub const PERSON: &str = "person";
/// Why a grant ended: the person took it away with one of their personal tokens.
pub const TOKEN: &str = "token";
/// Why a grant ended: the client gave it back (RFC 7009, or over the REST API).
pub const CLIENT: &str = "client";
/// Why a grant ended: a refresh token came again after its grace.
pub const REUSE: &str = "reuse";
/// Why a grant ended: a code came twice.
pub const REPLAY: &str = "replay";
/// Why a grant ended: an administrator removed its client.
pub const ADMINISTRATOR: &str = "administrator";
/// Why a grant ended: an administrator ended it, and the client stays.
pub const ADMINISTRATOR_END: &str = "administrator.end";
/// Why a grant ended: an administrator blocked its client.
pub const ADMINISTRATOR_BLOCK: &str = "administrator.block";
/// Why a grant ended: the same installation of the client logged in anew.
pub const REPLACED: &str = "replaced";

/// The kind of the notice that a grant ended because a code or a refresh token came twice. Its
/// parameters: `client` (the name) and `why` ([`REUSE`] or [`REPLAY`]).
pub const NOTICE_REUSE: &str = "access.reuse";

/// The kind of the notice that programs were let in to which the person had allowed nothing before.
/// Its parameter: `clients`, their names, the last ones, one in each line.
pub const NOTICE_FIRST: &str = "access.first";

/// The kind of the notice that programs that had something were allowed more. Its parameter:
/// `clients`, as in [`NOTICE_FIRST`].
pub const NOTICE_MORE: &str = "access.more";

/// A grant ends after so long however often it is renewed, and the person is asked again.
pub const LONGEST: SignedDuration = SignedDuration::from_hours(365 * 24);

/// How far the clocks of two replicas may differ.
pub(crate) const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// Whether clients may name themselves by the URL of a metadata document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Documents {
    /// When this server can reach the outside: it tries.
    #[default]
    Auto,
    /// Yes.
    On,
    /// No.
    Off,
}

/// How the authorization server behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The URL that browsers and clients use, without a trailing slash: the issuer.
    pub public_url: String,
    /// How long an access token works. Default 1 h.
    pub access: SignedDuration,
    /// How long a refresh token works from when it was given. Default 30 d.
    pub refresh: SignedDuration,
    /// How long a code works. Default 5 min.
    pub code: SignedDuration,
    /// How long a rotated refresh token still gives its successor, 0 to 30 min. Default 30 s.
    pub grace: SignedDuration,
    /// Requests to the token endpoint that fail, per address and minute; those that succeed have ten
    /// times as many per grant. 0 for no limit. Default 60.
    pub token_per_min: u32,
    /// Clients that one address may register in an hour; it may try ten times as often. 0 for no
    /// limit. Default 60.
    pub register_per_hour: u32,
    /// Clients that registered themselves and that nobody has allowed anything yet. Default 2000.
    pub max_unused_clients: u64,
    /// Whether clients may name themselves by a URL. Default [`Documents::Auto`].
    pub documents: Documents,
    /// The document that [`Documents::Auto`] tries with, before those in use; `None`: it never tries,
    /// and so never tells clients. Default: that of Claude Code.
    pub documents_probe: Option<String>,
}

impl Config {
    /// Defaults for `public_url`, whose trailing slash is dropped.
    pub fn new(public_url: &str) -> Self {
        Self {
            public_url: public_url.trim_end_matches('/').to_owned(),
            access: SignedDuration::from_hours(1),
            refresh: SignedDuration::from_hours(30 * 24),
            code: SignedDuration::from_mins(5),
            grace: SignedDuration::from_secs(30),
            token_per_min: 60,
            register_per_hour: 60,
            max_unused_clients: 2000,
            documents: Documents::Auto,
            documents_probe: Some(document::PROBE.to_owned()),
        }
    }
}

/// The authorization server. Cheap to clone.
#[derive(Clone)]
pub struct AuthorizationServer {
    inner: Arc<Inner>,
}

struct Inner {
    identity: Identity,
    store: Store,
    /// Who may register how many clients.
    registering: register::Registering,
    documents: document::Fetching,
    config: Config,
    clock: SteadyClock,
    rng: Arc<dyn Rng>,
    /// Requests to the endpoints that take tokens; those for tokens only if they fail.
    requests: Throttle<IpAddr>,
    /// Refresh tokens that were exchanged, per grant.
    refreshes: Throttle<i64>,
    /// Tokens that were asked about with a token of the same person, per person.
    introspections: Throttle<UserId>,
    /// Logins that no page was shown for, per person.
    skips: Throttle<UserId>,
    /// When clients were last used, since the last sweep.
    used_clients: Mutex<HashMap<String, Timestamp>>,
}

impl AuthorizationServer {
    /// The server on `store`, for the people of `identity`. `documents` fetches clients' metadata
    /// documents; `None`: there is no way out, so none are fetched.
    pub fn new(
        identity: Identity,
        store: Store,
        documents: Option<Guarded>,
        config: Config,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
    ) -> Self {
        const MINUTE: Duration = Duration::from_mins(1);
        let requests = Throttle::new(config.token_per_min, MINUTE, Arc::clone(&clock));
        let per_grant = config.token_per_min.saturating_mul(token::PER_GRANT);
        let refreshes = Throttle::new(per_grant, MINUTE, Arc::clone(&clock));
        Self {
            inner: Arc::new(Inner {
                identity,
                store,
                registering: register::Registering::new(config.register_per_hour, &clock),
                documents: document::Fetching::new(documents, &clock),
                config,
                rng,
                requests,
                refreshes,
                introspections: Throttle::new(per_grant, MINUTE, Arc::clone(&clock)),
                skips: Throttle::new(authorize::SKIPS_PER_MIN, MINUTE, Arc::clone(&clock)),
                clock: SteadyClock::new(clock),
                used_clients: Mutex::default(),
            }),
        }
    }

    /// Deletes what is over every ten minutes and once more at the soft stop, the answers of rotations
    /// every minute; tries from time to time
    /// whether clients' documents can be fetched, where that is asked for.
    pub fn run(&self, lifecycle: &Lifecycle) {
        self.sweep_from_time_to_time(lifecycle);
        self.watch_documents(lifecycle);
    }

    /// The issuer: the public URL without a trailing slash, the same bytes in the metadata and in
    /// `iss`.
    pub fn issuer(&self) -> &str {
        &self.inner.config.public_url
    }

    /// The present; never earlier than it was before.
    fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// The present, and when what is made now and lasts so long is over.
    fn span(&self, lasts: SignedDuration) -> (Timestamp, Timestamp) {
        let now = self.now();
        (now, later(now, lasts))
    }

    /// The same for what hangs on the grant, which is over a year after it was allowed.
    fn span_of(&self, grant: &Grant, lasts: SignedDuration) -> (Timestamp, Timestamp) {
        let (now, ends) = self.span(lasts);
        let last = grant.created_at.checked_add(LONGEST);
        (now, ends.min(last.unwrap_or(Timestamp::MAX)))
    }

    fn note_client_use(&self, client_id: &str) {
        let now = self.now();
        let mut used = self.inner.used_clients.lock();
        used.insert(client_id.to_owned(), now);
    }
}

/// So long after `now`, or the end of time.
fn later(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// So long before `now`, or the beginning of time.
fn earlier(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.checked_sub(by).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests;
