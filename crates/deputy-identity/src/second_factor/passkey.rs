//! Passkeys (WebAuthn): keys that an authenticator keeps and gives to nobody, and that work for this
//! host alone, so that no other page can have them used.
//!
//! # Two factors in one
//!
//! Every ceremony requires that the authenticator has verified its person (a finger, a face, a PIN):
//! what one has and what one knows or is. So a passkey alone signs in, where the authenticator also
//! keeps whose it is; beside the password it is the second step; and it proves that it is still the
//! same person.
//!
//! # Ceremonies
//!
//! What was asked is kept at the browser's session for five minutes and answered once
//! ([`deputy_store::passkey`]). The answer is looked at by `webauthn-rs`: origin, host, challenge,
//! verification, signature, count. The count is compared once more by the statement that stores it,
//! so that of two answers of one count, on whatever replica, one is refused.

use std::collections::BTreeMap;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use deputy_core::UserId;
use deputy_store::passkey as row;
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tower_sessions::Session;
use webauthn_rs::prelude::{
    AuthenticationResult, DiscoverableAuthentication, Passkey, PasskeyAuthentication,
    PasskeyRegistration, PublicKeyCredential, RegisterPublicKeyCredential, Uuid, Webauthn,
    WebauthnBuilder, WebauthnError,
};

use super::{Added, FactorError, NOTICE_PASSKEY_ADDED, NOTICE_PASSKEY_REMOVED};
use crate::{Identity, User, session, sign_in};

/// Longest name, in characters.
pub const MAX_NAME: usize = 64;
/// Passkeys per person.
pub const MAX: u64 = 20;
/// How long an answer is waited for.
const WAIT: SignedDuration = SignedDuration::from_mins(5);

/// The member of a session's data that a ceremony of somebody unknown leaves: without data there is
/// no session.
const MARK: &str = "deputy.passkey";

/// A passkey as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasskeyInfo {
    /// The row's number.
    pub id: i64,
    /// What its owner calls it.
    pub name: String,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
}

impl From<row::Passkey> for PasskeyInfo {
    fn from(row: row::Passkey) -> Self {
        Self {
            id: row.id,
            name: row.name,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
        }
    }
}

/// What a passkey is asked for, beside signing in with nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The second step of a sign-in.
    SignIn,
    /// To prove that it is still the same person.
    Confirm,
}

impl Step {
    fn kind(self) -> &'static str {
        match self {
            Self::SignIn => "second",
            Self::Confirm => "confirm",
        }
    }
}

const ADD: &str = "add";
const ALONE: &str = "alone";

/// What a ceremony of somebody known waits with.
#[derive(Serialize, Deserialize)]
struct Waiting<T> {
    user: UserId,
    state: T,
}

/// The site for which passkeys are made; `None` where its host is no name.
pub(crate) fn site(public_url: &url::Url) -> Option<Webauthn> {
    let host = public_url.domain()?;
    let built = WebauthnBuilder::new(host, public_url).and_then(|builder| {
        let builder = builder.rp_name("Deputy");
        builder.build()
    });
    match built {
        Ok(site) => Some(site),
        Err(error) => {
            tracing::warn!(%error, "there are no passkeys for this public URL");
            None
        }
    }
}

impl Identity {
    /// Whether there can be passkeys: the public URL's host is a name.
    pub fn passkeys_work(&self) -> bool {
        self.inner.site.passkeys.is_some()
    }

    /// What the browser is to be asked to make a passkey of: the argument of
    /// `navigator.credentials.create`, binary members in URL-safe base64.
    pub async fn begin_passkey(
        &self,
        session: &Session,
        user: &User,
    ) -> Result<Value, FactorError> {
        let site = self.passkey_site()?;
        let new = Uuid::from_bytes(deputy_core::random::bytes(&*self.inner.rng)).to_string();
        let tx = self.inner.store.begin().await?;
        let scope = tx.user(user.id);
        let known = scope.passkeys().await?;
        if known.len() as u64 >= MAX {
            return Err(FactorError::TooMany(MAX));
        }
        let handle = scope.passkey_handle(&new).await?;
        tx.commit().await?;
        let handle = Uuid::parse_str(&handle).map_err(broken)?;
        let known: Vec<_> = known
            .iter()
            .filter_map(|row| URL_SAFE_NO_PAD.decode(&row.credential_id).ok())
            .collect();
        let (options, state) = site
            .start_passkey_registration(handle, &user.username, &user.name, Some(known))
            .map_err(|error| refused(&error))?;
        let mut options = serde_json::to_value(options).map_err(broken)?;
        // So that it signs in alone too, where the authenticator has room for that.
        if let Some(Value::Object(selection)) =
            options.pointer_mut("/publicKey/authenticatorSelection")
        {
            selection.insert("residentKey".to_owned(), "preferred".into());
        }
        let user = user.id;
        self.wait(session, ADD, &Waiting { user, state }).await?;
        Ok(options)
    }

