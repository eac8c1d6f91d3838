//! Browser sessions: a cookie with a random id, a row under the id's SHA-256.
//!
//! The id is new at every sign-in, so that an id planted before is worth nothing. A session ends
//! after 12 hours without use and after 14 days whatever happens, when the person signs out (here
//! or everywhere), when their password changes and when they are disabled. Ending deletes the row:
//! a request that was under way can't bring it back.

use std::fmt;

use async_trait::async_trait;
use deputy_core::secret::sha256_hex;
use deputy_core::{Caller, Principal, UserId, random};
use deputy_store::session as row;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tower_sessions::cookie::SameSite;
use tower_sessions::session::{Id, Record};
use tower_sessions::session_store::{self, SessionStore};
use tower_sessions::{Expiry, Session, SessionManagerLayer};

use crate::proof::{Proof, Proved};
use crate::{AuthError, Identity, User, principal};

/// Middleware that puts a [`Session`] into each request's extensions. It reads the database only
/// when a handler asks the session for something.
pub type SessionLayer = SessionManagerLayer<Rows>;

/// The member of a session's data that says who is signed in.
const SIGNED_IN: &str = "deputy.signed_in";

/// A session in which nobody is signed in lives so long: enough for a sign-in form.
const ANONYMOUS_LIFETIME: SignedDuration = SignedDuration::from_hours(1);

/// Longest `User-Agent` that is kept, in characters.
const MAX_USER_AGENT: usize = 300;

/// From where somebody signs in; shown in the list of sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Browser {
    /// The `User-Agent` header.
    pub user_agent: String,
    /// The client's address.
    pub address: String,
}

impl Browser {
    /// As much of it as is kept.
    pub(crate) fn cut(mut self) -> Self {
        self.user_agent = self.user_agent.chars().take(MAX_USER_AGENT).collect();
        self
    }
}

/// Who is signed in, as the session's data keep it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SignedIn {
    pub(crate) user: UserId,
    browser: Browser,
    /// Milliseconds since 1970.
    since: i64,
    /// Not there in sessions that began before there was anything but passwords.
    #[serde(default)]
    proved: Option<Proved>,
}

impl SignedIn {
    /// When and how the person last proved who they are.
    pub(crate) fn proof(&self) -> Proved {
        self.proved.unwrap_or(Proved {
            how: Proof::Password,
            at: self.since,
        })
    }

    pub(crate) fn with_proof(mut self, proved: Proved) -> Self {
        self.proved = Some(proved);
        self
    }
}

/// A session as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionInfo {
    /// Names the session, opens nothing.
    pub id: String,
    /// Whether it is the one that asks.
    pub is_current: bool,
    /// From where the person signed in.
    pub browser: Browser,
    /// When the person signed in.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_seen_at: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
}

/// Why a session was not begun, listed or ended.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The session's data or their storage failed.
    #[error("the session failed")]
    Session(#[from] tower_sessions::session::Error),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] deputy_store::Error),
}

impl Identity {
    /// Middleware for the pages. `secure`: the cookie is `__Host-deputy` and only sent over TLS;
    /// without it, for http on a loopback address, it is `deputy`.
    pub fn session_layer(&self, secure: bool) -> SessionLayer {
        let lifetime = time::Duration::seconds(self.inner.config.session_lifetime.as_secs());
        SessionManagerLayer::new(Rows {
            identity: self.clone(),
        })
        .with_name(cookie_name(secure))
        .with_secure(secure)
        .with_http_only(true)
        // Lax: the way back from a consent page elsewhere is a navigation that must carry it.
        .with_same_site(SameSite::Lax)
        .with_path("/")
        .with_expiry(Expiry::OnInactivity(lifetime))
    }

    /// Signs `user` in in this browser, who proved it just now: under a new id, with nothing of what
    /// the session held.
    pub async fn start_session(
        &self,
        session: &Session,
        user: &User,
        browser: Browser,
        how: Proof,
    ) -> Result<(), SessionError> {
        session.clear().await;
        session.cycle_id().await?;
        let since = self.inner.clock.now().as_millisecond();
        let signed_in = SignedIn {
            user: user.id,
            browser: browser.cut(),
            since,
            proved: Some(Proved { how, at: since }),
        };
        self.put_signed_in(session, signed_in).await
    }

