use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use deputy_core::clock::OffsetClock;
use deputy_core::{Clock, Lifecycle, SystemRng, Throttle, UserId};
use deputy_store::Store;
use deputy_store::testing::{TestStore, execute, postgres, sqlite};
use deputy_vault::Vault;
use jiff::SignedDuration;
use tokio::sync::mpsc;
use url::Url;

use super::*;
use crate::catalog::{Catalog, FirstPartyLaunch, Isolation};
use crate::credentials::{
    AccessToken, Connected, CredentialError, Credentials, NoRemoteCredentials,
};
use crate::health::{of_critical, of_level as health};
use crate::{Audit, Parts, Pool, pool};

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + 60 * minutes).unwrap()
}

#[test]
fn an_episode_is_told_once_reminded_of_and_ended() {
    use Level::{Critical, Degraded, Healthy};
    let mut episode = Episode::None;
    let table = [
        (0, Healthy, None),
        (1, Degraded, None),
        (2, Critical, Some(Event::Critical)),
        (3, Critical, None),
        // Comes and goes: still the same one.
        (4, Healthy, None),
        (5, Degraded, None),
        (6, Critical, None),
        (2 + 359, Critical, None),
        (2 + 360, Critical, Some(Event::StillCritical)),
        (2 + 361, Critical, None),
        (2 + 720, Critical, Some(Event::StillCritical)),
        (800, Degraded, None),
        (801, Healthy, None),
        (802, Degraded, Some(Event::Recovered)),
        (803, Healthy, None),
        (804, Critical, Some(Event::Critical)),
    ];
    for (minute, level, told) in table {
        let critical = [DATABASE].into_iter().filter(|_| level == Critical);
        let looked = episode.look(&critical.collect(), at(minute));
        assert_eq!(looked.map(|(event, _)| event), told, "minute {minute}");
    }
}

#[test]
fn what_else_becomes_critical_is_told() {
    let mut episode = Episode::None;
    let mut look = |critical: &[&'static str], minute| {
        episode.look(&critical.iter().copied().collect(), at(minute))
    };
    let told = |event, about: &[&'static str]| Some((event, about.iter().copied().collect()));
    assert_eq!(look(&["queue"], 0), told(Event::Critical, &["queue"]));
    assert_eq!(look(&["mcp", "queue"], 1), told(Event::Critical, &["mcp"]));
    // It goes and comes.
    assert_eq!(look(&["queue"], 2), None);
    assert_eq!(look(&["mcp"], 3), None);
    assert_eq!(
        look(&["mcp"], 361),
        told(Event::StillCritical, &["mcp", "queue"])
    );
    assert_eq!((look(&[], 362), look(&[], 363)), (None, None));
    assert_eq!(look(&[], 364), told(Event::Recovered, &["mcp", "queue"]));
}

const DATABASE: &str = "database";

struct Nobody;

#[async_trait::async_trait]
impl Credentials for Nobody {
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
        Err(CredentialError::NotConnected)
    }
    async fn refresh(&self, _: UserId, _: i64) -> Result<AccessToken, CredentialError> {
        Err(CredentialError::NotConnected)
    }
}

fn gateway(store: &Store, webhook: &str, clock: &OffsetClock) -> Gateway {
    let lifecycle = Lifecycle::new();
    let shared: Arc<dyn Clock> = Arc::new(clock.clone());
    let keys = deputy_vault::Config {
        current: Secret::new([7; 32]),
        old: Vec::new(),
    };
    let rng = Arc::new(SystemRng);
    let parts = Parts {
        store: store.clone(),
        vault: Vault::new(store.clone(), &keys, Arc::clone(&shared), rng.clone()),
        catalog: Catalog::new(Vec::new()).unwrap(),
        credentials: Arc::new(Nobody),
        remote: Arc::new(NoRemoteCredentials),
        templates: Arc::new(deputy_templates::Registry::builtin()),
        pool: Pool::new(
            pool::Config::default(),
            lifecycle.clone(),
            Arc::clone(&shared),
        ),
        audit: Audit::start(
            store.clone(),
            &Secret::new(vec![1; 32]),
            Arc::clone(&shared),
            &lifecycle,
        ),
        throttle: Arc::new(Throttle::new(
            0,
            Duration::from_mins(1),
            Arc::clone(&shared),
        )),
        lifecycle,
        clock: shared,
        rng,
    };
    let launch = FirstPartyLaunch {
        program: "/nonexistent/deputy".into(),
        args: Vec::new(),
        env: Vec::new(),
        per_request_args: Vec::new(),
        token_variable: "TOKEN",
        isolation: Isolation::Shared,
    };
    let mut config = crate::Config::new(
        Url::parse("https://deputy.example.org").unwrap(),
        launch,
        crate::servers::Config::new("/nonexistent"),
    );
    config.alerts.webhook = Some(Secret::from(webhook));
    Gateway::new(config, parts)
}