    /// Adds the passkey that the browser made.
    pub async fn finish_passkey(
        &self,
        session: &Session,
        user: UserId,
        name: &str,
        credential: &str,
    ) -> Result<Added, FactorError> {
        let name = name.trim();
        let length = name.chars().count();
        if length == 0 || length > MAX_NAME || name.chars().any(char::is_control) {
            return Err(FactorError::Name);
        }
        let site = self.passkey_site()?;
        let waiting: Waiting<PasskeyRegistration> = self.waited(session, ADD).await?;
        if waiting.user != user {
            return Err(FactorError::Refused);
        }
        let credential: RegisterPublicKeyCredential = read(credential)?;
        let passkey = site
            .finish_passkey_registration(&credential, &waiting.state)
            .map_err(|error| refused(&error))?;
        let now = self.inner.clock.now();
        let new = row::NewPasskey {
            credential_id: URL_SAFE_NO_PAD.encode(passkey.cred_id()),
            name: name.to_owned(),
            data: serde_json::to_string(&passkey).map_err(broken)?,
            // The count is the library's affair until the passkey is used.
            counter: 0,
            at: now,
        };
        let tx = self.inner.store.begin().await?;
        let scope = tx.user(user);
        if scope.count_passkeys().await? >= MAX {
            return Err(FactorError::TooMany(MAX));
        }
        match scope.insert_passkey(new).await {
            Ok(_) => {}
            // Somebody's already, or no identifier that there can be.
            Err(deputy_store::Error::Conflict(_) | deputy_store::Error::Unfit { .. }) => {
                return Err(FactorError::Refused);
            }
            Err(error) => return Err(error.into()),
        }
        let codes = self.codes_where_none(&scope).await?;
        let parameters = BTreeMap::from([("name".to_owned(), name.to_owned())]);
        scope
            .notice_put(NOTICE_PASSKEY_ADDED, &parameters, now)
            .await?;
        tx.commit().await?;
        Ok(Added { codes })
    }

    /// Removes one of the person's passkeys; its name. [`FactorError::Missing`] when it is not
    /// theirs.
    pub async fn remove_passkey(&self, user: UserId, id: i64) -> Result<String, FactorError> {
        let tx = self.inner.store.begin().await?;
        let scope = tx.user(user);
        let name = scope.delete_passkey(id).await?;
        let name = name.ok_or(FactorError::Missing)?;
        super::recovery::drop_where_useless(&scope).await?;
        let parameters = BTreeMap::from([("name".to_owned(), name.clone())]);
        let now = self.inner.clock.now();
        scope
            .notice_put(NOTICE_PASSKEY_REMOVED, &parameters, now)
            .await?;
        tx.commit().await?;
        Ok(name)
    }

    /// What the browser is to be asked for a passkey of this person: the argument of
    /// `navigator.credentials.get`. [`FactorError::Missing`] when there is none.
    pub async fn begin_passkey_step(
        &self,
        session: &Session,
        user: UserId,
        step: Step,
    ) -> Result<Value, FactorError> {
        let site = self.passkey_site()?;
        let rows = self.inner.store.user(user).passkeys().await?;
        let passkeys: Vec<Passkey> = rows
            .iter()
            .map(|row| serde_json::from_str(&row.data).map_err(broken))
            .collect::<Result<_, _>>()?;
        if passkeys.is_empty() {
            return Err(FactorError::Missing);
        }
        let (options, state) = site
            .start_passkey_authentication(&passkeys)
            .map_err(|error| refused(&error))?;
        self.wait(session, step.kind(), &Waiting { user, state })
            .await?;
        serde_json::to_value(options).map_err(broken)
    }

    /// Whether the browser's answer comes from a passkey of this person, who was asked for it.
    pub async fn finish_passkey_step(
        &self,
        session: &Session,
        user: UserId,
        step: Step,
        credential: &str,
    ) -> Result<(), FactorError> {
        let site = self.passkey_site()?;
        let waiting: Waiting<PasskeyAuthentication> = self.waited(session, step.kind()).await?;
        if waiting.user != user {
            return Err(FactorError::Refused);
        }
        let credential: PublicKeyCredential = read(credential)?;
        let result = site
            .finish_passkey_authentication(&credential, &waiting.state)
            .map_err(|error| refused(&error))?;
        let id = URL_SAFE_NO_PAD.encode(result.cred_id());
        // It may have been removed since it was asked for.
        let row = self.inner.store.user(user).passkey_by_credential(&id).await;
        self.use_passkey(row?.ok_or(FactorError::Refused)?, &result)
            .await
    }

