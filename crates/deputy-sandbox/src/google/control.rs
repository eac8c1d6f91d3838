//! The control endpoint: how a test or a person makes the emulated Google fail, age, forget and tell.
//! The shapes are in `docs/sandbox.md`.
//!
//! It needs no token, so it must not be reachable from a web page of another site: requests with a
//! foreign `Origin`, a cross-site `Sec-Fetch-Site` or a foreign `Host` are refused.

use http::{HeaderMap, Method as Verb, StatusCode, header};
use jiff::SignedDuration;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::faults::Rule;
use super::oauth::{self, tokens};
use super::world::{NOBODY, Tx, WorldError};
use super::{ACCOUNTS, App, SERVICES, accounts};
use crate::server::{Reply, Request};

/// What went wrong with a control request.
enum Refusal {
    Bad(String),
    NotFound,
    State(WorldError),
}

impl From<WorldError> for Refusal {
    fn from(error: WorldError) -> Self {
        Self::State(error)
    }
}

/// Whether a request comes from a page of this origin, or from no page at all.
pub(crate) fn is_same_site(app: &App, headers: &HeaderMap) -> bool {
    let text = |name| {
        headers
            .get(name)
            .map(|v: &header::HeaderValue| v.to_str().unwrap_or("?").to_owned())
    };
    let host = text(header::HOST).unwrap_or_default();
    let own_host = url::Url::parse(&format!("http://{host}/")).is_ok_and(|url| {
        deputy_core::http::is_loopback(&url) || url.host_str() == app.url.host_str()
    });
    let own_origin = text(header::ORIGIN).is_none_or(|origin| origin == format!("http://{host}"));
    let same_site = text(header::HeaderName::from_static("sec-fetch-site"))
        .is_none_or(|site| site == "same-origin" || site == "none");
    own_host && own_origin && same_site
}

/// Answers a request under `/control`.
pub(crate) async fn answer(app: &App, request: Request) -> Reply {
    if !is_same_site(app, request.headers()) {
        return reply(
            StatusCode::FORBIDDEN,
            &json!({"error": "only for this machine's own pages and for scripts"}),
        );
    }
    match act(app, &request).await {
        Ok(body) => reply(StatusCode::OK, &body),
        Err(Refusal::Bad(message)) => reply(StatusCode::BAD_REQUEST, &json!({"error": message})),
        Err(Refusal::NotFound) => reply(
            StatusCode::NOT_FOUND,
            &json!({"error": "no such control; see docs/sandbox.md"}),
        ),
        Err(Refusal::State(error)) => reply(
            StatusCode::INTERNAL_SERVER_ERROR,
            &json!({"error": error.to_string()}),
        ),
    }
}

fn reply(status: StatusCode, body: &Value) -> Reply {
    let mut text = serde_json::to_vec_pretty(body).unwrap_or_default();
    text.push(b'\n');
    let mut reply = Reply::new(text.into());
    *reply.status_mut() = status;
    reply.headers_mut().insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("application/json"),
    );
    reply.headers_mut().insert(
        header::CACHE_CONTROL,
        header::HeaderValue::from_static("no-store"),
    );
    reply
}

fn body<T: DeserializeOwned>(request: &Request) -> Result<T, Refusal> {
    let text: &[u8] = if request.body().is_empty() {
        b"{}"
    } else {
        request.body()
    };
    serde_json::from_slice(text).map_err(|e| Refusal::Bad(e.to_string()))
}

