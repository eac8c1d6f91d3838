//! `/oauth/authorize`: a program asks for access, its person decides.
//!
//! The request is checked anew with every step: what a form carries is the program's request as it
//! came, and what is decided on is what the authorization server makes of it then.
//!
//! # Where a browser is sent
//!
//! To an address that belongs to a known client, or nowhere. An error goes back to the program only
//! where the address deserves it: the administrator's word, this computer, or a consent that this
//! person gave before. Else anybody could register an address here and have a link to this server
//! lead there (RFC 9700 section 4.11.2); then a page says what is wrong, with a link.
//!
//! # Why the page is sometimes shown although nothing new is asked
//!
//! Chromium holds what follows a form to the policy of the form's page, redirects included. After
//! our sign-in form a redirect to the program would be cut off without a word, so what comes from a
//! page of ours ends on a page: the consent page, whose policy lets its own form lead away, or a page
//! with a link. Away means anywhere: each further step is held to the policy too, and a program's
//! address often sends people on, to an app or to another host.

pub(crate) mod consent;
pub(crate) mod refused;

use axum::extract::{FromRequestParts as _, Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use deputy_core::Scopes;
use deputy_identity::csrf;
use deputy_identity::oauth::{AllowError, Asked, AuthorizeRequest, PageReason};
use http::request::Parts;
use http::{HeaderMap, Method};
use jiff::SignedDuration;
use serde_json::json;
use url::Url;

use crate::App;
use crate::auth::{self, SignedIn};
use crate::error::PageError;
use crate::form::Fields;
use crate::fresh;
use crate::middleware::Eased;
use crate::next;
use crate::record::{self, Act};
use refused::Place;

/// A sign-in so recent needs no other, whatever the program asks for.
const RECENT: SignedDuration = SignedDuration::from_mins(5);

/// Where the form of the page is sent to.
const HERE: &str = "/oauth/authorize";

/// Longest request, in bytes: what is to survive the way through the sign-in. Some programs keep
/// all they know in `state`.
pub(crate) const LONGEST: usize = 8 * 1024;

/// `GET /oauth/authorize`.
pub(crate) async fn show(State(app): State<App>, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    let query = parts.uri.query().unwrap_or_default().to_owned();
    eased(asked(&app, &mut parts, &query).await)
}

/// `POST /oauth/authorize`: what the person decided.
pub(crate) async fn decide(State(app): State<App>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let whole = Request::from_parts(parts.clone(), body);
    eased(match auth::fields(whole, &app).await {
        Ok(fields) => decided(&app, &mut parts, &fields).await,
        Err(refused) => Err(refused),
    })
}

/// For the sake of the program's page that opened this window, where a page has not said so itself.
fn eased(outcome: Result<Response, Response>) -> Response {
    let (Ok(response) | Err(response)) = outcome;
    if response.extensions().get::<Eased>().is_some() {
        return response;
    }
    Eased::default().on(response)
}

/// Who is signed in in this browser, if anybody is.
async fn visitor(app: &App, parts: &mut Parts) -> Result<Option<SignedIn>, Response> {
    match SignedIn::from_request_parts(parts, app).await {
        Ok(who) => Ok(Some(who)),
        Err(away) if away.status().is_redirection() => Ok(None),
        Err(failed) => Err(failed),
    }
}

/// Whether the browser was led here by a page of ours: by the sign-in form, by the switch of the
/// language.
fn from_our_page(headers: &HeaderMap) -> bool {
    headers
        .get("sec-fetch-site")
        .is_some_and(|site| site == "same-origin")
}

/// Whether a person's window goes here, as far as the browser says: what is fetched beforehand, or
/// for a picture or a frame of another page, allows nothing. Nor does a HEAD, whose answer nobody
/// gets to see.
fn is_led_here(method: &Method, headers: &HeaderMap) -> bool {
    let is = |name: &str, expected: &str| headers.get(name).is_none_or(|value| value == expected);
    *method == Method::GET
        && is("sec-fetch-mode", "navigate")
        && is("sec-fetch-dest", "document")
        && !headers.contains_key("sec-purpose")
}

async fn asked(app: &App, parts: &mut Parts, query: &str) -> Result<Response, Response> {
    let who = visitor(app, parts).await?;
    let address = Some(auth::address(parts, app));
    let headers = &parts.headers;
    let place = Place {
        app,
        who: who.as_ref(),
        headers,
    };
    if query.len() > LONGEST {
        return Ok(place.too_long());
    }
    let request = match AuthorizeRequest::parse(query) {
        Ok(request) => request,
        Err(error) => return place.refuse(error).await,
    };
    // Reading a document is a request of ours to a site that a stranger names: not for strangers.
    if who.is_none() && request.client_id.contains(':') {
        return Ok(to_login(query, false));
    }
    let prompt_login = request.prompts("login");
    let asked = match app.authorization.check(request, address).await {
        Ok(asked) => asked,
        Err(error) => return place.refuse(error).await,
    };
    let Some(who) = &who else {
        if asked.prompt_none {
            let redirect = app.authorization.interaction_required(&asked);
            let why = "nobody is signed in in this browser";
            return place.back_with(&asked, redirect, why).await;
        }
        return Ok(to_login(query, false));
    };
    if prompt_login && !signed_in_recently(app, who).await? {
        return Ok(to_login(query, true));
    }
    let remembered = app
        .authorization
        .remembered(who.principal.user_id, &asked)
        .await
        .map_err(|error| internal(&error, "reading a consent"))?;
    let offered = asked.offered(who.principal.role);
    let skips = is_led_here(&parts.method, headers)
        && !from_our_page(headers)
        && (remembered.as_ref()).is_some_and(|consent| app.authorization.may_skip(&asked, consent))
        && app.authorization.count_skip(who.principal.user_id);
    if skips {
        return allow(&place, who, &asked, offered, true).await;
    }
    if asked.prompt_none {
        let redirect = app.authorization.interaction_required(&asked);
        let why = "the person has to be asked";
        return place.back_with(&asked, redirect, why).await;
    }
    if let Err(error) = app.authorization.note_shown(&asked.client).await {
        // At worst the program has to begin anew.
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "that a program asks could not be noted"
        );
    }
    let before = remembered.map(|consent| consent.allowed_at);
    let kept = fresh::kept(who, HERE).await;
    // Of another request, nothing is ticked here.
    let kept = kept.filter(|kept| kept.get("request") == query);
    let left = kept.map(|kept| {
        let mut ticked = offered;
        ticked
            .0
            .retain(|scope| kept.all("scope").any(|id| id == scope.as_str()));
        ticked
    });
    let ticks = left.map_or(consent::Ticks::Usual, consent::Ticks::Left);
    Ok(consent::page(app, who, &asked, query, before, &ticks))
}

