//! A consent and a removal of the same client at once, each in a transaction of its own: on
//! PostgreSQL on two connections, on SQLite one after the other.

use tokio::task::JoinSet;

use super::*;
use crate::oauth_grant::Grant;
use crate::{Engine, Tx};

async fn allow(tx: &Tx, who: deputy_core::UserId) -> Option<Grant> {
    if !tx
        .note_oauth_client_authorized("abc", at(9000))
        .await
        .unwrap()
    {
        return None;
    }
    let grant = NewGrant {
        client_id: "abc".to_owned(),
        client_name: "Inspector".to_owned(),
        redirect_uri: "https://back".to_owned(),
        scopes: Scopes::all(),
        resources: Vec::new(),
        at: at(9000),
        expires_at: at(10_000),
    };
    Some(tx.user(who).insert_oauth_grant(grant).await.unwrap())
}

#[tokio::test]
async fn a_sweep_leaves_a_client_that_somebody_is_allowing_something() {
    for_each_database(|store| async move {
        let alice = user(&store, "alice").await;
        add(&store, client("abc", ClientKind::Dynamic)).await;
        let tx = store.begin().await.unwrap();
        assert!(allow(&tx, alice).await.is_some());
        if store.engine() == Engine::Postgres {
            // It looks while the consent is not there yet for it.
            let sweep = store.begin().await.unwrap();
            let gone = sweep.sweep_oauth_clients(at(8000), at(5000)).await;
            assert_eq!(gone.unwrap(), 0);
            sweep.commit().await.unwrap();
        }
        tx.commit().await.unwrap();
        let sweep = store.begin().await.unwrap();
        let gone = sweep.sweep_oauth_clients(at(8000), at(5000)).await;
        assert_eq!(gone.unwrap(), 0);
        sweep.commit().await.unwrap();
        assert_eq!(ids(&store).await, ["abc"]);
    })
    .await;
}

#[tokio::test]
async fn whoever_removes_a_client_ends_what_is_being_allowed_it() {
    for_each_database(|store| async move {
        let alice = user(&store, "alice").await;
        add(&store, client("abc", ClientKind::Dynamic)).await;
        let tx = store.begin().await.unwrap();
        let here = store.clone();
        let mut tasks = JoinSet::new();
        // On PostgreSQL it waits for the row, on SQLite for the writer.
        let started = std::sync::Arc::new(tokio::sync::Notify::new());
        let told = std::sync::Arc::clone(&started);
        let made = allow(&tx, alice).await.unwrap();
        tasks.spawn(async move {
            told.notify_one();
            let tx = here.begin().await.unwrap();
            assert!(tx.delete_oauth_client("abc").await.unwrap());
            let ended = tx
                .end_oauth_grants_of_clients(&["abc"], "administrator", at(9001))
                .await;
            tx.commit().await.unwrap();
            ended.unwrap()
        });
        started.notified().await;
        tx.commit().await.unwrap();
        let ended = tasks.join_next().await.unwrap().unwrap();
        assert_eq!(ended.len(), 1);
        assert_eq!(ended[0].id, made.id);
    })
    .await;
}

#[tokio::test]
async fn nobody_allows_a_client_anything_that_is_being_removed() {
    for_each_database(|store| async move {
        let alice = user(&store, "alice").await;
        add(&store, client("abc", ClientKind::Document)).await;
        let removal = store.begin().await.unwrap();
        assert!(removal.delete_oauth_client("abc").await.unwrap());
        let here = store.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let tx = here.begin().await.unwrap();
            allow(&tx, alice).await
        });
        removal.commit().await.unwrap();
        assert_eq!(tasks.join_next().await.unwrap().unwrap(), None);
    })
    .await;
}
