//! The consent page: what may be asked, what the person answers, and where the answer goes.

use std::collections::BTreeSet;

use deputy_core::http::is_loopback;
use http::{StatusCode, header};
use url::Url;

use super::tokens::{self, Code, Grant};
use super::{Form, canonical, is_identity, joined};
use crate::google::pages::{self, Consent, ScopeChoice};
use crate::google::service::is_known_scope;
use crate::google::world::WorldError;
use crate::google::{App, CLIENT_ID, accounts};
use crate::server::Reply;

/// What is wrong with an authorization request: shown to the person, never sent to the client.
struct Refusal {
    status: StatusCode,
    error: &'static str,
    message: String,
}

fn refusal(error: &'static str, message: impl Into<String>) -> Refusal {
    Refusal {
        status: StatusCode::BAD_REQUEST,
        error,
        message: message.into(),
    }
}

/// An authorization request that makes sense.
struct Asked {
    redirect_uri: String,
    redirect: Url,
    scopes: BTreeSet<String>,
    state: Option<String>,
    offline: bool,
    prompt: Vec<String>,
    union: bool,
    hint: Option<String>,
    challenge: Option<(String, String)>,
    nonce: Option<String>,
}

impl Asked {
    fn read(form: &Form) -> Result<Self, Refusal> {
        let get = |name: &str| {
            form.query
                .iter()
                .find(|(n, v)| n == name && !v.is_empty())
                .map(|(_, v)| v.as_str())
        };
        let need = |name: &str| {
            get(name).ok_or_else(|| {
                refusal(
                    "invalid_request",
                    format!("Missing required parameter: {name}"),
                )
            })
        };
        if need("client_id")? != CLIENT_ID {
            let message = "The OAuth client was not found.".to_owned();
            return Err(Refusal {
                status: StatusCode::UNAUTHORIZED,
                error: "invalid_client",
                message,
            });
        }
        let redirect_uri = need("redirect_uri")?.to_owned();
        let redirect = registered(&redirect_uri)?;
        match need("response_type")? {
            "code" => {}
            other => {
                return Err(refusal(
                    "unsupported_response_type",
                    format!("Unsupported response type: {other}"),
                ));
            }
        }
        let scopes: BTreeSet<String> = need("scope")?
            .split_ascii_whitespace()
            .map(canonical)
            .collect();
        let unknown: Vec<&str> = scopes
            .iter()
            .map(String::as_str)
            .filter(|s| !is_known_scope(s))
            .collect();
        if !unknown.is_empty() {
            let message = format!(
                "Some requested scopes were invalid. {{invalid=[{}]}}",
                unknown.join(", ")
            );
            return Err(refusal("invalid_scope", message));
        }
        let offline = match get("access_type") {
            None | Some("online") => false,
            Some("offline") => true,
            Some(other) => {
                return Err(refusal(
                    "invalid_request",
                    format!("Invalid access_type: {other}"),
                ));
            }
        };
        let prompt: Vec<String> = get("prompt")
            .unwrap_or("")
            .split_ascii_whitespace()
            .map(str::to_owned)
            .collect();
        if let Some(bad) = prompt
            .iter()
            .find(|p| !["none", "consent", "select_account"].contains(&p.as_str()))
        {
            return Err(refusal(
                "invalid_request",
                format!("Invalid parameter value for prompt: Invalid prompt: {bad}"),
            ));
        }
        if prompt.len() > 1 && prompt.iter().any(|p| p == "none") {
            return Err(refusal(
                "invalid_request",
                "prompt=none can't be used with other prompt values.",
            ));
        }
        Ok(Self {
            redirect_uri,
            redirect,
            scopes,
            state: get("state").map(str::to_owned),
            offline,
            prompt,
            union: get("include_granted_scopes") == Some("true"),
            hint: get("login_hint").and_then(accounts::normalized),
            challenge: challenge(get("code_challenge"), get("code_challenge_method"))?,
            nonce: get("nonce").map(str::to_owned),
        })
    }

    fn wants(&self, prompt: &str) -> bool {
        self.prompt.iter().any(|p| p == prompt)
    }

    /// Back to the client.
    fn back(&self, pairs: &[(&str, &str)]) -> Reply {
        let mut url = self.redirect.clone();
        let mut query = url.query_pairs_mut();
        if let Some(state) = &self.state {
            query.append_pair("state", state);
        }
        query.extend_pairs(pairs);
        drop(query);
        let mut reply = Reply::default();
        *reply.status_mut() = StatusCode::FOUND;
        if let Ok(location) = url.as_str().parse() {
            reply.headers_mut().insert(header::LOCATION, location);
        }
        reply
    }
}

/// Any URL on a loopback address is registered, exactly as it is written.
fn registered(redirect_uri: &str) -> Result<Url, Refusal> {
    let mismatch = || {
        refusal(
            "redirect_uri_mismatch",
            format!(
                "The redirect URI in the request, {redirect_uri}, does not match the ones authorized for the OAuth client."
            ),
        )
    };
    let url = Url::parse(redirect_uri).map_err(|_| {
        refusal(
            "invalid_request",
            format!("Invalid parameter value for redirect_uri: Invalid URI: {redirect_uri}"),
        )
    })?;
    let plain = ["http", "https"].contains(&url.scheme())
        && url.fragment().is_none()
        && url.username().is_empty();
    if plain && is_loopback(&url) {
        Ok(url)
    } else {
        Err(mismatch())
    }
}

