//! The way there: who is to be asked, as which client, for what.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use deputy_core::{UserId, random};
use deputy_store::oauth_state::OAuthState;
use deputy_store::remote_account::RemoteAccount;
use reqwest::header::{ACCEPT, HeaderValue, WWW_AUTHENTICATE};
use serde_json::json;
use url::Url;

use super::{BeginError, Pending, pending_at};
use crate::StorageError;
use crate::remote::challenge::Challenge;
use crate::remote::client::Source;
use crate::remote::discovery::{Discovery, Found};
use crate::remote::{CLIENT, Grant, Inner, SealedAt, Server, provider, to_json, union};
use crate::state::State;

/// How many consents of one person may be under way; the oldest beyond are forgotten.
const UNDER_WAY: u64 = 20;
/// Asks for a refresh token (OpenID Connect Core, section 11), where the authorization server knows
/// the word.
const OFFLINE_ACCESS: &str = "offline_access";

impl Inner {
    pub(super) async fn begin(&self, user: UserId, server: &Server) -> Result<Url, BeginError> {
        self.http.check(&server.url)?;
        let account = self
            .row((user, server.id))
            .await?
            .filter(|row| row.server_url == server.url.as_str());
        let (challenge, found) = self.discover(server, account.as_ref()).await?;
        if !found.server.keeps_its_codes() {
            return Err(BeginError::OtherSite);
        }
        let before = account.filter(|row| row.issuer.as_ref() == Some(&found.server.issuer));
        self.check_binding(user, server, &found).await?;
        let client = self.client(user, server, &found.server).await?;
        let held = before.map(|row| row.scopes).unwrap_or_default();
        let scopes = scopes(&challenge, &found, &held, &server.scopes);
        let url = found.server.authorization_endpoint;
        let pending = Pending {
            server_id: server.id,
            server_url: server.url.clone(),
            grant: Grant {
                issuer: found.server.issuer,
                resource: found.resource,
                token_endpoint: found.server.token_endpoint,
                revocation_endpoint: found.server.revocation_endpoint,
                client,
            },
            scopes,
            says_issuer: found.server.authorization_response_iss_parameter_supported,
            redirect_uri: self.config.redirect_uri.to_string(),
            // 43 characters of the unreserved set, as RFC 7636 section 4.1 asks.
            verifier: random::token("", &*self.rng),
        };
        let state = self.remember(user, &pending).await?;
        Ok(consent_url(url, &pending, &state))
    }

    /// What the server asks for, and who gives tokens for it. What was noted when calls were refused
    /// stands in for the server's answer only where nothing is missing in it.
    async fn discover(
        &self,
        server: &Server,
        account: Option<&RemoteAccount>,
    ) -> Result<(Challenge, Found), BeginError> {
        let (kept, wanted) = account.map_or((None, Vec::new()), |row| {
            (row.metadata_url.clone(), row.wanted_scopes.clone())
        });
        let asked = if kept.is_some() && !wanted.is_empty() {
            None
        } else {
            Some(self.ask(server).await?)
        };
        let now = asked.clone().unwrap_or_default();
        let challenge = Challenge {
            resource_metadata: now.resource_metadata.or_else(|| kept.clone()),
            // Without a token a server may ask for less than what a call was refused for.
            scopes: if wanted.is_empty() {
                now.scopes
            } else {
                wanted
            },
            error: None,
        };
        let discovery = Discovery { http: &self.http };
        let hint = challenge.resource_metadata.as_deref();
        let error = match discovery.find(&server.url, hint).await {
            Ok(found) => return Ok((challenge, found)),
            Err(error) => error,
        };
        // Its metadata may not be any more where it once was.
        if kept.is_none() || challenge.resource_metadata != kept {
            return Err(error.into());
        }
        let now = match asked {
            Some(now) => now,
            None => self.ask(server).await?,
        };
        if now.resource_metadata == kept {
            return Err(error.into());
        }
        let hint = now.resource_metadata.as_deref();
        let found = discovery.find(&server.url, hint).await?;
        Ok((challenge, found))
    }

