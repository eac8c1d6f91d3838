//! A world to test in: two people with a server each, and a server on this machine that is both the
//! MCP server and its authorization server. It keeps the rules wherever nothing is planted.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use deputy_core::clock::OffsetClock;
use deputy_core::http::{GuardConfig, PrivateHosts, guarded};
use deputy_core::{Lifecycle, Secret, SystemRng, UserId};
use deputy_store::Store;
use deputy_store::own_server::{NewOwnServer, OwnServerSetup};
use deputy_store::testing::{TestStore, postgres, sqlite, user};
use deputy_vault::Vault;
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use url::Url;
use uuid::Uuid;

use super::{Config, Connected, Remote, Server};
use crate::testing::{Reply, Seen, parameter, read_request, send};
use crate::{CallbackQuery, Timing};

#[derive(Default)]
struct State {
    /// What is at a path instead of the usual, for ever.
    documents: Mutex<BTreeMap<String, Reply>>,
    /// The next answers at a path.
    planted: Mutex<BTreeMap<String, VecDeque<Reply>>>,
    /// What is said with 401.
    challenge: Mutex<String>,
    /// What each code was given for.
    codes: Mutex<BTreeMap<String, BTreeMap<String, String>>>,
    /// Clients by id, with their secrets.
    clients: Mutex<BTreeMap<String, Option<String>>>,
    refresh_tokens: Mutex<Vec<String>>,
    seen: Mutex<Vec<Seen>>,
    count: AtomicUsize,
}

/// An MCP server at `/mcp` and its authorization server.
#[derive(Clone)]
pub(super) struct Provider {
    state: Arc<State>,
    pub(super) origin: Url,
}

pub(super) const RESOURCE: &str = "/.well-known/oauth-protected-resource/mcp";
pub(super) const SERVER: &str = "/.well-known/oauth-authorization-server";

