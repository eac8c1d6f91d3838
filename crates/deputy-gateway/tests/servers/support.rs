use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use deputy_core::clock::OffsetClock;
use deputy_core::http::PrivateHosts;
use deputy_core::throttle::Throttle;
use deputy_core::{Caller, Clock, Language, Lifecycle, Principal, Rng, Role, Scopes, Secret};
use deputy_core::{SystemRng, UserId};
use deputy_gateway::BuiltIns;
use deputy_gateway::catalog::{Catalog, FirstPartyLaunch, Isolation};
use deputy_gateway::credentials::{
    AccessToken, Connected, CredentialError, Credentials, RemoteCredentials, RemoteError,
};
use deputy_gateway::servers::{NewServer, Server, ServerError};
use deputy_gateway::{
    Audit, CallError, CallOptions, CallResult, Config, Gateway, Outcome, Parts, Pool, pool, servers,
};
use deputy_store::Store;
use deputy_store::testing::{TestStore, postgres, sqlite, user};
use deputy_templates::{Commands, PlainHttp, Registry};
use deputy_vault::Vault;
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::built_in::Keeper;

/// Longer than anything here should take, on a busy machine.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// A gateway for people whose accounts are connected to nothing.
pub(crate) struct World {
    pub(crate) gateway: Gateway,
    pub(crate) store: Store,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) folder: tempfile::TempDir,
    /// Where a server in the network may be.
    pub(crate) net: url::Url,
    /// What listens there; without it a connection is refused.
    pub(crate) listener: Mutex<Option<std::net::TcpListener>>,
    pub(crate) tokens: Tokens,
    pub(crate) google: Google,
    pub(crate) clock: OffsetClock,
}

/// A folder with kinds of servers like `custom`: `careful` wants to be asked about `client`; each of the others is
/// counted under a name that one test has for itself; `checked` has a check, `acting` acts with an account at Google.
fn templates(folder: &Path) -> PathBuf {
    let templates = folder.join("templates");
    std::fs::create_dir(&templates).unwrap();
    let text = r#"
type = "NAME"
title = { en = "Careful" }
description = { en = "Asks." }
setup = { en = "Nothing to do." }
stdio = { program = "${config:command}", args = ["${config:args}"], env_from = "env" }
policies = { client = "ask" }

[config_schema]
type = "object"
required = ["command"]
additionalProperties = false

[config_schema.properties]
command = { type = "string", x-kind = "command" }
args = { type = "array", items = { type = "string" }, x-kind = "list", x-flags = true }
env = { type = "object", additionalProperties = { type = "string" }, x-kind = "variables", x-secret = true }
"#;
    for name in ["careful", "passed", "asking", "hanging"] {
        let file = templates.join(name).with_extension("toml");
        std::fs::write(file, text.replace("NAME", name)).unwrap();
    }
    let checked = text.replace("NAME", "checked").replace(
        "policies = ",
        "check = { tool = \"complain\" }\npolicies = ",
    );
    std::fs::write(templates.join("checked.toml"), checked).unwrap();
    let acting = text.replace("NAME", "acting").replace(
        "env_from = ",
        "env = { GOOGLE = \"${token:google.access_token}\" }, env_from = ",
    );
    std::fs::write(templates.join("acting.toml"), acting).unwrap();
    templates
}

/// Tokens for servers in the network: each renewal gives the next, `token-1`, `token-2`, …, unless its person has to be
/// asked again.
#[derive(Clone, Default)]
pub(crate) struct Tokens {
    last: Arc<AtomicI64>,
    pub(crate) withdrawn: Arc<AtomicBool>,
    /// Whose accounts were ended, and at which servers.
    pub(crate) forgotten: Arc<Mutex<Vec<(UserId, i64)>>>,
}

impl Tokens {
    /// How often one was renewed.
    pub(crate) fn renewed(&self) -> i64 {
        self.last.load(Ordering::Relaxed)
    }

