//! `/settings`: the person's name, language and time zone, the programs that have access, access
//! tokens, password, and where they are signed in.
//! What hands out rights wants a fresh proof of who is there ([`crate::fresh`]).

pub(crate) mod access;
pub(crate) mod delete;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use deputy_core::{Language, Scope, Scopes, Secret};
use deputy_identity::{
    Identity, PasswordError, ProfileChange, TokenError, TokenRequest, UserError, password,
};
use http::{HeaderValue, StatusCode, header};

use super::{Done, done, logout, render, shell, watch};
use crate::App;
use crate::auth::{Form, SignedIn};
use crate::browser;
use crate::error::PageError;
use crate::form::{Fields, Lenient};
use crate::fresh;
use crate::language;
use crate::record::{self, Act};
use crate::text::Text;
use crate::view::{Flash, Nav, Shell, Snippets, When, scope_key, visible};

/// Where the form of a token is sent to.
const TOKENS: &str = "/settings/tokens";

/// A token that was made just now.
pub(crate) struct Fresh {
    pub(crate) name: String,
    pub(crate) token: String,
    pub(crate) snippets: Snippets,
}

/// A token that was filled in and not made yet.
#[derive(Default)]
pub(crate) struct Filled {
    pub(crate) name: String,
    pub(crate) days: String,
    /// Whether anything was filled in.
    pub(crate) any: bool,
}

/// What a person says about themselves.
pub(crate) struct Profile {
    pub(crate) username: String,
    pub(crate) name: String,
    pub(crate) time_zone: String,
    pub(crate) zones: Vec<String>,
}

/// An access token, without what opens anything.
pub(crate) struct TokenView {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) hint: String,
    pub(crate) scopes: String,
    pub(crate) last_used: Option<When>,
    pub(crate) expires: Option<When>,
    pub(crate) expired: bool,
}

/// A right to tick.
pub(crate) struct ScopeChoice {
    pub(crate) id: &'static str,
    pub(crate) key: &'static str,
    pub(crate) ticked: bool,
}

/// A browser in which the person is signed in.
pub(crate) struct SessionView {
    pub(crate) agent: String,
    pub(crate) current: bool,
    pub(crate) started: When,
    pub(crate) seen: When,
}

#[derive(Template)]
#[template(path = "settings.html")]
pub(crate) struct Page {
    pub(crate) shell: Shell,
    pub(crate) problem: Option<String>,
    pub(crate) fresh: Option<Fresh>,
    pub(crate) profile: Profile,
    pub(crate) access: Vec<access::ProgramView>,
    pub(crate) tokens: Vec<TokenView>,
    pub(crate) scopes: Vec<ScopeChoice>,
    pub(crate) filled: Filled,
    /// Whether the password alone is not enough.
    pub(crate) second_factor: bool,
    /// Recovery codes that are left.
    pub(crate) recovery_left: i64,
    pub(crate) sessions: Vec<SessionView>,
}

/// What the page says beside the settings.
#[derive(Default)]
struct Said {
    flash: Option<Flash>,
    problem: Option<String>,
    fresh: Option<Fresh>,
    /// The form of a token, filled in.
    kept: Option<Fields>,
}

async fn page(app: &App, who: &SignedIn, said: Said) -> Result<Response, PageError> {
    let user = who.principal.user_id;
    let mut shell = shell(app, who, Nav::Settings, said.flash).await?;
    // A form's own address shows nothing when it is asked for.
    "/settings".clone_into(&mut shell.path);
    let watch = watch(app, who);
    let access = access::views(app, user, &watch).await?;
    let tokens = app
        .identity
        .tokens(user)
        .await
        .map_err(|error| PageError::internal(&error, "listing tokens"))?;
    let tokens = tokens
        .into_iter()
        .map(|token| TokenView {
            id: token.id,
            name: visible(&token.name),
            hint: token.hint,
            scopes: token.scopes.to_string(),
            last_used: token.last_used_at.map(|at| watch.show(at)),
            expires: token.expires_at.map(|at| watch.show(at)),
            expired: token.expires_at.is_some_and(|at| at <= watch.now),
        })
        .collect();
    let sessions = app
        .identity
        .sessions(user, who.session_name().as_deref())
        .await
        .map_err(|error| PageError::internal(&error, "listing sessions"))?;
    let sessions = sessions
        .into_iter()
        .map(|session| SessionView {
            agent: match browser::describe(&session.browser.user_agent) {
                unknown if unknown.is_empty() => shell.t.tr("session-unknown"),
                known => known,
            },
            current: session.is_current,
            started: watch.show(session.created_at),
            seen: watch.show(session.last_seen_at),
        })
        .collect();
    let usual = Scopes::default_for_token();
    let scopes = Identity::rights(who.user.role)
        .0
        .into_iter()
        .map(|scope| ScopeChoice {
            id: scope.as_str(),
            key: scope_key(scope),
            ticked: match &said.kept {
                Some(kept) => kept.all("scope").any(|id| id == scope.as_str()),
                None => usual.contains(scope),
            },
        })
        .collect();
    let filled = said.kept.map_or_else(Filled::default, |kept| Filled {
        name: kept.get("name").to_owned(),
        days: kept.get("days").to_owned(),
        any: true,
    });
    let factors = app.identity.second_factors(user).await;
    let factors = factors.map_err(|error| PageError::internal(&error, "reading second factors"))?;
    let profile = Profile {
        username: who.user.username.clone(),
        name: who.user.name.clone(),
        time_zone: who.user.time_zone.clone(),
        zones: zones(),
    };
    render(&Page {
        shell,
        problem: said.problem,
        fresh: said.fresh,
        profile,
        access,
        tokens,
        scopes,
        filled,
        second_factor: factors.any(),
        recovery_left: i64::try_from(factors.recovery_left).unwrap_or(i64::MAX),
        sessions,
    })
}

