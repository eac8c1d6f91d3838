//! OAuth 2.0 as Google does it (developers.google.com/identity/protocols/oauth2, "Web server"):
//! consent with an account choice and a tick per scope, codes, tokens, revocation, userinfo.
//!
//! There is one client, [`super::CLIENT_ID`], whose project has every loopback redirect URI registered.
//! There are no passwords and no sessions: the consent page always asks, and signs in whom it is told
//! to. Everything else follows Google: mistakes of the client are shown as pages and never sent to the
//! redirect URI; a refresh token comes with the first consent only, or with `prompt=consent`; what was
//! granted may be less than what was asked for; revoking one token revokes the grant.

mod authorize;
mod exchange;
mod identity;
pub(crate) mod tokens;

use std::collections::BTreeSet;

use http::{HeaderMap, Method as Verb, StatusCode, header};
use serde_json::{Value, json};

use super::accounts::Account;
use super::call::{Answer, Call};
use super::failure::{Envelope, Failure};
use super::faults::Subject;
use super::log::Entry;
use super::service::Service;
use super::world::WorldError;
use super::{App, CLIENT_ID, pages, pipeline};
use crate::server::{Connection, Reply, Request};

/// The oauth2 API: userinfo.
pub(crate) static SERVICE: Service = Service::new(
    &[
        ("oauth2.userinfo.get", userinfo),
        ("oauth2.userinfo.v2.me.get", userinfo),
    ],
    |_, _| {},
);

/// Whether a path is one of OAuth's.
pub(crate) fn is_ours(path: &str) -> bool {
    matches!(
        path,
        "/o/oauth2/v2/auth"
            | "/o/oauth2/auth"
            | "/token"
            | "/oauth2/v4/token"
            | "/revoke"
            | "/o/oauth2/revoke"
            | "/oauth2/v2/tokeninfo"
            | "/oauth2/v3/tokeninfo"
            | "/tokeninfo"
            | "/oauth2/v3/certs"
            | "/.well-known/openid-configuration"
    )
}

/// Answers a request to one of [`is_ours`].
pub(crate) async fn answer(app: &App, request: Request, connection: &Connection) -> Reply {
    let path = request.uri().path().to_owned();
    let form = Form::read(&request);
    let account = ["refresh_token", "token", "access_token"]
        .iter()
        .find_map(|name| {
            let token = form.get(name)?;
            app.store.read(|tx| {
                tokens::access(tx, token)
                    .map(|a| a.account)
                    .or_else(|| tokens::refresh_account(tx, token))
            })
        });
    let subject = Subject {
        verb: request.method().as_str(),
        path: &path,
        method: None,
        account: account.as_deref(),
    };
    let rule = app.faults.lock().take(&subject);
    let seq = app.log.lock().add(Entry {
        at: app.now(),
        verb: subject.verb.to_owned(),
        path: path.clone(),
        query: form
            .get("grant_type")
            .map(|g| format!("grant_type={g}"))
            .unwrap_or_default(),
        account: account.clone(),
        fault: rule.as_ref().map(|r| r.fault),
        ..Entry::default()
    });
    let reply = pipeline::with_fault(rule, connection, Envelope::Older, async {
        match (request.method(), path.as_str()) {
            (&Verb::GET | &Verb::HEAD, "/o/oauth2/v2/auth" | "/o/oauth2/auth") => {
                authorize::show(app, &form)
            }
            (&Verb::POST, "/o/oauth2/v2/auth" | "/o/oauth2/auth") => {
                if !super::control::is_same_site(app, request.headers()) {
                    return pages::error(
                        StatusCode::FORBIDDEN,
                        "access_denied",
                        "The form came from another site.",
                    );
                }
                authorize::decide(app, &form).await
            }
            (&Verb::POST, "/token" | "/oauth2/v4/token") => {
                exchange::answer(app, request.headers(), &form).await
            }
            (_, "/revoke" | "/o/oauth2/revoke") => revoke(app, &form).await,
            (_, "/oauth2/v2/tokeninfo" | "/oauth2/v3/tokeninfo" | "/tokeninfo") => {
                tokeninfo(app, &form)
            }
            (&Verb::GET, "/oauth2/v3/certs") => {
                match app
                    .store
                    .run(|tx| Ok::<_, WorldError>(identity::keys(tx)))
                    .await
                {
                    Ok(keys) => json_reply(StatusCode::OK, &keys),
                    Err(error) => pipeline::failed(&error.into(), Envelope::Older),
                }
            }
            (&Verb::GET, "/.well-known/openid-configuration") => {
                json_reply(StatusCode::OK, &identity::configuration(&app.url))
            }
            _ => refused(
                StatusCode::METHOD_NOT_ALLOWED,
                "invalid_request",
                "Method not allowed.",
            ),
        }
    })
    .await;
    app.log.lock().answered(seq, reply.status().as_u16());
    reply
}

/// Parameters of the query and, behind them, of a form body.
pub(crate) struct Form {
    pub(crate) query: Vec<(String, String)>,
    pub(crate) body: Vec<(String, String)>,
}

impl Form {
    fn read(request: &Request) -> Self {
        let parse = |bytes: &[u8]| url::form_urlencoded::parse(bytes).into_owned().collect();
        let form = content_type(request.headers()).starts_with("application/x-www-form-urlencoded");
        Self {
            query: parse(request.uri().query().unwrap_or("").as_bytes()),
            body: if form {
                parse(request.body())
            } else {
                Vec::new()
            },
        }
    }

