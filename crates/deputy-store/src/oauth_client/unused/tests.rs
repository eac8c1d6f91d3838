use serde_json::json;

use super::*;
use crate::oauth_client::NewClient;
use crate::testing::for_each_database;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

#[tokio::test]
async fn those_seen_longest_ago_come_first_and_what_changed_meanwhile_stays() {
    for_each_database(|store| async move {
        let tx = store.begin().await.unwrap();
        for (client_id, kind, from, made) in [
            ("allowed", ClientKind::Dynamic, Some("a"), 1),
            ("asked", ClientKind::Dynamic, Some("q"), 2),
            ("quiet", ClientKind::Dynamic, None, 3),
            ("later", ClientKind::Dynamic, Some("c"), 4),
            ("document", ClientKind::Document, Some("c"), 5),
            ("registered", ClientKind::Registered, None, 6),
        ] {
            tx.insert_oauth_client(NewClient {
                client_id: client_id.to_owned(),
                kind,
                name: client_id.to_owned(),
                redirect_uris: vec!["https://example.org/cb".to_owned()],
                metadata: json!({}),
                created_from: from.map(str::to_owned),
                at: at(made),
                fresh_until: None,
            })
            .await
            .unwrap();
        }
        let allowed = tx.note_oauth_client_authorized("allowed", at(7)).await;
        allowed.unwrap();
        tx.touch_oauth_client("asked", at(100)).await.unwrap();
        tx.commit().await.unwrap();

        let unused = store.unused_oauth_clients(ClientKind::Dynamic).await;
        let unused = unused.unwrap();
        let seen: Vec<_> = unused
            .iter()
            .map(|client| (client.created_from.as_deref(), client.seen_at))
            .collect();
        assert_eq!(
            seen,
            [(None, at(3)), (Some("c"), at(4)), (Some("q"), at(100))]
        );
        let documents = store.unused_oauth_clients(ClientKind::Document).await;
        assert_eq!(documents.unwrap().len(), 1);

        // Meanwhile somebody is asked by one, and allows another something.
        let tx = store.begin().await.unwrap();
        tx.touch_oauth_client("quiet", at(200)).await.unwrap();
        let allowed = tx.note_oauth_client_authorized("later", at(200)).await;
        allowed.unwrap();
        let mut gone = Vec::new();
        for client in unused.iter().chain(&unused) {
            gone.push(tx.delete_unused_oauth_client(client).await.unwrap());
        }
        tx.commit().await.unwrap();
        assert_eq!(gone, [false, false, true, false, false, false]);
        let left = store
            .oauth_clients(Some(ClientKind::Dynamic), None, 10)
            .await;
        let left: Vec<_> = left.unwrap().into_iter().map(|c| c.client_id).collect();
        assert_eq!(left, ["allowed", "quiet", "later"]);
    })
    .await;
}