    fn now(&self) -> AccessToken {
        let generation = self.last.load(Ordering::Relaxed);
        AccessToken {
            secret: Secret::new(format!("token-{generation}")),
            generation,
        }
    }
}

#[async_trait]
impl RemoteCredentials for Tokens {
    async fn bearer(
        &self,
        _: UserId,
        _: i64,
        _: &url::Url,
    ) -> Result<Option<AccessToken>, RemoteError> {
        Ok(Some(self.now()))
    }

    async fn refused(
        &self,
        _: UserId,
        _: i64,
        _: &url::Url,
        failed: i64,
        _: Option<String>,
    ) -> Result<AccessToken, RemoteError> {
        if self.withdrawn.load(Ordering::Relaxed) {
            return Err(RemoteError::ConsentNeeded);
        }
        if failed == self.last.load(Ordering::Relaxed) {
            self.last.fetch_add(1, Ordering::Relaxed);
        }
        Ok(self.now())
    }

    async fn forget(&self, user: UserId, server: i64) -> Result<(), RemoteError> {
        self.forgotten.lock().push((user, server));
        Ok(())
    }
}

/// An account at Google that everybody has while there is a number in it: that of the token.
#[derive(Clone, Default)]
pub(crate) struct Google(Arc<Mutex<Option<i64>>>);

impl Google {
    pub(crate) fn set(&self, token: Option<i64>) {
        *self.0.lock() = token;
    }
}

#[async_trait]
impl Credentials for Google {
    async fn connected(&self, _: UserId) -> Result<Connected, CredentialError> {
        Ok(Connected::default())
    }

    async fn at_hand(
        &self,
        _: UserId,
    ) -> Result<(Connected, Option<AccessToken>), CredentialError> {
        Ok((Connected::default(), None))
    }

    async fn access_token(&self, _: UserId) -> Result<AccessToken, CredentialError> {
        let generation = self.0.lock().ok_or(CredentialError::NotConnected)?;
        Ok(AccessToken {
            secret: Secret::new(format!("google-token-{generation}")),
            generation,
        })
    }

    async fn refresh(&self, _: UserId, _: i64) -> Result<AccessToken, CredentialError> {
        Err(CredentialError::NotConnected)
    }
}

/// Runs `test` in a world on each engine.
pub(crate) async fn both(test: impl AsyncFn(&World)) {
    both_with(|_| {}, test).await;
}

pub(crate) async fn both_with(change: impl Fn(&mut servers::Config), test: impl AsyncFn(&World)) {
    both_within(0, |config| change(&mut config.servers), test).await;
}

/// The same with so many calls a minute; 0: as many as one likes.
pub(crate) async fn both_within(
    calls: u32,
    change: impl Fn(&mut Config),
    test: impl AsyncFn(&World),
) {
    for database in databases().await {
        let catalog = Catalog::new(Vec::new()).unwrap();
        let world = World::on(
            &database.store,
            OffsetClock::default(),
            catalog,
            calls,
            &change,
        );
        test(&world).await;
        world.end_all().await;
    }
}

/// The same with somebody who keeps what built-in tools write.
pub(crate) async fn both_keeping(
    change: impl Fn(&mut Config),
    test: impl AsyncFn(&World, &Arc<Keeper>),
) {
    for database in databases().await {
        let keeper = Arc::new(Keeper::default());
        let catalog = keeping(&keeper);
        let world = World::on(&database.store, OffsetClock::default(), catalog, 0, &change);
        test(&world, &keeper).await;
        world.end_all().await;
    }
}

async fn databases() -> impl Iterator<Item = TestStore> {
    [Some(sqlite().await), postgres().await]
        .into_iter()
        .flatten()
}

fn keeping(keeper: &Arc<Keeper>) -> Catalog {
    let port = Arc::clone(keeper) as Arc<dyn BuiltIns>;
    Catalog::new(Vec::new())
        .unwrap()
        .with_built_ins(&port)
        .unwrap()
}

