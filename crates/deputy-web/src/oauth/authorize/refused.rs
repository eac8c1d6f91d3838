//! Requests that come to nothing, and where that is said: to the program, or to the person alone.

use askama::Template;
use axum::response::{IntoResponse as _, Response};
use deputy_identity::oauth::{Asked, AuthorizeError, Client, Kind, PageReason, redirect};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use url::Url;

use super::{away, consent, from_our_page, internal};
use crate::App;
use crate::auth::SignedIn;
use crate::language;
use crate::oauth::said;
use crate::pages::{plain_shell, render};
use crate::text::Text;
use crate::view::Shell;

/// Longest detail on a page, in characters.
const DETAIL: usize = 200;

/// A way back to the program.
pub(crate) struct Back {
    pub(crate) href: String,
    pub(crate) host: String,
}

#[derive(Template)]
#[template(path = "consent_refused.html")]
pub(crate) struct Page {
    pub(crate) shell: Shell,
    pub(crate) text: String,
    pub(crate) back: Option<Back>,
}

/// A request as it came, and from whom.
pub(super) struct Place<'a> {
    pub(super) app: &'a App,
    pub(super) who: Option<&'a SignedIn>,
    pub(super) headers: &'a HeaderMap,
}

impl Place<'_> {
    fn text(&self) -> Text {
        let language = match self.who {
            Some(who) => who.user.language,
            None => language::of_browser(self.headers),
        };
        Text::new(language)
    }

    /// Says what is wrong: on a page, or to the program where its address deserves it.
    pub(super) async fn refuse(&self, error: AuthorizeError) -> Result<Response, Response> {
        match error {
            AuthorizeError::Page(PageReason::Store(error)) => {
                Err(internal(&error, "looking up a program"))
            }
            AuthorizeError::Page(reason) => Ok(self.page(&reason)),
            AuthorizeError::Redirect {
                client,
                redirect,
                trusted_redirect,
                description,
                ..
            } => {
                let trusted = trusted_redirect || is_here(redirect.as_str());
                self.back(&client.client_id, trusted, *redirect, description)
                    .await
            }
        }
    }

    /// Sends the browser back with a refusal of what is fine in itself.
    pub(super) async fn back_with(
        &self,
        asked: &Asked,
        redirect: Result<Url, AuthorizeError>,
        why: &str,
    ) -> Result<Response, Response> {
        let redirect = match redirect {
            Ok(redirect) => redirect,
            Err(AuthorizeError::Page(reason)) => return Ok(self.page(&reason)),
            Err(error) => return Err(internal(&error, "answering a program")),
        };
        let trusted = is_trusted(&asked.client) || is_here(redirect.as_str());
        self.back(&asked.client.client_id, trusted, redirect, why)
            .await
    }

    /// To the program where `trusted`, or where this person allowed it something at that address
    /// before; to a page with a link otherwise, and wherever the way led over a form of ours.
    async fn back(
        &self,
        client_id: &str,
        trusted: bool,
        redirect: Url,
        why: &str,
    ) -> Result<Response, Response> {
        let trusted = trusted || self.knows(client_id, &redirect).await?;
        if trusted && !from_our_page(self.headers) {
            return Ok(away(&redirect));
        }
        let t = self.text();
        let back = Back {
            host: consent::host(redirect.as_str()),
            href: redirect.into(),
        };
        let text = t.tr1("consent-request-failed", "detail", said(why, DETAIL));
        Ok(self.say(StatusCode::BAD_REQUEST, text, Some(back)))
    }

    /// Whether this person was sent to that address of that program by their own consent.
    async fn knows(&self, client_id: &str, redirect: &Url) -> Result<bool, Response> {
        let Some(who) = self.who else {
            return Ok(false);
        };
        let scope = self.app.store.user(who.principal.user_id);
        let consent = scope
            .oauth_consent(client_id)
            .await
            .map_err(|error| internal(&error, "reading a consent"))?;
        Ok(consent
            .and_then(|consent| Url::parse(&consent.redirect_uri).ok())
            .is_some_and(|known| {
                known.scheme() == redirect.scheme()
                    && known.host() == redirect.host()
                    && known.port() == redirect.port()
                    && known.path() == redirect.path()
            }))
    }

    /// A page that says why, and leads nowhere.
    pub(super) fn page(&self, reason: &PageReason) -> Response {
        let t = self.text();
        let (status, text) = match reason {
            PageReason::UnknownClient => (StatusCode::BAD_REQUEST, t.tr("consent-unknown-client")),
            PageReason::Blocked => (StatusCode::BAD_REQUEST, t.tr("consent-blocked")),
            PageReason::WrongRedirect => (StatusCode::BAD_REQUEST, t.tr("consent-wrong-redirect")),
            PageReason::Malformed(detail) => (
                StatusCode::BAD_REQUEST,
                t.tr1("consent-malformed", "detail", said(detail, DETAIL)),
            ),
            PageReason::Document(detail) => (
                StatusCode::BAD_REQUEST,
                t.tr1("consent-document", "detail", said(detail, DETAIL)),
            ),
            PageReason::Unavailable(seconds) => {
                return self.later(StatusCode::SERVICE_UNAVAILABLE, *seconds);
            }
            PageReason::Throttled(throttled) => {
                return self.later(StatusCode::TOO_MANY_REQUESTS, throttled.seconds());
            }
            PageReason::Store(error) => return internal(error, "looking up a program"),
        };
        self.say(status, text, None)
    }

    /// What would be right in so many seconds.
    fn later(&self, status: StatusCode, seconds: u64) -> Response {
        let minutes = seconds.div_ceil(60).to_string();
        let text = self.text().tr1("consent-later", "minutes", minutes);
        let mut response = self.say(status, text, None);
        let headers = response.headers_mut();
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        response
    }

    /// A request that is not even read.
    pub(super) fn too_long(&self) -> Response {
        let text = self.text().tr("consent-too-long");
        self.say(StatusCode::URI_TOO_LONG, text, None)
    }

    /// What is right for the program and wrong for this person.
    pub(super) fn not_now(&self, key: &str) -> Response {
        let text = self.text().tr(key);
        self.say(StatusCode::CONFLICT, text, None)
    }

    fn say(&self, status: StatusCode, text: String, back: Option<Back>) -> Response {
        let shell = plain_shell(self.app, self.text().language, "/", String::new());
        match render(&Page { shell, text, back }) {
            Ok(page) => (status, page).into_response(),
            Err(error) => error.into_response(),
        }
    }
}

/// Known by an administrator's word, or our own.
fn is_trusted(client: &Client) -> bool {
    matches!(client.kind, Kind::Builtin | Kind::Registered)
}

/// On the person's own machine: nobody else has anything of it.
fn is_here(redirect: &str) -> bool {
    redirect::is_loopback(redirect)
}
