//! What every API request passes through, in this order: which method it is, whose token it carries,
//! a fault if one is switched on, authentication, scopes, quota, parameters, the handler, the
//! durable commit, and then the shape of the answer (`fields`, `prettyPrint`, gzip).

use std::io::Write as _;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method as Verb, StatusCode, header, request::Parts};
use jiff::Timestamp;

use super::App;
use super::call::{Answer, Call, Content, Params};
use super::failure::{Envelope, Failure};
use super::faults::{Kind, Rule, Subject};
use super::log::{self, Entry};
use super::methods::{METHODS, Method, Route};
use super::oauth::tokens::{self, Access};
use super::partial::Mask;
use super::{SERVICES, service};
use crate::server::{Connection, Reply, Request};

/// Answers one request to an API, or to an address where nothing is.
pub(crate) async fn answer(app: &App, request: Request, connection: &Connection) -> Reply {
    let (mut parts, mut body) = request.into_parts();
    override_verb(&mut parts, &mut body);
    let query = query(&parts);
    let route = METHODS.route(&parts.method, parts.uri.path());
    let token = bearer(&parts.headers, &query);
    let access = token
        .as_deref()
        .and_then(|token| app.store.read(|tx| tokens::access(tx, token)));
    let subject = Subject {
        verb: parts.method.as_str(),
        path: parts.uri.path(),
        method: route.as_ref().map(|r| r.method.id.as_str()),
        account: access.as_ref().map(|a| a.account.as_str()),
    };
    let rule = app.faults.lock().take(&subject);
    let seq = app.log.lock().add(Entry {
        at: app.now(),
        verb: subject.verb.to_owned(),
        path: subject.path.to_owned(),
        query: shown(&query),
        method: subject.method.map(str::to_owned),
        account: subject.account.map(str::to_owned),
        fault: rule.as_ref().map(|r| r.fault),
        body: log::excerpt(&body),
        ..Entry::default()
    });
    let envelope = route
        .as_ref()
        .map_or(Envelope::Older, |r| envelope(&r.method.api));
    let reply = with_fault(rule, connection, envelope, async {
        let result = handle(app, &parts, body, route, query, token.is_some(), access).await;
        result.unwrap_or_else(|failure| failed(&failure, envelope))
    })
    .await;
    app.log.lock().answered(seq, reply.status().as_u16());
    reply
}

/// Lets `rule` act around `effect`, which answers the request where nothing else does.
pub(crate) async fn with_fault(
    rule: Option<Rule>,
    connection: &Connection,
    envelope: Envelope,
    effect: impl Future<Output = Reply>,
) -> Reply {
    let Some(rule) = rule else {
        return effect.await;
    };
    match rule.fault {
        Kind::Hang => std::future::pending().await,
        Kind::Drop => connection.break_off().await,
        Kind::CommitThenHang => {
            effect.await;
            std::future::pending().await
        }
        Kind::CommitThenDrop => {
            effect.await;
            connection.break_off().await
        }
        Kind::CommitThenUnavailable => {
            effect.await;
            failed(
                &rule.failure().unwrap_or_else(Failure::unavailable),
                envelope,
            )
        }
        Kind::Slow => {
            tokio::time::sleep(Duration::from_millis(rule.delay_ms.unwrap_or(1000))).await;
            effect.await
        }
        Kind::Canned => canned(&rule),
        _ => match rule.failure() {
            Some(failure) => failed(&failure, envelope),
            None => effect.await,
        },
    }
}

async fn handle(
    app: &App,
    parts: &Parts,
    body: Bytes,
    route: Option<Route>,
    query: Vec<(String, String)>,
    has_token: bool,
    access: Option<Access>,
) -> Result<Reply, Failure> {
    let upload_id = query.iter().any(|(name, _)| name == "upload_id");
    if upload_id && (parts.uri.path().contains("/upload/")) {
        return resume(app, parts, body, query).await;
    }
    let Some(Route {
        method,
        path,
        upload,
    }) = route
    else {
        return Err(Failure::not_found("Not Found"));
    };
    let access = match access {
        Some(access) if access.expires > app.now() => access,
        _ if has_token => return Err(Failure::unauthorized()),
        _ => return Err(Failure::login_required()),
    };
    if !method
        .scopes
        .iter()
        .any(|scope| access.scopes.contains(*scope))
        && !method.scopes.is_empty()
    {
        return Err(Failure::missing_scope(
            service_name(&method.api),
            &rpc_name(method),
        ));
    }
    take_quota(app, &access.account, method)?;
    let mut params = Params(path);
    params.0.extend(query);
    params.check(method)?;
    let mask = match params.get("fields") {
        Some(fields) => {
            let mask = Mask::parse(fields)?;
            mask.check(method)?;
            Some(mask)
        }
        None => None,
    };
    if let Some(alt) = params.get("alt")
        && !["json", "media"].contains(&alt)
    {
        return Err(Failure::invalid(format!("Invalid value '{alt}' for alt.")).at_parameter("alt"));
    }
    let Some(handler) = service::handler(&method.id) else {
        return Err(Failure::new(
            StatusCode::NOT_IMPLEMENTED,
            "notImplemented",
            format!("{} is not emulated.", method.id),
        ));
    };
    let pretty = params.get("prettyPrint").is_none_or(|v| v != "false");
    let answer = app
        .store
        .run(|tx| {
            handler(&mut Call {
                tx,
                method,
                account: access.account.clone(),
                scopes: &access.scopes,
                params,
                headers: &parts.headers,
                body,
                upload,
                base: &app.url,
            })
        })
        .await?;
    Ok(finished(answer, mask.as_ref(), pretty, &parts.headers))
}

