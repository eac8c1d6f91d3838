//! What was granted, and the tokens and codes that stand for it. Tokens are kept as SHA-256.
//!
//! A [`Grant`] is what a person has given an OAuth client's project, over all consents; revoking
//! anything revokes all of it. Refresh tokens carry the scopes of their own consent (or the union,
//! with `include_granted_scopes`); access tokens die with the grant.

use std::collections::BTreeSet;

use deputy_core::secret::sha256_hex;
use deputy_core::{Secret, random};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::super::world::{Document, NOBODY, Tx};

/// How long an access token lives: Google says 3599 seconds.
pub(crate) const ACCESS_TTL_S: i64 = 3599;
/// How long a code lives.
pub(crate) const CODE_TTL: SignedDuration = SignedDuration::from_mins(10);
/// A refresh token that isn't used for so long dies (Google's "6 months").
const IDLE: SignedDuration = SignedDuration::from_hours(24 * 183);
/// How many refresh tokens an account has per client before the oldest dies.
const MOST_REFRESH_TOKENS: usize = 100;

/// What an account has given a client. Kept under (account, client).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Grant {
    pub(crate) scopes: BTreeSet<String>,
    /// Whether a refresh token was given out: later consents give none unless asked to.
    pub(crate) offline: bool,
}

impl Document for Grant {
    const KIND: &'static str = "grant";
}

/// An access token. Kept under ("", SHA-256).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Access {
    pub(crate) account: String,
    pub(crate) client: String,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) expires: Timestamp,
}

impl Document for Access {
    const KIND: &'static str = "access_token";
}

/// A refresh token. Kept under (account, SHA-256).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Refresh {
    pub(crate) client: String,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) issued: Timestamp,
    pub(crate) used: Timestamp,
    /// Orders tokens issued at the same instant.
    pub(crate) number: u64,
    /// When it dies whatever happens: grants of projects in testing.
    #[serde(default)]
    pub(crate) expires: Option<Timestamp>,
}

impl Document for Refresh {
    const KIND: &'static str = "refresh_token";
}

/// An authorization code. Kept under ("", SHA-256) until it expires, so that a second use is known.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Code {
    pub(crate) account: String,
    pub(crate) client: String,
    pub(crate) redirect_uri: String,
    /// Scopes of the token that it is exchanged for.
    pub(crate) scopes: BTreeSet<String>,
    /// Whether a refresh token comes with it.
    pub(crate) refresh: bool,
    /// `(S256 or plain, challenge)`.
    pub(crate) challenge: Option<(String, String)>,
    pub(crate) nonce: Option<String>,
    pub(crate) expires: Timestamp,
    pub(crate) used: bool,
}

impl Document for Code {
    const KIND: &'static str = "code";
}

/// How tokens are issued; switched through `/control/tokens`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Policy {
    /// Lifetime of new access tokens in seconds, where it isn't Google's.
    pub(crate) access_ttl_s: Option<i64>,
    /// Lifetime of new refresh tokens in seconds: a project in testing has 604800.
    pub(crate) refresh_ttl_s: Option<i64>,
}

impl Document for Policy {
    const KIND: &'static str = "token_policy";
}

/// The policy in force.
pub(crate) fn policy(tx: &Tx<'_>) -> Policy {
    tx.get::<Policy>(NOBODY, "")
        .map(|p| Policy::clone(&p))
        .unwrap_or_default()
}

fn id(token: &str) -> String {
    sha256_hex(token.as_bytes())
}

/// What the access token stands for; also one that has expired.
pub(crate) fn access(tx: &Tx<'_>, token: &str) -> Option<Access> {
    tx.get::<Access>(NOBODY, &id(token))
        .map(|a| Access::clone(&a))
}

/// A new access token and its lifetime in seconds.
pub(crate) fn issue_access(
    tx: &mut Tx<'_>,
    account: &str,
    client: &str,
    scopes: &BTreeSet<String>,
) -> (Secret<String>, i64) {
    let token = random::token("ya29.sandbox-", tx.rng());
    let ttl = policy(tx).access_ttl_s.unwrap_or(ACCESS_TTL_S);
    let expires = tx.now() + SignedDuration::from_secs(ttl);
    let access = Access {
        account: account.to_owned(),
        client: client.to_owned(),
        scopes: scopes.clone(),
        expires,
    };
    tx.put(NOBODY, &id(token.expose()), access);
    (token, ttl)
}

/// A new refresh token; the account's oldest for this client dies if there are too many. With its
/// lifetime in seconds, if that is limited.
pub(crate) fn issue_refresh(
    tx: &mut Tx<'_>,
    account: &str,
    client: &str,
    scopes: &BTreeSet<String>,
) -> (Secret<String>, Option<i64>) {
    let token = random::token("1//sandbox-", tx.rng());
    let ttl = policy(tx).refresh_ttl_s;
    let now = tx.now();
    let refresh = Refresh {
        client: client.to_owned(),
        scopes: scopes.clone(),
        issued: now,
        used: now,
        number: tx.next_change(),
        expires: ttl.map(|s| now + SignedDuration::from_secs(s)),
    };
    tx.put(account, &id(token.expose()), refresh);
    let mut all: Vec<_> = tx
        .list::<Refresh>(account)
        .into_iter()
        .filter(|(_, r)| r.client == client)
        .collect();
    all.sort_by_key(|(_, r)| r.number);
    for (old, _) in all.iter().rev().skip(MOST_REFRESH_TOKENS) {
        tx.remove::<Refresh>(account, old);
    }
    (token, ttl)
}

