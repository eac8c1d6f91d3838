//! The whole router on a database of its own: what people, programs and strangers get.

mod api;
mod batch;
mod consent;
mod context;
mod factor;
mod oauth;
mod pages;
mod policies;
mod refused;
mod remote;
mod routes;
mod servers;
mod workspace;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use deputy_connections::Connections;
use deputy_connections::remote::Remote;
use deputy_core::firstparty::{AskRule, ServerSpec, ToolSpec};
use deputy_core::http::PrivateHosts;
use deputy_core::{Clock, Lifecycle, Rng, Secret, SystemClock, SystemRng, Throttle};
use deputy_gateway::audit::{Audit, Entry};
use deputy_gateway::catalog::{Catalog, FirstPartyLaunch, Isolation};
use deputy_gateway::pool::{self, Pool};
use deputy_gateway::{BuiltIns, Gateway, Parts};
use deputy_identity::oauth::AuthorizationServer;
use deputy_identity::{HashCost, Identity, NewUser, PasswordPolicy, TokenRequest, User};
use deputy_store::testing::{TestStore, sqlite};
use deputy_templates::{PlainHttp, Registry};
use deputy_vault::Vault;
use deputy_workspace::Workspace;
use deputy_workspace::tools::Tools;
use http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use url::Url;

use crate::{Accounts, Config, Deps, Sandbox, router};

const ORIGIN: &str = "http://127.0.0.1:8484";

/// A server with everything but processes.
pub(crate) struct TestApp {
    router: axum::Router,
    identity: Identity,
    authorization: AuthorizationServer,
    connections: Connections,
    lifecycle: Lifecycle,
    audit: Audit,
    store: TestStore,
    clock: deputy_core::clock::OffsetClock,
    folder: tempfile::TempDir,
}

fn tool(name: &'static str, read_only: bool, ask: AskRule) -> ToolSpec {
    ToolSpec {
        name,
        title: format!("Title of {name}"),
        description: "For tests".to_owned(),
        input_schema: json!({
            "type": "object",
            "properties": { "to": { "type": "string" }, "n": { "type": "integer" } },
            "additionalProperties": false,
        }),
        output_schema: json!({ "type": "object" }),
        annotations: json!({ "readOnlyHint": read_only }),
        scopes: &[],
        ask,
    }
}

fn servers() -> Vec<ServerSpec> {
    vec![
        ServerSpec {
            name: "gmail",
            command: "gmail",
            tools: vec![
                tool("send_email", false, AskRule::Always),
                tool("list_mail", true, AskRule::Never),
            ],
        },
        ServerSpec {
            name: "drive",
            command: "drive",
            tools: vec![tool("list_files", true, AskRule::Never)],
        },
    ]
}

/// Connections with an OAuth client where Google's endpoints are known.
fn connections(
    store: &deputy_store::Store,
    vault: &Vault,
    public_url: &Url,
    google: Option<&Url>,
    lifecycle: &Lifecycle,
) -> Connections {
    let google = google.map(|google| {
        let callback = public_url
            .join("/api/v1/integrations/google/callback")
            .unwrap();
        let mut config =
            deputy_connections::Config::google("client".into(), Secret::from("secret"), callback);
        config.token_url = google.join("/token").unwrap();
        config.revoke_url = google.join("/revoke").unwrap();
        config
    });
    let http = deputy_core::http::trusted(deputy_core::http::Limits::default()).unwrap();
    Connections::new(
        store.clone(),
        vault.clone(),
        google,
        http,
        lifecycle.clone(),
        Arc::new(SystemClock),
        Arc::new(SystemRng),
    )
}

