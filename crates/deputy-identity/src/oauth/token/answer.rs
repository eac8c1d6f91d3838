//! What a rotation answered, kept for the grace: who lost the answer, or asked at the same time,
//! gets the same again.
//!
//! It is sealed under a key that only the old refresh token gives (HKDF-SHA-256), of which the
//! database has the hash alone: whoever has the database opens nothing. Each key seals one answer.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use deputy_core::secret::sha256_hex;
use deputy_core::{Rng, Scopes, Secret, random};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::Zeroize as _;

/// The first byte of a sealed answer.
const VERSION: u8 = 1;
const PURPOSE: &[u8] = b"deputy/oauth/refresh-answer/v1";

/// What the first use of a refresh token gave.
#[derive(Clone)]
pub(super) struct Successor {
    pub(super) access_token: Secret<String>,
    pub(super) access_ends: Timestamp,
    pub(super) refresh_token: Secret<String>,
    pub(super) scopes: Scopes,
    pub(super) resources: Vec<String>,
}

/// As it is sealed. Borrowed, so that no copy of a token stays behind.
#[derive(Serialize)]
struct Out<'a> {
    access_token: &'a str,
    access_ends: i64,
    refresh_token: &'a str,
    scopes: &'a Scopes,
    resources: &'a [String],
}

#[derive(Deserialize)]
struct In {
    access_token: Secret<String>,
    access_ends: i64,
    refresh_token: Secret<String>,
    scopes: Scopes,
    resources: Vec<String>,
}

/// What sealed the answer is not this token, or it was damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer of a rotation does not open")]
pub(super) struct Damaged;

impl Successor {
    /// Sealed for who presents `old` again; `grant` is what it hangs on.
    pub(super) fn seal(
        &self,
        rng: &dyn Rng,
        old: &Secret<String>,
        grant: i64,
    ) -> Result<Vec<u8>, Damaged> {
        let out = Out {
            access_token: self.access_token.expose(),
            access_ends: self.access_ends.as_millisecond(),
            refresh_token: self.refresh_token.expose(),
            scopes: &self.scopes,
            resources: &self.resources,
        };
        let mut body = serde_json::to_vec(&out).map_err(|_| Damaged)?;
        let nonce: [u8; NONCE_LEN] = random::bytes(rng);
        key(old)?
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(place(old, grant)),
                &mut body,
            )
            .map_err(|_| Damaged)?;
        let mut sealed = vec![VERSION];
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&body);
        Ok(sealed)
    }

    /// What was sealed for who presents `old`.
    pub(super) fn open(sealed: &[u8], old: &Secret<String>, grant: i64) -> Result<Self, Damaged> {
        let (nonce, body) = match sealed {
            [VERSION, rest @ ..] => rest.split_at_checked(NONCE_LEN).ok_or(Damaged)?,
            _ => return Err(Damaged),
        };
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Damaged)?;
        let aad = Aad::from(place(old, grant));
        let mut body = body.to_vec();
        let plain = key(old)?
            .open_in_place(nonce, aad, &mut body)
            .map_err(|_| Damaged)?;
        let found: In = serde_json::from_slice(plain).map_err(|_| Damaged)?;
        body.zeroize();
        Ok(Self {
            access_token: found.access_token,
            access_ends: Timestamp::from_millisecond(found.access_ends).map_err(|_| Damaged)?,
            refresh_token: found.refresh_token,
            scopes: found.scopes,
            resources: found.resources,
        })
    }
}

fn key(old: &Secret<String>) -> Result<LessSafeKey, Damaged> {
    let extracted = Salt::new(HKDF_SHA256, PURPOSE).extract(old.expose().as_bytes());
    let info = [b"key".as_slice()];
    let expanded = extracted.expand(&info, &AES_256_GCM).map_err(|_| Damaged)?;
    Ok(LessSafeKey::new(UnboundKey::from(expanded)))
}

/// Where the answer belongs: opened for another row it does not open.
fn place(old: &Secret<String>, grant: i64) -> Vec<u8> {
    let mut place = PURPOSE.to_vec();
    // Both of fixed length, so that no two places give the same bytes.
    place.extend_from_slice(sha256_hex(old.expose().as_bytes()).as_bytes());
    place.extend_from_slice(&grant.to_be_bytes());
    place
}

#[cfg(test)]
mod tests;
