use std::sync::atomic::AtomicUsize;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use deputy_core::SystemRng;
use deputy_core::http::{GuardConfig, PrivateHosts, guarded};
use deputy_store::testing::for_each_database;
use serde_json::json;
use tokio::net::TcpListener;

use super::super::Config;
use super::*;
use crate::tests::World;

/// A site with documents, on this machine.
#[derive(Clone)]
struct Site {
    origin: String,
    inner: Arc<Pages>,
}

#[derive(Default)]
struct Pages {
    put: Mutex<HashMap<String, Page>>,
    visits: AtomicUsize,
    gate: Mutex<Option<Arc<Semaphore>>>,
}

#[derive(Clone)]
struct Page {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Page {
    fn json(body: &Value) -> Self {
        Self {
            status: 200,
            headers: vec![("content-type", "application/json".into())],
            body: body.to_string(),
        }
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.to_owned()));
        self
    }

    fn status(status: u16) -> Self {
        Self {
            status,
            ..Self::json(&json!({}))
        }
    }
}

impl Site {
    async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let site = Self {
            origin: format!("http://{}", listener.local_addr().unwrap()),
            inner: Arc::default(),
        };
        let router = Router::new().fallback(answer).with_state(site.clone());
        #[expect(clippy::disallowed_methods, reason = "ends with the test")]
        tokio::spawn(async move { axum::serve(listener, router).await });
        site
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    fn put(&self, path: &str, page: Page) -> String {
        self.inner.put.lock().insert(path.to_owned(), page);
        self.at(path)
    }

    /// A document that is fine, with a name.
    fn document(&self, path: &str, name: &str) -> (String, Page) {
        let page = Page::json(&json!({
            "client_id": self.at(path),
            "client_name": name,
            "redirect_uris": ["http://localhost/callback", "https://example.org/cb"],
        }));
        (self.put(path, page.clone()), page)
    }

    fn visits(&self) -> usize {
        self.inner.visits.swap(0, Ordering::SeqCst)
    }
}

async fn answer(State(site): State<Site>, uri: Uri) -> Response {
    site.inner.visits.fetch_add(1, Ordering::SeqCst);
    let gate = site.inner.gate.lock().clone();
    if let Some(gate) = gate {
        let _ = gate.acquire().await;
    }
    let page = site.inner.put.lock().get(&uri.to_string()).cloned();
    let page = page.unwrap_or_else(|| Page::status(404));
    let mut response = page.body.into_response();
    *response.status_mut() = StatusCode::from_u16(page.status).unwrap();
    response.headers_mut().remove("content-type");
    for (name, value) in page.headers {
        response.headers_mut().append(name, value.parse().unwrap());
    }
    response
}

fn server(
    world: &World,
    site: Option<&Site>,
    change: impl FnOnce(&mut Config),
) -> AuthorizationServer {
    let mut private_hosts = PrivateHosts::default();
    if let Some(site) = site {
        private_hosts = private_hosts.with(&site.origin.parse().unwrap());
    }
    let guard = GuardConfig {
        private_hosts,
        limits: document_limits(),
    };
    let mut config = Config::new("https://deputy.example.org");
    change(&mut config);
    AuthorizationServer::new(
        world.identity.clone(),
        world.store.clone(),
        Some(guarded(guard).unwrap()),
        config,
        Arc::new(world.clock.clone()),
        Arc::new(SystemRng),
    )
}

