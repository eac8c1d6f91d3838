//! The token endpoint.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};

use super::tokens::{self, Code};
use super::{Form, identity, joined, json_reply, refused};
use crate::google::failure::Envelope;
use crate::google::world::{NOBODY, Tx, WorldError};
use crate::google::{App, CLIENT_ID, CLIENT_SECRET, pipeline};
use crate::server::Reply;

/// What the token endpoint refuses with.
struct Refused(StatusCode, &'static str, &'static str);

enum Trouble {
    Refused(Refused),
    State(WorldError),
}

impl From<WorldError> for Trouble {
    fn from(error: WorldError) -> Self {
        Self::State(error)
    }
}

fn bad(error: &'static str, description: &'static str) -> Trouble {
    Trouble::Refused(Refused(StatusCode::BAD_REQUEST, error, description))
}

fn invalid_grant(description: &'static str) -> Trouble {
    bad("invalid_grant", description)
}

/// POST `/token`.
pub(super) async fn answer(app: &App, headers: &HeaderMap, form: &Form) -> Reply {
    if let Err(Refused(status, error, description)) = authenticate(headers, form) {
        return refused(status, error, description);
    }
    let result = match form.get("grant_type") {
        Some("authorization_code") => app.store.run(|tx| exchange(tx, form)).await,
        Some("refresh_token") => app.store.run(|tx| refresh(tx, form)).await,
        Some(_) => Err(bad("unsupported_grant_type", "Invalid grant_type")),
        None => Err(bad(
            "invalid_request",
            "Required parameter is missing: grant_type",
        )),
    };
    match result {
        Ok(body) => json_reply(StatusCode::OK, &body),
        Err(Trouble::Refused(Refused(status, error, description))) => {
            refused(status, error, description)
        }
        Err(Trouble::State(error)) => pipeline::failed(&error.into(), Envelope::Older),
    }
}

/// The client by body or by Basic (RFC 6749, 2.3.1).
fn authenticate(headers: &HeaderMap, form: &Form) -> Result<(), Refused> {
    let basic = headers
        .get(header::AUTHORIZATION)
        .and_then(|v| v.to_str().ok()?.strip_prefix("Basic "))
        .and_then(|encoded| String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok());
    let decoded = |part: &str| -> String {
        url::form_urlencoded::parse(part.replace('&', "%26").replace('=', "%3D").as_bytes())
            .map(|(name, _)| name.into_owned())
            .collect()
    };
    let (id, secret) = match basic.as_deref().and_then(|b| b.split_once(':')) {
        Some((id, secret)) => (Some(decoded(id)), Some(decoded(secret))),
        None => (
            form.get("client_id").map(str::to_owned),
            form.get("client_secret").map(str::to_owned),
        ),
    };
    match (id.as_deref(), secret.as_deref()) {
        (None, _) => Err(Refused(
            StatusCode::BAD_REQUEST,
            "invalid_request",
            "Could not determine client ID from request.",
        )),
        (Some(id), _) if id != CLIENT_ID => Err(Refused(
            StatusCode::UNAUTHORIZED,
            "invalid_client",
            "The OAuth client was not found.",
        )),
        (_, None) => Err(Refused(
            StatusCode::BAD_REQUEST,
            "invalid_request",
            "client_secret is missing.",
        )),
        (_, Some(secret)) if secret != CLIENT_SECRET => Err(Refused(
            StatusCode::UNAUTHORIZED,
            "invalid_client",
            "Unauthorized",
        )),
        _ => Ok(()),
    }
}

fn exchange(tx: &mut Tx<'_>, form: &Form) -> Result<Value, Trouble> {
    let presented = form
        .get("code")
        .ok_or_else(|| bad("invalid_request", "Missing required parameter: code"))?;
    let (id, code) =
        tokens::code(tx, presented).ok_or_else(|| invalid_grant("Malformed auth code."))?;
    if code.used || code.expires <= tx.now() {
        return Err(invalid_grant("Bad Request"));
    }
    if form.get("redirect_uri") != Some(code.redirect_uri.as_str()) {
        return Err(bad("redirect_uri_mismatch", "Bad Request"));
    }
    verify(&code, form.get("code_verifier"))?;
    tx.put(
        NOBODY,
        &id,
        Code {
            used: true,
            ..code.clone()
        },
    );
    let (access, expires_in) = tokens::issue_access(tx, &code.account, &code.client, &code.scopes);
    let mut body = json!({
        "access_token": access.expose(),
        "expires_in": expires_in,
        "scope": joined(&code.scopes),
        "token_type": "Bearer",
    });
    if let Some(id_token) = identity::token(
        tx,
        &code.account,
        &code.scopes,
        access.expose(),
        code.nonce.as_deref(),
    ) {
        body["id_token"] = json!(id_token);
    }
    if code.refresh {
        let (refresh, ttl) = tokens::issue_refresh(tx, &code.account, &code.client, &code.scopes);
        body["refresh_token"] = json!(refresh.expose());
        if let Some(ttl) = ttl {
            body["refresh_token_expires_in"] = json!(ttl);
        }
    }
    Ok(body)
}

/// RFC 7636, 4.6.
fn verify(code: &Code, verifier: Option<&str>) -> Result<(), Trouble> {
    let Some((method, challenge)) = &code.challenge else {
        return Ok(());
    };
    let verifier = verifier.ok_or_else(|| invalid_grant("Missing code verifier."))?;
    let answer = match method.as_str() {
        "S256" => URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes())),
        _ => verifier.to_owned(),
    };
    if (43..=128).contains(&verifier.len()) && answer == *challenge {
        Ok(())
    } else {
        Err(invalid_grant("Invalid code verifier."))
    }
}

fn refresh(tx: &mut Tx<'_>, form: &Form) -> Result<Value, Trouble> {
    let presented = form.get("refresh_token").ok_or_else(|| {
        bad(
            "invalid_request",
            "Missing required parameter: refresh_token",
        )
    })?;
    let (account, refresh) = tokens::refresh(tx, presented)
        .ok_or_else(|| invalid_grant("Token has been expired or revoked."))?;
    let scopes = match form.get("scope") {
        None => refresh.scopes.clone(),
        Some(narrower) => {
            let narrower = narrower
                .split_ascii_whitespace()
                .map(super::canonical)
                .collect();
            if !refresh.scopes.is_superset(&narrower) {
                return Err(bad("invalid_scope", "Some requested scopes were invalid."));
            }
            narrower
        }
    };
    let (access, expires_in) = tokens::issue_access(tx, &account, &refresh.client, &scopes);
    let mut body = json!({
        "access_token": access.expose(),
        "expires_in": expires_in,
        "scope": joined(&scopes),
        "token_type": "Bearer",
    });
    if let Some(id_token) = identity::token(tx, &account, &scopes, access.expose(), None) {
        body["id_token"] = json!(id_token);
    }
    Ok(body)
}