/// People may use folders of their own below `folder`, and a command that is no server.
fn own_servers(folder: &std::path::Path) -> deputy_gateway::servers::Config {
    use std::os::unix::fs::PermissionsExt as _;
    let bin = folder.join("bin");
    std::fs::create_dir(&bin).unwrap();
    let npx = bin.join("npx");
    std::fs::write(&npx, "#!/bin/sh\necho this is no server >&2\nexit 3\n").unwrap();
    std::fs::set_permissions(&npx, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut config = deputy_gateway::servers::Config::new(folder.join("servers"));
    config.files_roots = vec![folder.join("files/{user}")];
    config.commands = deputy_templates::Commands::from_setting("npx");
    config.env = vec![("PATH".to_owned(), bin.display().to_string())];
    config
}

/// First-party servers that are not there.
fn launch() -> FirstPartyLaunch {
    FirstPartyLaunch {
        program: "/nonexistent/deputy".into(),
        args: vec!["mcp".to_owned()],
        env: Vec::new(),
        per_request_args: Vec::new(),
        token_variable: "GOOGLE_ACCESS_TOKEN",
        isolation: Isolation::Shared,
    }
}

fn identity(
    store: &deputy_store::Store,
    vault: &Vault,
    public_url: &Url,
    required: deputy_identity::Required,
    clock: &Arc<dyn Clock>,
    rng: &Arc<dyn Rng>,
) -> Identity {
    let config = deputy_identity::Config {
        hash_cost: HashCost::cheapest(),
        login_per_5min: 3,
        public_url: Some(public_url.clone()),
        second_factor: required,
        ..Default::default()
    };
    Identity::new(
        store.clone(),
        Some(vault.clone()),
        config,
        Arc::clone(clock),
        Arc::clone(rng),
    )
}

fn authorization(
    identity: &Identity,
    store: &deputy_store::Store,
    public_url: &Url,
    private_hosts: &PrivateHosts,
    clock: &Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
) -> AuthorizationServer {
    let guard = deputy_core::http::GuardConfig {
        private_hosts: private_hosts.clone(),
        limits: deputy_identity::oauth::document_limits(),
    };
    AuthorizationServer::new(
        identity.clone(),
        store.clone(),
        Some(deputy_core::http::guarded(guard).unwrap()),
        deputy_identity::oauth::Config::new(public_url.as_str()),
        Arc::clone(clock),
        rng,
    )
}

fn remote(
    store: &deputy_store::Store,
    vault: &Vault,
    public_url: &Url,
    private_hosts: &PrivateHosts,
    lifecycle: &Lifecycle,
    clock: &Arc<dyn Clock>,
    rng: &Arc<dyn Rng>,
) -> Remote {
    let guard = deputy_core::http::GuardConfig {
        private_hosts: private_hosts.clone(),
        ..Default::default()
    };
    Remote::new(
        store.clone(),
        vault.clone(),
        deputy_connections::remote::Config::new(public_url),
        deputy_core::http::guarded(guard).unwrap(),
        lifecycle.clone(),
        Arc::clone(clock),
        Arc::clone(rng),
    )
}

impl TestApp {
    /// With Google's token endpoint at `google`, if there is one.
    pub(crate) async fn start(google: Option<&Url>) -> Self {
        Self::at(ORIGIN, google).await
    }

    pub(crate) async fn at(public_url: &str, google: Option<&Url>) -> Self {
        Self::with(public_url, google, deputy_identity::Required::Off).await
    }

    /// Where some people have to have a second factor.
    #[expect(
        clippy::too_many_lines,
        reason = "everything that a server stands on, one after the other"
    )]
    pub(crate) async fn with(
        public_url: &str,
        google: Option<&Url>,
        required: deputy_identity::Required,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let test = sqlite().await;
        let store = test.store.clone();
        let moved = deputy_core::clock::OffsetClock::default();
        let clock: Arc<dyn Clock> = Arc::new(moved.clone());
        let rng: Arc<dyn Rng> = Arc::new(SystemRng);
        let lifecycle = Lifecycle::new();
        let keys = deputy_vault::Config {
            current: Secret::new([7; 32]),
            old: Vec::new(),
        };
        let vault = Vault::new(store.clone(), &keys, Arc::clone(&clock), Arc::clone(&rng));
        let public_url = Url::parse(public_url).unwrap();
        let identity = identity(&store, &vault, &public_url, required, &clock, &rng);
        let connections = connections(&store, &vault, &public_url, google, &lifecycle);
        // What is in the test is a private host that the administrator allows.
        let private_hosts = google.map_or_else(PrivateHosts::default, |url| {
            PrivateHosts::default().with(url)
        });
        let remote = remote(
            &store,
            &vault,
            &public_url,
            &private_hosts,
            &lifecycle,
            &clock,
            &rng,
        );
        let audit = Audit::start(
            store.clone(),
            &Secret::new(vec![1; 32]),
            Arc::clone(&clock),
            &lifecycle,
        );
        let workspace = Workspace::new(deputy_workspace::Parts {
            store: store.clone(),
            clock: Arc::clone(&clock),
            record: Arc::new(crate::WorkspaceRecord(audit.clone())),
            username_key: deputy_identity::name::key,
        });
        let tools: Arc<dyn BuiltIns> =
            Arc::new(crate::WorkspaceTools(Tools::new(workspace.clone())));
        let catalog = Catalog::new(servers()).unwrap();
        let parts = Parts {
            store: store.clone(),
            vault,
            catalog: catalog.with_built_ins(&tools).unwrap(),
            credentials: Arc::new(Accounts(connections.clone())),
            remote: Arc::new(crate::RemoteAccounts(remote.clone())),
            templates: Arc::new(Registry::builtin()),
            pool: Pool::new(
                pool::Config::default(),
                lifecycle.clone(),
                Arc::clone(&clock),
            ),
            audit: audit.clone(),
            throttle: Arc::new(Throttle::new(
                600,
                Duration::from_mins(1),
                Arc::clone(&clock),
            )),
            lifecycle: lifecycle.clone(),
            clock: Arc::clone(&clock),
            rng: Arc::clone(&rng),
        };
        let authorization =
            authorization(&identity, &store, &public_url, &private_hosts, &clock, rng);
        let mut own_servers = own_servers(folder.path());
        own_servers.plain_http = PlainHttp::Allowed(private_hosts);
        let gateway = Gateway::new(
            deputy_gateway::Config::new(public_url.clone(), launch(), own_servers),
            parts,
        );
        let mut config = Config::new(public_url);
        config.sandbox = Some(Sandbox {
            user: "demo".into(),
            password: "demo".into(),
            google_url: None,
        });
        let router = router(Deps {
            config,
            store,
            identity: identity.clone(),
            authorization: authorization.clone(),
            connections: connections.clone(),
            remote,
            gateway,
            workspace,
            clock,
            lifecycle: lifecycle.clone(),
            metrics: None,
        });
        Self {
            router,
            identity,
            authorization,
            connections,
            lifecycle,
            audit,
            store: test,
            clock: moved,
            folder,
        }
    }

    /// Somebody with the password `password of NAME`; the first one is an administrator.
    pub(crate) async fn user(&self, name: &str) -> User {
        let mut new = NewUser::new(name, Secret::new(format!("password of {name}")));
        new.policy = PasswordPolicy::Sandbox;
        self.identity.create_user(new).await.unwrap()
    }

    /// A token of this person with these scopes (all rights where none is named).
    pub(crate) async fn token(&self, user: &User, scopes: &str) -> String {
        let scopes = if scopes.is_empty() {
            Identity::rights(user.role)
        } else {
            scopes.parse().unwrap()
        };
        let request = TokenRequest {
            name: "test".into(),
            scopes: Some(scopes),
            days: None,
        };
        self.identity
            .create_token(user.id, request)
            .await
            .unwrap()
            .0
            .expose()
            .clone()
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8_lossy(&bytes).into_owned(),
        }
    }

    /// A REST request with this token.
    pub(crate) async fn api(
        &self,
        method: Method,
        path: &str,
        token: &str,
        body: Option<Value>,
    ) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "127.0.0.1:8484");
        if !token.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let body = body.map_or(Body::empty(), |body| Body::from(body.to_string()));
        self.send(request.body(body).unwrap()).await
    }

    /// A browser in which nobody is signed in.
    pub(crate) fn browser(&self) -> Browser<'_> {
        Browser {
            app: self,
            cookies: Vec::new(),
        }
    }

    /// A browser in which `name` is signed in.
    pub(crate) async fn signed_in(&self, name: &str) -> Browser<'_> {
        let mut browser = self.browser();
        let answer = browser
            .sign_in(name, &format!("password of {name}"), "")
            .await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
        browser
    }
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: http::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }

    pub(crate) fn code(&self) -> String {
        self.json()["error"]["code"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// The token in the page's forms.
    pub(crate) fn csrf(&self) -> String {
        let (_, rest) = self
            .text
            .split_once("name=\"csrf\" value=\"")
            .expect("a form");
        rest.split('"').next().unwrap().to_owned()
    }
}

/// Keeps cookies, sends what browsers send.
pub(crate) struct Browser<'a> {
    app: &'a TestApp,
    cookies: Vec<(String, String)>,
}

