use std::sync::atomic::AtomicUsize;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use deputy_core::http::{GuardConfig, PrivateHosts, guarded};
use deputy_core::{Scopes, SystemRng};
use deputy_store::testing::for_each_database;
use serde_json::json;
use tokio::net::TcpListener;

use super::super::tests::{Desk, FORM, HERE, in_browser, parameter};
use super::super::{AuthorizeRequest, Config};
use super::*;
use crate::tests::World;

mod advertised;
mod real;
mod refused;
mod remembered;

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
            "client_uri": "https://example.org/about",
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
        let home = client.client_uri.as_deref();
        assert_eq!(home, Some("https://example.org/about"));
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
        let both = async { tokio::join!(asking, opening) };
        let both = tokio::time::timeout(Duration::from_secs(10), both).await;
        let (clients, ()) = both.expect("the document is asked for");
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
async fn a_login_outlives_the_copy_and_an_outage_of_its_document() {
    for_each_database(|store| async move {
        let (world, site) = (World::new(store), Site::open().await);
        let anna = world.add("anna").await;
        let server = server(&world, Some(&site), |_| ());
        let (id, _) = site.document("/client.json", "Client");
        let about = [
            ("client_id", id.as_str()),
            ("redirect_uri", "https://example.org/cb"),
        ];
        let request = AuthorizeRequest::parse(&Desk::query(&about)).unwrap();
        let asked = server.check(request, None).await.unwrap();
        let principal = in_browser(&anna);
        let allowed = server.allow(&principal, &asked, &Scopes::all()).await;
        let code = parameter(&allowed.unwrap().location, "code").unwrap();
        let body = Desk::redeeming(&code, &about);
        let token = async |body: String| server.token(body.as_bytes(), FORM, None, HERE).await;
        let mut tokens = token(body).await.unwrap();
        site.put("/client.json", Page::status(503));
        for _ in 0..2 {
            // Swept, or never kept for want of room.
            let tx = world.store.begin().await.unwrap();
            tx.delete_oauth_client(&id).await.unwrap();
            tx.commit().await.unwrap();
            site.visits();
            let body = Desk::refreshing(&tokens.refresh_token, &[("client_id", &id)]);
            tokens = token(body).await.unwrap();
            assert_eq!(site.visits(), 0);
        }
    })
    .await;
}