impl World {
    fn on(
        store: &Store,
        offset: OffsetClock,
        catalog: Catalog,
        calls: u32,
        change: &impl Fn(&mut Config),
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (store, google) = (store.clone(), Google::default());
        let (lifecycle, clock) = (Lifecycle::new(), Arc::new(offset.clone()) as Arc<dyn Clock>);
        let rng: Arc<dyn Rng> = Arc::new(SystemRng);
        let keys = deputy_vault::Config {
            current: Secret::new([7; 32]),
            old: Vec::new(),
        };
        let tokens = Tokens::default();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let net = format!("http://{}/mcp", listener.local_addr().unwrap());
        let net: url::Url = net.parse().unwrap();
        let private_hosts = PrivateHosts::default().with(&net);
        let config = pool::Config {
            probe: Duration::from_secs(2),
            input_grace: Duration::from_millis(300),
            term_grace: Duration::from_millis(300),
            backoff_first: Duration::from_millis(50),
            private_hosts: private_hosts.clone(),
            ..pool::Config::default()
        };
        let parts = Parts {
            vault: Vault::new(store.clone(), &keys, Arc::clone(&clock), Arc::clone(&rng)),
            catalog,
            credentials: Arc::new(google.clone()),
            remote: Arc::new(tokens.clone()),
            templates: Arc::new(Registry::builtin().with_folder(&templates(folder.path()))),
            pool: Pool::new(config, lifecycle.clone(), Arc::clone(&clock)),
            audit: Audit::start(
                store.clone(),
                &Secret::new(vec![1; 32]),
                Arc::clone(&clock),
                &lifecycle,
            ),
            throttle: Arc::new(Throttle::new(
                calls,
                Duration::from_mins(1),
                Arc::clone(&clock),
            )),
            store: store.clone(),
            lifecycle: lifecycle.clone(),
            clock,
            rng,
        };
        let mut own = servers::Config::new(folder.path().join("servers"));
        // What holds a process is the pool's tests' and the jail's.
        own.level = deputy_jail::Level::Off;
        own.commands = Commands::Any;
        own.plain_http = PlainHttp::Allowed(private_hosts);
        own.files_roots = vec![folder.path().join("files/{user}")];
        let first_party = FirstPartyLaunch {
            program: "/nonexistent/deputy".into(),
            args: Vec::new(),
            env: Vec::new(),
            per_request_args: Vec::new(),
            token_variable: "TOKEN",
            isolation: Isolation::Shared,
        };
        let url = "https://deputy.example.org".parse().unwrap();
        let mut config = Config::new(url, first_party, own);
        change(&mut config);
        let gateway = Gateway::new(config, parts);
        gateway.run();
        Self {
            gateway,
            store,
            lifecycle,
            folder,
            net,
            listener: Mutex::new(Some(listener)),
            tokens,
            google,
            clock: offset,
        }
    }

    /// Another program on the same database, at the same time.
    pub(crate) fn again(&self, keeper: &Arc<Keeper>) -> Self {
        Self::on(&self.store, self.clock.clone(), keeping(keeper), 0, &|_| {})
    }

    /// Ends it as a crash does.
    pub(crate) async fn crash(self) {
        self.lifecycle.stop(Duration::ZERO).await;
    }

    async fn end_all(self) {
        self.gateway.pool().shutdown().await;
        self.gateway.audit().close().await;
        assert!(self.lifecycle.stop(LONG).await, "everything ends");
    }

    /// A person with every right.
    pub(crate) async fn person(&self, name: &str) -> Principal {
        Principal {
            user_id: user(&self.store, name).await,
            username: name.to_owned(),
            role: Role::User,
            language: Language::En,
            time_zone: "UTC".to_owned(),
            scopes: Scopes::all(),
            caller: Caller::Browser {
                session: name.to_owned(),
            },
        }
    }

    /// The file with the tools that the fixture of this name lists.
    pub(crate) fn tools_file(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.json"))
    }