async fn resume(
    app: &App,
    parts: &Parts,
    body: Bytes,
    query: Vec<(String, String)>,
) -> Result<Reply, Failure> {
    let path = parts.uri.path();
    // A session is opened by the method's own verb and continued by PUT: any upload method says
    // which API it is.
    let route = [Verb::POST, Verb::PATCH, Verb::PUT]
        .iter()
        .find_map(|verb| METHODS.route(verb, path));
    let Some(Route {
        method,
        path,
        upload,
    }) = route
    else {
        return Err(Failure::not_found("Not Found"));
    };
    let serves = |s: &&&super::service::Service| s.methods.iter().any(|(id, _)| *id == method.id);
    let Some(handler) = SERVICES.iter().find(serves).and_then(|s| s.resume) else {
        return Err(Failure::not_found("Not Found"));
    };
    let mut params = Params(path);
    params.0.extend(query);
    let mask = params.get("fields").map(Mask::parse).transpose()?;
    let scopes = std::collections::BTreeSet::new();
    let answer = app
        .store
        .run(|tx| {
            handler(&mut Call {
                tx,
                method,
                account: String::new(),
                scopes: &scopes,
                params,
                headers: &parts.headers,
                body,
                upload,
                base: &app.url,
            })
        })
        .await?;
    Ok(finished(answer, mask.as_ref(), true, &parts.headers))
}

fn take_quota(app: &App, account: &str, method: &Method) -> Result<(), Failure> {
    let Some(quota) = SERVICES
        .iter()
        .filter_map(|s| s.quota)
        .find(|q| q.api == method.api)
    else {
        return Ok(());
    };
    if app
        .spent
        .lock()
        .take(account, &quota, &method.id, app.now())
    {
        Ok(())
    } else {
        Err(Failure::user_rate_limit(StatusCode::FORBIDDEN))
    }
}

/// A long query may travel as the body of a POST that says so.
fn override_verb(parts: &mut Parts, body: &mut Bytes) {
    let Some(verb) = parts
        .headers
        .get("x-http-method-override")
        .and_then(|v| v.to_str().ok())
    else {
        return;
    };
    let Ok(verb) = verb.parse::<Verb>() else {
        return;
    };
    let form = parts.headers.get(header::CONTENT_TYPE).is_some_and(|t| {
        t.as_bytes()
            .starts_with(b"application/x-www-form-urlencoded")
    });
    if verb == Verb::GET && form {
        let query = String::from_utf8_lossy(body);
        if let Ok(uri) = format!("{}?{query}", parts.uri.path()).parse() {
            parts.uri = uri;
            *body = Bytes::new();
        }
    }
    parts.method = verb;
}

fn query(parts: &Parts) -> Vec<(String, String)> {
    url::form_urlencoded::parse(parts.uri.query().unwrap_or("").as_bytes())
        .into_owned()
        .collect()
}

fn shown(query: &[(String, String)]) -> String {
    let mut out = url::form_urlencoded::Serializer::new(String::new());
    out.extend_pairs(
        query
            .iter()
            .filter(|(name, _)| name != "access_token" && name != "oauth_token"),
    );
    out.finish()
}

fn bearer(headers: &HeaderMap, query: &[(String, String)]) -> Option<String> {
    let header = headers
        .get(header::AUTHORIZATION)
        .and_then(|v| v.to_str().ok());
    if let Some((scheme, token)) = header.and_then(|h| h.split_once(' '))
        && scheme.eq_ignore_ascii_case("bearer")
    {
        return Some(token.trim().to_owned());
    }
    query
        .iter()
        .find(|(name, _)| name == "access_token" || name == "oauth_token")
        .map(|(_, value)| value.clone())
}

fn envelope(api: &str) -> Envelope {
    match api {
        "gmail" => Envelope::Both,
        "docs" => Envelope::Newer,
        _ => Envelope::Older,
    }
}

