//! The authorization request: what a client asks a person for, and the answer that goes back.
//!
//! The address to answer at is checked before anything else, for an error that goes to an address
//! that is not the client's tells somebody else (RFC 6749 section 4.1.2.1, RFC 9700 section 4.11).
//! Every answer names the issuer (`iss`, RFC 9207), errors too, so that a client of several servers
//! can't be led to take one's answer for another's.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::IpAddr;

use deputy_core::secret::sha256_hex;
use deputy_core::{Caller, Principal, Role, Scope, Scopes, Throttled, UserId, random};
use deputy_store::Tx;
use deputy_store::oauth_consent::Consent;
use deputy_store::oauth_grant::{NewCode, NewGrant};
use jiff::Timestamp;
use url::Url;
use url::form_urlencoded::byte_serialize;

use super::client::{Client, Kind};
use super::document::FAILED;
use super::form::Form;
use super::{AuthorizationServer, ClientError, NOTICE_FIRST, NOTICE_MORE, Resource, pkce, scope};
use crate::Identity;

/// What every code begins with.
pub const CODE_PREFIX: &str = "dpt_ac_";

/// Most resources of one grant.
pub(super) const MAX_RESOURCES: usize = 20;

/// Longest `state`, in bytes.
pub(super) const MAX_STATE: usize = 8 * 1024;

/// What one person holds at most, in all: what programs redeemed and still have. Programs that
/// register anew with each login leave one behind each time, which lapses after a month. What nobody
/// redeemed does not count, or a page that sends the person here again and again would fill it up; of
/// that there is one per client and address.
const MAX_GRANTS: u64 = 500;

/// Most names in the notice of programs that were let in.
const MAX_NAMED: usize = 10;

/// Logins of one person in a minute that no page is shown for.
pub(super) const SKIPS_PER_MIN: u32 = 10;

/// An authorization request as it came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthorizeRequest {
    /// Who asks.
    pub client_id: String,
    /// Where to answer; may be left out by a client that has one address only.
    pub redirect_uri: Option<String>,
    /// `code`.
    pub response_type: Option<String>,
    /// `query`, or left out.
    pub response_mode: Option<String>,
    /// What is asked for, in words.
    pub scope: Option<String>,
    /// Goes back as it came.
    pub state: Option<String>,
    /// SHA-256 of the verifier (RFC 7636).
    pub code_challenge: Option<String>,
    /// `S256`.
    pub code_challenge_method: Option<String>,
    /// For what (RFC 8707).
    pub resource: Vec<String>,
    /// Words of `OpenID` Connect: `consent` shows the page though the person allowed it before,
    /// `none` shows no page.
    pub prompt: Option<String>,
    /// Whether the request is in a `request` or `request_uri`, which this server does not read.
    pub is_elsewhere: bool,
}

impl AuthorizeRequest {
    /// The request in a query (without the question mark), or in a form of the same parameters.
    /// Never a redirect: whose it is is not known yet.
    pub fn parse(query: &str) -> Result<Self, AuthorizeError> {
        let malformed = |detail: String| AuthorizeError::Page(PageReason::Malformed(detail));
        let form = Form::parse(query.as_bytes()).map_err(|err| malformed(err.to_string()))?;
        let text = |name: &str| form.text(name).map(str::to_owned);
        Ok(Self {
            client_id: text("client_id").ok_or_else(|| malformed("no client_id".to_owned()))?,
            redirect_uri: text("redirect_uri"),
            response_type: text("response_type"),
            response_mode: text("response_mode"),
            scope: text("scope"),
            state: text("state"),
            code_challenge: text("code_challenge"),
            code_challenge_method: text("code_challenge_method"),
            resource: form.all("resource"),
            prompt: text("prompt"),
            is_elsewhere: text("request").or_else(|| text("request_uri")).is_some(),
        })
    }

    /// Whether this word is in `prompt`.
    pub fn prompts(&self, word: &str) -> bool {
        let words = self.prompt.as_deref().unwrap_or_default();
        words.split_ascii_whitespace().any(|other| other == word)
    }
}