    pub(crate) async fn signed_in(
        &self,
        session: &Session,
    ) -> Result<Option<SignedIn>, SessionError> {
        Ok(session.get(SIGNED_IN).await?)
    }

    pub(crate) async fn put_signed_in(
        &self,
        session: &Session,
        signed_in: SignedIn,
    ) -> Result<(), SessionError> {
        session.insert(SIGNED_IN, signed_in).await?;
        session.save().await?;
        Ok(())
    }

    /// Who is signed in in this browser, with all their rights. [`AuthError::MustEnrol`] for who has
    /// to have a second factor and has none.
    pub async fn authenticate_session(&self, session: &Session) -> Result<Principal, AuthError> {
        let principal = self.authenticate_for_enrolment(session).await?;
        if self.must_have_second_factor(principal.role)
            && !self.has_second_factor(principal.user_id).await?
        {
            return Err(AuthError::MustEnrol);
        }
        Ok(principal)
    }

    /// The same for what leads to a second factor, and out: also who has to have one first.
    pub async fn authenticate_for_enrolment(
        &self,
        session: &Session,
    ) -> Result<Principal, AuthError> {
        let signed_in = self
            .signed_in(session)
            .await
            .map_err(|err| AuthError::Store(Box::new(err)))?;
        let (Some(signed_in), Some(session)) = (signed_in, id_hash(session)) else {
            return Err(AuthError::Missing);
        };
        let user = self
            .inner
            .store
            .user(signed_in.user)
            .profile()
            .await?
            .ok_or(AuthError::Missing)?;
        principal(user, None, Caller::Browser { session })
    }

    /// Signs out in this browser.
    pub async fn end_session(&self, session: &Session) -> Result<(), SessionError> {
        Ok(session.flush().await?)
    }

    /// The person's sessions, last used first. `current`: the hash of the one that asks.
    pub async fn sessions(
        &self,
        user: UserId,
        current: Option<&str>,
    ) -> Result<Vec<SessionInfo>, SessionError> {
        let now = self.inner.clock.now();
        let rows = self.inner.store.user(user).sessions().await?;
        let live = rows.into_iter().filter(|row| self.is_live(row, now));
        Ok(live
            .map(|row| SessionInfo {
                is_current: current == Some(row.id_hash.as_str()),
                browser: Browser {
                    user_agent: row.user_agent,
                    address: row.address,
                },
                created_at: row.created_at,
                last_seen_at: row.last_seen_at,
                expires_at: row.expires_at,
                id: row.id_hash,
            })
            .collect())
    }

    /// Ends one of the person's sessions by the name that [`Identity::sessions`] gives. False when
    /// it is not theirs or over.
    pub async fn end_session_of(&self, user: UserId, id: &str) -> Result<bool, SessionError> {
        let tx = self.inner.store.begin().await?;
        let ended = tx.user(user).end_session(id).await?;
        tx.commit().await?;
        Ok(ended)
    }

    /// Signs out everywhere, or everywhere but in the session named `except`. How many ended.
    pub async fn end_sessions(
        &self,
        user: UserId,
        except: Option<&str>,
    ) -> Result<u64, SessionError> {
        let tx = self.inner.store.begin().await?;
        let ended = tx.user(user).end_sessions(except).await?;
        tx.commit().await?;
        Ok(ended)
    }

    fn is_live(&self, row: &row::Session, now: Timestamp) -> bool {
        let used = self.inner.used.sessions.lock().get(&row.id_hash).copied();
        let last_seen = used.map_or(row.last_seen_at, |at| at.max(row.last_seen_at));
        now < row.expires_at && now.duration_since(last_seen) < self.inner.config.session_idle
    }
}

/// The cookie's name.
pub const fn cookie_name(secure: bool) -> &'static str {
    if secure { "__Host-deputy" } else { "deputy" }
}

/// A `Set-Cookie` value that takes the cookie away; for the answer to a sign-out. (A browser takes
/// no `__Host-` cookie without `Secure`, not even to delete it.)
pub fn removal_cookie(secure: bool) -> String {
    let suffix = if secure { "; Secure" } else { "" };
    format!(
        "{}=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax{suffix}",
        cookie_name(secure)
    )
}