fn service_name(api: &str) -> &'static str {
    match api {
        "calendar" => "calendar-json.googleapis.com",
        "gmail" => "gmail.googleapis.com",
        "drive" => "drive.googleapis.com",
        "docs" => "docs.googleapis.com",
        _ => "oauth2.googleapis.com",
    }
}

/// The name that `details[].metadata.method` has: `calendar.v3.Events.List`.
fn rpc_name(method: &Method) -> String {
    let mut name = format!("{}.{}", method.api, method.version);
    for part in method.id.split('.').skip(1) {
        name.push('.');
        let mut chars = part.chars();
        name.extend(chars.next().map(|c| c.to_ascii_uppercase()));
        name.push_str(chars.as_str());
    }
    name
}

fn finished(answer: Answer, mask: Option<&Mask>, pretty: bool, request: &HeaderMap) -> Reply {
    let (content_type, body) = match answer.content {
        Content::Empty => (None, Bytes::new()),
        Content::Media(mime_type, data) => (Some(mime_type), data),
        Content::Json(value) => {
            let value = match mask {
                Some(mask) => mask.apply(value),
                None => value,
            };
            let text = if pretty {
                serde_json::to_vec_pretty(&value)
            } else {
                serde_json::to_vec(&value)
            };
            (
                Some("application/json; charset=UTF-8".to_owned()),
                text.unwrap_or_default().into(),
            )
        }
    };
    let mut reply = Reply::new(Bytes::new());
    *reply.status_mut() = answer.status;
    let headers = reply.headers_mut();
    headers.extend(answer.headers);
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("no-cache, no-store, max-age=0, must-revalidate"),
    );
    headers.insert(
        header::VARY,
        HeaderValue::from_static("Origin, X-Origin, Referer, Accept-Encoding"),
    );
    if let Some(content_type) = content_type.and_then(|t| HeaderValue::from_str(&t).ok()) {
        headers.insert(header::CONTENT_TYPE, content_type);
    }
    let body = if wants_gzip(request) && body.len() > 256 {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        gzip(&body)
    } else {
        body
    };
    *reply.body_mut() = body;
    reply
}

/// Google compresses for clients that accept it and whose name contains `gzip`
/// (Drive API, "Improve performance").
fn wants_gzip(headers: &HeaderMap) -> bool {
    let has = |name| {
        headers
            .get(name)
            .and_then(|v| v.to_str().ok())
            .is_some_and(|v: &str| v.contains("gzip"))
    };
    has(header::ACCEPT_ENCODING) && has(header::USER_AGENT)
}

fn gzip(body: &[u8]) -> Bytes {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let written = encoder.write_all(body).and_then(|()| encoder.finish());
    written.unwrap_or_default().into()
}

/// An error answer.
pub(crate) fn failed(failure: &Failure, envelope: Envelope) -> Reply {
    let body = serde_json::to_vec_pretty(&failure.body(envelope)).unwrap_or_default();
    let mut reply = Reply::new(body.into());
    *reply.status_mut() = failure.code;
    let headers = reply.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json; charset=UTF-8"),
    );
    if failure.code == StatusCode::UNAUTHORIZED {
        let challenge = if failure.reason == "required" {
            r#"Bearer realm="https://accounts.google.com/""#
        } else {
            r#"Bearer realm="https://accounts.google.com/", error="invalid_token""#
        };
        headers.insert(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static(challenge),
        );
    }
    if let Some(seconds) = failure.retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    reply
}

fn canned(rule: &Rule) -> Reply {
    let body: Bytes = match &rule.body {
        None => Bytes::new(),
        Some(serde_json::Value::String(text)) => text.clone().into(),
        Some(value) => serde_json::to_vec(value).unwrap_or_default().into(),
    };
    let mut reply = Reply::new(body);
    *reply.status_mut() = rule
        .status
        .and_then(|s| StatusCode::from_u16(s).ok())
        .unwrap_or(StatusCode::OK);
    for (name, value) in &rule.headers {
        if let (Ok(name), Ok(value)) = (
            name.parse::<header::HeaderName>(),
            HeaderValue::from_str(value),
        ) {
            reply.headers_mut().insert(name, value);
        }
    }
    if matches!(rule.body, Some(serde_json::Value::Object(_)))
        && !reply.headers().contains_key(header::CONTENT_TYPE)
    {
        reply.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json; charset=UTF-8"),
        );
    }
    if let Some(seconds) = rule.retry_after {
        reply
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    reply
}

impl App {
    /// The emulated Google's present.
    pub(crate) fn now(&self) -> Timestamp {
        use deputy_core::Clock as _;
        self.store.clock.now()
    }
}