type Received = mpsc::UnboundedReceiver<serde_json::Value>;

/// A receiver that refuses the first `refusals` messages.
async fn receiver(refusals: usize) -> (String, Received) {
    type Inbox = (
        mpsc::UnboundedSender<serde_json::Value>,
        Arc<std::sync::atomic::AtomicUsize>,
    );
    async fn take(State((inbox, refusals)): State<Inbox>, body: String) -> axum::http::StatusCode {
        use std::sync::atomic::Ordering::SeqCst;
        let refuse = |n: usize| n.checked_sub(1);
        if refusals.fetch_update(SeqCst, SeqCst, refuse).is_ok() {
            return axum::http::StatusCode::SERVICE_UNAVAILABLE;
        }
        inbox.send(serde_json::from_str(&body).unwrap()).unwrap();
        axum::http::StatusCode::NO_CONTENT
    }
    let (inbox, received) = mpsc::unbounded_channel();
    let state: Inbox = (inbox, Arc::new(refusals.into()));
    let router = Router::new()
        .route("/hook/secret", post(take))
        .with_state(state);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook/secret", listener.local_addr().unwrap());
    Lifecycle::new().spawn(async move { axum::serve(listener, router).await });
    (url, received)
}

async fn next(received: &mut Received) -> serde_json::Value {
    tokio::time::timeout(Duration::from_secs(20), received.recv())
        .await
        .expect("a message in time")
        .expect("a message")
}