impl Browser<'_> {
    fn request(&self, method: Method, path: &str) -> http::request::Builder {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "127.0.0.1:8484");
        if !self.cookies.is_empty() {
            let cookies: Vec<_> = self
                .cookies
                .iter()
                .map(|(n, v)| format!("{n}={v}"))
                .collect();
            request = request.header(header::COOKIE, cookies.join("; "));
        }
        request
    }

    async fn exchange(&mut self, request: Request<Body>) -> Answer {
        let answer = self.app.send(request).await;
        for cookie in answer.headers.get_all(header::SET_COOKIE) {
            let (name, rest) = cookie.to_str().unwrap().split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            self.cookies.retain(|(n, _)| n != name);
            if !rest.contains("Max-Age=0") {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        answer
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        let request = self.request(Method::GET, path).body(Body::empty()).unwrap();
        self.exchange(request).await
    }

    /// A form with these fields as they are.
    pub(crate) fn form(
        &self,
        path: &str,
        fields: &[(&str, &str)],
        from: Option<&str>,
    ) -> Request<Body> {
        let body: String = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let mut request = self
            .request(Method::POST, path)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(site) = from {
            request = request.header("sec-fetch-site", site);
        }
        request.body(Body::from(body)).unwrap()
    }

    /// Posts fields as they are, without adding a token.
    pub(crate) async fn post_bare(
        &mut self,
        path: &str,
        fields: &[(&str, &str)],
        from: Option<&str>,
    ) -> Answer {
        let request = self.form(path, fields, from);
        self.exchange(request).await
    }

    /// Posts a form of our own pages.
    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let csrf = self.get("/settings").await.csrf();
        let mut all = vec![("csrf", csrf.as_str())];
        all.extend_from_slice(fields);
        self.post_bare(path, &all, Some("same-origin")).await
    }

    pub(crate) async fn sign_in(&mut self, name: &str, password: &str, next: &str) -> Answer {
        self.post_bare(
            "/login",
            &[("username", name), ("password", password), ("next", next)],
            Some("same-origin"),
        )
        .await
    }
}