/// Why a page says what is wrong, and nobody is sent anywhere.
#[derive(Debug, thiserror::Error)]
pub enum PageReason {
    /// There is no such client.
    #[error("there is no such client")]
    UnknownClient,
    /// An administrator has blocked the client.
    #[error("an administrator has blocked this client")]
    Blocked,
    /// The client has no such address; or has several, and none was named.
    #[error("the address to answer at is not the client's")]
    WrongRedirect,
    /// The request can't be read.
    #[error("{0}")]
    Malformed(String),
    /// The document that the client names itself by could not be read or is not fit.
    #[error("{0}")]
    Document(String),
    /// The document can't be had at present; for how many seconds at least.
    #[error("the client's document can't be fetched at present; try again in {0} s")]
    Unavailable(u64),
    /// Too many documents were asked for from there.
    #[error(transparent)]
    Throttled(#[from] Throttled),
    /// The database failed.
    #[error("the client could not be looked up")]
    Store(#[source] deputy_store::Error),
}

/// Why a request is not shown to the person.
#[derive(Debug, thiserror::Error)]
pub enum AuthorizeError {
    /// A page says so. Never a redirect: the address is unknown or not to be trusted.
    #[error(transparent)]
    Page(#[from] PageReason),
    /// The client learns of it at its address.
    #[error("{error}: {description}")]
    Redirect {
        /// Who asked.
        client: Box<Client>,
        /// The client's address with `error`, `error_description`, `state` and `iss`.
        redirect: Box<Url>,
        /// Whether the address is known by an administrator's word. Otherwise nobody is sent there
        /// unasked (RFC 9700 section 4.11.2): anybody can register a client.
        trusted_redirect: bool,
        /// The code of RFC 6749 section 4.1.2.1 or RFC 8707.
        error: &'static str,
        /// For developers, in English.
        description: &'static str,
    },
}

impl From<ClientError> for AuthorizeError {
    fn from(err: ClientError) -> Self {
        Self::Page(match err {
            ClientError::Unknown => PageReason::UnknownClient,
            ClientError::Blocked => PageReason::Blocked,
            ClientError::Store(err) => PageReason::Store(err),
            ClientError::Throttled(throttled) => PageReason::Throttled(throttled),
            ClientError::Document(error) if error.is_temporary() => {
                PageReason::Unavailable(FAILED.as_secs().unsigned_abs())
            }
            ClientError::Document(error) => PageReason::Document(error.to_string()),
        })
    }
}

/// What a client asks a person for; fit to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Who asks.
    pub client: Client,
    /// Where the answer goes, as the client wrote it.
    pub redirect_uri: String,
    /// Whether the client named that address.
    pub redirect_given: bool,
    /// What it asks for; may exceed the person's rights, see [`Asked::offered`].
    pub scopes: Scopes,
    /// For what; at least one.
    pub resources: Vec<Resource>,
    /// Goes back as it came.
    pub state: Option<String>,
    /// SHA-256 of the verifier, base64url.
    pub challenge: String,
    /// Whether the client wants the page shown in any case.
    pub prompt_consent: bool,
    /// Whether the client wants no page shown: without a remembered consent the answer is
    /// [`AuthorizationServer::interaction_required`].
    pub prompt_none: bool,
}

impl Asked {
    /// What of it a person of this role can allow.
    pub fn offered(&self, role: Role) -> Scopes {
        let rights = Identity::rights(role);
        let mut scopes = self.scopes.clone();
        scopes.0.retain(|scope| rights.contains(*scope));
        scopes
    }
}

/// What a person allowed, and where the browser goes with it. No `Debug`: the code is a secret.
pub struct Allowed {
    /// The client's address with `code`, `state` and `iss`.
    pub location: Url,
    /// The grant.
    pub grant_id: i64,
    /// What was allowed.
    pub scopes: Scopes,
}

/// Why something was not allowed.
#[derive(Debug, thiserror::Error)]
pub enum AllowError {
    /// Nothing is left of what was asked for and ticked.
    #[error("nothing is allowed")]
    Nothing,
    /// The client was removed meanwhile.
    #[error("there is no such client any more")]
    UnknownClient,
    /// Only the person in a browser can allow something, no program that acts for them.
    #[error("only a person who is signed in can allow this")]
    NotInPerson,
    /// The person has allowed too much already.
    #[error("there are {0} accesses already; take one away first")]
    TooMany(u64),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] deputy_store::Error),
}