    /// What the server says when it is asked without a token.
    async fn ask(&self, server: &Server) -> Result<Challenge, BeginError> {
        let request = json!({
            "jsonrpc": "2.0",
            "id": 0,
            "method": "initialize",
            "params": {
                "protocolVersion": "2025-11-25",
                "capabilities": {},
                "clientInfo": {"name": "deputy", "version": env!("CARGO_PKG_VERSION")},
            },
        });
        let accept = HeaderValue::from_static("application/json, text/event-stream");
        let asked = self
            .http
            .post(&server.url)
            .header(ACCEPT, accept)
            .json(&request)
            .timeout(self.config.timing.request)
            .send()
            .await;
        match asked {
            Ok(answer) => {
                let headers = answer.headers().get_all(WWW_AUTHENTICATE);
                let all: Vec<&str> = headers.iter().filter_map(|h| h.to_str().ok()).collect();
                Ok(Challenge::parse(&all.join(", ")).unwrap_or_default())
            }
            Err(deputy_core::http::GuardError::Blocked(blocked)) => Err(blocked.into()),
            // The well-known places may answer all the same.
            Err(_) => Ok(Challenge::default()),
        }
    }

    /// A client that was entered with the server is presented only where it was registered: at the
    /// issuer of the first consent (MCP 2026-07-28, "Authorization Server Binding").
    async fn check_binding(
        &self,
        user: UserId,
        server: &Server,
        found: &Found,
    ) -> Result<(), BeginError> {
        let key = (user, server.id);
        let Some(id) = &server.client_id else {
            return Ok(());
        };
        let Some(sealed) = self.row(key).await?.and_then(|row| row.client) else {
            return Ok(());
        };
        let grant: Grant = self.open(&SealedAt::account(key, CLIENT), &sealed).await?;
        let same = grant.client.source == Source::Given && grant.client.id == *id;
        if same && grant.issuer != found.server.issuer {
            return Err(BeginError::IssuerChanged);
        }
        Ok(())
    }

    /// Stores a consent that begins; returns its `state`.
    async fn remember(&self, user: UserId, pending: &Pending) -> Result<String, StorageError> {
        let state = State::new(user, &*self.clock, &*self.rng);
        let nonce_hash = state.nonce_hash();
        let sealed = self
            .seal(&pending_at(user, &nonce_hash), &to_json(pending))
            .await?;
        let row = OAuthState {
            nonce_hash,
            provider: provider(pending.server_id),
            services: Vec::new(),
            verifier: sealed,
            created_at: state.started,
            expires_at: state.expires(),
            consumed_at: None,
        };
        let tx = self.store.begin().await?;
        tx.user(user).oauth_state_add(row, UNDER_WAY).await?;
        tx.commit().await?;
        Ok(state.sign(self.state_key().await?))
    }
}

/// What to ask for (MCP 2026-07-28, "Scope Selection Strategy"): what the server asked for, else
/// what it calls usual; with what was asked for before, and what is set for the server.
fn scopes(challenge: &Challenge, found: &Found, held: &[String], extra: &[String]) -> Vec<String> {
    let usual = found.scopes.as_deref().unwrap_or_default();
    let asked = if challenge.scopes.is_empty() && extra.is_empty() {
        usual
    } else {
        &challenge.scopes
    };
    let mut scopes = union(&[held, asked, extra]);
    let offline = found.server.scopes_supported.as_ref();
    if !scopes.is_empty() && offline.is_some_and(|all| all.iter().any(|s| s == OFFLINE_ACCESS)) {
        scopes = union(&[&scopes, &[OFFLINE_ACCESS.to_owned()]]);
    }
    scopes
}

fn consent_url(mut url: Url, pending: &Pending, state: &str) -> Url {
    let challenge = digest::digest(&digest::SHA256, pending.verifier.expose().as_bytes());
    let mut query = url.query_pairs_mut();
    query
        .append_pair("response_type", "code")
        .append_pair("client_id", &pending.grant.client.id)
        .append_pair("redirect_uri", &pending.redirect_uri)
        .append_pair("state", state)
        .append_pair("code_challenge", &URL_SAFE_NO_PAD.encode(challenge))
        .append_pair("code_challenge_method", "S256")
        .append_pair("resource", &pending.grant.resource);
    if !pending.scopes.is_empty() {
        query.append_pair("scope", &pending.scopes.join(" "));
    }
    if pending.scopes.iter().any(|scope| scope == OFFLINE_ACCESS) {
        // Without it the word is ignored (OpenID Connect Core, section 11).
        query.append_pair("prompt", "consent");
    }
    drop(query);
    url
}
