//! A world to test in: a database, two people, and a Google whose every answer is planted.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use deputy_core::clock::OffsetClock;
use deputy_core::{Lifecycle, Secret, SystemRng, UserId, http};
use deputy_store::Store;
use deputy_store::testing::{TestStore, postgres, sqlite, user};
use deputy_vault::Vault;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use url::Url;

use crate::{CallbackQuery, Config, Connections, Service, Services, Timing};

pub(crate) const CALENDAR: &str = "https://www.googleapis.com/auth/calendar";
pub(crate) const GMAIL: &str = "https://www.googleapis.com/auth/gmail.readonly";

/// What the fake answers with.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// JSON with a status.
    Json(u16, Value),
    /// Status line and headers, then the body, as they are.
    Raw(String),
    /// Reads the request and closes the connection.
    Reset,
    /// Reads the request and says nothing for this long.
    Silence(Duration),
    /// As the default, when the gate opens.
    Gated(Arc<Semaphore>),
}

impl Reply {
    pub(crate) fn error(status: u16, code: &str) -> Self {
        Self::Json(
            status,
            json!({"error": code, "error_description": "planted"}),
        )
    }

    pub(crate) fn with_header(status: u16, header: &str) -> Self {
        Self::Raw(format!(
            "HTTP/1.1 {status} Planted\r\n{header}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        ))
    }
}

/// A request that the fake got.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) path: String,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
    pub(crate) form: BTreeMap<String, String>,
}

#[derive(Default)]
struct State {
    token: Mutex<VecDeque<Reply>>,
    revoke: Mutex<VecDeque<Reply>>,
    seen: Mutex<Vec<Seen>>,
    issued: AtomicUsize,
    scope: Mutex<String>,
}

/// Google's OAuth endpoints: a well-behaved token server wherever nothing is planted.
#[derive(Clone)]
pub(crate) struct Google {
    state: Arc<State>,
    pub(crate) origin: Url,
}

impl Google {
    async fn start(lifecycle: &Lifecycle) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let origin = Url::parse(&format!(
            "http://{}",
            listener.local_addr().expect("an address")
        ))
        .expect("a URL");
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        let inner = lifecycle.clone();
        lifecycle.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                inner.spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { state, origin }
    }

    /// The next answers of the token endpoint.
    pub(crate) fn plant(&self, replies: impl IntoIterator<Item = Reply>) {
        self.state.token.lock().extend(replies);
    }

    /// The next answers of the revocation endpoint.
    pub(crate) fn plant_revoke(&self, replies: impl IntoIterator<Item = Reply>) {
        self.state.revoke.lock().extend(replies);
    }

    /// What is granted from now on where nothing is planted.
    pub(crate) fn grant(&self, services: Services) {
        *self.state.scope.lock() = services.scopes().collect::<Vec<_>>().join(" ");
    }

    fn seen_at(&self, path: &str) -> Vec<Seen> {
        self.state
            .seen
            .lock()
            .iter()
            .filter(|s| s.path == path)
            .cloned()
            .collect()
    }

    pub(crate) fn exchanges(&self) -> Vec<Seen> {
        self.by_grant("authorization_code")
    }

    pub(crate) fn refreshes(&self) -> Vec<Seen> {
        self.by_grant("refresh_token")
    }

    fn by_grant(&self, grant: &str) -> Vec<Seen> {
        self.seen_at("/token")
            .into_iter()
            .filter(|s| s.form["grant_type"] == grant)
            .collect()
    }

    pub(crate) fn revoked(&self) -> Vec<String> {
        self.seen_at("/revoke")
            .into_iter()
            .map(|s| s.form["token"].clone())
            .collect()
    }
}

async fn serve(mut stream: TcpStream, state: Arc<State>) {
    let Some(seen) = read_request(&mut stream).await else {
        return;
    };
    state.seen.lock().push(seen.clone());
    let queue = if seen.path == "/revoke" {
        &state.revoke
    } else {
        &state.token
    };
    let planted = queue.lock().pop_front();
    let reply = match planted {
        Some(Reply::Gated(gate)) => {
            gate.acquire().await.expect("the gate stays").forget();
            well_behaved(&seen, &state)
        }
        Some(Reply::Silence(time)) => {
            tokio::time::sleep(time).await;
            return;
        }
        Some(Reply::Reset) => return,
        Some(reply) => reply,
        None => well_behaved(&seen, &state),
    };
    send(stream, reply).await;
}

/// Sends a reply that is one.
pub(crate) async fn send(mut stream: TcpStream, reply: Reply) {
    let bytes = match reply {
        Reply::Json(status, body) => {
            let body = body.to_string();
            format!(
                "HTTP/1.1 {status} Planted\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            )
        }
        Reply::Raw(bytes) => bytes,
        _ => unreachable!("answered above"),
    };
    let _ = stream.write_all(bytes.as_bytes()).await;
    let _ = stream.shutdown().await;
}

fn well_behaved(seen: &Seen, state: &State) -> Reply {
    if seen.path == "/revoke" {
        return Reply::Json(200, json!({}));
    }
    let n = state.issued.fetch_add(1, Ordering::SeqCst) + 1;
    let mut body = json!({
        "access_token": format!("at-{n}"),
        "expires_in": 3599,
        "token_type": "Bearer",
        "scope": state.scope.lock().clone(),
    });
    if seen.form["grant_type"] == "authorization_code" {
        body["refresh_token"] = format!("rt-{n}").into();
    }
    Reply::Json(200, body)
}

pub(crate) async fn read_request(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).ok()?;
    let length = head
        .lines()
        .filter_map(|l| l.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, value)| {
            value.trim().parse::<usize>().expect("a length")
        });
    while bytes.len() < head_end + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let path = head.split_whitespace().nth(1)?.to_owned();
    let form = url::form_urlencoded::parse(&bytes[head_end..])
        .into_owned()
        .collect();
    let headers = head
        .lines()
        .filter_map(|l| l.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    Some(Seen {
        path,
        headers,
        body: String::from_utf8_lossy(&bytes[head_end..]).into_owned(),
        form,
    })
}