impl AuthorizationServer {
    /// Whether the request can be shown to a person. Changes nothing. `address` is that of whoever
    /// asks: fetches of clients' documents are counted for it.
    pub async fn check(
        &self,
        request: AuthorizeRequest,
        address: Option<IpAddr>,
    ) -> Result<Asked, AuthorizeError> {
        let client = self.client_for(&request.client_id, address).await?;
        let (redirect_uri, redirect_given) = match request.redirect_uri.clone() {
            Some(uri) if client.accepts(&uri) => (uri, true),
            // Only where there is nothing to choose (RFC 6749 section 3.1.2.3).
            None if client.redirect_uris.len() == 1 => (client.redirect_uris[0].clone(), false),
            _ => return Err(PageReason::WrongRedirect.into()),
        };
        if answer_url(&redirect_uri, &[]).is_none() {
            return Err(PageReason::WrongRedirect.into());
        }
        match asked(self.issuer(), &request) {
            Ok((scopes, resources)) => Ok(Asked {
                client,
                redirect_uri,
                redirect_given,
                scopes,
                resources,
                prompt_consent: request.prompts("consent"),
                prompt_none: request.prompts("none"),
                challenge: request.code_challenge.unwrap_or_default(),
                state: request.state,
            }),
            Err((error, description)) => {
                // A state that is too long to be taken is too long to be sent back.
                let state = request.state.filter(|state| state.len() <= MAX_STATE);
                let redirect =
                    self.error_url(&redirect_uri, state.as_deref(), error, description)?;
                Err(AuthorizeError::Redirect {
                    trusted_redirect: matches!(client.kind, Kind::Builtin | Kind::Registered),
                    client: Box::new(client),
                    redirect: Box::new(redirect),
                    error,
                    description,
                })
            }
        }
    }

    /// What the person last allowed this client.
    pub async fn remembered(
        &self,
        user: UserId,
        asked: &Asked,
    ) -> Result<Option<Consent>, deputy_store::Error> {
        let scope = self.inner.store.user(user);
        scope.oauth_consent(&asked.client.client_id).await
    }

    /// Whether the page can be left out: the person allowed this client all of this before, at the
    /// same `https` address. At others it is always shown, because any program can listen on a
    /// loopback port or claim a scheme; to a client that registered itself, for nobody answers for its
    /// address; nor is it left out for what decides in the person's place.
    pub fn may_skip(&self, asked: &Asked, consent: &Consent) -> bool {
        !asked.prompt_consent
            && asked.client.kind != Kind::Dynamic
            && consent.client_id == asked.client.client_id
            && consent.redirect_uri == asked.redirect_uri
            && Url::parse(&asked.redirect_uri).is_ok_and(|url| url.scheme() == "https")
            && asked.scopes.0.is_subset(&consent.scopes.0)
            && !asked.scopes.0.iter().any(|scope| scope.is_grave())
            && (asked.resources.iter())
                .all(|resource| consent.resources.contains(&resource.url(self.issuer())))
    }

    /// Counts a login of this person that no page is shown for. False when there were ten in this
    /// minute: then the page is shown, for something else than the person sends them here.
    pub fn count_skip(&self, user: UserId) -> bool {
        self.inner.skips.hit(&user).is_ok()
    }