impl Provider {
    pub(super) async fn start(lifecycle: &Lifecycle) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}/", listener.local_addr().unwrap());
        let provider = Self {
            state: Arc::default(),
            origin: origin.parse().unwrap(),
        };
        provider.describe_resource(&json!({}));
        provider.describe_server(&json!({}));
        *provider.state.challenge.lock() = format!(
            r#"Bearer realm="x", resource_metadata="{}", error="invalid_token""#,
            provider.at(RESOURCE)
        );
        let (shared, inner) = (provider.clone(), lifecycle.clone());
        lifecycle.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = shared.clone();
                inner.spawn(async move { shared.serve(stream).await });
            }
        });
        provider
    }

    pub(super) fn at(&self, path: &str) -> Url {
        self.origin.join(path).unwrap()
    }

    pub(super) fn issuer(&self) -> String {
        self.origin.as_str().trim_end_matches('/').to_owned()
    }

    /// The server's metadata, with changes; null removes.
    pub(super) fn describe_resource(&self, changes: &Value) {
        let usual = json!({
            "resource": self.at("/mcp"),
            "authorization_servers": [self.issuer()],
        });
        self.document(RESOURCE, Reply::Json(200, merged(usual, changes)));
    }

    /// The authorization server's metadata, with changes; null removes.
    pub(super) fn describe_server(&self, changes: &Value) {
        let usual = json!({
            "issuer": self.issuer(),
            "authorization_endpoint": self.at("/authorize?tenant=1"),
            "token_endpoint": self.at("/token"),
            "registration_endpoint": self.at("/register"),
            "revocation_endpoint": self.at("/revoke"),
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
            "authorization_response_iss_parameter_supported": true,
        });
        self.document(SERVER, Reply::Json(200, merged(usual, changes)));
    }

    /// What is at `path` from now on.
    pub(super) fn document(&self, path: &str, reply: Reply) {
        self.state.documents.lock().insert(path.to_owned(), reply);
    }

    /// The usual is at `path` again.
    pub(super) fn forget_document(&self, path: &str) {
        self.state.documents.lock().remove(path);
    }

    /// The next answers at `path`.
    pub(super) fn plant(&self, path: &str, replies: impl IntoIterator<Item = Reply>) {
        let mut planted = self.state.planted.lock();
        planted.entry(path.to_owned()).or_default().extend(replies);
    }

    /// Takes back what was planted at `path`.
    pub(super) fn clear(&self, path: &str) {
        self.state.planted.lock().remove(path);
    }

    /// What the server says with 401 from now on.
    pub(super) fn challenge(&self, header: &str) {
        header.clone_into(&mut self.state.challenge.lock());
    }

    /// A client that was registered by hand.
    pub(super) fn knows(&self, id: &str, secret: Option<&str>) {
        let secret = secret.map(str::to_owned);
        self.state.clients.lock().insert(id.to_owned(), secret);
    }

    /// Loses its memory of clients.
    pub(super) fn forget_clients(&self) {
        self.state.clients.lock().clear();
    }

    /// The person says yes on the page: what the browser comes back with.
    pub(super) fn allow(&self, url: &Url) -> CallbackQuery {
        let request: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
        let code = format!("code-{}", self.number());
        self.state.codes.lock().insert(code.clone(), request);
        CallbackQuery {
            code: Some(code.as_str().into()),
            state: Some(parameter(url, "state")),
            error: None,
            iss: Some(self.issuer()),
        }
    }

    pub(super) fn seen(&self, path: &str) -> Vec<Seen> {
        let seen = self.state.seen.lock();
        seen.iter().filter(|s| s.path == path).cloned().collect()
    }

    pub(super) fn paths(&self) -> Vec<String> {
        self.state
            .seen
            .lock()
            .iter()
            .map(|s| s.path.clone())
            .collect()
    }

    pub(super) fn refreshes(&self) -> Vec<Seen> {
        let mut seen = self.seen("/token");
        seen.retain(|s| s.form["grant_type"] == "refresh_token");
        seen
    }

    fn number(&self) -> usize {
        self.state.count.fetch_add(1, Ordering::SeqCst) + 1
    }

    async fn serve(&self, mut stream: TcpStream) {
        let Some(seen) = read_request(&mut stream).await else {
            return;
        };
        self.state.seen.lock().push(seen.clone());
        let next = self
            .state
            .planted
            .lock()
            .get_mut(&seen.path)
            .and_then(VecDeque::pop_front);
        let there = || self.state.documents.lock().get(&seen.path).cloned();
        match next.or_else(there) {
            Some(Reply::Gated(gate)) => {
                gate.acquire().await.unwrap().forget();
                send(stream, self.usual(&seen)).await;
            }
            Some(Reply::Silence(time)) => tokio::time::sleep(time).await,
            Some(Reply::Reset) => {}
            Some(reply) => send(stream, reply).await,
            None => send(stream, self.usual(&seen)).await,
        }
    }

    fn usual(&self, seen: &Seen) -> Reply {
        match seen.path.as_str() {
            "/mcp" => Reply::Raw(format!(
                "HTTP/1.1 401 Unauthorized\r\nwww-authenticate: {}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
                self.state.challenge.lock()
            )),
            "/register" => self.register(seen),
            "/token" => self.token(seen),
            "/revoke" if self.client_of(seen).is_some() => Reply::Json(200, json!({})),
            "/revoke" => Reply::error(401, "invalid_client"),
            _ => Reply::Json(404, json!({})),
        }
    }

    fn register(&self, seen: &Seen) -> Reply {
        let mut client: Value = serde_json::from_str(&seen.body).unwrap();
        let id = format!("client-{}", self.number());
        client["client_id"] = id.as_str().into();
        let secret =
            (client["token_endpoint_auth_method"] != "none").then(|| format!("secret:of {id}"));
        if let Some(secret) = &secret {
            client["client_secret"] = secret.as_str().into();
            client["client_secret_expires_at"] = 0.into();
        }
        self.knows(&id, secret.as_deref());
        Reply::Json(201, client)
    }

    /// The client that a request proves to come from.
    fn client_of(&self, seen: &Seen) -> Option<String> {
        let basic = seen.headers.get("authorization").map(|header| {
            let pair = STANDARD
                .decode(header.strip_prefix("Basic ").unwrap())
                .unwrap();
            let pair = String::from_utf8(pair).unwrap();
            let (id, secret) = pair.split_once(':').unwrap();
            let plain = |text: &str| {
                let pair = format!("x={text}");
                let (_, value) = url::form_urlencoded::parse(pair.as_bytes()).next().unwrap();
                value.into_owned()
            };
            (plain(id), Some(plain(secret)))
        });
        let (id, secret) = basic.or_else(|| {
            let id = seen.form.get("client_id")?.clone();
            Some((id, seen.form.get("client_secret").cloned()))
        })?;
        let known = self.state.clients.lock().get(&id).cloned()?;
        (known == secret).then_some(id)
    }

    fn token(&self, seen: &Seen) -> Reply {
        let Some(client) = self.client_of(seen) else {
            return Reply::error(401, "invalid_client");
        };
        if seen.form.get("resource") != Some(&self.at("/mcp").to_string()) {
            return Reply::error(400, "invalid_target");
        }
        let scope = if seen.form["grant_type"] == "authorization_code" {
            let Some(request) = self.state.codes.lock().remove(&seen.form["code"]) else {
                return Reply::error(400, "invalid_grant");
            };
            let challenge = digest::digest(&digest::SHA256, seen.form["code_verifier"].as_bytes());
            if request["code_challenge"] != URL_SAFE_NO_PAD.encode(challenge)
                || request["redirect_uri"] != seen.form["redirect_uri"]
                || request["client_id"] != client
                || request["resource"] != seen.form["resource"]
            {
                return Reply::error(400, "invalid_grant");
            }
            request.get("scope").cloned()
        } else {
            let mut tokens = self.state.refresh_tokens.lock();
            let Some(at) = tokens.iter().position(|t| *t == seen.form["refresh_token"]) else {
                return Reply::error(400, "invalid_grant");
            };
            tokens.remove(at);
            None
        };
        let n = self.number();
        let refresh_token = format!("rt-{n}");
        self.state.refresh_tokens.lock().push(refresh_token.clone());
        let mut answer = json!({
            "access_token": format!("at-{n}"),
            "refresh_token": refresh_token,
            "expires_in": 3600,
            "token_type": "bearer",
        });
        if let Some(scope) = scope {
            answer["scope"] = scope.into();
        }
        Reply::Json(200, answer)
    }
}

