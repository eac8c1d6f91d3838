//! Root keys: reading them from settings, naming them, wrapping data keys with them.
//!
//! ```text
//! root id = the first 16 bytes of HMAC-SHA-256(root key, "deputy/root-key-id/v1")
//! wrapped = version 0x01 | root id | nonce (12) | AES-256-GCM(root key, data key) | tag (16)
//! AAD     = list("deputy/udk/v1", root id, owner, key id)
//! ```
//!
//! The id is made from the key itself, so that it can't name another key than the one that wrapped.

use std::fmt;

use aws_lc_rs::hmac;
use deputy_core::{Rng, Secret, UserId, random};
use deputy_store::user_key::UserKey;
use zeroize::Zeroize as _;

use crate::place::owner_text;
use crate::record::{DataKey, KeyId, NONCE, TAG, gcm_open, gcm_seal, list};
use crate::{Config, Error};

const LABEL: &[u8] = b"deputy/udk/v1";
const ID_LABEL: &[u8] = b"deputy/root-key-id/v1";
const VERSION: u8 = 1;
const ID: usize = 16;
const WRAPPED: usize = 1 + ID + NONCE + 32 + TAG;

/// How to make a key, for messages.
const HOW: &str = "make one with: deputy key generate";

/// Why a setting is no root key. Never shows what the setting held.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum KeyError {
    /// Nothing there.
    #[error("{setting} is empty; {HOW}")]
    Empty {
        /// Which setting.
        setting: &'static str,
    },
    /// Too short or too long.
    #[error("{setting} must be 64 hexadecimal digits (32 bytes) and has {found} characters; {HOW}")]
    Length {
        /// Which setting.
        setting: &'static str,
        /// How many characters there are.
        found: usize,
    },
    /// Something that is no hexadecimal digit.
    #[error("{setting} must be 64 hexadecimal digits, and character {position} is none; {HOW}")]
    Digit {
        /// Which setting.
        setting: &'static str,
        /// The first character that is no digit, counted from 1.
        position: usize,
    },
    /// A placeholder: one byte repeated.
    #[error("{setting} repeats one byte, which is no key; {HOW}")]
    Weak {
        /// Which setting.
        setting: &'static str,
    },
}

/// Names the setting (or the file that it names) of the current key, for messages.
const CURRENT: &str = "TOKEN_ENCRYPTION_KEY (or the file that TOKEN_ENCRYPTION_KEY_FILE names)";
const OLD: &str = "a key in TOKEN_ENCRYPTION_KEYS_OLD";

/// The key of `TOKEN_ENCRYPTION_KEY` or of the file that `TOKEN_ENCRYPTION_KEY_FILE` names: 64 hex
/// digits, white space around them allowed.
pub fn parse_key(text: &str) -> Result<Secret<[u8; 32]>, KeyError> {
    parse(text, CURRENT)
}

/// The keys of `TOKEN_ENCRYPTION_KEYS_OLD`, comma separated; empty gives none.
pub fn parse_old_keys(text: &str) -> Result<Vec<Secret<[u8; 32]>>, KeyError> {
    text.split(',')
        .map(str::trim)
        .filter(|key| !key.is_empty())
        .map(|key| parse(key, OLD))
        .collect()
}

fn parse(text: &str, setting: &'static str) -> Result<Secret<[u8; 32]>, KeyError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(KeyError::Empty { setting });
    }
    if let Some(index) = text.chars().position(|c| !c.is_ascii_hexdigit()) {
        return Err(KeyError::Digit {
            setting,
            position: index + 1,
        });
    }
    let mut key = [0; 32];
    if hex::decode_to_slice(text, &mut key).is_err() {
        return Err(KeyError::Length {
            setting,
            found: text.len(),
        });
    }
    let weak = key.iter().all(|byte| *byte == key[0]);
    let secret = Secret::new(key);
    key.zeroize();
    if weak {
        Err(KeyError::Weak { setting })
    } else {
        Ok(secret)
    }
}

/// A fresh root key as 64 hex digits.
pub fn generate_key(rng: &dyn Rng) -> Secret<String> {
    let mut key: [u8; 32] = random::bytes(rng);
    let text = Secret::new(hex::encode(key));
    key.zeroize();
    text
}

/// Names a root key; 32 hex digits as text. Tells nothing about the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RootKeyId([u8; ID]);

impl RootKeyId {
    /// The name of `key`.
    pub fn of(key: &Secret<[u8; 32]>) -> Self {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.expose()), ID_LABEL);
        let mut id = [0; ID];
        id.copy_from_slice(&tag.as_ref()[..ID]);
        Self(id)
    }

    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let mut id = [0; ID];
        hex::decode_to_slice(text, &mut id).map_err(|_| Error::Format)?;
        Ok(Self(id))
    }
}

impl fmt::Display for RootKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

pub(crate) struct RootKey(Secret<[u8; 32]>);

impl RootKey {
    pub(crate) fn wrap(
        &self,
        rng: &dyn Rng,
        root: RootKeyId,
        owner: Option<UserId>,
        id: KeyId,
        key: &DataKey,
    ) -> Vec<u8> {
        let mut out = Vec::with_capacity(WRAPPED);
        out.push(VERSION);
        out.extend_from_slice(&root.0);
        let aad = authenticated(root, owner, id);
        out.extend_from_slice(&gcm_seal(rng, self.0.expose(), &aad, key.expose()));
        out
    }
}

fn authenticated(root: RootKeyId, owner: Option<UserId>, id: KeyId) -> Vec<u8> {
    list(&[LABEL, &root.0, owner_text(owner).as_bytes(), &id.0])
}

/// The current root key and the former ones.
pub(crate) struct RootKeys {
    /// The current one first.
    keys: Vec<(RootKeyId, RootKey)>,
}

impl RootKeys {
    pub(crate) fn new(config: &Config) -> Self {
        let mut keys: Vec<(RootKeyId, RootKey)> = Vec::with_capacity(1 + config.old.len());
        for key in std::iter::once(&config.current).chain(&config.old) {
            let id = RootKeyId::of(key);
            if keys.iter().all(|(known, _)| *known != id) {
                keys.push((id, RootKey(key.clone())));
            }
        }
        Self { keys }
    }

    pub(crate) fn current(&self) -> (RootKeyId, &RootKey) {
        let (id, key) = &self.keys[0];
        (*id, key)
    }

    pub(crate) fn knows(&self, id: RootKeyId) -> bool {
        self.keys.iter().any(|(known, _)| *known == id)
    }

    /// The data key of a row. The row says which root key; the wrapped bytes must agree.
    pub(crate) fn unwrap(&self, row: &UserKey) -> Result<DataKey, Error> {
        let wrapped = row.wrapped.as_slice();
        if wrapped.len() != WRAPPED || wrapped[0] != VERSION {
            return Err(Error::Format);
        }
        let (root, body) = wrapped[1..].split_at(ID);
        let mut id = [0; ID];
        id.copy_from_slice(root);
        let root = RootKeyId(id);
        let (_, key) = self
            .keys
            .iter()
            .find(|(known, _)| *known == root)
            .ok_or(Error::UnknownRootKey(root))?;
        let aad = authenticated(root, row.owner, KeyId::parse(&row.key_id)?);
        let plain = gcm_open(key.0.expose(), &aad, body).ok_or(Error::Refused)?;
        let mut key = [0; 32];
        key.copy_from_slice(plain.expose());
        let data_key = DataKey::new(Secret::new(key));
        key.zeroize();
        Ok(data_key)
    }
}

#[cfg(test)]
mod tests;
