use deputy_core::UserId;
use jiff::Timestamp;

use super::{RefreshedAccount, RemoteAccount};
use crate::oauth_token::DueForRefresh;
use crate::own_server::tests::add;
use crate::testing::{for_each_database, user};
use crate::{Store, from_ms};

fn account(server_id: i64) -> RemoteAccount {
    RemoteAccount {
        server_id,
        server_url: "https://mcp.test/mcp".to_owned(),
        issuer: Some("https://as.test".to_owned()),
        client: Some(vec![1]),
        access_token: Some(vec![2]),
        refresh_token: Some(vec![3]),
        expires_at: Some(from_ms(9_000)),
        scopes: vec!["read".to_owned(), "write".to_owned()],
        wanted_scopes: Vec::new(),
        metadata_url: None,
        step_ups: 0,
        asked_again: true,
        generation: 5,
        connected_at: Some(from_ms(1_000)),
        refreshed_at: from_ms(1_000),
        last_used_at: from_ms(1_000),
        failures: 0,
        retry_at: Timestamp::UNIX_EPOCH,
        refusal: None,
        created_at: from_ms(1_000),
        updated_at: from_ms(1_000),
    }
}

async fn put(store: &Store, user: UserId, account: RemoteAccount) -> bool {
    let tx = store.begin().await.unwrap();
    let done = tx.user(user).remote_account_add(account).await.unwrap();
    tx.commit().await.unwrap();
    done
}

#[tokio::test]
async fn an_account_is_its_persons_and_goes_with_its_server() {
    for_each_database(|store| async move {
        let (alice, bob) = (user(&store, "alice").await, user(&store, "bob").await);
        let (hers, his) = (
            add(&store, alice, "files").await.id,
            add(&store, bob, "files").await.id,
        );
        assert!(put(&store, alice, account(hers)).await);
        // His person has no account at her server, and can't make one.
        assert!(!put(&store, bob, account(hers)).await);
        assert!(put(&store, bob, account(his)).await);
        assert!(
            store
                .user(bob)
                .remote_account(hers)
                .await
                .unwrap()
                .is_none()
        );
        let found = store.user(alice).remote_account(hers).await.unwrap();
        assert!(found.is_some_and(|a| a == account(hers)));

        let tx = store.begin().await.unwrap();
        let stranger = tx.user(bob);
        assert!(!stranger.remote_account_delete(hers, 5).await.unwrap());
        assert!(
            !stranger
                .remote_account_replace(account(hers), 5)
                .await
                .unwrap()
        );
        assert!(
            !stranger
                .remote_account_used(hers, from_ms(2))
                .await
                .unwrap()
        );
        assert!(
            !stranger
                .remote_account_refresh_failed(hers, 5, 1, from_ms(2), None)
                .await
                .unwrap()
        );
        assert!(tx.user(alice).own_server_delete(hers).await.unwrap());
        tx.commit().await.unwrap();
        assert!(
            store
                .user(alice)
                .remote_accounts()
                .await
                .unwrap()
                .is_empty()
        );
        assert_eq!(store.user(bob).remote_accounts().await.unwrap().len(), 1);

        let tx = store.begin().await.unwrap();
        tx.user(bob).delete_user().await.unwrap();
        tx.commit().await.unwrap();
        assert!(store.user(bob).remote_accounts().await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn of_two_who_change_the_tokens_one_wins() {
    for_each_database(|store| async move {
        let alice = user(&store, "alice").await;
        let server = add(&store, alice, "files").await.id;
        put(&store, alice, account(server)).await;
        let new = RefreshedAccount {
            access_token: vec![20],
            refresh_token: None,
            expires_at: None,
            scopes: vec!["read".to_owned()],
            refreshed_at: from_ms(3_000),
        };
        let tx = store.begin().await.unwrap();
        let hers = tx.user(alice);
        assert!(
            hers.remote_account_refresh_failed(
                server,
                5,
                2,
                from_ms(4_000),
                Some("invalid_client")
            )
            .await
            .unwrap()
        );
        let failed = hers.remote_account(server).await.unwrap().unwrap();
        assert_eq!(failed.refusal.as_deref(), Some("invalid_client"));
        assert_eq!((failed.failures, failed.retry_at), (2, from_ms(4_000)));
        assert!(
            !hers
                .remote_account_refresh(server, 4, new.clone())
                .await
                .unwrap()
        );
        assert!(
            hers.remote_account_refresh(server, 5, new.clone())
                .await
                .unwrap()
        );
        assert!(!hers.remote_account_refresh(server, 5, new).await.unwrap());
        assert!(!hers.remote_account_delete(server, 5).await.unwrap());
        assert!(
            !hers
                .remote_account_replace(account(server), 5)
                .await
                .unwrap()
        );
        let row = hers
            .remote_account_for_update(server)
            .await
            .unwrap()
            .unwrap();
        tx.commit().await.unwrap();
        assert_eq!(row.generation, 6);
        assert_eq!(
            (row.access_token, row.refresh_token),
            (Some(vec![20]), Some(vec![3]))
        );
        assert_eq!(
            (row.expires_at, row.failures, row.retry_at),
            (None, 0, Timestamp::UNIX_EPOCH)
        );
        assert_eq!(row.scopes, ["read"]);
        assert_eq!(row.refusal, None);
    })
    .await;
}

#[tokio::test]
async fn the_sweep_finds_what_is_used_and_expires() {
    for_each_database(|store| async move {
        let alice = user(&store, "alice").await;
        let mut servers = Vec::new();
        for name in [
            "used",
            "idle",
            "stale",
            "no-refresh",
            "endless",
            "held-back",
            "failed",
        ] {
            let server = add(&store, alice, name).await.id;
            let mut row = account(server);
            row.last_used_at = from_ms(if matches!(name, "used" | "failed") {
                8_000
            } else {
                100
            });
            match name {
                "failed" => (row.retry_at, row.expires_at) = (from_ms(8_400), Some(from_ms(8_000))),
                "stale" => row.refreshed_at = from_ms(10),
                "no-refresh" => row.refresh_token = None,
                "endless" => row.expires_at = None,
                "held-back" => (row.last_used_at, row.retry_at) = (from_ms(8_000), from_ms(8_600)),
                _ => {}
            }
            put(&store, alice, row).await;
            servers.push(server);
        }
        let due = DueForRefresh {
            now: from_ms(8_500),
            expiring_before: from_ms(9_500),
            used_after: from_ms(7_000),
            stale_before: from_ms(500),
            limit: 10,
        };
        let mut found = store.remote_accounts_due(due).await.unwrap();
        // What failed comes last, however soon it expires.
        assert_eq!(found.pop(), Some((alice, servers[6])));
        found.sort_unstable_by_key(|(_, server)| *server);
        assert_eq!(found, [(alice, servers[0]), (alice, servers[2])]);
    })
    .await;
}