    /// Allows what was asked for and ticked, within the person's rights: a grant and a code for it,
    /// and the consent is remembered. A code that nobody has redeemed gives way to a new one of the
    /// same person, client and address. Nothing of it is there when one part fails.
    pub async fn allow(
        &self,
        principal: &Principal,
        asked: &Asked,
        ticked: &Scopes,
    ) -> Result<Allowed, AllowError> {
        if !matches!(principal.caller, Caller::Browser { .. }) {
            return Err(AllowError::NotInPerson);
        }
        let mut scopes = asked.offered(principal.role);
        (scopes.0).retain(|scope| ticked.contains(*scope) && principal.scopes.contains(*scope));
        if scopes.0.is_empty() {
            return Err(AllowError::Nothing);
        }
        let inner = &*self.inner;
        let (now, ends) = self.span(inner.config.code);
        let code = random::token(CODE_PREFIX, &*inner.rng);
        let mut answer = vec![("code", code.expose().as_str())];
        answer.extend(asked.state.as_deref().map(|state| ("state", state)));
        answer.push(("iss", self.issuer()));
        let location = answer_url(&asked.redirect_uri, &answer).ok_or(AllowError::Nothing)?;
        let resources = asked.resources.iter();
        let resources: Vec<String> = resources.map(|r| r.url(self.issuer())).collect();

        let tx = inner.store.begin().await?;
        // First: from here on nobody removes the client.
        let client = &asked.client;
        let is_there = tx
            .note_oauth_client_authorized(&client.client_id, now)
            .await?;
        if !is_there && client.kind != Kind::Builtin {
            return Err(AllowError::UnknownClient);
        }
        let user = tx.user(principal.user_id);
        user.delete_unredeemed_oauth_grants(&asked.client.client_id, &asked.redirect_uri)
            .await?;
        let count = user.count_live_oauth_grants(now).await?;
        if count >= MAX_GRANTS {
            return Err(AllowError::TooMany(count));
        }
        let grant = NewGrant {
            client_id: asked.client.client_id.clone(),
            client_name: asked.client.name.clone(),
            redirect_uri: asked.redirect_uri.clone(),
            scopes: scopes.clone(),
            resources: resources.clone(),
            at: now,
            // Redeeming the code makes it last.
            expires_at: ends,
        };
        let grant_id = user.insert_oauth_grant(grant).await?.id;
        tx.insert_oauth_code(NewCode {
            code_hash: sha256_hex(code.expose().as_bytes()),
            grant_id,
            redirect_uri: asked.redirect_uri.clone(),
            redirect_given: asked.redirect_given,
            challenge: asked.challenge.clone(),
            at: now,
            expires_at: ends,
        })
        .await?;
        let news = match user.oauth_consent(&client.client_id).await? {
            None => Some(NOTICE_FIRST),
            Some(last) => {
                let held = user.oauth_grants().await?.into_iter();
                let held = held.filter(|grant| grant.client_id == client.client_id);
                let before: BTreeSet<Scope> = held
                    .flat_map(|grant| grant.scopes.0)
                    .chain(last.scopes.0)
                    .collect();
                (!scopes.0.is_subset(&before)).then_some(NOTICE_MORE)
            }
        };
        if let Some(news) = news {
            tell(&tx, principal.user_id, news, &client.name, now).await?;
        }
        user.put_oauth_consent(Consent {
            client_id: asked.client.client_id.clone(),
            redirect_uri: asked.redirect_uri.clone(),
            scopes: scopes.clone(),
            resources,
            allowed_at: now,
        })
        .await?;
        tx.commit().await?;
        Ok(Allowed {
            location,
            grant_id,
            scopes,
        })
    }

    /// Where the browser goes when the person refused.
    pub fn deny(&self, asked: &Asked) -> Result<Url, AuthorizeError> {
        self.asked_error(asked, "access_denied", "the person refused")
    }

    /// Where the browser goes when the client wanted no page shown and one is needed.
    pub fn interaction_required(&self, asked: &Asked) -> Result<Url, AuthorizeError> {
        self.asked_error(asked, "interaction_required", "the person has to be asked")
    }

    fn asked_error(
        &self,
        asked: &Asked,
        error: &str,
        description: &str,
    ) -> Result<Url, AuthorizeError> {
        let state = asked.state.as_deref();
        self.error_url(&asked.redirect_uri, state, error, description)
    }