/// Time zones named after places; the others work too when typed in.
fn zones() -> Vec<String> {
    const PLACES: [&str; 10] = [
        "Africa/",
        "America/",
        "Antarctica/",
        "Arctic/",
        "Asia/",
        "Atlantic/",
        "Australia/",
        "Europe/",
        "Indian/",
        "Pacific/",
    ];
    let names = jiff::tz::db().available().map(|name| name.to_string());
    names
        .filter(|name| PLACES.iter().any(|place| name.starts_with(place)))
        .collect()
}

/// The page again, with what is wrong with the form.
async fn problem(app: &App, who: &SignedIn, text: String) -> Result<Response, PageError> {
    let page = page(
        app,
        who,
        Said {
            problem: Some(text),
            ..Said::default()
        },
    )
    .await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

/// `GET /settings`.
pub(crate) async fn show(
    State(app): State<App>,
    who: SignedIn,
    Lenient(flash): Lenient<Done>,
) -> Result<Response, PageError> {
    let kept = fresh::kept(&who, TOKENS).await;
    page(
        &app,
        &who,
        Said {
            flash: flash.flash(),
            kept,
            ..Said::default()
        },
    )
    .await
}

/// `POST /settings/profile`.
pub(crate) async fn change_profile(
    State(app): State<App>,
    form: Form,
) -> Result<Response, PageError> {
    let Form { who, fields } = form;
    let language = Language::ALL
        .into_iter()
        .find(|language| language.as_str() == fields.get("language"));
    let given = |name: &str| fields.has(name).then(|| fields.get(name).trim().to_owned());
    let change = ProfileChange {
        name: given("name"),
        language,
        time_zone: given("time_zone"),
    };
    let t = Text::new(who.user.language);
    match app
        .identity
        .change_profile(who.principal.user_id, change)
        .await
    {
        Ok(user) => {
            let mut response = done("/settings", "saved");
            response.headers_mut().append(
                header::SET_COOKIE,
                language::remember(user.language, app.https()),
            );
            Ok(response)
        }
        Err(UserError::TimeZone(_)) => problem(&app, &who, t.tr("zone-unknown")).await,
        Err(UserError::DisplayName) => problem(&app, &who, t.tr("profile-name-needed")).await,
        Err(error) => Err(PageError::internal(&error, "changing a profile")),
    }
}

/// `POST /settings/password`.
pub(crate) async fn change_password(
    State(app): State<App>,
    form: Form,
) -> Result<Response, Response> {
    let has_more = app.identity.has_second_factor(form.who.principal.user_id);
    let has_more = has_more
        .await
        .map_err(|error| PageError::internal(&error, "reading second factors").into_response())?;
    // The present password is in the form: for who has nothing else, that is the proof.
    if has_more {
        fresh::need(&app, &form.who, "/settings#password").await?;
    }
    let changed = password_changed(&app, form).await;
    changed.map_err(IntoResponse::into_response)
}

async fn password_changed(app: &App, form: Form) -> Result<Response, PageError> {
    let Form { who, fields } = form;
    let t = Text::new(who.user.language);
    if fields.get("new") != fields.get("again") {
        return problem(app, &who, t.tr("password-differs")).await;
    }
    let present = Secret::from(fields.get("current"));
    let new = Secret::from(fields.get("new"));
    let kept = who.session_name();
    let username = who.user.username.clone();
    let act = record::of_person(app, &who.principal, "password.change", username).await?;
    let changed = app
        .identity
        .change_password(
            who.principal.user_id,
            &present,
            &new,
            who.address,
            kept.as_deref(),
        )
        .await;
    if changed.is_ok() {
        record::after(app, act).await;
    } else {
        record::refused(app, act).await;
    }
    let text = match changed {
        Ok(()) if fields.has("end_access") => {
            match crate::access::end_all(app, &who.principal, None).await {
                Ok(ended) if ended.is_empty() => return Ok(done("/settings", "password")),
                Ok(_) => return Ok(done("/settings", "password-and-access")),
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "the programs' access could not be ended"
                    );
                    t.tr("password-access-stays")
                }
            }
        }
        Ok(()) => return Ok(done("/settings", "password")),
        Err(UserError::WrongPassword) => t.tr("password-wrong"),
        Err(UserError::Password(PasswordError::TooShort)) => t.count(
            "password-short",
            i64::try_from(password::MIN).unwrap_or(i64::MAX),
        ),
        Err(UserError::Password(PasswordError::TooLong)) => t.count(
            "password-long",
            i64::try_from(password::MAX).unwrap_or(i64::MAX),
        ),
        Err(UserError::Password(PasswordError::Common)) => t.tr("password-common"),
        Err(UserError::Password(PasswordError::LikeName)) => t.tr("password-like-name"),
        Err(UserError::Throttled(throttled)) => return Err(PageError::Busy(throttled.retry_after)),
        Err(error) => return Err(PageError::internal(&error, "changing a password")),
    };
    problem(app, &who, text).await
}