    pub(crate) fn list(&self, name: &str, tools: &[Value]) {
        std::fs::write(self.tools_file(name), json!(tools).to_string()).unwrap();
    }

    /// Adds the fixture as a server that lists what the file of this name says, `echo` at first.
    pub(crate) async fn add(&self, who: &Principal, name: &str, list: &str) -> Server {
        if !self.tools_file(list).exists() {
            self.list(
                list,
                &[reading("echo", "Echoes."), writing("note", "Notes.")],
            );
        }
        let added = self
            .gateway
            .servers()
            .create(who, self.fixture(name, list))
            .await;
        added.unwrap()
    }

    pub(crate) fn fixture(&self, name: &str, list: &str) -> NewServer {
        NewServer {
            name: name.to_owned(),
            server_type: "custom".to_owned(),
            config: json!({
                "command": env!("CARGO_BIN_EXE_mcp-fixture"),
                "args": ["--tools", self.tools_file(list)],
                "env": { "FIXTURE_TOKEN": "very-secret-word" },
            }),
            default_policy: None,
        }
    }

    /// Adds the fixture as a server of this kind that lists these tools, which are accepted.
    pub(crate) async fn ready_as(&self, who: &Principal, kind: &str, tools: &[Value]) {
        self.list("fx", tools);
        let mut new = self.fixture("fx", "fx");
        new.server_type = kind.to_owned();
        let servers = self.gateway.servers();
        servers.create(who, new).await.unwrap();
        let report = servers.test(who, "fx").await.unwrap();
        assert!(report.ok, "{report:?}");
    }

    /// The same, and tested: its tools are accepted.
    pub(crate) async fn ready(&self, who: &Principal, name: &str, list: &str) -> Server {
        let server = self.add(who, name, list).await;
        let report = self.gateway.servers().test(who, name).await.unwrap();
        assert!(report.ok, "{report:?}");
        server
    }

    pub(crate) async fn call(
        &self,
        who: &Principal,
        tool: &str,
        arguments: Value,
    ) -> Result<Outcome, CallError> {
        let options = CallOptions::default();
        self.gateway.call(who, tool, arguments, options).await
    }

    /// The structured result of a call that must succeed.
    pub(crate) async fn ask(&self, who: &Principal, tool: &str) -> Value {
        structured(&done(self.call(who, tool, json!({})).await))
    }

    pub(crate) async fn listed(&self, who: &Principal) -> Vec<String> {
        let tools = self.gateway.tools(who).await.unwrap();
        tools.iter().map(|tool| tool.name.clone()).collect()
    }

    /// Ends the process, as a crash would.
    pub(crate) async fn end(&self, who: &Principal, name: &str) {
        let off = self.gateway.servers().set_enabled(who, name, false).await;
        off.unwrap();
        let on = self.gateway.servers().set_enabled(who, name, true).await;
        on.unwrap();
    }
}

pub(crate) fn reading(name: &str, description: &str) -> Value {
    json!({
        "name": name,
        "description": description,
        "inputSchema": { "type": "object", "properties": { "n": { "type": "integer" } } },
        "annotations": { "readOnlyHint": true },
    })
}

pub(crate) fn writing(name: &str, description: &str) -> Value {
    json!({ "name": name, "description": description, "inputSchema": { "type": "object" } })
}

pub(crate) fn done(outcome: Result<Outcome, CallError>) -> CallResult {
    match outcome {
        Ok(Outcome::Done(result)) => result,
        other => panic!("not done: {other:?}"),
    }
}

pub(crate) fn structured(result: &CallResult) -> Value {
    serde_json::from_str(result.structured.as_ref().unwrap().get()).unwrap()
}

/// The code of a refusal.
pub(crate) fn code<T: std::fmt::Debug>(outcome: Result<T, ServerError>) -> &'static str {
    outcome.unwrap_err().code()
}

/// Waits for a condition.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + LONG;
    while !holds().await {
        assert!(tokio::time::Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