    fn error_url(
        &self,
        redirect_uri: &str,
        state: Option<&str>,
        error: &str,
        description: &str,
    ) -> Result<Url, AuthorizeError> {
        let mut answer = vec![("error", error), ("error_description", description)];
        answer.extend(state.map(|state| ("state", state)));
        answer.push(("iss", self.issuer()));
        answer_url(redirect_uri, &answer).ok_or_else(|| PageReason::WrongRedirect.into())
    }
}

/// What `request` asks for of the server `issuer`, or the error that the client is told.
pub(super) fn asked(
    issuer: &str,
    request: &AuthorizeRequest,
) -> Result<(Scopes, Vec<Resource>), (&'static str, &'static str)> {
    let invalid = |why| Err(("invalid_request", why));
    match request.response_type.as_deref() {
        Some("code") => {}
        None => return invalid("response_type is missing"),
        Some(_) => return Err(("unsupported_response_type", "only code is supported")),
    }
    if request.is_elsewhere {
        return invalid("request and request_uri are not supported");
    }
    if request
        .response_mode
        .as_deref()
        .is_some_and(|m| m != "query")
    {
        return invalid("only the response_mode query is supported");
    }
    if request.state.as_ref().is_some_and(|s| s.len() > MAX_STATE) {
        return invalid("state is too long");
    }
    match request.code_challenge.as_deref() {
        Some(text) if pkce::is_challenge(text) => {}
        Some(_) => return invalid("code_challenge is no SHA-256 in base64url"),
        None => return invalid("PKCE is required: code_challenge is missing"),
    }
    // Absent means plain (RFC 7636 section 4.3).
    if request.code_challenge_method.as_deref() != Some("S256") {
        return invalid("code_challenge_method must be S256");
    }
    let scopes = scope::asked(request.scope.as_deref())
        .map_err(|_| ("invalid_scope", "none of the scopes is known"))?;
    let mut resources = Vec::new();
    for text in &request.resource {
        let resource = Resource::parse(issuer, text);
        let resource = resource.ok_or(("invalid_target", "the resource is not this server's"))?;
        if !resources.contains(&resource) {
            resources.push(resource);
        }
    }
    if resources.len() > MAX_RESOURCES {
        return Err(("invalid_target", "there are too many resources"));
    }
    if resources.is_empty() {
        resources.push(Resource::Mcp);
    }
    Ok((scopes, resources))
}

/// Leaves the person a notice that this program has access, or more than it had: whoever sat at their
/// browser for a minute may have given it. There is one such notice of a kind, with the last names.
async fn tell(
    tx: &Tx,
    user: UserId,
    kind: &str,
    name: &str,
    now: Timestamp,
) -> Result<(), deputy_store::Error> {
    let user = tx.user(user);
    // Held, so that of two consents at once the second adds its name to the first one's.
    let told = user.notice_hold(kind, now).await?;
    let told = told.get("clients");
    let mut names: Vec<&str> = told.map_or("", String::as_str).lines().collect();
    names.retain(|other| *other != name && !other.is_empty());
    names.push(name);
    let last = names.len().saturating_sub(MAX_NAMED);
    let parameters = BTreeMap::from([("clients".to_owned(), names[last..].join("\n"))]);
    user.notice_put(kind, &parameters, now).await
}

/// The client's address with `answer` after what its query has already (RFC 6749 section 3.1.2).
pub(super) fn answer_url(redirect_uri: &str, answer: &[(&str, &str)]) -> Option<Url> {
    let mut text = redirect_uri.to_owned();
    for (name, value) in answer {
        let separator = match text.split_once('?') {
            None => "?",
            Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
            Some(_) => "&",
        };
        let value: String = byte_serialize(value.as_bytes()).collect();
        // Writing to a string can't fail.
        let _ = write!(text, "{separator}{name}={value}");
    }
    let url = Url::parse(&text).ok()?;
    url.fragment().is_none().then_some(url)
}

#[cfg(test)]
mod tests;
