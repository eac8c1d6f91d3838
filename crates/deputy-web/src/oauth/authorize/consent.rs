//! The consent page: everything a person needs to decide, and nothing of it on the program's word
//! without saying so.

use askama::Template;
use axum::response::{IntoResponse as _, Response};
use deputy_core::Scopes;
use deputy_identity::oauth::{Asked, Client, Kind, Resource, redirect};
use http::StatusCode;
use jiff::Timestamp;

use super::LONGEST;
use crate::App;
use crate::auth::SignedIn;
use crate::middleware::Eased;
use crate::next;
use crate::oauth::said;
use crate::pages::{plain_shell, render, watch};
use crate::text::Text;
use crate::view::{Shell, When, scope_key};

/// Longest name of a program on a page, in characters.
pub(crate) const NAME: usize = 80;
/// Longest host on a page, in characters.
const HOST: usize = 255;

/// A right to tick.
pub(crate) struct ScopeChoice {
    pub(crate) id: &'static str,
    pub(crate) key: &'static str,
    pub(crate) ticked: bool,
}

#[derive(Template)]
#[template(path = "consent.html")]
pub(crate) struct Page {
    pub(crate) shell: Shell,
    /// What the program calls itself.
    pub(crate) client: String,
    pub(crate) person: String,
    pub(crate) username: String,
    /// Where somebody else signs in.
    pub(crate) other: String,
    /// Where the browser is sent afterwards.
    pub(crate) redirect: String,
    /// What it is for.
    pub(crate) targets: Vec<String>,
    /// Where the program is known from.
    pub(crate) kind: String,
    /// Whose word that is, as a sign.
    pub(crate) icon: &'static str,
    pub(crate) doubtful: bool,
    pub(crate) warning: Option<&'static str>,
    pub(crate) before: Option<When>,
    pub(crate) scopes: Vec<ScopeChoice>,
    /// The program's request, as it came.
    pub(crate) request: String,
    pub(crate) problem: Option<&'static str>,
}

/// What is ticked on the page.
pub(super) enum Ticks {
    /// What is usual.
    Usual,
    /// What the person left before they proved who they are.
    Left(Scopes),
    /// Nothing, which can't be allowed.
    None,
}

/// The page.
pub(super) fn page(
    app: &App,
    who: &SignedIn,
    asked: &Asked,
    query: &str,
    before: Option<Timestamp>,
    ticks: &Ticks,
) -> Response {
    debug_assert!(query.len() <= LONGEST, "checked when it was read");
    let path = format!("/oauth/authorize?{query}");
    let shell = plain_shell(app, who.user.language, &path, who.csrf());
    let t = shell.t;
    let warning = warning(asked, before.is_some());
    let doubtful = warning.is_some() || asked.client.kind == Kind::Dynamic;
    let offered = asked.offered(who.principal.role);
    let scopes = offered.0.iter().map(|scope| ScopeChoice {
        id: scope.as_str(),
        key: scope_key(*scope),
        ticked: match ticks {
            Ticks::Usual => !scope.is_grave(),
            Ticks::Left(ticked) => ticked.contains(*scope),
            Ticks::None => false,
        },
    });
    let view = Page {
        client: name(&asked.client),
        person: said(&who.user.name, NAME),
        username: who.user.username.clone(),
        other: next::login_again(&path),
        redirect: host(&asked.redirect_uri),
        targets: asked.resources.iter().map(|r| target(r, t)).collect(),
        kind: kind(&asked.client, t),
        icon: icon(&asked.client, doubtful),
        doubtful,
        warning,
        before: before.map(|at| watch(app, who).show(at)),
        scopes: scopes.collect(),
        request: query.to_owned(),
        problem: if offered.0.is_empty() {
            Some("consent-nothing-offered")
        } else {
            matches!(ticks, Ticks::None).then_some("consent-none-ticked")
        },
        shell,
    };
    let page = match render(&view) {
        Ok(page) => page,
        Err(error) => return error.into_response(),
    };
    let status = match ticks {
        Ticks::None => StatusCode::UNPROCESSABLE_ENTITY,
        Ticks::Usual | Ticks::Left(_) => StatusCode::OK,
    };
    let eased = Eased { leads_away: true };
    eased.on((status, page).into_response())
}

/// What the program calls itself, fit to be shown.
pub(crate) fn name(client: &Client) -> String {
    said(&client.name, NAME)
}

/// Where `redirect_uri` leads, fit to be shown.
pub(crate) fn host(redirect_uri: &str) -> String {
    said(&redirect::host_shown(redirect_uri), HOST)
}

/// What a token is for, in words.
pub(crate) fn target(resource: &Resource, t: Text) -> String {
    match resource {
        Resource::Mcp => t.tr("consent-for-mcp"),
        Resource::McpServer(server) => t.tr1("consent-for-server", "server", server),
        Resource::Api => t.tr("consent-for-api"),
    }
}

/// Where the program is known from, in words.
fn kind(client: &Client, t: Text) -> String {
    match client.kind {
        Kind::Builtin => t.tr("consent-kind-builtin"),
        Kind::Registered => t.tr("consent-kind-registered"),
        Kind::Dynamic => t.tr("consent-kind-dynamic"),
        Kind::Document => t.tr1("consent-kind-document", "host", host(&client.client_id)),
    }
}

/// A shield only for what somebody here answers for: a stranger's document is a stranger's word.
fn icon(client: &Client, doubtful: bool) -> &'static str {
    match client.kind {
        _ if doubtful => "warning",
        Kind::Builtin | Kind::Registered => "shield",
        Kind::Dynamic | Kind::Document => "screen",
    }
}

/// What the person should think of first. With an address of their own machine, nobody knows which
/// program it is that gets the answer. Of a document only the host is known, so the answer should go
/// to that host, and the person should know it (`is_known`: they allowed this client something
/// before).
fn warning(asked: &Asked, is_known: bool) -> Option<&'static str> {
    if asked.client.only_loopback() {
        return Some("consent-loopback");
    }
    match redirect::target(&asked.redirect_uri) {
        redirect::Target::Loopback => Some("consent-loopback"),
        redirect::Target::App => Some("consent-app"),
        redirect::Target::Site if asked.client.kind != Kind::Document => None,
        redirect::Target::Site if host(&asked.redirect_uri) != host(&asked.client.client_id) => {
            Some("consent-elsewhere")
        }
        redirect::Target::Site => (!is_known).then_some("consent-unknown-host"),
    }
}

#[cfg(test)]
mod tests;
