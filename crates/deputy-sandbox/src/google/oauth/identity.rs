//! OpenID Connect: the ID token that comes with identity scopes, and the key that it is checked with
//! (developers.google.com/identity/openid-connect/openid-connect).

use std::collections::BTreeSet;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use aws_lc_rs::{digest, error::Unspecified};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::google::CLIENT_ID;
use crate::google::accounts::Account;
use crate::google::world::{Document, NOBODY, Tx};

/// Google's issuer; the emulator signs in its name, with a key of its own.
pub(crate) const ISSUER: &str = "https://accounts.google.com";

/// The signing key, PKCS #8 in base64. Made when it is first needed.
#[derive(Serialize, Deserialize)]
struct SigningKey(String);

impl Document for SigningKey {
    const KIND: &'static str = "signing_key";
}

fn key(tx: &mut Tx<'_>) -> Result<KeyPair, Unspecified> {
    if let Some(kept) = tx.get::<SigningKey>(NOBODY, "") {
        let der = STANDARD.decode(&kept.0).map_err(|_| Unspecified)?;
        return KeyPair::from_pkcs8(&der).map_err(|_| Unspecified);
    }
    let key = KeyPair::generate(KeySize::Rsa2048)?;
    let der: Pkcs8V1Der<'_> = key.as_der()?;
    tx.put(NOBODY, "", SigningKey(STANDARD.encode(der.as_ref())));
    Ok(key)
}

/// The modulus of a 2048-bit key: PKCS #1 puts it, 256 octets, before the exponent's five.
fn modulus(key: &KeyPair) -> Option<&[u8]> {
    let der = key.public_key().as_ref();
    let end = der.len().checked_sub(5)?;
    (der[end..] == [0x02, 0x03, 0x01, 0x00, 0x01]).then(|| &der[end - 256..end])
}

fn key_id(modulus: &[u8]) -> String {
    hex::encode(&digest::digest(&digest::SHA256, modulus).as_ref()[..20])
}

/// The keys that ID tokens are checked with (RFC 7517).
pub(crate) fn keys(tx: &mut Tx<'_>) -> Value {
    let key = key(tx).ok();
    let keys: Vec<Value> = key
        .as_ref()
        .and_then(modulus)
        .map(|modulus| {
            json!({
                "kty": "RSA",
                "alg": "RS256",
                "use": "sig",
                "kid": key_id(modulus),
                "n": URL_SAFE_NO_PAD.encode(modulus),
                "e": "AQAB",
            })
        })
        .into_iter()
        .collect();
    json!({ "keys": keys })
}

/// An ID token for who signed in, if the scopes say who that is.
pub(crate) fn token(
    tx: &mut Tx<'_>,
    email: &str,
    scopes: &BTreeSet<String>,
    access_token: &str,
    nonce: Option<&str>,
) -> Option<String> {
    if !scopes.iter().any(|s| super::is_identity(s)) {
        return None;
    }
    let account = tx.get::<Account>(email, "")?;
    let half = &digest::digest(&digest::SHA256, access_token.as_bytes()).as_ref()[..16].to_vec();
    let now = tx.now().as_second();
    let mut claims = json!({
        "iss": ISSUER,
        "azp": CLIENT_ID,
        "aud": CLIENT_ID,
        "sub": account.number,
        "at_hash": URL_SAFE_NO_PAD.encode(half),
        "iat": now,
        "exp": now + 3600,
    });
    if scopes.iter().any(|s| s.ends_with("userinfo.email")) {
        claims["email"] = json!(email);
        claims["email_verified"] = json!(true);
    }
    if scopes.iter().any(|s| s.ends_with("userinfo.profile")) {
        claims["name"] = json!(account.name);
        claims["given_name"] = json!(account.name);
    }
    if let Some(nonce) = nonce {
        claims["nonce"] = json!(nonce);
    }
    let key = key(tx).ok()?;
    let header = json!({"alg": "RS256", "kid": key_id(modulus(&key)?), "typ": "JWT"});
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header.to_string()),
        URL_SAFE_NO_PAD.encode(claims.to_string())
    );
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        signed.as_bytes(),
        &mut signature,
    )
    .ok()?;
    Some(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// The discovery document: Google's, with this origin's addresses.
pub(crate) fn configuration(base: &url::Url) -> Value {
    let at = |path: &str| format!("{base}{path}");
    json!({
        "issuer": ISSUER,
        "authorization_endpoint": at("o/oauth2/v2/auth"),
        "token_endpoint": at("token"),
        "userinfo_endpoint": at("oauth2/v2/userinfo"),
        "revocation_endpoint": at("revoke"),
        "jwks_uri": at("oauth2/v3/certs"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid", "email", "profile"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "code_challenge_methods_supported": ["plain", "S256"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
    })
}