async fn decided(app: &App, parts: &mut Parts, fields: &Fields) -> Result<Response, Response> {
    let query = fields.get("request");
    let who = visitor(app, parts).await?;
    let address = Some(auth::address(parts, app));
    let place = Place {
        app,
        who: who.as_ref(),
        headers: &parts.headers,
    };
    if query.len() > LONGEST {
        return Ok(place.too_long());
    }
    let Some(who) = &who else {
        // The session ended while the page was open: the same page again, after the sign-in.
        return Ok(to_login(query, false));
    };
    if !csrf::is_valid(&who.session, fields.get("csrf")) {
        tracing::info!(user = %who.principal.user_id, "a consent without the session's token was refused");
        return Err(PageError::Form.into_response());
    }
    let request = match AuthorizeRequest::parse(query) {
        Ok(request) => request,
        Err(error) => return place.refuse(error).await,
    };
    let asked = match app.authorization.check(request, address).await {
        Ok(asked) => asked,
        Err(error) => return place.refuse(error).await,
    };
    match fields.get("decision") {
        "allow" => {
            let mut ticked = asked.offered(who.principal.role);
            ticked
                .0
                .retain(|scope| fields.all("scope").any(|id| id == scope.as_str()));
            if ticked.0.is_empty() {
                return Ok(consent::page(
                    app,
                    who,
                    &asked,
                    query,
                    None,
                    &consent::Ticks::None,
                ));
            }
            if ticked.0.iter().any(|scope| scope.is_grave()) {
                // Back to the page, where the ticks are as they were left.
                let page = format!("/oauth/authorize?{query}");
                fresh::need_for(app, who, (&page, HERE), fields).await?;
            }
            allow(&place, who, &asked, ticked, false).await
        }
        "deny" => deny(&place, who, &asked).await,
        _ => Err(PageError::Invalid.into_response()),
    }
}

