//! The format of a sealed value, version 1.
//!
//! ```text
//! record   = version 0x01 | suite 0x01 | key id (16) | salt (32) | commit (32)
//!          | nonce (12) | ciphertext | tag (16)
//! rk || ck = HKDF-SHA-512(ikm = data key, salt, info = "deputy/record/v1" | key id), 32 + 32 bytes
//! commit   = ck, compared in constant time before anything is opened
//! AAD      = list("deputy/record/v1", header, owner, table, row, column, purpose)
//! header   = what stands before the nonce
//! owner    = the person's number in decimal, empty for the installation
//! list     = each item after its length, 8 bytes big-endian
//! ```
//!
//! Suite 1 is AES-256-GCM under `rk`. AES-GCM alone does not commit to its key (one ciphertext can
//! be made to open under two), `ck` does. Lengths rather than separators, so that no two lists of
//! fields give the same bytes. Every record has a fresh salt, hence a key of its own: the limits on
//! random nonces (NIST SP 800-38D, 8.3) are never near. After the AWS Encryption SDK's committing
//! suites.
//!
//! `testdata/v1.json` holds values that must open for ever.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hkdf;
use deputy_core::{Rng, Secret, random};
use zeroize::Zeroize as _;

use crate::{Error, Place};

const LABEL: &[u8] = b"deputy/record/v1";
const VERSION: u8 = 1;
const SUITE: u8 = 1;
const ID: usize = 16;
const SALT: usize = 32;
const COMMIT: usize = 32;
pub(crate) const NONCE: usize = 12;
pub(crate) const TAG: usize = 16;
const HEADER: usize = 2 + ID + SALT + COMMIT;

/// How many bytes longer a sealed value is than what it holds.
pub const OVERHEAD: usize = HEADER + NONCE + TAG;

/// Names a data key in what it sealed; 32 hex digits as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct KeyId(pub(crate) [u8; ID]);

impl KeyId {
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let mut id = [0; ID];
        hex::decode_to_slice(text, &mut id).map_err(|_| Error::Format)?;
        Ok(Self(id))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// A data key in memory, wiped with its last handle.
#[derive(Clone)]
pub(crate) struct DataKey(Arc<Secret<[u8; 32]>>);

impl DataKey {
    pub(crate) fn new(key: Secret<[u8; 32]>) -> Self {
        Self(Arc::new(key))
    }

    pub(crate) fn expose(&self) -> &[u8; 32] {
        self.0.expose()
    }
}

/// The name of the key that sealed this.
pub(crate) fn key_id(sealed: &[u8]) -> Result<KeyId, Error> {
    if sealed.len() < OVERHEAD || sealed[0] != VERSION || sealed[1] != SUITE {
        return Err(Error::Format);
    }
    let mut id = [0; ID];
    id.copy_from_slice(&sealed[2..2 + ID]);
    Ok(KeyId(id))
}

pub(crate) fn seal(
    rng: &dyn Rng,
    id: KeyId,
    key: &DataKey,
    place: &Place<'_>,
    plain: &[u8],
) -> Vec<u8> {
    let salt: [u8; SALT] = random::bytes(rng);
    let keys = derive(key, &salt, id);
    let mut out = Vec::with_capacity(OVERHEAD + plain.len());
    out.extend_from_slice(&[VERSION, SUITE]);
    out.extend_from_slice(&id.0);
    out.extend_from_slice(&salt);
    out.extend_from_slice(keys.commit());
    let aad = authenticated(&out, place);
    out.extend_from_slice(&gcm_seal(rng, keys.record(), &aad, plain));
    out
}

pub(crate) fn open(
    id: KeyId,
    key: &DataKey,
    place: &Place<'_>,
    sealed: &[u8],
) -> Result<Secret<Vec<u8>>, Error> {
    if key_id(sealed)? != id {
        return Err(Error::Refused);
    }
    let (header, body) = sealed.split_at(HEADER);
    let (salt, commit) = header[2 + ID..].split_at(SALT);
    let keys = derive(key, salt, id);
    verify_slices_are_equal(keys.commit(), commit).map_err(|_| Error::Refused)?;
    gcm_open(keys.record(), &authenticated(header, place), body).ok_or(Error::Refused)
}

fn authenticated(header: &[u8], place: &Place<'_>) -> Vec<u8> {
    let fields = place.fields();
    let mut items = vec![LABEL, header];
    items.extend(fields.iter().map(String::as_bytes));
    list(&items)
}

/// Each item after its length: two different lists never give the same bytes.
pub(crate) fn list(items: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for item in items {
        out.extend_from_slice(&(item.len() as u64).to_be_bytes());
        out.extend_from_slice(item);
    }
    out
}

/// `rk || ck`.
struct RecordKeys(Secret<[u8; 64]>);

impl RecordKeys {
    fn record(&self) -> &[u8] {
        &self.0.expose()[..32]
    }

    fn commit(&self) -> &[u8] {
        &self.0.expose()[32..]
    }
}

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

#[expect(
    clippy::expect_used,
    reason = "64 bytes are within what HKDF-SHA-512 gives (RFC 5869, 2.3)"
)]
pub(crate) fn hkdf_sha512(ikm: &[u8], salt: &[u8], info: &[&[u8]], out: &mut [u8]) {
    let prk = hkdf::Salt::new(hkdf::HKDF_SHA512, salt).extract(ikm);
    prk.expand(info, Length(out.len()))
        .and_then(|okm| okm.fill(out))
        .expect("a legal length");
}

fn derive(key: &DataKey, salt: &[u8], id: KeyId) -> RecordKeys {
    let mut out = [0; 64];
    hkdf_sha512(key.expose(), salt, &[LABEL, &id.0], &mut out);
    let keys = RecordKeys(Secret::new(out));
    out.zeroize();
    keys
}

#[expect(
    clippy::expect_used,
    reason = "the key has 32 bytes; the plain text is far below 2^36 bytes"
)]
pub(crate) fn gcm_seal(rng: &dyn Rng, key: &[u8], aad: &[u8], plain: &[u8]) -> Vec<u8> {
    let nonce: [u8; NONCE] = random::bytes(rng);
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("32 bytes"));
    let mut out = Vec::with_capacity(NONCE + plain.len() + TAG);
    out.extend_from_slice(&nonce);
    out.extend_from_slice(plain);
    let tag = key
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(aad),
            &mut out[NONCE..],
        )
        .expect("within the limits of AES-GCM");
    out.extend_from_slice(tag.as_ref());
    out
}

/// `None` when it was not sealed under this key with this `aad`.
pub(crate) fn gcm_open(key: &[u8], aad: &[u8], sealed: &[u8]) -> Option<Secret<Vec<u8>>> {
    let (nonce, body) = sealed.split_at_checked(NONCE)?;
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).ok()?);
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut buffer = body.to_vec();
    let length = key
        .open_in_place(nonce, Aad::from(aad), &mut buffer)
        .ok()?
        .len();
    // The tag's bytes; nothing secret is cut off.
    buffer.truncate(length);
    Some(Secret::new(buffer))
}

#[cfg(test)]
mod tests;
