use std::sync::Arc;
use std::time::Duration;

use deputy_core::{Lifecycle, Secret, SystemClock, UserId};
use deputy_store::Store;
use deputy_store::testing::{execute, postgres, sqlite};
use serde_json::json;

use super::*;

mod tampering;

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