    /// What the browser is to be asked for any passkey that knows whose it is. Counts for the
    /// address: whoever asks gets a session.
    pub async fn begin_passkey_sign_in(
        &self,
        session: &Session,
        address: IpAddr,
    ) -> Result<Value, FactorError> {
        let site = self.passkey_site()?;
        self.inner.addresses.hit(&sign_in::network(address))?;
        let (mut options, state) = site
            .start_discoverable_authentication()
            .map_err(|error| refused(&error))?;
        // A button is pressed for it; nothing is filled in by the way.
        options.mediation = None;
        session
            .insert(MARK, true)
            .await
            .map_err(session::SessionError::from)?;
        session.save().await.map_err(session::SessionError::from)?;
        self.wait(session, ALONE, &state).await?;
        serde_json::to_value(options).map_err(broken)
    }

    /// Whose passkey the browser's answer comes from. [`FactorError::Refused`] also for who is
    /// disabled.
    pub async fn finish_passkey_sign_in(
        &self,
        session: &Session,
        credential: &str,
        address: IpAddr,
    ) -> Result<User, FactorError> {
        let site = self.passkey_site()?;
        let state: DiscoverableAuthentication = self.waited(session, ALONE).await?;
        let credential: PublicKeyCredential = read(credential)?;
        let (handle, id) = site
            .identify_discoverable_authentication(&credential)
            .map_err(|error| refused(&error))?;
        let id = URL_SAFE_NO_PAD.encode(id);
        let handle = handle.to_string();
        let row = self.inner.store.passkey_by_handle(&handle, &id);
        let row = row.await?.ok_or(FactorError::Refused)?;
        let passkey: Passkey = serde_json::from_str(&row.data).map_err(broken)?;
        let result = site
            .finish_discoverable_authentication_v2(&credential, state, &passkey)
            .map_err(|error| refused(&error))?;
        let user = self.inner.store.user(row.user_id).profile().await?;
        let user = user.filter(|user| user.is_active);
        let user = user.ok_or(FactorError::Refused)?;
        self.use_passkey(row, &result).await?;
        self.inner.addresses.take_back(&sign_in::network(address));
        Ok(user)
    }

    /// Notes the use, unless the passkey is gone or its count has not grown.
    async fn use_passkey(
        &self,
        row: row::Passkey,
        result: &AuthenticationResult,
    ) -> Result<(), FactorError> {
        if !result.user_verified() {
            return Err(FactorError::Refused);
        }
        let mut passkey: Passkey = serde_json::from_str(&row.data).map_err(broken)?;
        passkey.update_credential(result);
        let data = serde_json::to_string(&passkey).map_err(broken)?;
        let now = self.inner.clock.now();
        let tx = self.inner.store.begin().await?;
        let used = tx
            .user(row.user_id)
            .use_passkey(row.id, &data, result.counter(), now)
            .await?;
        if !used {
            tracing::warn!(user = %row.user_id, "a passkey's count has not grown, or it was removed meanwhile: refused");
            return Err(FactorError::Refused);
        }
        Ok(tx.commit().await?)
    }

    fn passkey_site(&self) -> Result<&Webauthn, FactorError> {
        self.inner.site.passkeys.as_ref().ok_or(FactorError::NoName)
    }

    async fn wait(
        &self,
        session: &Session,
        kind: &str,
        state: &impl Serialize,
    ) -> Result<(), FactorError> {
        let hash = session::id_hash(session).ok_or(FactorError::Refused)?;
        let state = serde_json::to_string(state).map_err(broken)?;
        let now = self.inner.clock.now();
        let until = now.checked_add(WAIT).unwrap_or(Timestamp::MAX);
        let tx = self.inner.store.begin().await?;
        match tx.put_passkey_ceremony(&hash, kind, &state, until).await {
            Ok(()) => Ok(tx.commit().await?),
            // The session ended meanwhile.
            Err(deputy_store::Error::Dangling(_)) => Err(FactorError::Refused),
            Err(error) => Err(error.into()),
        }
    }

    async fn waited<T: DeserializeOwned>(
        &self,
        session: &Session,
        kind: &str,
    ) -> Result<T, FactorError> {
        let hash = session::id_hash(session).ok_or(FactorError::Refused)?;
        let tx = self.inner.store.begin().await?;
        let now = self.inner.clock.now();
        let state = tx.take_passkey_ceremony(&hash, kind, now).await?;
        tx.commit().await?;
        let state = state.ok_or(FactorError::Refused)?;
        serde_json::from_str(&state).map_err(broken)
    }
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, FactorError> {
    serde_json::from_str(text).map_err(|_| FactorError::Refused)
}

/// What the library found; a person is told no more than that it was not accepted.
fn refused(error: &WebauthnError) -> FactorError {
    tracing::info!(%error, "a passkey was refused");
    FactorError::Refused
}

fn broken(error: impl std::error::Error + Send + Sync + 'static) -> FactorError {
    FactorError::Vault(Box::new(error))
}

#[cfg(test)]
mod tests;