/// Two replicas over one PostgreSQL database: each message comes once, from the same one.
#[tokio::test]
async fn replicas_send_one_message_together() {
    let Some(database) = postgres().await else {
        return;
    };
    let (url, mut received) = receiver(0).await;
    let clock = OffsetClock::default();
    let one = gateway(&database.store, &url, &clock);
    let other = gateway(&database.store, &url, &clock);
    let (mut of_one, mut of_other) = (one.alerts().await, other.alerts().await);
    let mut look = async |level, after: SignedDuration| {
        clock.advance(after);
        let seen = health(level, clock.now());
        one.tell(&mut of_one, &seen).await;
        other.tell(&mut of_other, &seen).await;
    };
    let minute = SignedDuration::from_mins(1);
    look(Level::Critical, minute).await;
    look(Level::Critical, minute).await;
    look(Level::Critical, SignedDuration::from_hours(6)).await;
    for _ in 0..4 {
        look(Level::Healthy, minute).await;
    }
    look(Level::Critical, minute).await;
    let mut events = Vec::new();
    for _ in 0..4 {
        events.push(
            next(&mut received).await["event"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
    }
    // Deliveries are tasks of their own and may overtake each other.
    events.sort();
    assert_eq!(
        events,
        ["critical", "critical", "recovered", "still_critical"]
    );
    assert!(received.try_recv().is_err(), "no replica told it again");
}

/// A message says what it is about, is tried again, and a restart in the middle tells nothing twice.
#[tokio::test]
async fn a_message_arrives_after_a_refusal_and_a_restart_repeats_none() {
    let database = sqlite().await;
    let (url, mut received) = receiver(1).await;
    let clock = OffsetClock::default();
    let before = gateway(&database.store, &url, &clock);
    let mut alerts = before.alerts().await;
    before
        .tell(&mut alerts, &health(Level::Critical, clock.now()))
        .await;
    let message = next(&mut received).await;
    assert_eq!(message["event"], "critical");
    assert_eq!(message["level"], "critical");
    assert_eq!(message["installation"], "https://deputy.example.org");
    assert!(
        message["text"].as_str().unwrap().contains("database: gone"),
        "{message}"
    );
    assert_eq!(message["components"][0]["component"], "database");
    assert!(!message.to_string().contains("secret"));

    let after = gateway(&database.store, &url, &clock);
    let mut alerts = after.alerts().await;
    after
        .tell(&mut alerts, &health(Level::Critical, clock.now()))
        .await;
    for _ in 0..3 {
        after
            .tell(&mut alerts, &health(Level::Healthy, clock.now()))
            .await;
    }
    assert_eq!(next(&mut received).await["event"], "recovered");
    assert!(received.try_recv().is_err());
}

/// Runs `test` on each engine.
async fn both(test: impl AsyncFn(&TestStore)) {
    for database in [Some(sqlite().await), postgres().await]
        .into_iter()
        .flatten()
    {
        test(&database).await;
    }
}

/// Looks at these critical components, and an hour goes by.
async fn look(gateway: &Gateway, alerts: &mut Alerts, clock: &OffsetClock, critical: &[&str]) {
    let seen = of_critical(critical, clock.now());
    gateway.tell(alerts, &seen).await;
    clock.advance(SignedDuration::from_mins(20));
}

async fn event(received: &mut Received) -> String {
    next(received).await["event"].as_str().unwrap().to_owned()
}

/// The process that told it is gone; the next one tells that it is over, and what comes after that.
#[tokio::test]
async fn after_a_restart_in_an_episode_nothing_is_kept_silent() {
    both(async |database| {
        let (url, mut received) = receiver(0).await;
        let clock = OffsetClock::default();
        let before = gateway(&database.store, &url, &clock);
        let mut alerts = before.alerts().await;
        look(&before, &mut alerts, &clock, &["queue"]).await;
        assert_eq!(event(&mut received).await, "critical");

        let after = gateway(&database.store, &url, &clock);
        let mut alerts = after.alerts().await;
        for _ in 0..3 {
            look(&after, &mut alerts, &clock, &[]).await;
        }
        assert_eq!(event(&mut received).await, "recovered");
        look(&after, &mut alerts, &clock, &["queue"]).await;
        assert_eq!(event(&mut received).await, "critical");
        look(&after, &mut alerts, &clock, &["queue", "mcp"]).await;
        let more = next(&mut received).await;
        assert_eq!(more["event"], "critical");
        let said = more["text"].as_str().unwrap();
        assert!(said.contains("mcp: gone; queue: gone"), "{said}");
        assert!(received.try_recv().is_err());
    })
    .await;
}

#[tokio::test]
async fn what_was_told_without_the_database_is_told_to_be_over() {
    both(async |database| {
        let (url, mut received) = receiver(0).await;
        let clock = OffsetClock::default();
        let gateway = gateway(&database.store, &url, &clock);
        let mut alerts = gateway.alerts().await;
        execute(&database.url, "ALTER TABLE leases RENAME TO gone").await;
        look(&gateway, &mut alerts, &clock, &["database"]).await;
        assert_eq!(event(&mut received).await, "critical");
        execute(&database.url, "ALTER TABLE gone RENAME TO leases").await;
        for _ in 0..4 {
            look(&gateway, &mut alerts, &clock, &[]).await;
        }
        assert_eq!(event(&mut received).await, "recovered");
        assert!(received.try_recv().is_err());
    })
    .await;
}

#[tokio::test]
async fn what_nobody_took_is_told_again() {
    both(async |database| {
        let (url, mut received) = receiver(2).await;
        let clock = OffsetClock::default();
        let gateway = gateway(&database.store, &url, &clock);
        let mut alerts = gateway.alerts().await;
        alerts.pauses = &[];
        for _ in 0..2 {
            look(&gateway, &mut alerts, &clock, &["queue"]).await;
            let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
            while alerts.undelivered.lock().is_none() {
                assert!(tokio::time::Instant::now() < deadline, "it is given up");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        look(&gateway, &mut alerts, &clock, &["queue"]).await;
        assert_eq!(event(&mut received).await, "critical");
        for _ in 0..3 {
            look(&gateway, &mut alerts, &clock, &[]).await;
        }
        assert_eq!(event(&mut received).await, "recovered");
        assert!(received.try_recv().is_err());
    })
    .await;
}

/// A stop comes before the receiver answers again.
#[tokio::test]
async fn what_a_stop_cut_off_is_told_by_the_next_process() {
    both(async |database| {
        let (url, mut received) = receiver(1).await;
        let clock = OffsetClock::default();
        let before = gateway(&database.store, &url, &clock);
        let mut alerts = before.alerts().await;
        alerts.pauses = &[REMIND];
        look(&before, &mut alerts, &clock, &["queue"]).await;
        before.audit().close().await;
        assert!(
            before
                .inner
                .parts
                .lifecycle
                .stop(Duration::from_secs(20))
                .await
        );

        let after = gateway(&database.store, &url, &clock);
        let mut alerts = after.alerts().await;
        alerts.pauses = &[Duration::ZERO];
        look(&after, &mut alerts, &clock, &["queue"]).await;
        assert_eq!(event(&mut received).await, "critical");
    })
    .await;
}

/// From a real state, through the monitor.
#[tokio::test]
async fn the_monitor_tells_that_the_audit_log_cant_be_written() {
    let database = sqlite().await;
    let (url, mut received) = receiver(0).await;
    let gateway = gateway(&database.store, &url, &OffsetClock::default());
    gateway.audit().close().await;
    gateway.watch_health();
    let message = next(&mut received).await;
    assert_eq!(message["event"], "critical");
    let said = message["text"].as_str().unwrap();
    assert!(
        said.contains("queue: the audit log can't be written"),
        "{said}"
    );
}

#[test]
fn the_webhook_is_not_shown() {
    let config = Config {
        webhook: Some(Secret::from("https://example.org/secret")),
    };
    assert!(!format!("{config:?}").contains("secret"));
}