/// Whose refresh token this is and what it carries, if it still lives.
pub(crate) fn refresh(tx: &mut Tx<'_>, token: &str) -> Option<(String, Refresh)> {
    let wanted = id(token);
    let (account, found) = tx
        .list_all::<Refresh>()
        .into_iter()
        .find(|(_, id, _)| *id == wanted)
        .map(|(account, _, r)| (account, Refresh::clone(&r)))?;
    let now = tx.now();
    if now.duration_since(found.used) > IDLE || found.expires.is_some_and(|at| at <= now) {
        return None;
    }
    tx.put(
        &account,
        &wanted,
        Refresh {
            used: now,
            ..found.clone()
        },
    );
    Some((account, found))
}

/// Takes back everything `account` gave to `client`.
pub(crate) fn revoke_grant(tx: &mut Tx<'_>, account: &str, client: &str) {
    tx.remove::<Grant>(account, client);
    for (id, refresh) in tx.list::<Refresh>(account) {
        if refresh.client == client {
            tx.remove::<Refresh>(account, &id);
        }
    }
    for (_, id, access) in tx.list_all::<Access>() {
        if access.account == account && access.client == client {
            tx.remove::<Access>(NOBODY, &id);
        }
    }
}

/// Takes back everything `account` gave to anybody. How many clients that was.
pub(crate) fn revoke_all(tx: &mut Tx<'_>, account: &str) -> usize {
    let clients: Vec<String> = tx
        .list::<Grant>(account)
        .into_iter()
        .map(|(client, _)| client)
        .collect();
    for client in &clients {
        revoke_grant(tx, account, client);
    }
    clients.len()
}

/// Makes the account's access tokens expire now. How many there were.
pub(crate) fn expire_access(tx: &mut Tx<'_>, account: &str) -> usize {
    let now = tx.now();
    let live: Vec<_> = tx
        .list_all::<Access>()
        .into_iter()
        .filter(|(_, _, access)| access.account == account && access.expires > now)
        .collect();
    for (_, id, access) in &live {
        tx.put(
            NOBODY,
            id,
            Access {
                expires: now,
                ..Access::clone(access)
            },
        );
    }
    live.len()
}

/// What a new password does: refresh tokens with Gmail scopes die, and their access tokens. How many
/// refresh tokens that was.
pub(crate) fn password_changed(tx: &mut Tx<'_>, account: &str) -> usize {
    let reads_mail = |scopes: &BTreeSet<String>| {
        scopes
            .iter()
            .any(|s| s.contains("gmail") || s.contains("mail.google.com"))
    };
    let dead: Vec<_> = tx
        .list::<Refresh>(account)
        .into_iter()
        .filter(|(_, r)| reads_mail(&r.scopes))
        .collect();
    for (id, _) in &dead {
        tx.remove::<Refresh>(account, id);
    }
    for (_, id, access) in tx.list_all::<Access>() {
        if access.account == account && reads_mail(&access.scopes) {
            tx.remove::<Access>(NOBODY, &id);
        }
    }
    dead.len()
}

/// Keeps a code and returns it.
pub(crate) fn issue_code(tx: &mut Tx<'_>, code: Code) -> Secret<String> {
    let token = random::token("4/0sandbox-", tx.rng());
    tx.put(NOBODY, &id(token.expose()), code);
    token
}

/// The code's entry and its id, whether it is still good or not.
pub(crate) fn code(tx: &Tx<'_>, code: &str) -> Option<(String, Code)> {
    let id = id(code);
    tx.get::<Code>(NOBODY, &id).map(|c| (id, Code::clone(&c)))
}

/// Forgets codes and access tokens that nobody can use any more.
pub(crate) fn sweep(tx: &mut Tx<'_>) {
    let now = tx.now();
    let hour = SignedDuration::from_hours(1);
    for (_, id, code) in tx.list_all::<Code>() {
        if code.expires + hour < now {
            tx.remove::<Code>(NOBODY, &id);
        }
    }
    for (_, id, access) in tx.list_all::<Access>() {
        if access.expires + hour * 24 < now {
            tx.remove::<Access>(NOBODY, &id);
        }
    }
}

/// Whose refresh token this is, alive or not used for long.
pub(crate) fn refresh_account(tx: &Tx<'_>, token: &str) -> Option<String> {
    let wanted = id(token);
    tx.list_all::<Refresh>()
        .into_iter()
        .find(|(_, id, _)| *id == wanted)
        .map(|(account, _, _)| account)
}