/// Gives the program what was ticked, once that is on record.
async fn allow(
    place: &Place<'_>,
    who: &SignedIn,
    asked: &Asked,
    ticked: Scopes,
    remembered: bool,
) -> Result<Response, Response> {
    let app = place.app;
    let act = act(app, who, "access.allow", asked, &ticked, remembered);
    let before = record::before(app, act.clone()).await;
    before.map_err(|_| unrecorded())?;
    match app
        .authorization
        .allow(&who.principal, asked, &ticked)
        .await
    {
        Ok(allowed) => {
            let mut act = act;
            act.detail["grant"] = allowed.grant_id.into();
            record::after(app, act).await;
            Ok(away(&allowed.location))
        }
        Err(error) => {
            record::refused(app, act).await;
            match error {
                AllowError::UnknownClient => Ok(place.page(&PageReason::UnknownClient)),
                AllowError::TooMany(_) => Ok(place.not_now("consent-too-many")),
                AllowError::Nothing | AllowError::NotInPerson => {
                    Err(PageError::Invalid.into_response())
                }
                AllowError::Store(_) => Err(internal(&error, "allowing a program access")),
            }
        }
    }
}

async fn deny(place: &Place<'_>, who: &SignedIn, asked: &Asked) -> Result<Response, Response> {
    let app = place.app;
    let scopes = asked.offered(who.principal.role);
    let act = act(app, who, "access.deny", asked, &scopes, false);
    let before = record::before(app, act.clone()).await;
    before.map_err(|_| unrecorded())?;
    match app.authorization.deny(asked) {
        Ok(redirect) => {
            record::after(app, act).await;
            Ok(away(&redirect))
        }
        Err(error) => {
            record::refused(app, act).await;
            place.refuse(error).await
        }
    }
}

fn act(
    app: &App,
    who: &SignedIn,
    action: &'static str,
    asked: &Asked,
    scopes: &Scopes,
    remembered: bool,
) -> Act {
    let resources = asked.resources.iter().map(|r| r.url(app.public_url()));
    let resources: Vec<String> = resources.collect();
    Act {
        user: who.principal.user_id,
        caller: who.principal.caller.label(),
        action,
        target: asked.client.client_id.clone(),
        detail: json!({
            "name": consent::name(&asked.client),
            "redirect": consent::host(&asked.redirect_uri),
            "scopes": scopes.to_string(),
            "resources": resources,
            "remembered": remembered,
        }),
    }
}

/// Whether the person proved who they are a moment ago, in this browser.
async fn signed_in_recently(app: &App, who: &SignedIn) -> Result<bool, Response> {
    let name = who.session_name();
    let sessions = app
        .identity
        .sessions(who.principal.user_id, name.as_deref())
        .await
        .map_err(|error| internal(&error, "reading a session"))?;
    let now = app.clock.now();
    Ok(sessions
        .iter()
        .any(|session| session.is_current && now.duration_since(session.created_at) < RECENT))
}

/// Off to the program. After a form that is a GET (RFC 9700 section 4.12).
fn away(location: &Url) -> Response {
    Redirect::to(location.as_str()).into_response()
}

/// To the sign-in and back to this request.
fn to_login(query: &str, again: bool) -> Response {
    let path = format!("/oauth/authorize?{query}");
    let login = if again {
        next::login_again(&path)
    } else {
        next::login(&path)
    };
    Redirect::to(&login).into_response()
}

fn internal(error: &(dyn std::error::Error + 'static), doing: &'static str) -> Response {
    PageError::internal(error, doing).into_response()
}

/// Nothing is allowed or refused that can't be put on record.
fn unrecorded() -> Response {
    PageError::Unavailable(record::PAUSE).into_response()
}
