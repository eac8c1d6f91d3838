use crate::testing::{for_each_database, postgres, sqlite};
use crate::user::tests::add;
use crate::{Config, Store};

#[tokio::test]
async fn every_migration_goes_up_down_and_up_again() {
    for_each_database(|store| async move {
        let all = store.migration_status().await.unwrap();
        assert!(all.iter().all(|migration| migration.applied));
        for step in 1..=all.len() {
            store.rollback(1).await.unwrap();
            let status = store.migration_status().await.unwrap();
            let applied = status.iter().filter(|migration| migration.applied).count();
            assert_eq!(applied, all.len() - step);
        }
        store.migrate().await.unwrap();
        store.migrate().await.unwrap();
        add(&store, "anna").await;
    })
    .await;
}

#[tokio::test]
async fn replicas_that_start_at_once_migrate_once() {
    let databases = [Some(sqlite().await), postgres().await];
    for database in databases.into_iter().flatten() {
        let all = u32::try_from(database.store.migration_status().await.unwrap().len()).unwrap();
        for _ in 0..5 {
            database.store.rollback(all).await.unwrap();
            let config = Config::new(&database.url);
            let connect = async || Store::connect(&config).await.unwrap();
            let (one, other) = (connect().await, connect().await);
            let (first, second) = tokio::join!(one.migrate(), other.migrate());
            first.unwrap();
            second.unwrap();
            assert!(
                one.migration_status()
                    .await
                    .unwrap()
                    .iter()
                    .all(|m| m.applied)
            );
            one.close().await.unwrap();
            other.close().await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_fresh_database_is_closed_at_once_and_is_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("deputy.db").display());
    let store = Store::connect(&Config::new(&url)).await.unwrap();
    store.migrate().await.unwrap();
    let begun = std::time::Instant::now();
    store.close().await.unwrap();
    // The busy timeout is 10 s.
    assert!(begun.elapsed() < std::time::Duration::from_secs(8));
    let left: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["deputy.db"]);
}