fn error(result: Result<Client, ClientError>) -> DocumentError {
    match result {
        Err(ClientError::Document(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_client_is_what_its_document_says_and_a_copy_counts_while_it_is_fresh() {
    for_each_database(|store| async move {
        let (world, site) = (World::new(store), Site::open().await);
        let server = server(&world, Some(&site), |_| ());
        let (id, page) = site.document("/client.json", "Some \u{202e}client");
        let page = page.with("cache-control", "max-age=300");
        site.put("/client.json", page);
        let client = server.client(&id).await.unwrap();
        assert_eq!(
            (client.client_id.as_str(), client.name.as_str()),
            (id.as_str(), "Some client")
        );
        assert_eq!(client.kind, super::super::Kind::Document);
        assert!(
            client.accepts("http://localhost:53817/callback")
                && client.accepts("https://example.org/cb")
        );
        assert!(!client.accepts("https://example.org/other"));

        site.document("/client.json", "Renamed");
        world.clock.advance(SignedDuration::from_secs(290));
        assert_eq!(server.client(&id).await.unwrap().name, "Some client");
        assert_eq!(site.visits(), 1);
        world.clock.advance(SignedDuration::from_secs(20));
        assert_eq!(server.client(&id).await.unwrap().name, "Renamed");
        // Where the headers say nothing, ten minutes.
        world.clock.advance(SignedDuration::from_mins(9));
        server.client(&id).await.unwrap();
        assert_eq!(site.visits(), 1);
        assert_eq!(
            server.known_client(&id).await.unwrap().unwrap().name,
            "Renamed"
        );
        assert_eq!(
            server.known_client(&site.at("/other.json")).await.unwrap(),
            None
        );
        assert_eq!(site.visits(), 0);
        // A name that can't be shown is the host's.
        let (id, _) = site.document("/nameless.json", "\u{200b}");
        assert_eq!(server.client(&id).await.unwrap().name, "127.0.0.1");
    })
    .await;
}

#[tokio::test]
async fn many_who_ask_at_once_wait_for_one_fetch() {
    for_each_database(|store| async move {
        let (world, site) = (World::new(store), Site::open().await);
        let server = server(&world, Some(&site), |_| ());
        let (id, _) = site.document("/client.json", "One");
        let gate = Arc::new(Semaphore::new(0));
        *site.inner.gate.lock() = Some(Arc::clone(&gate));
        let asking = futures_of(&server, &id, 8);
        let opening = async {
            while site.inner.visits.load(Ordering::SeqCst) == 0 {
                tokio::task::yield_now().await;
            }
            gate.add_permits(100);
        };
        let (clients, ()) = tokio::join!(asking, opening);
        assert!(clients.into_iter().all(|client| client.is_ok()));
        assert_eq!(site.visits(), 1);
        assert!(
            server
                .inner
                .documents
                .flights
                .lock()
                .values()
                .all(|f| f.strong_count() == 0)
        );
    })
    .await;
}

async fn futures_of(
    server: &AuthorizationServer,
    id: &str,
    count: usize,
) -> Vec<Result<Client, ClientError>> {
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..count {
        let (server, id) = (server.clone(), id.to_owned());
        asking.spawn(async move { server.client(&id).await });
    }
    asking.join_all().await
}

#[tokio::test]
async fn a_failure_is_not_repeated_for_a_minute_and_an_outage_locks_nobody_out() {
    for_each_database(|store| async move {
        let (world, site) = (World::new(store), Site::open().await);
        let server = server(&world, Some(&site), |_| ());
        let id = site.at("/client.json");
        for _ in 0..3 {
            assert_eq!(error(server.client(&id).await), DocumentError::Status(404));
        }
        assert_eq!(site.visits(), 1);
        site.document("/client.json", "Here");
        world.clock.advance(SignedDuration::from_secs(61));
        assert_eq!(server.client(&id).await.unwrap().name, "Here");

        // Not to be had: the copy goes on counting for a day.
        for (page, minutes) in [(Page::status(503), 30), (Page::status(429), 60)] {
            site.put("/client.json", page);
            world.clock.advance(SignedDuration::from_mins(minutes));
            site.visits();
            for _ in 0..2 {
                assert_eq!(server.client(&id).await.unwrap().name, "Here");
            }
            assert_eq!(site.visits(), 1);
        }
        world.clock.advance(SignedDuration::from_hours(24));
        assert_eq!(error(server.client(&id).await), DocumentError::Status(429));

        // Gone, or no longer about this client: no longer counts.
        for page in [
            Page::status(404),
            Page::json(&json!({"client_id": "https://example.org/x"})),
        ] {
            site.document("/client.json", "Here");
            world.clock.advance(SignedDuration::from_mins(30));
            server.client(&id).await.unwrap();
            site.put("/client.json", page);
            world.clock.advance(SignedDuration::from_mins(30));
            assert!(!error(server.client(&id).await).is_temporary());
        }
    })
    .await;
}

#[tokio::test]
async fn a_stranger_makes_us_fetch_so_often_and_clients_in_use_are_none_of_it() {
    for_each_database(|store| async move {
        let (world, site) = (World::new(store), Site::open().await);
        let server = server(&world, Some(&site), |_| ());
        let (used, _) = site.document("/used.json", "Used");
        server.client(&used).await.unwrap();
        let tx = world.store.begin().await.unwrap();
        tx.note_oauth_client_authorized(&used, world.clock.now())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        world.clock.advance(SignedDuration::from_mins(30));
        site.visits();
        let stranger = Some(IpAddr::from([198, 51, 100, 66]));
        for n in 0..40 {
            let asked = server
                .client_for(&site.at(&format!("/{n}")), stranger)
                .await;
            assert_eq!(
                matches!(asked, Err(ClientError::Throttled(_))),
                n >= 30,
                "{asked:?}"
            );
        }
        assert_eq!(site.visits(), 30);
        // From everywhere, so many in a minute.
        for n in 0..100 {
            let _ = server.client(&site.at(&format!("/other{n}"))).await;
        }
        assert_eq!(site.visits(), 30);
        site.document("/used.json", "Used still");
        assert_eq!(
            server.client_for(&used, stranger).await.unwrap().name,
            "Used still"
        );
        assert!(server.inner.documents.failed.lock().len() <= MAX_FAILED);
        world.clock.advance(SignedDuration::from_mins(2));
        let (id, _) = site.document("/new.json", "New");
        server.client(&id).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_document_that_finds_no_room_is_believed_all_the_same() {
    for_each_database(|store| async move {
        let (world, site) = (World::new(store), Site::open().await);
        let server = server(&world, Some(&site), |config| config.max_unused_clients = 1);
        for path in ["/1.json", "/2.json"] {
            let (id, _) = site.document(path, path);
            assert_eq!(server.client(&id).await.unwrap().name, path);
        }
        assert_eq!(server.clients(None, None, 10).await.unwrap().len(), 1);
        world.clock.advance(SignedDuration::from_mins(11));
        let (id, _) = site.document("/3.json", "3");
        server.client(&id).await.unwrap();
        let rows = server.clients(None, None, 10).await.unwrap();
        assert_eq!((rows.len(), rows[0].client_id.as_str()), (1, id.as_str()));
    })
    .await;
}

#[tokio::test]
async fn answers_that_are_no_document_are_refused() {
    for_each_database(|store| async move {
        let (world, site) = (World::new(store), Site::open().await);
        let server = server(&world, Some(&site), |_| ());
        let id = site.at("/client.json");
        let (_, fine) = site.document("/client.json", "Fine");
        let moved = Page::status(302).with("location", &site.at("/real.json"));
        site.document("/real.json", "Real");
        let mut large = fine.clone();
        large.body.push_str(&" ".repeat(MAX));
        let fault = |change: Value| {
            let mut said: Value = serde_json::from_str(&fine.body).unwrap();
            for (member, value) in change.as_object().unwrap() {
                said[member] = value.clone();
            }
            Page::json(&said)
        };
        let cases = [
            (moved, DocumentError::Status(302)),
            (Page::status(500), DocumentError::Status(500)),
            (Page::status(204), DocumentError::Status(204)),
            (fine.clone().with("content-type", "text/html"), DocumentError::NotJson),
            (fine.clone().with("content-type", "text/plain"), DocumentError::NotJson),
            (large, DocumentError::TooLarge),
            (Page::json(&json!(["x"])), DocumentError::NotJson),
            (Page::json(&json!({})), DocumentError::OtherClient),
            (fault(json!({"client_id": format!("{id}/")})), DocumentError::OtherClient),
            (fault(json!({"client_id": id.to_uppercase()})), DocumentError::OtherClient),
            (fault(json!({"client_secret": "x"})), DocumentError::Secret("client_secret")),
            (fault(json!({"client_secret_expires_at": 0})), DocumentError::Secret("client_secret_expires_at")),
            (fault(json!({"token_endpoint_auth_method": "client_secret_post"})), DocumentError::Authentication),
            (fault(json!({"token_endpoint_auth_method": "private_key_jwt"})), DocumentError::Authentication),
            (
                fault(json!({"token_endpoint_auth_method": "none", "token_endpoint_auth_methods_supported": ["private_key_jwt"]})),
                DocumentError::Authentication,
            ),
            (fault(json!({"redirect_uris": []})), DocumentError::Fault(Fault::Redirects)),
            (
                fault(json!({"redirect_uris": ["data:/x"]})),
                DocumentError::Fault(Fault::Redirect(super::super::redirect::RedirectError::Scheme("data".into()))),
            ),
            (
                fault(json!({"grant_types": ["client_credentials"]})),
                DocumentError::Fault(Fault::Unsupported("grant_types", "authorization_code")),
            ),
        ];
        for (page, expected) in cases {
            site.put("/client.json", page);
            assert_eq!(error(server.client(&id).await), expected);
            world.clock.advance(SignedDuration::from_mins(3));
        }
        for content_type in ["application/json; charset=utf-8", "application/oauth-client+json"] {
            site.put("/client.json", fine.clone().with("content-type", content_type));
            server.client(&id).await.unwrap();
            world.clock.advance(SignedDuration::from_mins(30));
        }
    })
    .await;
}

#[tokio::test]
async fn urls_that_could_be_read_in_two_ways_or_lead_inside_are_refused() {
    for_each_database(|store| async move {
        let (world, site) = (World::new(store), Site::open().await);
        let server = server(&world, Some(&site), |_| ());
        let host = site.origin.strip_prefix("http://").unwrap().to_owned();
        let port = host.rsplit_once(':').unwrap().1.to_owned();
        for id in [
            "https://example.org".to_owned(),
            "https://example.org/a/../client.json".to_owned(),
            "https://example.org/./client.json".to_owned(),
            "https://example.org/%2e%2E/client.json".to_owned(),
            "https://example.org/client.json#x".to_owned(),
            "https://example.org/client.json#".to_owned(),
            "https://me@example.org/client.json".to_owned(),
            "https://me:pw@example.org/client.json".to_owned(),
            "https://@example.org/client.json".to_owned(),
            "https://EXAMPLE.org/client.json".to_owned(),
            "HTTPS://example.org/client.json".to_owned(),
            "https://example.org:443/client.json".to_owned(),
            "https://example.org:22/client.json".to_owned(),
            "https://example.org:0/client.json".to_owned(),
            "https://example.org\\client.json".to_owned(),
            "https://exa\tmple.org/client.json".to_owned(),
            " https://example.org/client.json".to_owned(),
            "https://example.org/client.json\n".to_owned(),
            "https://ex\u{e4}mple.org/client.json".to_owned(),
            "https:///client.json".to_owned(),
            "http://example.org/client.json".to_owned(),
            "ftp://example.org/client.json".to_owned(),
            "file:///etc/passwd".to_owned(),
            "javascript://example.org/%0aalert(1)".to_owned(),
            format!("https://example.org/{}", "a".repeat(MAX_URL)),
            // This machine, its neighbours, a cloud's metadata, in every spelling.
            "https://127.0.0.1/c".to_owned(),
            "https://127.1/c".to_owned(),
            "https://2130706433/c".to_owned(),
            "https://0x7f.0.0.1/c".to_owned(),
            "https://0177.0.0.1/c".to_owned(),
            "https://0x7f000001/c".to_owned(),
            "https://127.0.0.1./c".to_owned(),
            "https://\u{ff11}\u{ff12}\u{ff17}.0.0.1/c".to_owned(),
            "https://%31%32%37.0.0.1/c".to_owned(),
            "https://0.0.0.0/c".to_owned(),
            "https://[::1]/c".to_owned(),
            "https://[::]/c".to_owned(),
            "https://[::ffff:127.0.0.1]/c".to_owned(),
            "https://[::ffff:7f00:1]/c".to_owned(),
            "https://[::ffff:10.0.0.1]/c".to_owned(),
            "https://[64:ff9b::10.0.0.1]/c".to_owned(),
            "https://[fe80::1]/c".to_owned(),
            "https://[fd00:ec2::254]/c".to_owned(),
            "https://[2002:7f00:1::]/c".to_owned(),
            "https://10.0.0.1/c".to_owned(),
            "https://192.168.0.1/c".to_owned(),
            "https://172.16.0.1/c".to_owned(),
            "https://100.64.0.1/c".to_owned(),
            "https://169.254.169.254/latest/meta-data/".to_owned(),
            // Names that lead here; and the site that is allowed, otherwise than it is.
            "https://localhost/c".to_owned(),
            format!("https://localhost:{port}/client.json"),
            format!("http://localhost:{port}/client.json"),
            format!("http://127.1:{port}/client.json"),
            format!("http://me@{host}/client.json"),
            format!("http://{host}/a/../client.json"),
            format!("http://{host}"),
        ] {
            // Each from elsewhere: what is in question here is not how often.
            world.clock.advance(SignedDuration::from_mins(3));
            let refused = error(server.client(&id).await);
            // A name is known to lead here only once it is resolved.
            let is_refused = match refused {
                DocumentError::Url(_) | DocumentError::Blocked(_) => true,
                DocumentError::Unreachable => id.starts_with("https://localhost"),
                _ => false,
            };
            assert!(is_refused, "{id}: {refused}");
        }
        assert_eq!(site.visits(), 0);
        // What is no URL at all is no document either.
        for id in [
            "",
            "example.org/client.json",
            "https:/example.org/c",
            "urn:x:y",
        ] {
            assert!(
                matches!(server.client(id).await, Err(ClientError::Unknown)),
                "{id}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn it_is_advertised_where_it_works() {
    for_each_database(|store| async move {
        let (world, site) = (World::new(store), Site::open().await);
        let (probe, _) = site.document("/probe.json", "Probe");
        let (id, _) = site.document("/client.json", "Client");
        let at = |setting: Setting| {
            server(&world, Some(&site), |config| {
                config.documents = setting;
                config.documents_probe = Some(probe.clone());
            })
        };
        let auto = at(Setting::Auto);
        assert!(!auto.documents_work());
        // Works also where it is not advertised. That what the administrator allows here can be
        // reached says nothing about the outside.
        auto.client(&id).await.unwrap();
        assert!(!auto.documents_work());
        assert!(auto.try_documents().await && auto.documents_work());
        site.put("/probe.json", Page::status(503));
        assert!(!auto.try_documents().await && !auto.documents_work());

        let on = at(Setting::On);
        assert!(on.documents_work());
        let off = at(Setting::Off);
        site.visits();
        assert!(!off.documents_work());
        world.clock.advance(SignedDuration::from_hours(1));
        assert!(matches!(off.client(&id).await, Err(ClientError::Unknown)));
        assert_eq!(site.visits(), 0);

        let inside = AuthorizationServer::new(
            world.identity.clone(),
            world.store.clone(),
            None,
            Config {
                documents: Setting::On,
                ..Config::new("https://deputy.example.org")
            },
            Arc::new(world.clock.clone()),
            Arc::new(SystemRng),
        );
        assert!(!inside.documents_work());
        assert_eq!(error(inside.client(&id).await), DocumentError::Unreachable);
    })
    .await;
}

#[test]
fn the_documents_of_real_clients_are_taken() {
    let claude_code = json!({
        "client_id": "https://claude.ai/oauth/claude-code-client-metadata",
        "client_name": "Claude Code",
        "client_uri": "https://claude.ai",
        "redirect_uris": ["http://localhost/callback", "http://127.0.0.1/callback"],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    });
    let claude = json!({
        "client_id": "https://claude.ai/oauth/mcp-oauth-client-metadata",
        "client_name": "Claude",
        "client_uri": "https://claude.ai",
        "logo_uri": "https://claude.ai/images/claude_app_icon.png",
        "redirect_uris": ["https://claude.ai/api/mcp/auth_callback"],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    });
    let chatgpt = json!({
        "client_id": "https://chatgpt.com/oauth/IbUR3zxyNQ16/client.json",
        "client_uri": "https://chatgpt.com/",
        "client_name": "ChatGPT",
        "logo_uri": "https://persistent.oaistatic.com/sonic/misc/openai-logo.png",
        "redirect_uris": ["https://chatgpt.com/connector/oauth/IbUR3zxyNQ16"],
        "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:jwt-bearer"],
        "response_types": ["code", "id_token"],
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
        "token_endpoint_auth_signing_alg": "RS256",
        "jwks_uri": "https://chatgpt.com/oauth/jwks.json",
    });
    for said in [claude_code, claude, chatgpt] {
        let id = said["client_id"].as_str().unwrap();
        let described = read(id, said.to_string().as_bytes()).unwrap();
        assert_eq!(described.name, said["client_name"].as_str().unwrap());
        // The URLs themselves pass, as far as can be seen without a network.
        let clock: Arc<dyn Clock> = Arc::new(deputy_core::SystemClock);
        let guard = guarded(GuardConfig::default()).unwrap();
        Fetching::new(Some(guard), &clock).url(id).unwrap();
    }
}

#[test]
fn a_document_keeps_the_redirects_that_can_be_used() {
    let id = "https://example.org/client.json";
    let of = |redirects: Value| {
        let said = json!({ "client_id": id, "client_name": "One", "redirect_uris": redirects });
        read(id, said.to_string().as_bytes())
    };
    let kept = of(json!(["http://192.168.1.4/cb", "https://example.org/cb"])).unwrap();
    assert_eq!(kept.redirect_uris, ["https://example.org/cb"]);
    assert!(of(json!(["http://192.168.1.4/cb"])).is_err());
    assert!(of(json!(["https://example.org/cb", "javascript:alert(1)"])).is_err());
}