/// `POST /settings/tokens`. Answers with the page itself, not with a redirect: the token is shown
/// once and kept nowhere to be shown again.
pub(crate) async fn create_token(State(app): State<App>, form: Form) -> Result<Response, Response> {
    let place = ("/settings#tokens", TOKENS);
    fresh::need_for(&app, &form.who, place, &form.fields).await?;
    let made = token_made(&app, form).await;
    made.map_err(IntoResponse::into_response)
}

async fn token_made(app: &App, form: Form) -> Result<Response, PageError> {
    let Form { who, fields } = form;
    let t = Text::new(who.user.language);
    let scopes: Result<Vec<Scope>, _> = fields.all("scope").map(str::parse).collect();
    let Ok(scopes) = scopes else {
        return Err(PageError::Invalid);
    };
    let days = match fields.get("days") {
        "" => None,
        days => Some(days.parse().map_err(|_| PageError::Invalid)?),
    };
    let request = TokenRequest {
        name: fields.get("name").to_owned(),
        scopes: Some(Scopes(scopes.into_iter().collect())),
        days,
    };
    let name = visible(&request.name);
    let act = record::of_person(app, &who.principal, "token.create", name).await?;
    let made = app
        .identity
        .create_token(who.principal.user_id, request)
        .await;
    if made.is_err() {
        record::refused(app, act.clone()).await;
    }
    let text = match made {
        Ok((token, stored)) => {
            let target = stored.id.to_string();
            record::after(app, Act { target, ..act }).await;
            let fresh = Fresh {
                name: visible(&stored.name),
                snippets: Snippets::new(app.public_url(), token.expose()),
                token: token.expose().clone(),
            };
            return page(
                app,
                &who,
                Said {
                    fresh: Some(fresh),
                    ..Said::default()
                },
            )
            .await;
        }
        Err(TokenError::Name) => t.tr("token-name-needed"),
        Err(TokenError::NoScope) => t.tr("token-scope-needed"),
        Err(TokenError::TooMany(count)) => {
            t.count("token-too-many", i64::try_from(count).unwrap_or(i64::MAX))
        }
        // The form offers neither a scope nor a number of days that could be refused.
        Err(TokenError::Exceeds(_) | TokenError::Days) => return Err(PageError::Invalid),
        Err(error) => return Err(PageError::internal(&error, "making a token")),
    };
    problem(app, &who, text).await
}

/// `POST /settings/tokens/{id}/revoke`.
pub(crate) async fn revoke_token(
    State(app): State<App>,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, PageError> {
    let id: i64 = id.parse().map_err(|_| PageError::NotFound)?;
    let who = &form.who.principal;
    let tokens = app.identity.tokens(who.user_id).await;
    let tokens = tokens.map_err(|error| PageError::internal(&error, "reading tokens"))?;
    if !tokens.iter().any(|token| token.id == id) {
        return Err(PageError::NotFound);
    }
    let act = record::of_person(&app, who, "token.revoke", id.to_string()).await?;
    let revoked = app.identity.revoke_token(who.user_id, id).await;
    if !matches!(revoked, Ok(true)) {
        record::refused(&app, act).await;
        revoked.map_err(|error| PageError::internal(&error, "revoking a token"))?;
        // Somebody else was faster.
        return Err(PageError::NotFound);
    }
    app.gateway.look_at_callers();
    record::after(&app, act).await;
    Ok(done("/settings#tokens", "token-revoked"))
}

/// `POST /settings/sign-out-everywhere`: this browser too.
pub(crate) async fn sign_out_everywhere(
    State(app): State<App>,
    form: Form,
) -> Result<Response, PageError> {
    let who = &form.who.principal;
    let username = form.who.user.username.clone();
    let act = record::of_person(&app, who, "session.end_all", username).await?;
    if let Err(error) = app.identity.end_sessions(who.user_id, None).await {
        record::refused(&app, act).await;
        return Err(PageError::internal(&error, "ending sessions"));
    }
    record::after(&app, act).await;
    let mut response = logout::leave(&app);
    // What the browser kept of the pages goes too (Clear Site Data, section 3.1).
    response
        .headers_mut()
        .insert("clear-site-data", HeaderValue::from_static("\"cache\""));
    Ok(response)
}