fn challenge(
    challenge: Option<&str>,
    method: Option<&str>,
) -> Result<Option<(String, String)>, Refusal> {
    let method = method.unwrap_or("plain");
    if !["S256", "plain"].contains(&method) {
        return Err(refusal(
            "invalid_request",
            format!("Invalid code_challenge_method: {method}"),
        ));
    }
    let Some(challenge) = challenge else {
        return Ok(None);
    };
    let unreserved = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
    if !(43..=128).contains(&challenge.len()) || !challenge.chars().all(unreserved) {
        return Err(refusal(
            "invalid_request",
            "Invalid code_challenge: it has 43 to 128 unreserved characters.",
        ));
    }
    Ok(Some((method.to_owned(), challenge.to_owned())))
}

/// GET: the page, or an error page, or (`prompt=none`) an answer without a page.
pub(super) fn show(app: &App, form: &Form) -> Reply {
    let asked = match Asked::read(form) {
        Ok(asked) => asked,
        Err(refusal) => return pages::error(refusal.status, refusal.error, &refusal.message),
    };
    if asked.wants("none") {
        // Nobody is ever signed in here, so that there is always something to ask.
        return asked.back(&[("error", "interaction_required")]);
    }
    page(app, form, &asked, None)
}

fn page(app: &App, form: &Form, asked: &Asked, problem: Option<&str>) -> Reply {
    let known: Vec<String> = app.store.read(|tx| {
        tx.list_all::<accounts::Account>()
            .into_iter()
            .map(|(email, _, _)| email)
            .collect()
    });
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(&form.query);
    pages::consent(&Consent {
        action: format!("/o/oauth2/v2/auth?{}", query.finish()),
        hint: asked.hint.as_deref(),
        typed: form
            .body
            .iter()
            .find(|(n, _)| n == "email")
            .map_or("", |(_, v)| v.as_str()),
        accounts: &known,
        scopes: asked
            .scopes
            .iter()
            .filter(|s| !is_identity(s))
            .map(|s| ScopeChoice::new(s))
            .collect(),
        identity: asked.scopes.iter().any(|s| is_identity(s)),
        problem,
        destination: asked.redirect.origin().ascii_serialization(),
    })
}

/// POST: what the person decided.
pub(super) async fn decide(app: &App, form: &Form) -> Reply {
    let asked = match Asked::read(form) {
        Ok(asked) => asked,
        Err(refusal) => return pages::error(refusal.status, refusal.error, &refusal.message),
    };
    let field = |name: &str| {
        form.body
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    };
    match field("decision") {
        Some("allow") => {}
        Some("deny") => return asked.back(&[("error", "access_denied")]),
        _ => return page(app, form, &asked, Some("Choose to allow or to deny.")),
    }
    let Some(email) = asked
        .hint
        .clone()
        .or_else(|| field("email").and_then(accounts::normalized))
    else {
        return page(app, form, &asked, Some("Enter an e-mail address."));
    };
    let ticked: BTreeSet<&str> = form
        .body
        .iter()
        .filter(|(n, _)| n == "scope")
        .map(|(_, v)| v.as_str())
        .collect();
    let granted: BTreeSet<String> = asked
        .scopes
        .iter()
        .filter(|s| is_identity(s) || ticked.contains(s.as_str()))
        .cloned()
        .collect();
    if granted.is_empty() {
        return asked.back(&[("error", "access_denied")]);
    }
    let result = app
        .store
        .run(|tx| {
            accounts::ensure(tx, &email);
            let mut grant = tx
                .get::<Grant>(&email, CLIENT_ID)
                .map(|grant| Grant::clone(&grant))
                .unwrap_or_default();
            grant.scopes.extend(granted.iter().cloned());
            let refresh = asked.offline && (!grant.offline || asked.wants("consent"));
            grant.offline |= refresh;
            let scopes = if asked.union {
                grant.scopes.clone()
            } else {
                granted.clone()
            };
            tx.put(&email, CLIENT_ID, grant);
            let expires = tx.now() + tokens::CODE_TTL;
            let code = tokens::issue_code(
                tx,
                Code {
                    account: email.clone(),
                    client: CLIENT_ID.to_owned(),
                    redirect_uri: asked.redirect_uri.clone(),
                    scopes: scopes.clone(),
                    refresh,
                    challenge: asked.challenge.clone(),
                    nonce: asked.nonce.clone(),
                    expires,
                    used: false,
                },
            );
            Ok::<_, WorldError>((code, scopes))
        })
        .await;
    match result {
        Ok((code, scopes)) => {
            let prompt = if asked.wants("consent") {
                "consent"
            } else {
                "none"
            };
            asked.back(&[
                ("code", code.expose()),
                ("scope", &joined(&scopes)),
                ("authuser", "0"),
                ("prompt", prompt),
            ])
        }
        Err(error) => pages::error(
            StatusCode::INTERNAL_SERVER_ERROR,
            "server_error",
            &error.to_string(),
        ),
    }
}