/// Names the session, opens nothing: SHA-256 of its id. `None` before it has one.
pub fn id_hash(session: &Session) -> Option<String> {
    session.id().map(|id| hash(&id))
}

fn hash(id: &Id) -> String {
    sha256_hex(id.to_string().as_bytes())
}

/// Sessions as rows of the database.
#[derive(Clone)]
pub struct Rows {
    pub(crate) identity: Identity,
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rows")
    }
}

fn backend(err: &deputy_store::Error) -> session_store::Error {
    session_store::Error::Backend(err.to_string())
}

impl Rows {
    fn to_row(&self, record: &Record) -> session_store::Result<row::Session> {
        let inner = &self.identity.inner;
        let now = inner.clock.now();
        let signed_in = record
            .data
            .get(SIGNED_IN)
            .cloned()
            .map(serde_json::from_value::<SignedIn>);
        let signed_in = signed_in
            .transpose()
            .map_err(|err| session_store::Error::Encode(err.to_string()))?;
        let lifetime = if signed_in.is_some() {
            inner.config.session_lifetime
        } else {
            ANONYMOUS_LIFETIME
        };
        let (user_id, browser) = match signed_in {
            Some(signed_in) => (Some(signed_in.user), signed_in.browser),
            None => (None, Browser::default()),
        };
        Ok(row::Session {
            id_hash: hash(&record.id),
            user_id,
            data: encode(record)?,
            user_agent: browser.user_agent,
            address: browser.address,
            created_at: now,
            last_seen_at: now,
            expires_at: now.checked_add(lifetime).unwrap_or(Timestamp::MAX),
        })
    }
}

fn encode(record: &Record) -> session_store::Result<String> {
    serde_json::to_string(&record.data).map_err(|err| session_store::Error::Encode(err.to_string()))
}

#[async_trait]
impl SessionStore for Rows {
    async fn create(&self, record: &mut Record) -> session_store::Result<()> {
        let inner = &self.identity.inner;
        loop {
            record.id = Id(i128::from_le_bytes(random::bytes(&*inner.rng)));
            let row = self.to_row(record)?;
            let tx = inner.store.begin().await.map_err(|err| backend(&err))?;
            let is_new = tx.insert_session(row).await.map_err(|err| backend(&err))?;
            tx.commit().await.map_err(|err| backend(&err))?;
            if is_new {
                return Ok(());
            }
        }
    }

    async fn save(&self, record: &Record) -> session_store::Result<()> {
        let data = encode(record)?;
        let tx = self
            .identity
            .inner
            .store
            .begin()
            .await
            .map_err(|err| backend(&err))?;
        // A session that was ended meanwhile stays ended.
        tx.set_session_data(&hash(&record.id), &data)
            .await
            .map_err(|err| backend(&err))?;
        tx.commit().await.map_err(|err| backend(&err))
    }

    async fn load(&self, id: &Id) -> session_store::Result<Option<Record>> {
        let inner = &self.identity.inner;
        let now = inner.clock.now();
        let row = inner
            .store
            .session(&hash(id))
            .await
            .map_err(|err| backend(&err))?;
        let Some(row) = row.filter(|row| self.identity.is_live(row, now)) else {
            return Ok(None);
        };
        let data = serde_json::from_str(&row.data)
            .map_err(|err| session_store::Error::Decode(err.to_string()))?;
        let ends = time::OffsetDateTime::from_unix_timestamp(row.expires_at.as_second());
        let expiry_date = ends.map_err(|err| session_store::Error::Decode(err.to_string()))?;
        inner.used.sessions.lock().insert(row.id_hash, now);
        Ok(Some(Record {
            id: *id,
            data,
            expiry_date,
        }))
    }

    async fn delete(&self, id: &Id) -> session_store::Result<()> {
        let tx = self
            .identity
            .inner
            .store
            .begin()
            .await
            .map_err(|err| backend(&err))?;
        tx.delete_session(&hash(id))
            .await
            .map_err(|err| backend(&err))?;
        tx.commit().await.map_err(|err| backend(&err))
    }
}

#[cfg(test)]
mod tests;