fn merged(mut usual: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().unwrap().clone() {
        if value.is_null() {
            usual.as_object_mut().unwrap().remove(&name);
        } else {
            usual[name] = value;
        }
    }
    usual
}

/// Everything a test needs.
pub(super) struct World {
    pub(super) database: TestStore,
    pub(super) store: Store,
    pub(super) provider: Provider,
    pub(super) clock: OffsetClock,
    pub(super) lifecycle: Lifecycle,
    pub(super) remote: Remote,
    pub(super) alice: UserId,
    pub(super) bob: UserId,
    /// Alice's server.
    pub(super) hers: Server,
    /// Bob's, at the same URL and of the same name.
    pub(super) his: Server,
}

impl World {
    async fn new(database: TestStore) -> Self {
        let lifecycle = Lifecycle::new();
        let provider = Provider::start(&lifecycle).await;
        let clock = OffsetClock::default();
        let store = database.store.clone();
        let (alice, bob) = (user(&store, "alice").await, user(&store, "bob").await);
        let remote = remote(store.clone(), &provider, &lifecycle, &clock, config());
        let url = provider.at("/mcp");
        let hers = server(&store, alice, &url).await;
        let his = server(&store, bob, &url).await;
        Self {
            database,
            store,
            provider,
            clock,
            lifecycle,
            remote,
            alice,
            bob,
            hers,
            his,
        }
    }

