use jiff::SignedDuration;

use super::*;
use crate::pool::{ServerKind, ServerStats};

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn server(owner: &str, name: &str, state: ServerState) -> ServerStats {
    ServerStats {
        owner: owner.to_owned(),
        server: name.to_owned(),
        kind: ServerKind::Process,
        pid: None,
        state,
        since: None,
        last_used: None,
        calls: 0,
        in_flight: 0,
        restarts: 0,
        backoff_until: (state == ServerState::BackingOff)
            .then(|| now() + SignedDuration::from_secs(8)),
        failures: 0,
        rss_bytes: None,
    }
}

fn breaker(user: i64, name: &str, state: breaker::State) -> breaker::View {
    breaker::View {
        user: UserId(user),
        server: name.to_owned(),
        state,
        failures: 5,
        failed_at: now() - SignedDuration::from_secs(30),
        retry_after: (state == breaker::State::Open).then(|| Duration::from_secs(30)),
    }
}

fn look(servers: Vec<ServerStats>, breakers: &[breaker::View]) -> (Level, McpDetails, String) {
    let pool = PoolStats {
        servers,
        ..PoolStats::default()
    };
    let component = mcp(&pool, breakers, now());
    assert_eq!(component.healthy, component.level == Level::Healthy);
    let Details::Mcp(details) = component.details else {
        panic!("details of something else");
    };
    (component.level, details, component.message)
}

#[test]
fn servers_are_counted_for_each_person() {
    use breaker::State::{Closed, HalfOpen, Open};
    let (level, details, message) = look(Vec::new(), &[]);
    assert_eq!(
        (level, details.total, message.as_str()),
        (Level::Healthy, 0, "")
    );

    let (level, details, _) = look(
        vec![
            server("shared", "gmail", ServerState::Running),
            server("1", "own:4", ServerState::Running),
            server("1", "own:5", ServerState::BackingOff),
            // The old process leaves while the new one serves.
            server("2", "own:6", ServerState::Leaving),
            server("2", "own:6", ServerState::Running),
        ],
        &[
            breaker(1, "own:5", Open),
            breaker(1, "gmail", HalfOpen),
            breaker(2, "gmail", Closed),
            breaker(7, "calendar", Open),
        ],
    );
    assert_eq!(level, Level::Degraded);
    assert_eq!(
        (details.total, details.healthy, details.unhealthy),
        (6, 3, 3)
    );
    let service = |owner: &str, name: &str, status, retry_after| Service {
        owner: owner.to_owned(),
        name: name.to_owned(),
        status,
        retry_after,
    };
    assert_eq!(
        details.services,
        [
            service("1", "gmail", "half_open", None),
            service("1", "own:5", "backing_off", Some(8)),
            service("7", "calendar", "open", Some(30)),
        ]
    );
}

#[test]
fn what_many_feel_is_critical_and_what_one_person_broke_is_not() {
    use breaker::State::Open;
    let (level, _, message) = look(
        vec![server("shared", "gmail", ServerState::BackingOff)],
        &[],
    );
    assert_eq!(level, Level::Critical);
    assert!(message.contains("gmail"), "{message}");

    let failing = |people: std::ops::Range<i64>, name| -> Vec<_> {
        people.map(|user| breaker(user, name, Open)).collect()
    };
    assert_eq!(look(Vec::new(), &failing(0..2, "drive")).0, Level::Degraded);
    assert_eq!(look(Vec::new(), &failing(0..3, "drive")).0, Level::Critical);
    // A minute after the failures they may be tried again: until then it was so.
    let mut again = failing(0..3, "drive");
    for breaker in &mut again {
        breaker.state = breaker::State::HalfOpen;
    }
    assert_eq!(look(Vec::new(), &again).0, Level::Critical);
    // Nobody tried for long.
    again[0].failed_at = now() - SignedDuration::from_mins(3);
    assert_eq!(look(Vec::new(), &again).0, Level::Degraded);
    // However many of their own servers people break.
    let (level, details, _) = look(Vec::new(), &failing(0..500, "own:1"));
    assert_eq!((level, details.unhealthy), (Level::Degraded, 500));
    assert_eq!(details.services.len(), LISTED);
}

#[test]
fn the_databases_answer_and_its_time() {
    let table = [
        (None, Level::Critical),
        (Some(Duration::from_millis(1500)), Level::Degraded),
        (Some(Duration::from_millis(2)), Level::Healthy),
    ];
    for (took, level) in table {
        assert_eq!(database(took).level, level, "{took:?}");
    }
}

#[test]
fn the_queue_says_what_waits() {
    let well = || QueueDetails {
        audit_writable: true,
        audit_waiting: 3,
        audit_capacity: 100,
        approved_calls_waiting: Some(0),
        last_sweep: Some(now() - SignedDuration::from_mins(1)),
    };
    let long_ago = now() - SignedDuration::from_mins(10);
    let table = [
        (well(), Level::Healthy),
        (
            QueueDetails {
                audit_writable: false,
                ..well()
            },
            Level::Critical,
        ),
        (
            QueueDetails {
                audit_waiting: 51,
                ..well()
            },
            Level::Degraded,
        ),
        (
            QueueDetails {
                approved_calls_waiting: Some(1),
                ..well()
            },
            Level::Degraded,
        ),
        (
            QueueDetails {
                last_sweep: Some(long_ago),
                ..well()
            },
            Level::Degraded,
        ),
        (
            QueueDetails {
                last_sweep: None,
                ..well()
            },
            Level::Degraded,
        ),
    ];
    for (details, level) in table {
        let text = format!("{details:?}");
        assert_eq!(queue(details, long_ago, now()).level, level, "{text}");
    }
    let fresh = QueueDetails {
        last_sweep: None,
        ..well()
    };
    assert_eq!(
        queue(fresh, now(), now()).level,
        Level::Healthy,
        "it has only just begun"
    );
}

#[test]
fn the_worst_component_counts() {
    let health = Health::of(
        now(),
        vec![
            database(Some(Duration::ZERO)),
            mcp(
                &PoolStats::default(),
                &[breaker(1, "gmail", breaker::State::Open)],
                now(),
            ),
        ],
    );
    assert_eq!(health.level, Level::Degraded);
}

/// A look at which only the database's level differs.
pub(crate) fn of_level(level: Level, checked_at: Timestamp) -> Health {
    let message = if level == Level::Healthy { "" } else { "gone" };
    let database = Component::new(
        "database",
        level,
        message.to_owned(),
        Details::Database { response_ms: None },
    );
    Health::of(checked_at, vec![database])
}

/// A look at which exactly these components are critical.
pub(crate) fn of_critical(names: &[&str], checked_at: Timestamp) -> Health {
    let components = COMPONENTS.map(|name| {
        let level = if names.contains(&name) {
            Level::Critical
        } else {
            Level::Healthy
        };
        let details = Details::Database { response_ms: None };
        Component::new(name, level, "gone".to_owned(), details)
    });
    Health::of(checked_at, components.into())
}
