//! Pages for people: whose accounts there are, what is in them, and OAuth's consent. No script; the
//! only style sheet is `/style.css`; whatever came from outside is escaped by the templates.

use askama::Template;
use http::{HeaderValue, StatusCode, header};

use super::accounts::{self, Account};
use super::oauth::tokens::Grant;
use super::service::{Item, Section, Window};
use super::{App, SERVICES};
use crate::server::{Reply, Request};

const STYLE: &str = include_str!("pages/style.css");
const PICTURE: &str = include_str!("pages/picture.svg");

/// Whether a path is a page's.
pub(crate) fn is_ours(path: &str) -> bool {
    matches!(path, "/" | "/style.css" | "/picture.svg" | "/favicon.ico")
        || path.starts_with("/accounts/")
}

/// Answers a request to one of [`is_ours`].
pub(crate) fn answer(app: &App, request: &Request) -> Reply {
    if ![http::Method::GET, http::Method::HEAD].contains(request.method()) {
        return error(
            StatusCode::METHOD_NOT_ALLOWED,
            "method",
            "These pages are only for reading.",
        );
    }
    let live = request
        .uri()
        .query()
        .is_some_and(|q| q.split('&').any(|p| p == "live=1"));
    let path = request.uri().path();
    match path {
        "/" => page(StatusCode::OK, &start(app, live), None),
        "/style.css" => asset("text/css; charset=utf-8", STYLE),
        "/picture.svg" | "/favicon.ico" => asset("image/svg+xml", PICTURE),
        _ => {
            let mut parts = path.split('/').skip(2).map(decoded);
            let (Some(email), window, id) = (parts.next(), parts.next(), parts.next()) else {
                return nothing();
            };
            match (window, id) {
                (None, _) => account(app, &email, live),
                (Some(window), Some(id)) => item(app, &email, &window, &id),
                (Some(_), None) => nothing(),
            }
        }
    }
}

fn nothing() -> Reply {
    error(
        StatusCode::NOT_FOUND,
        "not found",
        "There is nothing at this address.",
    )
}

fn decoded(part: &str) -> String {
    let part = part
        .replace('+', "%2B")
        .replace('&', "%26")
        .replace('=', "%3D");
    url::form_urlencoded::parse(part.as_bytes())
        .map(|(name, _)| name.into_owned())
        .collect()
}

/// A path segment.
fn encoded(part: &str) -> String {
    url::form_urlencoded::byte_serialize(part.as_bytes())
        .collect::<String>()
        .replace('+', "%20")
}

#[derive(Template)]
#[template(path = "google/start.html")]
struct Start<'a> {
    live: bool,
    origin: &'a str,
    now: String,
    offset_s: i64,
    accounts: Vec<Line>,
    requests: Vec<Call>,
}

struct Line {
    email: String,
    href: String,
    counts: Vec<(&'static str, usize)>,
    granted: usize,
}

struct Call {
    at: String,
    account: String,
    what: String,
    status: String,
    fault: bool,
}

fn start(app: &App, live: bool) -> Start<'_> {
    let accounts = app.store.read(|tx| {
        tx.list_all::<Account>()
            .into_iter()
            .map(|(email, _, _)| Line {
                href: format!("/accounts/{}", encoded(&email)),
                counts: windows()
                    .map(|w| (w.section)(tx, &email))
                    .map(|s| (s.title, s.rows.len()))
                    .collect(),
                granted: tx
                    .list::<Grant>(&email)
                    .iter()
                    .map(|(_, g)| g.scopes.len())
                    .sum(),
                email,
            })
            .collect()
    });
    let log = app.log.lock();
    let newest: Vec<_> = log.entries().collect();
    let requests = newest
        .iter()
        .rev()
        .take(12)
        .map(|e| Call {
            at: e.at.strftime("%H:%M:%S").to_string(),
            account: e.account.clone().unwrap_or_default(),
            what: e
                .method
                .clone()
                .unwrap_or_else(|| format!("{} {}", e.verb, e.path)),
            status: e
                .status
                .map_or_else(|| "no answer".to_owned(), |s| s.to_string()),
            fault: e.fault.is_some(),
        })
        .collect();
    Start {
        live,
        origin: app.url.as_str(),
        now: app.now().strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        offset_s: app.store.clock.offset().as_secs(),
        accounts,
        requests,
    }
}

fn windows() -> impl Iterator<Item = Window> {
    SERVICES.iter().filter_map(|s| s.window)
}

#[derive(Template)]
#[template(path = "google/account.html")]
struct AccountPage<'a> {
    live: bool,
    email: &'a str,
    href: String,
    name: String,
    time_zone: String,
    grants: Vec<Vec<ScopeChoice>>,
    sections: Vec<(&'static str, Section)>,
}

impl AccountPage<'_> {
    fn item_href(&self, window: &str, id: &str) -> String {
        format!("{}/{window}/{}", self.href, encoded(id))
    }
}