    /// Another process on the same database.
    pub(super) async fn another_process(&self) -> Remote {
        let config = deputy_store::Config::new(&self.database.url);
        let store = Store::connect(&config).await.unwrap();
        remote(
            store,
            &self.provider,
            &self.lifecycle,
            &self.clock,
            super::testing::config(),
        )
    }

    /// The same people at an installation with other settings.
    pub(super) fn with(&self, config: Config) -> Remote {
        remote(
            self.store.clone(),
            &self.provider,
            &self.lifecycle,
            &self.clock,
            config,
        )
    }

    /// Begins a consent, says yes and returns.
    pub(super) async fn connect(&self, user: UserId, server: &Server) -> Connected {
        let url = self.remote.begin(user, server).await.unwrap();
        let query = self.provider.allow(&url);
        self.remote.complete(user, query).await.unwrap()
    }

    /// Alice's token.
    pub(super) async fn token(&self) -> Result<Option<String>, super::AccessError> {
        let held = self
            .remote
            .bearer(self.alice, self.hers.id, &self.hers.url)
            .await?;
        Ok(held.map(|token| token.secret.expose().clone()))
    }

    /// The present in seconds.
    pub(super) fn clock_seconds(&self) -> i64 {
        use deputy_core::Clock as _;
        self.clock.now().as_second()
    }

    pub(super) fn pass(&self, minutes: i64) {
        self.clock.advance(jiff::SignedDuration::from_mins(minutes));
    }
}

pub(super) fn config() -> Config {
    let quick = std::time::Duration::from_millis;
    Config {
        timing: Timing {
            request: quick(5_000),
            retry: quick(5),
            poll: quick(10),
            early: quick(20_000),
        },
        ..Config::new(&"http://127.0.0.1:8484".parse().unwrap())
    }
}

fn remote(
    store: Store,
    provider: &Provider,
    lifecycle: &Lifecycle,
    clock: &OffsetClock,
    config: Config,
) -> Remote {
    let keys = deputy_vault::Config {
        current: Secret::new([7; 32]),
        old: Vec::new(),
    };
    let (clock, rng) = (Arc::new(clock.clone()), Arc::new(SystemRng));
    let vault = Vault::new(store.clone(), &keys, clock.clone(), rng.clone());
    let http = guarded(GuardConfig {
        private_hosts: PrivateHosts::default().with(&provider.origin),
        ..GuardConfig::default()
    });
    Remote::new(
        store,
        vault,
        config,
        http.unwrap(),
        lifecycle.clone(),
        clock,
        rng,
    )
}

/// A server of this person's.
async fn server(store: &Store, user: UserId, url: &Url) -> Server {
    let tx = store.begin().await.unwrap();
    let new = NewOwnServer {
        uid: Uuid::from_u128(u128::from(user.0.unsigned_abs())),
        name: "notes".to_owned(),
        server_type: "remote".to_owned(),
        setup: OwnServerSetup {
            command: url.to_string(),
            args: None,
            env: None,
            config: "{}".to_owned(),
            secrets: None,
            secrets_set: "[]".to_owned(),
        },
        default_policy: "ask".to_owned(),
        at: Timestamp::UNIX_EPOCH,
    };
    let row = tx.user(user).own_server_add(new).await.unwrap();
    tx.commit().await.unwrap();
    Server {
        id: row.id,
        url: url.clone(),
        scopes: Vec::new(),
        client_id: None,
        client_secret: None,
    }
}

/// Runs `test` in a fresh world on each engine.
pub(super) async fn for_each_world(test: impl AsyncFn(World)) {
    test(World::new(sqlite().await).await).await;
    if let Some(database) = postgres().await {
        test(World::new(database).await).await;
    }
}
