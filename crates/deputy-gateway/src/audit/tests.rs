use std::sync::Arc;
use std::time::Duration;

use deputy_core::{Lifecycle, Secret, SystemClock, UserId};
use deputy_store::Store;
use deputy_store::testing::{execute, postgres, sqlite};
use serde_json::json;

use super::*;

fn key() -> Secret<Vec<u8>> {
    Secret::new(vec![7; 32])
}

fn entry(target: &str) -> Entry {
    Entry {
        user: Some(UserId(1)),
        caller: "token:1:x".to_owned(),
        action: "tool.call",
        target: target.to_owned(),
        call_id: None,
        outcome: "ok".to_owned(),
        detail: json!({ "n": 1 }),
    }
}

/// A chain of five records, on each engine, with its URL for tampering.
async fn each(test: impl AsyncFn(Store, String)) {
    for database in [Some(sqlite().await), postgres().await]
        .into_iter()
        .flatten()
    {
        let lifecycle = Lifecycle::new();
        let audit = Audit::start(
            database.store.clone(),
            &key(),
            Arc::new(SystemClock),
            &lifecycle,
        );
        for target in ["a", "b", "c", "d", "e"] {
            audit.record(entry(target)).await.unwrap();
        }
        audit.close().await;
        assert!(
            lifecycle.stop(Duration::from_secs(5)).await,
            "the writer ends when it is closed"
        );
        test(database.store.clone(), database.url.clone()).await;
    }
}

async fn broken(store: &Store) -> i64 {
    match verify(store, &key()).await.unwrap() {
        Verdict::Broken { seq, .. } => seq,
        Verdict::Whole { records } => panic!("{records} records pass as whole"),
    }
}

#[tokio::test]
async fn an_untouched_chain_is_whole_and_an_empty_one_too() {
    each(async |store, _| {
        assert_eq!(
            verify(&store, &key()).await.unwrap(),
            Verdict::Whole { records: 5 }
        );
    })
    .await;
    let empty = sqlite().await;
    assert_eq!(
        verify(&empty.store, &key()).await.unwrap(),
        Verdict::Whole { records: 0 }
    );
}

#[tokio::test]
async fn every_change_of_a_record_is_found_and_named() {
    for change in [
        "target = 'x'",
        "outcome = 'denied'",
        "caller = 'browser'",
        "action = 'tool.result'",
        "detail = '{}'",
        "user_id = 2",
        "user_id = NULL",
        "call_id = 'z'",
        "created_at = created_at + 1",
    ] {
        each(async |store, url| {
            execute(&url, &format!("UPDATE audit_log SET {change} WHERE id = 3")).await;
            assert_eq!(broken(&store).await, 3, "{change}");
        })
        .await;
    }
}

#[tokio::test]
async fn removal_reordering_and_cutting_off_are_found() {
    each(async |store, url| {
        execute(&url, "DELETE FROM audit_log WHERE id = 2").await;
        assert_eq!(broken(&store).await, 2);
    })
    .await;
    each(async |store, url| {
        execute(&url, "DELETE FROM audit_log WHERE id = 2").await;
        execute(&url, "UPDATE audit_log SET id = id - 1 WHERE id = 3").await;
        assert_eq!(broken(&store).await, 2);
    })
    .await;
    each(async |store, url| {
        execute(&url, "UPDATE audit_log SET id = 100 WHERE id = 2").await;
        execute(&url, "UPDATE audit_log SET id = 2 WHERE id = 3").await;
        execute(&url, "UPDATE audit_log SET id = 3 WHERE id = 100").await;
        assert_eq!(broken(&store).await, 2);
    })
    .await;
    each(async |store, url| {
        execute(&url, "DELETE FROM audit_log WHERE id = 5").await;
        assert_eq!(broken(&store).await, 5);
        execute(
            &url,
            "UPDATE audit_head SET seq = 4, hash = (SELECT hash FROM audit_log WHERE id = 4)",
        )
        .await;
        assert_eq!(broken(&store).await, 4);
        execute(&url, "DELETE FROM audit_log").await;
        execute(&url, "DELETE FROM audit_head").await;
        // Everything gone is an empty chain: only an export kept elsewhere tells.
        assert_eq!(
            verify(&store, &key()).await.unwrap(),
            Verdict::Whole { records: 0 }
        );
    })
    .await;
}

#[tokio::test]
async fn two_writers_on_one_database_make_one_chain() {
    for database in [Some(sqlite().await), postgres().await]
        .into_iter()
        .flatten()
    {
        let lifecycle = Lifecycle::new();
        let clock: Arc<dyn deputy_core::Clock> = Arc::new(SystemClock);
        let other = Store::connect(&deputy_store::Config::new(&database.url))
            .await
            .unwrap();
        let writers = [
            Audit::start(
                database.store.clone(),
                &key(),
                Arc::clone(&clock),
                &lifecycle,
            ),
            Audit::start(other, &key(), clock, &lifecycle),
        ];
        let mut tasks = Vec::new();
        for n in 0..60 {
            let audit = writers[n % 2].clone();
            tasks.push(lifecycle.spawn(async move { audit.record(entry(&n.to_string())).await }));
        }
        for task in tasks {
            task.await.unwrap().unwrap().unwrap();
        }
        assert_eq!(
            verify(&database.store, &key()).await.unwrap(),
            Verdict::Whole { records: 60 }
        );
    }
}

#[tokio::test]
async fn what_can_not_be_written_is_said() {
    let database = sqlite().await;
    let lifecycle = Lifecycle::new();
    let audit = Audit::start(
        database.store.clone(),
        &key(),
        Arc::new(SystemClock),
        &lifecycle,
    );
    audit.record(entry("a")).await.unwrap();
    execute(&database.url, "DROP TABLE audit_log").await;
    assert_eq!(audit.record(entry("b")).await, Err(AuditError));
    assert!(!audit.healthy());
}

#[tokio::test]
async fn what_nobody_waits_for_is_written_when_it_can_be() {
    for database in [Some(sqlite().await), postgres().await]
        .into_iter()
        .flatten()
    {
        let lifecycle = Lifecycle::new();
        let audit = Audit::start(
            database.store.clone(),
            &key(),
            Arc::new(SystemClock),
            &lifecycle,
        );
        audit.record(entry("a")).await.unwrap();
        execute(&database.url, "ALTER TABLE audit_head RENAME TO away").await;
        audit.note(entry("b"), None).await;
        assert!(!audit.flush().await);
        assert!(!audit.healthy());
        execute(&database.url, "ALTER TABLE away RENAME TO audit_head").await;
        assert!(audit.flush().await);
        assert!(audit.healthy());
        assert_eq!(
            verify(&database.store, &key()).await.unwrap(),
            Verdict::Whole { records: 2 }
        );
    }
}