fn account(app: &App, email: &str, live: bool) -> Reply {
    let found = app.store.read(|tx| {
        let account = tx.get::<Account>(email, "")?;
        Some(AccountPage {
            live,
            email,
            href: format!("/accounts/{}", encoded(email)),
            name: account.name.clone(),
            time_zone: account.time_zone.clone(),
            grants: tx
                .list::<Grant>(email)
                .iter()
                .map(|(_, g)| g.scopes.iter().map(|s| ScopeChoice::new(s)).collect())
                .collect(),
            sections: windows()
                .map(|w| (w.name, (w.section)(tx, email)))
                .collect(),
        })
    });
    found.map_or_else(nothing, |found| page(StatusCode::OK, &found, None))
}

#[derive(Template)]
#[template(path = "google/item.html")]
struct ItemPage<'a> {
    email: &'a str,
    href: String,
    item: Item,
}

fn item(app: &App, email: &str, window: &str, id: &str) -> Reply {
    let found = app.store.read(|tx| {
        let window = windows().find(|w| w.name == window)?;
        accounts::exists(tx, email)
            .then(|| (window.item)(tx, email, id))
            .flatten()
    });
    found.map_or_else(nothing, |item| {
        page(
            StatusCode::OK,
            &ItemPage {
                email,
                href: format!("/accounts/{}", encoded(email)),
                item,
            },
            None,
        )
    })
}

/// A scope as the consent page shows it.
pub(crate) struct ScopeChoice {
    pub(crate) scope: String,
    pub(crate) meaning: &'static str,
}

impl ScopeChoice {
    pub(crate) fn new(scope: &str) -> Self {
        let meaning = match scope.trim_start_matches("https://www.googleapis.com/auth/") {
            "calendar" => {
                "See, edit, share, and permanently delete all the calendars you can access"
            }
            "calendar.readonly" => "See and download any calendar you can access",
            "calendar.events" => "View and edit events on all your calendars",
            "calendar.events.readonly" => "View events on all your calendars",
            "calendar.freebusy" => "See your availability in your calendars",
            "gmail.readonly" => "View your email messages and settings",
            "gmail.send" => "Send email on your behalf",
            "gmail.compose" => "Manage drafts and send emails",
            "gmail.modify" => "Read, compose, and send emails from your account",
            "gmail.labels" => "See and edit your email labels",
            "gmail.metadata" => "View your email message metadata, but not the email body",
            "https://mail.google.com/" => {
                "Read, compose, send, and permanently delete all your email"
            }
            "drive" => "See, edit, create, and delete all of your files",
            "drive.readonly" => "See and download all your files",
            "drive.file" => "See, edit, create, and delete only the files you use with this app",
            "documents" => "See, edit, create, and delete all your documents",
            "documents.readonly" => "See all your documents",
            "openid" => "Know who you are",
            "userinfo.email" => "See your primary email address",
            "userinfo.profile" => "See your personal info, including any you've made public",
            _ => "Something else",
        };
        Self {
            scope: scope.to_owned(),
            meaning,
        }
    }
}

/// The consent page.
#[derive(Template)]
#[template(path = "google/consent.html")]
pub(crate) struct Consent<'a> {
    pub(crate) action: String,
    /// The account, where the client named it; then there is no choice.
    pub(crate) hint: Option<&'a str>,
    /// What was typed before, where the form is shown again.
    pub(crate) typed: &'a str,
    pub(crate) accounts: &'a [String],
    pub(crate) scopes: Vec<ScopeChoice>,
    pub(crate) identity: bool,
    pub(crate) problem: Option<&'a str>,
    /// Origin of the redirect URI.
    pub(crate) destination: String,
}

/// Shows the consent page. 200, also when the form has a problem.
pub(crate) fn consent(consent: &Consent<'_>) -> Reply {
    page(StatusCode::OK, consent, Some(&consent.destination))
}

#[derive(Template)]
#[template(path = "google/error.html")]
struct ErrorPage<'a> {
    status: u16,
    error: &'a str,
    message: &'a str,
}

/// An error page.
pub(crate) fn error(status: StatusCode, error: &str, message: &str) -> Reply {
    page(
        status,
        &ErrorPage {
            status: status.as_u16(),
            error,
            message,
        },
        None,
    )
}

/// `destination`: where a form of this page may lead after a redirect, beside here.
fn page(status: StatusCode, template: &impl Template, destination: Option<&str>) -> Reply {
    let text = match template.render() {
        Ok(text) => text,
        Err(error) => {
            tracing::error!(%error, "template");
            return Reply::default();
        }
    };
    let mut reply = Reply::new(text.into());
    *reply.status_mut() = status;
    let policy = format!(
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self' {}; frame-ancestors 'none'; base-uri 'none'",
        destination.unwrap_or("")
    );
    let headers = reply.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::REFERRER_POLICY,
        // Not no-referrer: with it, browsers send our own forms with `Origin: null`.
        HeaderValue::from_static("same-origin"),
    );
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    reply
}

fn asset(content_type: &'static str, text: &'static str) -> Reply {
    let mut reply = Reply::new(text.into());
    reply
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply.headers_mut().insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("max-age=300"),
    );
    reply
}