async fn act(app: &App, request: &Request) -> Result<Value, Refusal> {
    let path = request.uri().path().strip_prefix("/control").unwrap_or("");
    match (request.method(), path) {
        (&Verb::GET, "/faults") => Ok(json!({"faults": app.faults.lock().rules()})),
        (&Verb::POST, "/faults") => {
            let rule: Rule = body(request)?;
            Ok(json!(app.faults.lock().add(rule)))
        }
        (&Verb::DELETE, "/faults") => {
            app.faults.lock().clear();
            Ok(json!({}))
        }
        (&Verb::DELETE, one) if one.starts_with("/faults/") => {
            let id = one
                .trim_start_matches("/faults/")
                .parse()
                .map_err(|_| Refusal::NotFound)?;
            if app.faults.lock().remove(id) {
                Ok(json!({}))
            } else {
                Err(Refusal::NotFound)
            }
        }
        (&Verb::GET, "/clock") => Ok(clock(app)),
        (&Verb::POST, "/clock") => {
            let Advance { advance_s } = body(request)?;
            let by = SignedDuration::from_secs(advance_s);
            app.store
                .run(|tx| {
                    tx.move_clock(by);
                    Ok::<_, Refusal>(())
                })
                .await?;
            Ok(clock(app))
        }
        (&Verb::GET, "/accounts") => Ok(json!({"accounts": app.store.read(list_accounts)})),
        (&Verb::POST, "/accounts") => account(app, body(request)?).await,
        (&Verb::GET, "/tokens") => Ok(json!(app.store.read(tokens::policy))),
        (&Verb::POST, "/tokens") => token(app, body(request)?).await,
        (&Verb::GET, "/quota") => Ok(json!({"enforced": app.spent.lock().enforced})),
        (&Verb::POST, "/quota") => {
            let Quota { enforced, reset } = body(request)?;
            let mut spent = app.spent.lock();
            if reset {
                spent.clear();
            }
            spent.enforced = enforced.unwrap_or(spent.enforced);
            Ok(json!({"enforced": spent.enforced}))
        }
        (&Verb::POST, "/expire") => expire(app, body(request)?).await,
        (&Verb::GET, "/log") => Ok(log(app, request)),
        (&Verb::DELETE, "/log") => {
            app.log.lock().clear();
            Ok(json!({}))
        }
        (&Verb::POST, "/reset") => {
            app.faults.lock().clear();
            app.spent.lock().clear();
            app.log.lock().clear();
            app.store
                .run(|tx| {
                    tx.clear();
                    for email in ACCOUNTS {
                        accounts::ensure(tx, email);
                    }
                    Ok::<_, Refusal>(())
                })
                .await?;
            Ok(json!({}))
        }
        _ => Err(Refusal::NotFound),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance_s: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Quota {
    enforced: Option<bool>,
    #[serde(default)]
    reset: bool,
}

fn clock(app: &App) -> Value {
    json!({"now": app.now(), "offset_s": app.store.clock.offset().as_secs()})
}

fn list_accounts(tx: &Tx<'_>) -> Vec<Value> {
    tx.list_all::<accounts::Account>()
        .into_iter()
        .map(|(email, _, account)| {
            let grants: Vec<Value> = tx
                .list::<tokens::Grant>(&email)
                .into_iter()
                .map(|(client, grant)| json!({"client": client, "scopes": grant.scopes}))
                .collect();
            let refresh_tokens = tx.list::<tokens::Refresh>(&email).len();
            json!({
                "email": email,
                "id": account.number,
                "name": account.name,
                "time_zone": account.time_zone,
                "created": account.created,
                "grants": grants,
                "refresh_tokens": refresh_tokens,
            })
        })
        .collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountRequest {
    email: String,
    name: Option<String>,
    time_zone: Option<String>,
}

async fn account(app: &App, request: AccountRequest) -> Result<Value, Refusal> {
    let email = accounts::normalized(&request.email)
        .ok_or_else(|| Refusal::Bad("email is no address".to_owned()))?;
    if let Some(zone) = &request.time_zone
        && jiff::tz::TimeZone::get(zone).is_err()
    {
        return Err(Refusal::Bad(format!("time_zone {zone} is unknown")));
    }
    app.store
        .run(|tx| {
            let mut account = accounts::ensure(tx, &email);
            account.name = request.name.unwrap_or(account.name);
            account.time_zone = request.time_zone.unwrap_or(account.time_zone);
            tx.put(&email, "", account);
            for service in SERVICES {
                if let Some(changed) = service.changed {
                    changed(tx, &email);
                }
            }
            Ok::<_, Refusal>(json!({"email": email}))
        })
        .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenRequest {
    account: Option<String>,
    action: Option<TokenAction>,
    scopes: Option<Vec<String>>,
    #[serde(default)]
    access_ttl_s: Given,
    #[serde(default)]
    refresh_ttl_s: Given,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum TokenAction {
    Issue,
    ExpireAccess,
    Revoke,
    PasswordChange,
}

/// A setting in a request: `null` puts the default back.
#[derive(Clone, Copy, Default)]
enum Given {
    #[default]
    Absent,
    Is(Option<i64>),
}

impl<'de> Deserialize<'de> for Given {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(Self::Is)
    }
}

impl Given {
    fn over(self, before: Option<i64>) -> Option<i64> {
        match self {
            Self::Absent => before,
            Self::Is(value) => value,
        }
    }
}

async fn token(app: &App, request: TokenRequest) -> Result<Value, Refusal> {
    let email = request.account.as_deref().and_then(accounts::normalized);
    app.store
        .run(|tx| {
            let mut policy = tokens::policy(tx);
            policy.access_ttl_s = request.access_ttl_s.over(policy.access_ttl_s);
            policy.refresh_ttl_s = request.refresh_ttl_s.over(policy.refresh_ttl_s);
            tx.put(NOBODY, "", policy.clone());
            let Some(action) = request.action else {
                return Ok(json!(policy));
            };
            let email = email.ok_or_else(|| Refusal::Bad("account: whose tokens?".to_owned()))?;
            Ok(match action {
                TokenAction::Issue => {
                    accounts::ensure(tx, &email);
                    oauth::issue(tx, &email, request.scopes.unwrap_or_default())
                }
                TokenAction::ExpireAccess => json!({"affected": tokens::expire_access(tx, &email)}),
                TokenAction::Revoke => json!({"affected": tokens::revoke_all(tx, &email)}),
                TokenAction::PasswordChange => {
                    json!({"affected": tokens::password_changed(tx, &email)})
                }
            })
        })
        .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expire {
    account: String,
}

/// Makes what a client may have kept for later (sync tokens) too old.
async fn expire(app: &App, request: Expire) -> Result<Value, Refusal> {
    let email =
        accounts::normalized(&request.account).ok_or_else(|| Refusal::Bad("account".to_owned()))?;
    app.store
        .run(|tx| {
            for service in SERVICES {
                if let Some(expire) = service.expire {
                    expire(tx, &email);
                }
            }
            Ok::<_, Refusal>(json!({}))
        })
        .await
}

fn log(app: &App, request: &Request) -> Value {
    let query: Vec<(String, String)> =
        url::form_urlencoded::parse(request.uri().query().unwrap_or("").as_bytes())
            .into_owned()
            .collect();
    let get = |name: &str| {
        query
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    };
    let since: u64 = get("since").and_then(|s| s.parse().ok()).unwrap_or(0);
    let log = app.log.lock();
    let entries: Vec<&super::log::Entry> = log
        .entries()
        .filter(|e| e.seq > since)
        .filter(|e| get("account").is_none_or(|a| e.account.as_deref() == Some(a)))
        .filter(|e| get("method").is_none_or(|m| e.method.as_deref() == Some(m)))
        .filter(|e| get("path").is_none_or(|p| e.path.starts_with(p)))
        .collect();
    json!({ "requests": entries })
}