    /// The value of `name`; an empty one counts as none.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.body
            .iter()
            .chain(&self.query)
            .find(|(n, v)| n == name && !v.is_empty())
            .map(|(_, v)| v.as_str())
    }
}

fn content_type(headers: &HeaderMap) -> &str {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .unwrap_or("")
}

/// Scopes as Google names them once granted.
fn canonical(scope: &str) -> String {
    match scope {
        "email" => "https://www.googleapis.com/auth/userinfo.email".to_owned(),
        "profile" => "https://www.googleapis.com/auth/userinfo.profile".to_owned(),
        other => other.to_owned(),
    }
}

/// Scopes that say who somebody is: granted together with the sign-in, without a tick.
fn is_identity(scope: &str) -> bool {
    matches!(
        scope,
        "openid"
            | "https://www.googleapis.com/auth/userinfo.email"
            | "https://www.googleapis.com/auth/userinfo.profile"
    )
}

fn joined(scopes: &BTreeSet<String>) -> String {
    scopes
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(" ")
}

/// A JSON answer that nobody may keep.
fn json_reply(status: StatusCode, body: &Value) -> Reply {
    let mut reply = Reply::new(serde_json::to_vec_pretty(body).unwrap_or_default().into());
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("application/json; charset=utf-8"),
    );
    headers.insert(
        header::CACHE_CONTROL,
        header::HeaderValue::from_static("no-cache, no-store, max-age=0, must-revalidate"),
    );
    headers.insert(header::PRAGMA, header::HeaderValue::from_static("no-cache"));
    reply
}

/// An error in OAuth's form (RFC 6749, 5.2).
fn refused(status: StatusCode, error: &str, description: &str) -> Reply {
    json_reply(
        status,
        &json!({"error": error, "error_description": description}),
    )
}

/// Takes back the grant behind a token: all scopes that the person gave the project.
async fn revoke(app: &App, form: &Form) -> Reply {
    let Some(token) = form.get("token") else {
        return refused(StatusCode::BAD_REQUEST, "invalid_request", "Bad Request");
    };
    let found = app
        .store
        .run(|tx| {
            let grant = tokens::access(tx, token)
                .filter(|a| a.expires > tx.now())
                .map(|a| (a.account, a.client))
                .or_else(|| tokens::refresh(tx, token).map(|(account, r)| (account, r.client)));
            if let Some((account, client)) = &grant {
                tokens::revoke_grant(tx, account, client);
            }
            Ok::<_, WorldError>(grant.is_some())
        })
        .await;
    match found {
        Ok(true) => json_reply(StatusCode::OK, &json!({})),
        Ok(false) => refused(
            StatusCode::BAD_REQUEST,
            "invalid_token",
            "Token expired or revoked",
        ),
        Err(error) => pipeline::failed(&error.into(), Envelope::Older),
    }
}

fn tokeninfo(app: &App, form: &Form) -> Reply {
    let known = form.get("access_token").and_then(|token| {
        app.store.read(|tx| {
            let access = tokens::access(tx, token).filter(|a| a.expires > tx.now())?;
            let account = tx.get::<Account>(&access.account, "")?;
            Some((access, account, tx.now()))
        })
    });
    let Some((access, account, now)) = known else {
        return refused(StatusCode::BAD_REQUEST, "invalid_token", "Invalid Value");
    };
    let mut body = json!({
        "issued_to": access.client,
        "audience": access.client,
        "user_id": account.number,
        "scope": joined(&access.scopes),
        "expires_in": access.expires.duration_since(now).as_secs(),
        "access_type": "offline",
    });
    if access.scopes.iter().any(|s| s.ends_with("userinfo.email")) {
        body["email"] = json!(access.account);
        body["verified_email"] = json!(true);
    }
    json_reply(StatusCode::OK, &body)
}

fn userinfo(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    let account = call
        .tx
        .get::<Account>(&call.account, "")
        .ok_or_else(Failure::unauthorized)?;
    let mut body = json!({"id": account.number});
    let has = |name: &str| call.scopes.iter().any(|s| s.ends_with(name));
    if has("userinfo.email") {
        body["email"] = json!(call.account);
        body["verified_email"] = json!(true);
    }
    if has("userinfo.profile") {
        body["name"] = json!(account.name);
        body["given_name"] = json!(account.name);
        body["picture"] = json!(format!("{}picture.svg", call.base));
        body["locale"] = json!("en");
    }
    if let Some((_, domain)) = call.account.split_once('@')
        && domain != "gmail.com"
    {
        body["hd"] = json!(domain);
    }
    Ok(Answer::json(body))
}

/// A new access token for a script, without consent; a refresh token too.
pub(crate) fn issue(
    tx: &mut super::world::Tx<'_>,
    account: &str,
    scopes: impl IntoIterator<Item = String>,
) -> Value {
    let scopes: BTreeSet<String> = scopes.into_iter().map(|s| canonical(&s)).collect();
    let mut grant = tx
        .get::<tokens::Grant>(account, CLIENT_ID)
        .map(|g| tokens::Grant::clone(&g))
        .unwrap_or_default();
    grant.scopes.extend(scopes.iter().cloned());
    tx.put(account, CLIENT_ID, grant);
    let (access, expires_in) = tokens::issue_access(tx, account, CLIENT_ID, &scopes);
    let (refresh, _) = tokens::issue_refresh(tx, account, CLIENT_ID, &scopes);
    json!({
        "access_token": access.expose(),
        "refresh_token": refresh.expose(),
        "expires_in": expires_in,
        "scope": joined(&scopes),
        "token_type": "Bearer",
    })
}
