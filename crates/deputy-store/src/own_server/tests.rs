use deputy_core::UserId;
use uuid::Uuid;

use super::{NewOwnServer, OwnServer, OwnServerChange, OwnServerHealth, OwnServerSetup};
use crate::testing::{for_each_database, user};
use crate::{Error, Store, from_ms};

fn setup(config: &str) -> OwnServerSetup {
    OwnServerSetup {
        command: "npx".to_owned(),
        args: Some(r#"["-y"]"#.to_owned()),
        env: Some(r#"["TOKEN"]"#.to_owned()),
        config: config.to_owned(),
        secrets: Some(vec![1, 2, 3]),
        secrets_set: r#"["token"]"#.to_owned(),
    }
}

pub(crate) fn new(name: &str) -> NewOwnServer {
    NewOwnServer {
        uid: Uuid::from_u128(7),
        name: name.to_owned(),
        server_type: "github".to_owned(),
        setup: setup("{}"),
        default_policy: "ask_writes".to_owned(),
        at: from_ms(1000),
    }
}

pub(crate) async fn add(store: &Store, user: UserId, name: &str) -> OwnServer {
    let tx = store.begin().await.unwrap();
    let server = tx.user(user).own_server_add(new(name)).await.unwrap();
    tx.commit().await.unwrap();
    server
}

#[tokio::test]
async fn a_server_is_its_persons_alone() {
    for_each_database(|store| async move {
        let (anna, boris) = (user(&store, "anna").await, user(&store, "boris").await);
        let hers = add(&store, anna, "files").await;
        let his = add(&store, boris, "files").await;
        assert_ne!(hers.id, his.id);
        assert_eq!(hers.generation, 1);
        assert_eq!(hers.health.status, "inactive");

        let anna_sees = store.user(anna);
        assert_eq!(
            anna_sees.own_server("files").await.unwrap(),
            Some(hers.clone())
        );
        assert_eq!(
            anna_sees.own_servers().await.unwrap(),
            std::slice::from_ref(&hers)
        );
        assert_eq!(anna_sees.count_own_servers().await.unwrap(), 1);
        assert_eq!(anna_sees.own_server_by_id(his.id).await.unwrap(), None);

        // A stranger's number finds nothing to change either.
        let tx = store.begin().await.unwrap();
        let anna_writes = tx.user(anna);
        let change = OwnServerChange {
            is_enabled: Some(false),
            ..OwnServerChange::default()
        };
        assert!(
            !anna_writes
                .own_server_change(his.id, change, from_ms(2))
                .await
                .unwrap()
        );
        assert!(!anna_writes.own_server_delete(his.id).await.unwrap());
        let health = OwnServerHealth::default();
        assert!(
            !anna_writes
                .own_server_health(his.id, 1, health)
                .await
                .unwrap()
        );
        tx.own_servers_used(&[(anna, his.id, from_ms(9))])
            .await
            .unwrap();
        tx.commit().await.unwrap();
        assert_eq!(
            store.user(boris).own_server("files").await.unwrap(),
            Some(his)
        );
    })
    .await;
}

#[tokio::test]
async fn a_name_is_taken_once_per_person_and_a_number_never_comes_again() {
    for_each_database(|store| async move {
        let anna = user(&store, "anna").await;
        let first = add(&store, anna, "files").await;
        let tx = store.begin().await.unwrap();
        let again = tx.user(anna).own_server_add(new("files")).await;
        assert!(matches!(again, Err(Error::Conflict(_))), "{again:?}");
        drop(tx);
        let tx = store.begin().await.unwrap();
        assert!(tx.user(anna).own_server_delete(first.id).await.unwrap());
        tx.commit().await.unwrap();
        assert!(add(&store, anna, "files").await.id > first.id);
    })
    .await;
}

#[tokio::test]
async fn a_change_of_what_it_is_started_with_is_a_new_generation() {
    for_each_database(|store| async move {
        let anna = user(&store, "anna").await;
        let id = add(&store, anna, "files").await.id;
        let now = async || {
            store
                .user(anna)
                .own_server_by_id(id)
                .await
                .unwrap()
                .unwrap()
        };
        let change = async |change: OwnServerChange| {
            let tx = store.begin().await.unwrap();
            assert!(
                tx.user(anna)
                    .own_server_change(id, change, from_ms(5))
                    .await
                    .unwrap()
            );
            tx.commit().await.unwrap();
        };
        let failed = OwnServerHealth {
            status: "error".to_owned(),
            last_activity: Some(from_ms(1)),
            checked_at: Some(from_ms(2)),
            error_count: 3,
            retry_after: Some(from_ms(4)),
            error_message: Some("no".to_owned()),
        };
        let tx = store.begin().await.unwrap();
        assert!(
            tx.user(anna)
                .own_server_health(id, 1, failed.clone())
                .await
                .unwrap()
        );
        tx.own_servers_used(&[(anna, id, from_ms(77))])
            .await
            .unwrap();
        tx.commit().await.unwrap();
        assert_eq!(now().await.health, failed);
        assert_eq!(now().await.last_used, Some(from_ms(77)));

        change(OwnServerChange {
            is_enabled: Some(false),
            default_policy: Some("ask".to_owned()),
            ..OwnServerChange::default()
        })
        .await;
        let row = now().await;
        assert_eq!((row.generation, row.is_enabled), (1, false));
        assert_eq!((row.default_policy.as_str(), &row.health), ("ask", &failed));

        // Switched on again, it begins anew.
        change(OwnServerChange {
            is_enabled: Some(true),
            anew: true,
            ..OwnServerChange::default()
        })
        .await;
        let row = now().await;
        assert_eq!((row.generation, row.is_enabled), (1, true));
        assert_eq!(
            (row.health.error_count, row.health.error_message),
            (0, None)
        );

        change(OwnServerChange {
            setup: Some(setup(r#"{"path":"/x"}"#)),
            ..OwnServerChange::default()
        })
        .await;
        let row = now().await;
        assert_eq!(
            (row.generation, row.config.as_str()),
            (2, r#"{"path":"/x"}"#)
        );
        assert_eq!(row.health.error_message, None);
        assert_eq!(row.updated_at, from_ms(5));

        // What was seen of the former one is no news of this one.
        let tx = store.begin().await.unwrap();
        assert!(
            !tx.user(anna)
                .own_server_health(id, 1, failed.clone())
                .await
                .unwrap()
        );
        drop(tx);
        assert_eq!(now().await.health.status, "inactive");
    })
    .await;
}

#[tokio::test]
async fn deleting_a_person_deletes_their_servers() {
    for_each_database(|store| async move {
        let anna = user(&store, "anna").await;
        let id = add(&store, anna, "files").await.id;
        let tx = store.begin().await.unwrap();
        assert!(tx.user(anna).lock_own_servers().await.unwrap());
        assert!(tx.user(anna).delete_user().await.unwrap());
        assert!(!tx.user(anna).lock_own_servers().await.unwrap());
        tx.commit().await.unwrap();
        assert_eq!(store.user(anna).own_server_by_id(id).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn what_is_switched_on_is_known_with_its_generation() {
    for_each_database(|store| async move {
        let (anna, boris) = (user(&store, "anna").await, user(&store, "boris").await);
        let on = add(&store, anna, "on").await;
        let off = add(&store, boris, "off").await;
        let unasked = add(&store, boris, "unasked").await;
        let tx = store.begin().await.unwrap();
        let change = OwnServerChange {
            is_enabled: Some(false),
            ..OwnServerChange::default()
        };
        let theirs = tx.user(boris);
        let changed = theirs.own_server_change(off.id, change, from_ms(2)).await;
        assert!(changed.unwrap());
        tx.commit().await.unwrap();
        let ids = [on.id, off.id, unasked.id + 1];
        let found = store.own_servers_on(&ids).await.unwrap();
        assert_eq!(found, [(on.id, on.generation)].into());
        assert!(store.own_servers_on(&[]).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn nothing_is_called_by_what_no_row_can_have() {
    for_each_database(|store| async move {
        let anna = user(&store, "anna").await;
        let server = add(&store, anna, "files").await;
        let scope = store.user(anna);
        assert_eq!(scope.own_server("files\0").await.unwrap(), None);
        assert!(scope.own_tool("files", "\0").await.unwrap().is_none());
        assert!(scope.own_tool("\0", "read").await.unwrap().is_none());
        let named = scope.own_tool_named(server.id, "\0").await.unwrap();
        assert!(named.is_none());
        let tx = store.begin().await.unwrap();
        let scope = tx.user(anna);
        assert!(!scope.own_tool_policy(server.id, "\0", None).await.unwrap());
    })
    .await;
}