/// Everything a test needs.
pub(crate) struct World {
    pub(crate) database: TestStore,
    pub(crate) store: Store,
    pub(crate) google: Google,
    pub(crate) clock: OffsetClock,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) connections: Connections,
    pub(crate) alice: UserId,
    pub(crate) bob: UserId,
}

impl World {
    /// A world on SQLite, for what only its files show.
    pub(crate) async fn on_sqlite() -> Self {
        Self::new(sqlite().await).await
    }

    async fn new(database: TestStore) -> Self {
        let lifecycle = Lifecycle::new();
        let google = Google::start(&lifecycle).await;
        google.grant(Services::ALL);
        let clock = OffsetClock::default();
        let store = database.store.clone();
        let (alice, bob) = (user(&store, "alice").await, user(&store, "bob").await);
        let connections = connections(store.clone(), Some(config(&google)), &lifecycle, &clock);
        Self {
            database,
            store,
            google,
            clock,
            lifecycle,
            connections,
            alice,
            bob,
        }
    }

    /// Another process on the same database.
    pub(crate) async fn another_process(&self) -> Connections {
        let mut config = deputy_store::Config::new(&self.database.url);
        config.max_connections = 5;
        let store = Store::connect(&config)
            .await
            .expect("the database opens again");
        connections(
            store,
            Some(crate::testing::config(&self.google)),
            &self.lifecycle,
            &self.clock,
        )
    }

    /// A process without a Google client.
    pub(crate) fn unconfigured(&self) -> Connections {
        connections(self.store.clone(), None, &self.lifecycle, &self.clock)
    }

    pub(crate) async fn begin(&self, user: UserId, services: Services) -> CallbackQuery {
        let url = self
            .connections
            .begin(user, services)
            .await
            .expect("a consent begins");
        answer_to(&url)
    }

    /// Connects as a person does.
    pub(crate) async fn connect(&self, user: UserId, services: Services) {
        let query = self.begin(user, services).await;
        self.connections
            .complete(user, query)
            .await
            .expect("the consent completes");
    }

    pub(crate) fn pass(&self, minutes: i64) {
        self.clock.advance(jiff::SignedDuration::from_mins(minutes));
    }
}

/// What Google sends the browser back with after a consent page.
pub(crate) fn answer_to(url: &Url) -> CallbackQuery {
    CallbackQuery {
        code: Some("the-code".into()),
        state: Some(parameter(url, "state")),
        error: None,
        iss: None,
    }
}

pub(crate) fn parameter(url: &Url, name: &str) -> String {
    url.query_pairs()
        .find(|(n, _)| n == name)
        .map(|(_, v)| v.into_owned())
        .unwrap_or_default()
}

pub(crate) fn config(google: &Google) -> Config {
    let url = |path: &str| google.origin.join(path).expect("a path");
    let callback =
        Url::parse("http://127.0.0.1:8484/api/v1/integrations/google/callback").expect("a URL");
    Config {
        auth_url: url("/auth"),
        token_url: url("/token"),
        revoke_url: url("/revoke"),
        timing: Timing {
            request: Duration::from_secs(5),
            retry: Duration::from_millis(5),
            poll: Duration::from_millis(10),
            early: Duration::from_secs(20),
        },
        ..Config::google(
            "the-client".to_owned(),
            "the-client-secret".into(),
            callback,
        )
    }
}

/// Google's connections in the world of another test.
pub(crate) async fn connections_beside(
    store: &Store,
    lifecycle: &Lifecycle,
    clock: &OffsetClock,
) -> Connections {
    let google = Google::start(lifecycle).await;
    connections(store.clone(), Some(config(&google)), lifecycle, clock)
}

pub(crate) fn connections(
    store: Store,
    config: Option<Config>,
    lifecycle: &Lifecycle,
    clock: &OffsetClock,
) -> Connections {
    let keys = deputy_vault::Config {
        current: Secret::new([7; 32]),
        old: Vec::new(),
    };
    let vault = Vault::new(
        store.clone(),
        &keys,
        Arc::new(clock.clone()),
        Arc::new(SystemRng),
    );
    let client = http::trusted(http::Limits::default()).expect("a client");
    Connections::new(
        store,
        vault,
        config,
        client,
        lifecycle.clone(),
        Arc::new(clock.clone()),
        Arc::new(SystemRng),
    )
}

/// Runs `test` in a fresh world on each engine.
pub(crate) async fn for_each_world(test: impl AsyncFn(World)) {
    test(World::new(sqlite().await).await).await;
    if let Some(database) = postgres().await {
        test(World::new(database).await).await;
    }
}

pub(crate) const CALENDAR_ONLY: Services = Services {
    calendar: true,
    gmail: false,
    drive: false,
};
pub(crate) const GMAIL_ONLY: Services = Services {
    calendar: false,
    gmail: true,
    drive: false,
};

/// Waits until `condition` holds; ten seconds at most.
pub(crate) async fn eventually(condition: impl AsyncFn() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while !condition().await {
        assert!(
            tokio::time::Instant::now() < deadline,
            "it didn't happen in ten seconds"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[test]
fn the_names_used_here_are_the_first_scopes() {
    assert_eq!(
        (Service::Calendar.scopes()[0], Service::Gmail.scopes()[0]),
        (CALENDAR, GMAIL)
    );
}
