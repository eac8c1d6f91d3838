//! The `state` parameter of a consent: says whose consent it is and when it began, signed.
//!
//! `base64url(version, user id, start, nonce) "." base64url(HMAC-SHA-256)`. The signature tells a
//! forged state from an old one without asking the database, and lets a stranger's visit be refused
//! before the row is touched. That it counts once is the business of the row, which knows only the
//! nonce's hash.
//!
//! The key is a secret of the installation, made by whichever replica needs it first and kept sealed
//! in the database. It is not derived from the root key, so that replacing the root key does not
//! break the consents under way.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use deputy_core::{Clock, Rng, UserId, random, secret};
use deputy_vault::Vault;
use jiff::{SignedDuration, Timestamp};

/// How long a consent may take.
pub const STATE_LIFETIME: SignedDuration = SignedDuration::from_mins(10);

const SECRET_NAME: &str = "oauth-state";
const VERSION: u8 = 1;
const NONCE_LEN: usize = 16;
const BODY_LEN: usize = 1 + 8 + 8 + NONCE_LEN;
/// Longer than any state of ours; what is longer isn't decoded.
const MAX_LEN: usize = 256;

/// Why a callback's state is worth nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StateError {
    /// There is none.
    Missing,
    /// It isn't one of ours.
    Forged,
    /// It has lapsed.
    Expired,
}

/// What a state says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct State {
    /// Who began the consent.
    pub(crate) user: UserId,
    /// When.
    pub(crate) started: Timestamp,
    /// Names the row.
    nonce: [u8; NONCE_LEN],
}

impl State {
    /// A fresh one.
    pub(crate) fn new(user: UserId, clock: &dyn Clock, rng: &dyn Rng) -> Self {
        Self {
            user,
            started: clock.now(),
            nonce: random::bytes(rng),
        }
    }

    /// SHA-256 of the nonce in hex: the key of the row.
    pub(crate) fn nonce_hash(&self) -> String {
        secret::sha256_hex(&self.nonce)
    }

    /// When it lapses.
    pub(crate) fn expires(&self) -> Timestamp {
        self.started
            .checked_add(STATE_LIFETIME)
            .unwrap_or(Timestamp::MAX)
    }

    /// The signed text.
    pub(crate) fn sign(&self, key: &hmac::Key) -> String {
        let mut body = Vec::with_capacity(BODY_LEN);
        body.push(VERSION);
        body.extend_from_slice(&self.user.0.to_be_bytes());
        body.extend_from_slice(&self.started.as_millisecond().to_be_bytes());
        body.extend_from_slice(&self.nonce);
        let tag = hmac::sign(key, &body);
        format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(&body),
            URL_SAFE_NO_PAD.encode(tag.as_ref())
        )
    }

    /// The state of a callback: ours, and not too old.
    pub(crate) fn read(
        text: Option<&str>,
        key: &hmac::Key,
        now: Timestamp,
    ) -> Result<Self, StateError> {
        let text = text.filter(|s| !s.is_empty()).ok_or(StateError::Missing)?;
        let state = Self::verify(text, key).ok_or(StateError::Forged)?;
        if now >= state.expires() {
            return Err(StateError::Expired);
        }
        Ok(state)
    }

    /// Reads a text that was signed with `key`; `None` for any other.
    pub(crate) fn verify(text: &str, key: &hmac::Key) -> Option<Self> {
        if text.len() > MAX_LEN {
            return None;
        }
        let (body, tag) = text.split_once('.')?;
        let body = URL_SAFE_NO_PAD.decode(body).ok()?;
        let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
        hmac::verify(key, &body, &tag).ok()?;
        let body: [u8; BODY_LEN] = body.try_into().ok()?;
        let (version, rest) = body.split_first()?;
        let (user, rest) = rest.split_first_chunk()?;
        let (started, rest) = rest.split_first_chunk()?;
        if *version != VERSION {
            return None;
        }
        Some(Self {
            user: UserId(i64::from_be_bytes(*user)),
            started: Timestamp::from_millisecond(i64::from_be_bytes(*started)).ok()?,
            nonce: rest.try_into().ok()?,
        })
    }
}

/// The installation's key for states; made and stored where there is none.
pub(crate) async fn load_key(vault: &Vault) -> Result<hmac::Key, crate::StorageError> {
    let key = vault.installation_key(SECRET_NAME).await?;
    Ok(hmac::Key::new(hmac::HMAC_SHA256, key.expose()))
}

#[cfg(test)]
mod tests;
